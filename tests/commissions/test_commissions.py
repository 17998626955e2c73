"""One like a doll that is sold: asked for in words, passed on to the owner, and never an order."""

import re
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from sqlalchemy import func, select, update

from shop.catalogue.models import Product
from shop.commissions.forgetting import forget_old_wishes
from shop.commissions.models import Commission
from shop.kit.db import Sessions
from shop.mail.models import Message
from shop.mail.worker import send_due
from shop.preferences.actions import set_preferences
from shop.sandbox.stand_in.server import StandInServer
from shop.worker import WRITERS
from tests.mail.tools import Recorder, post_office, shown
from tests.support import NOON, Buyer, FixedClock, Shelf, fields_of, on_both_databases

WISH = {"name": "Anna Ek", "email": "anna@example.se", "wish": "One in blue,\r\nfor my aunt."}


@pytest.fixture
def clock(stand_in: StandInServer) -> FixedClock:
    stand_in.control("clock", set=NOON.timestamp())
    return FixedClock(NOON)


@pytest.fixture
def sold(shelf: Shelf) -> int:
    return shelf.add("raven", on_hand=0, kind="unique", names={"sv": "Räven", "en": "The fox"})


def wishes(sessions: Sessions) -> list[Commission]:
    with sessions.begin() as db:
        return list(db.scalars(select(Commission).order_by(Commission.id)))


