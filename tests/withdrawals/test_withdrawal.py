"""The withdrawal function over real HTTP, without JavaScript."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html import unescape
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, update

from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.kit.rate_limit import Submission
from shop.mail.models import Message
from shop.mail.worker import send_due
from shop.orders.actions import write_entry
from shop.orders.models import Order, OrderEntry
from shop.orders.queries import order_token
from shop.preferences.actions import set_preferences
from shop.reports.verify import verify
from shop.withdrawals.models import Withdrawal
from shop.worker import WRITERS
from tests.mail.tools import Recorder, post_office
from tests.support import NOON, Buyer, FixedClock, Shelf, fields_of, on_both_databases, words_of

BY_HAND = {"order_given": "1001", "name": "Anna Ek", "email": "anna@example.se"}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime.now(UTC).replace(microsecond=0))


@dataclass
class Bought:
    """An order of a fox and two owls, paid by Anna."""

    sessions: Sessions
    id: int
    token: str

    def order(self) -> Order:
        with self.sessions.begin() as db:
            return db.get_one(Order, self.id)

    def timeline(self) -> list[tuple[str, str, str]]:
        with self.sessions.begin() as db:
            rows = db.scalars(select(OrderEntry).order_by(OrderEntry.id))
            return [(row.kind, row.by, row.note) for row in rows]


@pytest.fixture
def bought(shop: Config, buyer: Buyer, shelf: Shelf, sessions: Sessions) -> Bought:
    buyer.add(shelf.add("raven"))
    page = buyer.buy(shelf.add("ugglan", on_hand=5), quantity=2)
    assert 'data-order="1001"' in page.text
    with sessions.begin() as db:
        order_id = db.scalars(select(Order.id)).one()
    return Bought(sessions, order_id, order_token(Signer(shop.secret_keys), order_id))


def confirm(visitor: Buyer, page: httpx2.Response, **changes: Any) -> httpx2.Response:
    """Press the button of the page that asks to confirm."""
    fields = list(pairs_of(page.text))
    kept = [(name, value) for name, value in fields if name not in changes]
    return visitor.http.post(
        f"{visitor.prefix}/withdrawal",
        content=httpx2.QueryParams([*kept, *changes.items(), ("confirm", "1")]).__str__(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )


def pairs_of(html: str) -> list[tuple[str, str]]:
    """Return what the page that asks to confirm would send, a name as often as it stands there."""
    found = re.search(r'<form id="confirm".*?</form>', html, re.DOTALL)
    assert found is not None, html
    tags = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', found[0])
    return [(name, unescape(value)) for name, value in tags]


def declare(visitor: Buyer, **fields: Any) -> httpx2.Response:
    """Fill in the form, confirm, and follow to the receipt."""
    asked = visitor.post("/withdrawal", **fields)
    assert asked.status_code == 200, words_of(asked)
    return visitor.follow(confirm(visitor, asked))


def statements(sessions: Sessions) -> list[Withdrawal]:
    with sessions.begin() as db:
        return list(db.scalars(select(Withdrawal).order_by(Withdrawal.id)))


def mails(sessions: Sessions) -> list[tuple[str, int, str, str]]:
    """Return kind, subject, recipient and language of the mails about withdrawals."""
    with sessions.begin() as db:
        found = db.scalars(select(Message).order_by(Message.id))
        return [
            (m.kind, m.subject_id, m.recipient, m.locale)
            for m in found
            if m.kind.startswith("withdrawal")
        ]


# --- the way there --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "label", "here"),
    [
        ("/", "Ångra avtalet här", "/withdrawal"),
        ("/en", "Withdraw from contract here", "/en/withdrawal"),
    ],
)
def test_every_page_leads_there(buyer: Buyer, path: str, label: str, here: str) -> None:
    assert f'<a href="{here}">{label}</a>' in buyer.get(path).text
    page = buyer.get(here)
    assert page.status_code == 200
    assert list(fields_of(page.text, "withdrawal")) == ["order_given", "name", "email"]
    assert "<script" not in page.text


def test_the_order_page_leads_there_with_its_own_link(buyer: Buyer, bought: Bought) -> None:
    page = buyer.get(f"/orders/{bought.token}").text
    assert f'href="/withdrawal?order={bought.token}"' in page


# --- by the order's link --------------------------------------------------------------------------


@on_both_databases
def test_by_the_orders_link(
    buyer: Buyer, bought: Bought, sessions: Sessions, clock: FixedClock
) -> None:
    page = buyer.get(f"/withdrawal?order={bought.token}")
    fields = fields_of(page.text, "withdrawal")
    assert fields["order"] == bought.token
    assert (fields["name"], fields["email"]) == ("Anna Ek", "anna@example.se")
    assert re.findall(r'name="lines" value="(\d+)" checked>\s*<span>([^<]+)', page.text) == [
        ("1", "Raven"),
        ("2", "2 × Ugglan"),
    ]

    asked = buyer.post("/withdrawal", **fields | {"lines": ["1", "2"]})
    assert asked.status_code == 200
    assert statements(sessions) == []  # nothing counts before it is confirmed

    done = confirm(buyer, asked)
    assert done.status_code == 303
    assert re.fullmatch(r"/withdrawal/1-[a-z2-7]{26}", done.headers["location"])
    receipt = buyer.follow(done)
    assert receipt.status_code == 200
    moment = re.search(r"\d{1,2} \S+ \d{4} \d\d:\d\d", words_of(receipt))
    assert moment is not None
    [statement] = statements(sessions)
    assert (statement.order_id, statement.order_given) == (bought.id, "1001")
    assert (statement.name, statement.email) == ("Anna Ek", "anna@example.se")
    assert (statement.items, statement.message, statement.locale) == ("", "", "sv")
    assert (statement.at, statement.handled_at) == (clock(), None)
    assert bought.timeline()[-2:] == [
        ("withdrawal", "buyer", ""),
        ("review", "shop", "withdrawal"),
    ]
    assert mails(sessions) == [
        ("withdrawal_receipt", 1, "anna@example.se", "sv"),
        ("withdrawal_notice", 1, "butik@example.se", "sv"),
    ]
    with sessions.begin() as db:
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []


def test_one_line_of_several(buyer: Buyer, bought: Bought, sessions: Sessions) -> None:
    fields = fields_of(buyer.get(f"/withdrawal?order={bought.token}").text, "withdrawal")
    receipt = declare(buyer, **fields | {"lines": "2", "message": "Den var för stor."})
    assert "2 × Ugglan" in words_of(receipt)
    assert "Raven" not in words_of(receipt)
    [statement] = statements(sessions)
    assert (statement.items, statement.message) == ("2 × Ugglan", "Den var för stor.")
    assert bought.timeline()[-2] == ("withdrawal", "buyer", "2 × Ugglan")


def test_no_line_of_several_is_asked_about(
    buyer: Buyer, bought: Bought, sessions: Sessions
) -> None:
    fields = fields_of(buyer.get(f"/withdrawal?order={bought.token}").text, "withdrawal")
    del fields["lines"]
    asked = buyer.post("/withdrawal", **fields | {"name": "Anna Maria Ek"})
    assert asked.status_code == 422
    assert 'id="lines-error"' in asked.text
    assert 'value="Anna Maria Ek"' in asked.text
    assert statements(sessions) == []


def test_lines_of_another_order_are_none_of_this(
    buyer: Buyer, bought: Bought, sessions: Sessions
) -> None:
    fields = fields_of(buyer.get(f"/withdrawal?order={bought.token}").text, "withdrawal")
    assert buyer.post("/withdrawal", **fields | {"lines": "99"}).status_code == 422
    assert buyer.post("/withdrawal", **fields | {"lines": "one"}).status_code == 422
    assert statements(sessions) == []


def test_the_link_decides_which_order_it_is(
    buyer: Buyer, bought: Bought, sessions: Sessions
) -> None:
    fields = fields_of(buyer.get(f"/withdrawal?order={bought.token}").text, "withdrawal")
    typed = fields | {"lines": ["1", "2"], "order_given": "999", "items": "Allt annat"}
    declare(buyer, **typed, message="")
    [statement] = statements(sessions)
    assert (statement.order_given, statement.items) == ("1001", "")


@pytest.mark.parametrize("token", ["1-aaaaaaaaaaaaaaaaaaaaaaaaaa", "1", "x", "", "1-å", "9" * 40])
def test_a_link_that_is_none_of_ours_shows_nothing_and_refuses_nothing(
    buyer: Buyer, bought: Bought, sessions: Sessions, token: str
) -> None:
    page = buyer.http.get("/withdrawal", params={"order": token})
    assert page.status_code == 200
    assert "Anna" not in words_of(page)
    assert 'name="order_given"' in page.text
    assert declare(buyer, **BY_HAND, order=token).status_code == 200
    assert [statement.order_id for statement in statements(sessions)] == [bought.id]


def test_the_link_of_one_order_is_not_the_proof_of_another(
    buyer: Buyer, bought: Bought, sessions: Sessions
) -> None:
    number, _, proof = bought.token.partition("-")
    page = buyer.get(f"/withdrawal?order={int(number) + 1}-{proof}")
    assert "Anna" not in words_of(page)


def test_a_link_is_kept_out_of_caches_and_logs_elsewhere(buyer: Buyer, bought: Bought) -> None:
    page = buyer.get(f"/withdrawal?order={bought.token}")
    receipt = declare(buyer, **BY_HAND)
    assert page.headers["cache-control"] == receipt.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "strict-origin"
    assert receipt.headers["referrer-policy"] == "no-referrer"


def test_a_browser_without_fetch_metadata_gets_through(buyer: Buyer, shop: Config) -> None:
    """With no-referrer it would send `Origin: null`, and be taken for another site."""
    answer = buyer.http.post("/withdrawal", data=BY_HAND, headers={"origin": shop.base_url})
    assert answer.status_code == 200


# --- by number and address ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "email"),
    [
        ("1001", "anna@example.se"),
        (" #1001 ", "ANNA@EXAMPLE.SE"),
        ("Beställning 1001", "anna@example.se"),
        ("1001, köpt 23 november 2026", "anna@example.se"),
    ],
)
def test_by_number_and_address(
    new_buyer: Callable[[], Buyer], bought: Bought, sessions: Sessions, given: str, email: str
) -> None:
    declare(new_buyer(), order_given=given, name="Anna Ek", email=email, items="En uggla")
    [statement] = statements(sessions)
    assert (statement.order_id, statement.items) == (bought.id, "En uggla")
    assert statement.order_given == given.strip()
    assert bought.order().review == "withdrawal"


@pytest.mark.parametrize(
    ("given", "email"),
    [
        ("1002", "anna@example.se"),
        ("1001", "anna@example.com"),
        ("11001", "anna@example.se"),
        ("10011001100110011001", "anna@example.se"),
        ("räven, i oktober", "anna@example.se"),
        ("١٠٠١", "anna@example.se"),
    ],
)
def test_what_fits_no_order_counts_all_the_same(
    new_buyer: Callable[[], Buyer], bought: Bought, sessions: Sessions, given: str, email: str
) -> None:
    receipt = declare(new_buyer(), order_given=given, name="Anna Ek", email=email)
    assert receipt.status_code == 200
    [statement] = statements(sessions)
    assert (statement.order_id, statement.order_given) == (None, given)
    assert [kind for kind, *_ in mails(sessions)] == ["withdrawal_receipt", "withdrawal_notice"]
    assert bought.order().review is None
    assert [kind for kind, *_ in bought.timeline()] == ["placed", "paid"]
    with sessions.begin() as db:
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []


def test_a_stranger_cannot_tell_whether_an_order_exists(
    new_buyer: Callable[[], Buyer], bought: Bought
) -> None:
    stranger = new_buyer()
    seen = []
    for given in ("1001", "1002"):
        fields = BY_HAND | {"order_given": given}
        asked = stranger.post("/withdrawal", **fields)
        receipt = stranger.follow(confirm(stranger, asked))
        seen.append([words_of(page).replace(given, "N") for page in (asked, receipt)])
        assert "Raven" not in asked.text + receipt.text
        assert "Strandvägen" not in asked.text + receipt.text
    assert seen[0] == seen[1]


def test_an_order_that_is_on_its_way_is_not_held(
    buyer: Buyer, bought: Bought, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        db.execute(update(Order).values(status="shipped"))
        write_entry(db, bought.id, "shipped", by="owner", now=NOON)
    declare(buyer, **BY_HAND)
    assert bought.order().review is None
    assert bought.timeline()[-1] == ("withdrawal", "buyer", "")


def test_the_order_page_says_so(buyer: Buyer, bought: Bought) -> None:
    declare(buyer, **BY_HAND)
    page = words_of(Buyer(buyer.http, "/en").get(f"/orders/{bought.token}"))
    assert page.startswith("Your withdrawal has been received Nothing is sent until the shop has")
    assert "You withdrew from the purchase." in page


# --- the same thing twice -------------------------------------------------------------------------


def test_the_same_thing_twice_counts_once(buyer: Buyer, bought: Bought, sessions: Sessions) -> None:
    english = Buyer(buyer.http, "/en")
    asked = english.post("/withdrawal", **BY_HAND)
    assert confirm(english, asked).status_code == 303
    again = confirm(english, asked)
    assert again.status_code == 200
    assert words_of(again).startswith("This has already been received")
    assert "Anna" not in words_of(again)
    # by the order's link, for the whole order
    fields = fields_of(buyer.get(f"/withdrawal?order={bought.token}").text, "withdrawal")
    by_link = english.post("/withdrawal", **fields | {"lines": ["1", "2"]})
    assert words_of(confirm(english, by_link)).startswith("This has already been received")
    assert len(statements(sessions)) == 1
    assert len(mails(sessions)) == 2
    assert [kind for kind, *_ in bought.timeline()].count("withdrawal") == 1


def test_what_fits_no_order_counts_once_too(buyer: Buyer, sessions: Sessions) -> None:
    declare(buyer, **BY_HAND)
    asked = buyer.post("/withdrawal", **BY_HAND | {"email": "Anna@Example.se", "name": "A. Ek"})
    assert confirm(buyer, asked).status_code == 200
    assert len(statements(sessions)) == 1


@on_both_databases
def test_two_confirm_at_once(
    new_buyer: Callable[[], Buyer], bought: Bought, sessions: Sessions
) -> None:
    visitors = [new_buyer() for _ in range(4)]
    asked = visitors[0].post("/withdrawal", **BY_HAND)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda visitor: confirm(visitor, asked), visitors))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 303]
    assert len(statements(sessions)) == 1
    assert [kind for kind, *_ in mails(sessions)] == ["withdrawal_receipt", "withdrawal_notice"]
    assert [kind for kind, *_ in bought.timeline()].count("withdrawal") == 1


def test_other_items_are_another_statement(
    buyer: Buyer, bought: Bought, sessions: Sessions
) -> None:
    declare(buyer, **BY_HAND, items="Räven")
    declare(buyer, **BY_HAND, items="Ugglorna")
    declare(buyer, **BY_HAND)
    assert [statement.items for statement in statements(sessions)] == ["Räven", "Ugglorna", ""]


# --- what people and others type ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "\x00 \r\n"}, "name"),
        ({"name": "a" * 101}, "name"),
        ({"email": ""}, "email"),
        ({"email": "anna"}, "email"),
        ({"email": "anna@example.se, bo@example.se"}, "email"),
        ({"email": "anna@example.se\r\nBcc: bo@example.se"}, "email"),
        ({"order_given": " "}, "order_given"),
        ({"order_given": "1" * 201}, "order_given"),
        ({"items": "a" * 501}, "items"),
        ({"message": "a" * 2001}, "message"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    buyer: Buyer, sessions: Sessions, changes: dict[str, str], field: str
) -> None:
    typed = BY_HAND | {"items": "Räven", "message": "Rad ett\r\nRad två"} | changes
    for extra in ({}, {"confirm": "1"}):
        answer = buyer.post("/withdrawal", **typed, **extra)
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert re.findall(r'id="(\w+)-error"', answer.text) == [field]
        for name in set(BY_HAND) - set(changes):
            assert f'value="{BY_HAND[name]}"' in answer.text
        if field != "message":
            assert ">\nRad ett\nRad två</textarea>" in answer.text
    assert statements(sessions) == []


def test_the_longest_that_is_allowed(buyer: Buyer, sessions: Sessions) -> None:
    longest = {
        "order_given": "å" * 200,
        "name": "é" * 100,
        "items": "ö" * 500,
        "message": "ä" * 2000,
    }
    assert declare(buyer, **BY_HAND | longest).status_code == 200
    [statement] = statements(sessions)
    assert {name: getattr(statement, name) for name in longest} == longest


def test_control_characters_and_line_ends(buyer: Buyer, sessions: Sessions) -> None:
    declare(
        buyer,
        order_given="1001\r\nBcc: bo@example.se\x00",
        name="Anna\r\nEk\x07",
        email="anna@example.se",
        items="Räven\r\n\x00Ugglan",
        message="\r\nEtt\rtvå\x1b[31m\r\n",
    )
    [statement] = statements(sessions)
    assert statement.order_given == "1001 Bcc: bo@example.se"
    assert statement.name == "Anna Ek"
    assert statement.items == "Räven\nUgglan"
    assert statement.message == "Ett\ntvå[31m"


def test_markup_is_text(
    buyer: Buyer, sessions: Sessions, owner: Buyer, read: Callable[[str], EmailMessage]
) -> None:
    nasty = '"><script>alert(1)</script>{{ 7*7 }}'
    fields = {"order_given": nasty, "name": nasty, "items": nasty, "message": nasty}
    asked = buyer.post("/withdrawal", **fields, email="anna@example.se")
    receipt = buyer.follow(confirm(buyer, asked))
    again = buyer.post("/withdrawal", **fields, email="anna@example.se", change="1")
    for page in (asked, receipt, again, owner.get("/admin/withdrawals")):
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text
        assert "{{ 7*7 }}" in page.text
    for kind in ("withdrawal_receipt", "withdrawal_notice"):
        assert "<script>alert" not in part(read(kind), "html")
        assert nasty in part(read(kind), "plain")


def test_something_is_changed_before_it_is_confirmed(buyer: Buyer, sessions: Sessions) -> None:
    asked = buyer.post("/withdrawal", **BY_HAND, message="Hej\r\ndå")
    back = buyer.post("/withdrawal", **dict(pairs_of(asked.text)), change="1")
    assert back.status_code == 200
    assert fields_of(back.text, "withdrawal") == BY_HAND
    assert ">\nHej\ndå</textarea>" in back.text
    assert statements(sessions) == []


def test_another_site_cannot_send_it(buyer: Buyer, sessions: Sessions) -> None:
    fields = BY_HAND | {"confirm": "1"}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert buyer.http.post("/withdrawal", data=fields, headers=headers).status_code == 403
    assert statements(sessions) == []


@pytest.mark.parametrize("token", ["1", "1-aaaaaaaaaaaaaaaaaaaaaaaaaa", "confirm", "0-"])
def test_a_receipt_is_shown_to_whom_its_link_was_given(buyer: Buyer, token: str) -> None:
    declare(buyer, **BY_HAND)
    assert buyer.get(f"/withdrawal/{token}").status_code == 404


def test_an_orders_link_opens_no_receipt(buyer: Buyer, bought: Bought) -> None:
    declare(buyer, **BY_HAND)
    assert bought.token.startswith("1-")
    assert buyer.get(f"/withdrawal/{bought.token}").status_code == 404


# --- too many -------------------------------------------------------------------------------------


def test_too_many_from_one_place_wait_and_lose_nothing(
    buyer: Buyer, sessions: Sessions, clock: FixedClock
) -> None:
    for n in range(10):
        declare(buyer, **BY_HAND | {"order_given": f"{n}", "email": f"a{n}@example.se"})
    english = Buyer(buyer.http, "/en")
    asked = english.post("/withdrawal", **BY_HAND, message="Hello")
    refused = confirm(english, asked)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3601"
    assert "What you wrote is still here" in words_of(refused)
    assert "butik@example.se" in words_of(refused)
    assert pairs_of(refused.text) == pairs_of(asked.text)
    assert len(statements(sessions)) == 10
    clock.advance(hours=1, seconds=1)
    assert confirm(english, refused).status_code == 303
    clock.advance(hours=1, seconds=1)
    declare(buyer, **BY_HAND | {"order_given": "2"})
    with sessions.begin() as db:
        assert len(db.scalars(select(Submission)).all()) == 1  # who it was is forgotten


def test_nobodys_letter_box_is_filled(
    buyer: Buyer, bought: Bought, sessions: Sessions, clock: FixedClock
) -> None:
    for n in range(5):
        declare(buyer, **BY_HAND | {"order_given": f"{n}"})
    asked = buyer.post("/withdrawal", **BY_HAND | {"email": "ANNA@example.se"})
    assert confirm(buyer, asked).status_code == 429
    assert len(mails(sessions)) == 10
    # who has the order's link is no stranger to its address
    fields = fields_of(buyer.get(f"/withdrawal?order={bought.token}").text, "withdrawal")
    declare(buyer, **fields | {"lines": "1"})
    assert len(statements(sessions)) == 6
    clock.advance(days=1, seconds=1)
    assert confirm(buyer, asked).status_code == 303


# --- the mails ------------------------------------------------------------------------------------


@pytest.fixture
def read(sessions: Sessions, reads: Sessions, clock: FixedClock) -> Callable[[str], EmailMessage]:
    """Return a function that sends what is due and returns the mail of a kind."""
    sender = Recorder()
    office = post_office(sessions, reads, sender, clock, dict(WRITERS))

    def read_mail(kind: str) -> EmailMessage:
        send_due(office)
        raw = next(letter.raw for letter in reversed(sender.letters) if letter.kind == kind)
        return BytesParser(policy=policy.default).parsebytes(raw)

    return read_mail


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_the_receipt_says_what_was_declared_and_when(
    buyer: Buyer, bought: Bought, clock: FixedClock, read: Callable[[str], EmailMessage]
) -> None:
    clock.at = datetime(2026, 12, 1, 13, 5, tzinfo=UTC)
    english = Buyer(buyer.http, "/en")
    declare(english, **BY_HAND, items="The fox\r\nOne owl", message="Hello\r\nthere")
    mail = read("withdrawal_receipt")
    assert (mail["To"], mail["Subject"]) == ("anna@example.se", "Receipt of your withdrawal")
    assert mail["Content-Language"] == "en"
    text = part(mail, "plain")
    assert text.startswith(
        "Your withdrawal has been received.\n"
        "\n"
        "It came on 1 Dec 2026 14:05, Swedish time. Keep this e-mail: it shows what you declared, "
        "and when.\n"
        "\n"
        "What you declared\n"
        "-----------------\n"
        "I hereby withdraw from my contract of sale:\n"
        "\n"
        "Order:\n"
        "    1001\n"
        "Withdrawn from:\n"
        "    The fox\n"
        "    One owl\n"
        "Name:\n"
        "    Anna Ek\n"
        "E-mail:\n"
        "    anna@example.se\n"
        "Message:\n"
        "    Hello\n"
        "    there\n"
        "\n"
    )
    assert "https://shop.example/en/pages/terms\n" in text
    html = part(mail, "html")
    for said in ("1 Dec 2026 14:05", "The fox<br>One owl", "Anna Ek", "Hello<br>there"):
        assert said in html


def test_the_owner_is_told(
    buyer: Buyer,
    bought: Bought,
    sessions: Sessions,
    clock: FixedClock,
    read: Callable[[str], EmailMessage],
) -> None:
    clock.at = datetime(2026, 12, 1, 23, 30, tzinfo=UTC)  # half past midnight in Stockholm
    with sessions.begin() as db:
        set_preferences(db, owner_language="en", mail_per_order=False)
    declare(buyer, **BY_HAND)
    mail = read("withdrawal_notice")
    assert (mail["To"], mail["Subject"]) == ("butik@example.se", "Withdrawal: order 1001")
    assert mail["Reply-To"] == "anna@example.se"
    text = part(mail, "plain")
    assert text.startswith("Somebody has withdrawn from order 1001.\n")
    assert "    The whole order\n" in text
    assert "It came on 2 Dec 2026 00:30." in text
    assert "by Wednesday 16 December at the latest" in text
    assert "https://shop.example/admin/withdrawals\n" in text


def test_the_owner_is_told_when_no_order_fits(
    buyer: Buyer, sessions: Sessions, read: Callable[[str], EmailMessage]
) -> None:
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")
    declare(buyer, **BY_HAND | {"order_given": "7"})
    mail = read("withdrawal_notice")
    assert mail["Subject"] == "Withdrawal: no matching order yet"
    assert "No order matches the number and the address." in part(mail, "plain")
    assert "No order matches the number and the address." in part(mail, "html")


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_the_receipt_is_the_same_whether_an_order_fits(
    buyer: Buyer, bought: Bought, read: Callable[[str], EmailMessage], prefix: str
) -> None:
    seen = []
    for given in ("1001", "1002"):
        declare(Buyer(buyer.http, prefix), **BY_HAND | {"order_given": given})
        seen.append(part(read("withdrawal_receipt"), "plain").replace(given, "N"))
    assert seen[0] == seen[1]


def test_a_shop_without_an_address_still_takes_it(buyer: Buyer, sessions: Sessions) -> None:
    with sessions.begin() as db:
        set_preferences(db, email="")
    assert declare(buyer, **BY_HAND).status_code == 200
    assert mails(sessions) == [("withdrawal_receipt", 1, "anna@example.se", "sv")]
