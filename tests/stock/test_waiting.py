"""Who waits is told once, in turn, when it can be had again; and then the shop forgets them."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html import unescape

import pytest
from sqlalchemy import func, select, text, update

from shop.catalogue.models import Product
from shop.kit.db import Sessions
from shop.mail.models import Message, Status
from shop.mail.worker import PostOffice, send_due
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.actions import count, put_back, release, reserve
from shop.stock.alerts import MOST_PER_ADDRESS, tell_and_forget, wait_for
from shop.stock.errors import WaitsAlready, WaitsForTooMuch
from shop.stock.models import StockAlert
from shop.worker import WRITERS
from tests.mail.tools import Recorder, post_office
from tests.support import NOON, Buyer, FixedClock, Shelf, fields_of, on_both_databases


@pytest.fixture
def clock(stand_in: StandInServer) -> FixedClock:
    stand_in.control("clock", set=NOON.timestamp())
    return FixedClock(NOON)


@pytest.fixture
def sender() -> Recorder:
    return Recorder()


@pytest.fixture
def office(sessions: Sessions, reads: Sessions, sender: Recorder, clock: FixedClock) -> PostOffice:
    return post_office(sessions, reads, sender, clock, dict(WRITERS))


@pytest.fixture
def look(sessions: Sessions, reads: Sessions, clock: FixedClock) -> Callable[[], int]:
    """Return the worker's round: how many were told in it."""
    return lambda: tell_and_forget(reads, sessions, clock)


def ask(sessions: Sessions, variant_id: int, *addresses: str, locale: str = "sv") -> None:
    for address in addresses:
        with sessions.begin() as db:
            wait_for(db, variant_id, address, locale=locale, now=NOON)


def waiting(sessions: Sessions) -> list[tuple[str, str, bool]]:
    with sessions.begin() as db:
        rows = db.scalars(select(StockAlert).order_by(StockAlert.id))
        return [(one.email, one.locale, one.told_at is not None) for one in rows]


def refill(sessions: Sessions, variant_id: int, pieces: int = 3) -> None:
    with sessions.begin() as db:
        assert count(db, variant_id, seen=0, counted=pieces, by="owner", now=NOON)


def queued(sessions: Sessions) -> list[str]:
    with sessions.begin() as db:
        mails = select(Message.recipient).where(Message.kind == "stock_alert").order_by(Message.id)
        return list(db.scalars(mails))


# --- asking ---------------------------------------------------------------------------------------