def mails(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions.begin() as db:
        rows = db.execute(select(Message.recipient, Message.locale).order_by(Message.id))
        return [(recipient, locale) for recipient, locale in rows]


# --- asking ---------------------------------------------------------------------------------------


@on_both_databases
def test_a_wish_is_written_down_and_the_owner_told(
    buyer: Buyer, sold: int, sessions: Sessions
) -> None:
    english = Buyer(buyer.http, "/en")
    form = english.get("/products/raven/commission").text
    assert "This is a question and not an order: you buy nothing and promise nothing." in form
    assert fields_of(form, "commission") == {"name": "", "email": ""}
    answer = english.post("/products/raven/commission", **WISH)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/en/products/raven/commission/sent"
    assert (
        "It was a question and not an order: you have bought nothing" in english.follow(answer).text
    )
    [wish] = wishes(sessions)
    assert (wish.name, wish.email, wish.wish, wish.locale, wish.asked_at, wish.answered_at) == (
        "Anna Ek",
        "anna@example.se",
        "One in blue,\nfor my aunt.",
        "en",
        NOON,
        None,
    )
    assert mails(sessions) == [("butik@example.se", "sv")]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": " "}, "Enter your name."),
        ({"email": ""}, "Enter your e-mail address: the answer goes there."),
        ({"email": "anna"}, "Enter a complete e-mail address, such as anna@example.se."),
        ({"wish": "\r\n "}, "Write what you wish for."),
        ({"wish": "x" * 1001}, "1000"),
        ({"name": "x" * 101}, "100"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    buyer: Buyer, sold: int, sessions: Sessions, wrong: dict[str, str], said: str
) -> None:
    english, typed = Buyer(buyer.http, "/en"), WISH | wrong
    answer = english.post("/products/raven/commission", **typed)
    assert answer.status_code == 422
    summary = re.search(r'<div class="problem" role="alert".*?</div>', answer.text, re.DOTALL)
    assert summary is not None
    assert said in summary[0]
    assert f'<a href="#{next(iter(wrong))}">' in summary[0]
    kept = fields_of(answer.text, "commission")
    assert kept == {"name": typed["name"].strip(), "email": typed["email"]}
    area = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", answer.text, re.DOTALL)
    assert area is not None
    assert area[1] == typed["wish"].replace("\r\n", "\n").strip()
    assert wishes(sessions) == []


@on_both_databases
def test_only_what_was_the_only_one_and_is_sold_is_asked_for(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    shelf.add("there")
    shelf.add("batch", on_hand=0, kind="batch")
    shelf.add("away", on_hand=0, kind="unique")
    with sessions.begin() as db:
        db.execute(update(Product).where(Product.slug == "away").values(status="archived"))
    for slug in ("there", "batch", "away"):
        path = f"/products/{slug}/commission"
        for answer in (buyer.get(path), buyer.post(path, **WISH)):
            assert (answer.status_code, answer.headers["location"]) == (303, f"/products/{slug}")
    assert buyer.get("/products/nope/commission").status_code == 404
    assert buyer.post("/products/nope/commission", **WISH).status_code == 404
    assert wishes(sessions) == []


@on_both_databases
def test_the_same_wish_sent_twice_is_one_until_it_is_answered(
    buyer: Buyer, sold: int, sessions: Sessions
) -> None:
    for _ in range(2):
        assert buyer.post("/products/raven/commission", **WISH).status_code == 303
    assert len(wishes(sessions)) == len(mails(sessions)) == 1
    assert buyer.post("/products/raven/commission", **WISH | {"wish": "Red"}).status_code == 303
    assert len(wishes(sessions)) == len(mails(sessions)) == 2
    with sessions.begin() as db:
        db.execute(update(Commission).values(answered_at=NOON))
    assert buyer.post("/products/raven/commission", **WISH).status_code == 303
    assert len(wishes(sessions)) == len(mails(sessions)) == 3


def test_one_place_may_write_ten_times_an_hour(
    buyer: Buyer, sold: int, sessions: Sessions, clock: FixedClock
) -> None:
    def write(number: int) -> int:
        wish = WISH | {"wish": f"Wish {number}"}
        return buyer.post("/products/raven/commission", **wish).status_code

    assert [write(n) for n in range(11)] == [303] * 10 + [429]
    refused = Buyer(buyer.http, "/en").post("/products/raven/commission", **WISH)
    assert refused.headers["Retry-After"] == "3601"
    assert "press the button again after 23 Nov 2026" in refused.text
    assert fields_of(refused.text, "commission")["name"] == "Anna Ek"
    assert "for my aunt." in refused.text
    clock.advance(hours=1, seconds=1)
    assert write(10) == 303
    assert len(wishes(sessions)) == 11


def test_a_shop_without_an_address_keeps_the_wish_all_the_same(
    buyer: Buyer, sold: int, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        set_preferences(db, email="")
    assert buyer.post("/products/raven/commission", **WISH).status_code == 303
    assert len(wishes(sessions)) == 1
    assert mails(sessions) == []


# --- the mail -------------------------------------------------------------------------------------


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.fixture
def read(sessions: Sessions, reads: Sessions, clock: FixedClock) -> Callable[[], EmailMessage]:
    def read_mail() -> EmailMessage:
        sender = Recorder()
        send_due(post_office(sessions, reads, sender, clock, dict(WRITERS)))
        return BytesParser(policy=policy.default).parsebytes(sender.letters[-1].raw)

    return read_mail


def test_the_owner_reads_the_wish_and_an_answer_reaches_the_buyer(
    buyer: Buyer, sold: int, sessions: Sessions, read: Callable[[], EmailMessage]
) -> None:
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")
    buyer.post("/products/raven/commission", **WISH | {"wish": "<b>Blå</b>\nBcc: all@example.se"})
    mail = read()
    assert (mail["To"], mail["Reply-To"]) == ("butik@example.se", "anna@example.se")
    assert mail["Subject"] == "Anna Ek wishes for one like The fox"
    assert mail["Bcc"] is None
    assert part(mail, "plain") == (
        "Anna Ek wishes for one like The fox\n"
        "https://shop.example/en/products/raven\n"
        "\n"
        "<b>Blå</b>\n"
        "Bcc: all@example.se\n"
        "\n"
        "It is a question and not an order. The buyer reads Svenska.\n"
        "A reply to this e-mail reaches the buyer.\n"
        "\n"
        "All wishes:\n"
        "https://shop.example/admin/commissions\n"
    )
    html = part(mail, "html")
    assert re.search(r'<p lang="sv"[^>]*>&lt;b&gt;Blå&lt;/b&gt;<br>', html)


def test_a_name_of_several_lines_is_one_in_the_subject(
    buyer: Buyer, sold: int, read: Callable[[], EmailMessage]
) -> None:
    buyer.post("/products/raven/commission", **WISH | {"name": "Anna\r\nBcc: all@example.se"})
    mail = read()
    assert mail["Subject"] == "Anna Bcc: all@example.se önskar sig en som Räven"
    assert mail["Bcc"] is None


# --- the owner's page -----------------------------------------------------------------------------


@pytest.mark.usefixtures("in_english")
def test_the_owner_sees_what_waits_first_and_marks_what_is_answered(
    buyer: Buyer, sold: int, owner: Buyer, sessions: Sessions, clock: FixedClock
) -> None:
    assert "Nobody has asked" in owner.get("/admin/commissions").text
    buyer.post("/products/raven/commission", **WISH)
    buyer.post("/products/raven/commission", **WISH | {"name": "Bo Ask", "wish": "<i>Röd</i>"})
    assert "2 wishes to answer" in shown(owner.get("/admin").text)
    page = owner.get("/admin/commissions").text
    assert "&lt;i&gt;Röd&lt;/i&gt;" in page
    assert re.search(
        r"Bo Ask One like The fox .*Anna Ek One like The fox One in blue, for my aunt\. "
        r"anna@example\.se · 23 Nov 2026",
        shown(page),
    )
    answer = owner.post("/admin/commissions/1/answered")
    assert answer.headers["location"] == "/admin/commissions?note=wish-answered"
    assert "Marked as answered." in owner.follow(answer).text
    assert [wish.answered_at for wish in wishes(sessions)] == [NOON, None]
    clock.advance(days=1)
    owner.post("/admin/commissions/1/answered")  # again changes nothing
    assert [wish.answered_at for wish in wishes(sessions)] == [NOON, None]
    page = shown(owner.get("/admin/commissions").text)
    assert page.index("Bo Ask") < page.index("Anna Ek Answered 23 November")
    assert "1 wish to answer" in shown(owner.get("/admin").text)
    owner.post("/admin/commissions/1/open")
    assert [wish.answered_at for wish in wishes(sessions)] == [None, None]
    assert "/admin/commissions" in owner.get("/admin/more").text


@pytest.mark.parametrize("number", ["0", "2", "x", "-1", "9" * 30])
def test_what_nobody_asked_for_cannot_be_answered(
    buyer: Buyer, sold: int, owner: Buyer, sessions: Sessions, number: str
) -> None:
    buyer.post("/products/raven/commission", **WISH)
    for verb in ("answered", "open"):
        assert owner.post(f"/admin/commissions/{number}/{verb}").status_code == 404
    with sessions.begin() as db:
        assert db.scalar(select(func.count(Commission.answered_at))) == 0


def test_strangers_do_not_read_wishes(buyer: Buyer, sold: int, sessions: Sessions) -> None:
    buyer.post("/products/raven/commission", **WISH)
    assert "Anna" not in buyer.get("/admin/commissions").text
    assert buyer.post("/admin/commissions/1/answered").status_code in (303, 403)
    assert [wish.answered_at for wish in wishes(sessions)] == [None]


# --- being forgotten ------------------------------------------------------------------------------


@on_both_databases
def test_a_wish_is_erased_after_three_years_with_the_mail_that_told_of_it(
    buyer: Buyer, sold: int, sessions: Sessions, reads: Sessions, clock: FixedClock
) -> None:
    buyer.post("/products/raven/commission", **WISH)
    clock.advance(days=3 * 365)
    assert forget_old_wishes(reads, sessions, clock) == 0
    buyer.post("/products/raven/commission", **WISH | {"wish": "Red"})
    clock.advance(seconds=1)
    assert forget_old_wishes(reads, sessions, clock) == 1
    assert [wish.wish for wish in wishes(sessions)] == ["Red"]
    assert len(mails(sessions)) == 1