@on_both_databases
def test_asking_is_one_address_and_no_more(buyer: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    english = Buyer(buyer.http, "/en")
    answer = english.post("/products/raven/waiting", variant=str(raven), email=" Anna@Example.SE ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/en/products/raven/waiting")
    told = english.follow(answer).text
    assert "<h1>You will be told</h1>" in told
    assert "The shop forgets it once the e-mail has left" in told
    assert 'name="robots" content="noindex"' in told
    assert waiting(sessions) == [("anna@example.se", "en", False)]
    # asking again, in whatever letters, is the same wish, and answered the same
    again = buyer.post("/products/raven/waiting", variant=str(raven), email="anna@example.se")
    assert again.status_code == 303
    assert waiting(sessions) == [("anna@example.se", "en", False)]


@pytest.mark.parametrize(
    "typed",
    ["", "anna", "anna@", "anna@example.se, bo@example.se", "a" * 300 + "@x.se", "\x00@x.se"],
)
def test_an_address_that_is_none_is_asked_for_again(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, typed: str
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    english = Buyer(buyer.http, "/en")
    answer = english.post("/products/raven/waiting", variant=str(raven), email=typed)
    assert answer.status_code == 422
    said = "Enter a complete e-mail address" if typed else "Enter the e-mail address to write to."
    assert said in answer.text
    assert 'aria-invalid="true" aria-describedby="email-error email-hint"' in answer.text
    kept = fields_of(answer.text, "tell-me")
    assert kept == {"variant": str(raven), "email": typed.replace("\x00", " ").strip()}
    assert waiting(sessions) == []


@on_both_databases
def test_what_can_be_had_or_is_gone_for_good_is_not_waited_for(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    there, sold = shelf.add("there"), shelf.add("sold", on_hand=0, kind="unique")
    away = shelf.add("away", on_hand=0, kind="batch")
    with sessions.begin() as db:
        db.execute(update(Product).where(Product.slug == "away").values(status="archived"))
    for slug, variant in (("there", there), ("sold", sold), ("away", away), ("there", away)):
        for named in (str(variant), "", "x", "-1", "9" * 30):
            answer = buyer.post(f"/products/{slug}/waiting", variant=named, email="anna@example.se")
            assert (answer.status_code, answer.headers["location"]) == (303, f"/products/{slug}")
    assert buyer.post("/products/nope/waiting", email="anna@example.se").status_code == 404
    assert waiting(sessions) == []


def test_a_form_with_forty_fields_is_read_as_its_two(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    more = {f"field{n}": "x" * 100 for n in range(40)}
    answer = buyer.post(
        "/products/raven/waiting", variant=str(raven), email="anna@example.se", **more
    )
    assert answer.status_code == 303
    assert len(waiting(sessions)) == 1


def test_one_place_may_ask_ten_times_an_hour(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, clock: FixedClock
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    english = Buyer(buyer.http, "/en")

    def ask_as(number: int) -> int:
        return english.post(
            "/products/raven/waiting", variant=str(raven), email=f"a{number}@example.se"
        ).status_code

    assert [ask_as(n) for n in range(11)] == [303] * 10 + [429]
    refused = english.post("/products/raven/waiting", variant=str(raven), email="a10@example.se")
    assert refused.headers["Retry-After"] == "3601"
    assert "Try again after 23 Nov 2026 13:00." in " ".join(unescape(refused.text).split())
    assert fields_of(refused.text, "tell-me")["email"] == "a10@example.se"
    assert len(waiting(sessions)) == 10
    # the right to withdraw is not used up by it
    assert english.get("/withdrawal").status_code == 200
    clock.advance(hours=1, seconds=1)
    assert ask_as(10) == 303


@on_both_databases
def test_an_address_waits_for_twenty_things_at_the_most(shelf: Shelf, sessions: Sessions) -> None:
    variants = [shelf.add(f"no-{n}", on_hand=0, kind="batch") for n in range(MOST_PER_ADDRESS + 1)]
    for variant in variants[:-1]:
        ask(sessions, variant, "anna@example.se")
    with pytest.raises(WaitsForTooMuch):
        ask(sessions, variants[-1], "anna@example.se")
    ask(sessions, variants[0], "anna@example.se")  # again is no more
    ask(sessions, variants[-1], "bo@example.se")
    assert len(waiting(sessions)) == MOST_PER_ADDRESS + 1


def test_too_many_wishes_of_one_address_are_said_at_the_field(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    for n in range(MOST_PER_ADDRESS):
        ask(sessions, shelf.add(f"no-{n}", on_hand=0, kind="batch"), "anna@example.se")
    raven = shelf.add("raven", on_hand=0, kind="batch")
    answer = Buyer(buyer.http, "/en").post(
        "/products/raven/waiting", variant=str(raven), email="anna@example.se"
    )
    assert answer.status_code == 422
    assert "This address is waiting for a lot already." in answer.text


# --- telling --------------------------------------------------------------------------------------


@on_both_databases
def test_all_are_told_in_the_order_in_which_they_asked(
    shelf: Shelf, sessions: Sessions, look: Callable[[], int]
) -> None:
    raven, haren = (shelf.add(slug, on_hand=0, kind="batch") for slug in ("raven", "haren"))
    ask(sessions, raven, "zoe@example.se", "anna@example.se")
    ask(sessions, haren, "bo@example.se")
    ask(sessions, raven, "mia@example.se")
    assert look() == 0
    assert queued(sessions) == []
    refill(sessions, raven)
    assert look() == 3
    assert queued(sessions) == ["zoe@example.se", "anna@example.se", "mia@example.se"]
    assert look() == 0
    assert len(queued(sessions)) == 3


def give_back_a_hold(sessions: Sessions, variant_id: int) -> None:
    with sessions.begin() as db:
        release(db, {variant_id: 1})


def take_one_back(sessions: Sessions, variant_id: int) -> None:
    with sessions.begin() as db:
        put_back(db, {variant_id: 1}, order_id=None, by="owner", now=NOON)  # type: ignore[arg-type]


def make_to_order(sessions: Sessions, _variant_id: int) -> None:
    with sessions.begin() as db:
        db.execute(update(Product).values(kind="made_to_order"))


def publish_again(sessions: Sessions, _variant_id: int) -> None:
    with sessions.begin() as db:
        db.execute(update(Product).values(status="published"))


@on_both_databases
def test_why_it_can_be_had_again_does_not_matter(
    shelf: Shelf, sessions: Sessions, look: Callable[[], int]
) -> None:
    held, gone = shelf.add("held"), shelf.add("gone", on_hand=0, kind="batch")
    with sessions.begin() as db:
        reserve(db, {held: 1})
    ask(sessions, held, "anna@example.se")
    ask(sessions, gone, "bo@example.se")
    assert look() == 0  # somebody is paying: it is not to be had
    give_back_a_hold(sessions, held)
    assert look() == 1
    assert queued(sessions) == ["anna@example.se"]
    take_one_back(sessions, gone)
    assert look() == 1
    assert queued(sessions) == ["anna@example.se", "bo@example.se"]


@pytest.mark.parametrize("change", [make_to_order, publish_again])
def test_nobody_is_told_of_what_is_not_in_the_shop(
    shelf: Shelf,
    sessions: Sessions,
    look: Callable[[], int],
    change: Callable[[Sessions, int], None],
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    ask(sessions, raven, "anna@example.se")
    if change is publish_again:
        refill(sessions, raven)
        with sessions.begin() as db:
            db.execute(update(Product).values(status="draft"))
    assert look() == 0
    change(sessions, raven)
    assert look() == 1


def test_a_round_tells_a_hundred_and_the_next_the_others(
    shelf: Shelf, sessions: Sessions, look: Callable[[], int]
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    with sessions.begin() as db:
        for n in range(130):
            db.add(
                StockAlert(variant_id=raven, email=f"a{n}@example.se", locale="sv", asked_at=NOON)
            )
    refill(sessions, raven)
    assert [look(), look(), look()] == [100, 30, 0]
    assert queued(sessions) == [f"a{n}@example.se" for n in range(130)]


@on_both_databases
def test_two_workers_tell_once(shelf: Shelf, sessions: Sessions, clock: FixedClock) -> None:
    """Both have read that Anna waits; the second one to write finds that she has been told."""
    from shop.stock.alerts import _tell

    raven = shelf.add("raven", on_hand=0, kind="batch")
    ask(sessions, raven, "anna@example.se")
    refill(sessions, raven)
    with sessions.begin() as db:
        read_by_both = db.scalars(select(StockAlert)).one()
    with sessions.begin() as db:
        assert _tell(db, read_by_both, clock())
    with sessions.begin() as db:
        assert not _tell(db, read_by_both, clock())
    assert queued(sessions) == ["anna@example.se"]


@pytest.mark.postgresql
@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_of_two_who_ask_in_the_same_moment_the_database_takes_one(
    shelf: Shelf, sessions: Sessions
) -> None:
    """Neither has seen the other when it looks; on SQLite the second would wait with looking."""
    raven = shelf.add("raven", on_hand=0, kind="batch")
    with ThreadPoolExecutor(1) as other, sessions.begin() as db:
        wait_for(db, raven, "anna@example.se", locale="sv", now=NOON)
        db.flush()  # the row is there, and nobody else can see it yet
        second = other.submit(ask, sessions, raven, "anna@example.se")
        blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not db.scalar(blocked):
            assert not second.done()
    with pytest.raises(WaitsAlready):
        second.result()
    assert waiting(sessions) == [("anna@example.se", "sv", False)]


# --- the mail, and being forgotten ----------------------------------------------------------------


def read_mail(sender: Recorder) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(sender.letters[-1].raw)


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_the_mail_says_what_why_and_that_nothing_is_kept(
    shelf: Shelf, sessions: Sessions, look: Callable[[], int], office: PostOffice, sender: Recorder
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch", names={"sv": "Räven", "en": "The <fox>"})
    ask(sessions, raven, "anna@example.se", locale="en")
    refill(sessions, raven)
    look()
    send_due(office)
    mail = read_mail(sender)
    assert (mail["To"], mail["Subject"]) == ("anna@example.se", "The <fox> can be had again")
    assert mail["Content-Language"] == "en"
    assert part(mail, "plain").startswith(
        "The <fox> can be had again\n"
        "SEK\u00a0245\n"
        "\n"
        "Whoever comes first gets it. Everyone who has asked gets this e-mail, in the order in "
        "which they asked, and nothing is held for you.\n"
        "\n"
        "See it in the shop:\n"
        "https://shop.example/en/products/raven\n"
        "\n"
        "You get this e-mail because you asked for it on 23 November 2026. It is the only one: "
        "the shop has now forgotten your address.\n"
    )
    html = part(mail, "html")
    assert "The &lt;fox&gt; can be had again" in html
    assert 'href="https://shop.example/en/products/raven"' in html
    assert re.search(r'src="https://shop.example/media/0123456789abcdef/400.jpeg"', html)


def test_it_is_written_in_the_language_in_which_it_was_asked(
    shelf: Shelf, sessions: Sessions, look: Callable[[], int], office: PostOffice, sender: Recorder
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch", names={"sv": "Räven Ragnar"})
    ask(sessions, raven, "anna@example.se")
    refill(sessions, raven)
    look()
    send_due(office)
    mail = read_mail(sender)
    assert mail["Subject"] == "Räven Ragnar finns igen"
    assert "butiken har nu glömt din adress" in part(mail, "plain")


@on_both_databases
def test_when_the_mail_has_left_the_address_is_gone_everywhere(
    shelf: Shelf, sessions: Sessions, look: Callable[[], int], office: PostOffice, sender: Recorder
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    ask(sessions, raven, "anna@example.se")
    refill(sessions, raven)
    look()
    assert waiting(sessions) == [("anna@example.se", "sv", True)]  # the mail is still to be written
    send_due(office)
    assert sender.recipients == ["anna@example.se"]
    look()
    assert waiting(sessions) == []
    with sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(Message)) == 0
    # and who asks anew is told anew, even under an id that has been used before
    with sessions.begin() as db:
        assert count(db, raven, seen=3, counted=0, by="owner", now=NOON)
    ask(sessions, raven, "anna@example.se")
    refill(sessions, raven)
    assert look() == 1
    send_due(office)
    assert sender.recipients == ["anna@example.se", "anna@example.se"]


def test_who_was_told_a_moment_ago_may_ask_again_at_once(
    shelf: Shelf, sessions: Sessions, look: Callable[[], int], office: PostOffice
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    ask(sessions, raven, "anna@example.se")
    refill(sessions, raven)
    look()
    send_due(office)
    ask(sessions, raven, "anna@example.se")  # before the worker has come round
    assert waiting(sessions) == [("anna@example.se", "sv", False)]


@on_both_databases
def test_whoever_waits_in_vain_is_forgotten_after_a_year(
    shelf: Shelf, sessions: Sessions, look: Callable[[], int], clock: FixedClock
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    ask(sessions, raven, "anna@example.se")
    clock.advance(days=365)
    look()
    assert len(waiting(sessions)) == 1
    clock.advance(seconds=1)
    look()
    assert waiting(sessions) == []


@on_both_databases
@pytest.mark.parametrize("status", [Status.PARKED, Status.QUEUED])
def test_a_mail_that_cannot_be_sent_is_forgotten_after_a_week(
    shelf: Shelf,
    sessions: Sessions,
    look: Callable[[], int],
    clock: FixedClock,
    status: Status,
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    ask(sessions, raven, "anna@example.se")
    refill(sessions, raven)
    look()
    with sessions.begin() as db:
        db.execute(update(Message).values(status=status, leased_until=clock() + timedelta(days=9)))
    clock.advance(days=7, seconds=1)
    look()
    assert len(waiting(sessions)) == 1  # a worker has it in hand
    with sessions.begin() as db:
        db.execute(update(Message).values(leased_until=None))
    look()
    assert waiting(sessions) == []
    assert queued(sessions) == []


# --- what the owner sees --------------------------------------------------------------------------


def test_the_owner_sees_how_many_wait(
    owner: Buyer, shelf: Shelf, sessions: Sessions, look: Callable[[], int]
) -> None:
    raven = shelf.add("raven", on_hand=0, kind="batch")
    ask(sessions, raven, "anna@example.se", "bo@example.se")
    page = owner.get("/admin/stock").text
    assert "2 väntar på den och får veta när den finns" in page
    assert "@example.se" not in page.split("<main")[1]  # who they are is nobody's business
    refill(sessions, raven)
    look()
    assert "väntar på den" not in owner.get("/admin/stock").text


def test_a_mail_for_somebody_who_is_forgotten_is_put_aside_and_said(
    sessions: Sessions, shelf: Shelf, office: PostOffice, sender: Recorder, look: Callable[[], int]
) -> None:
    ask(sessions, shelf.add(on_hand=3), "anna@example.se")
    assert look() == 1
    with sessions.begin() as db:
        db.execute(text("DELETE FROM stock_alerts"))
    send_due(office)
    assert sender.letters == []
    with sessions.begin() as db:
        message = db.scalars(select(Message)).one()
        assert message.status == Status.PARKED
        assert message.last_error == "LookupError: nobody waits under the id 1"
