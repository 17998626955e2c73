"""The owner's page about the money at Stripe: what is amiss, what a bank questions, the books."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from sqlalchemy import select

from shop.config import Config
from shop.kit.db import Sessions
from shop.owner.models import AuditEntry
from shop.payments.findings import note_finding
from shop.payments.models import Cursor, Dispute, Finding, LedgerEntry
from shop.preferences.actions import set_preferences
from shop.sandbox.stand_in.server import StandInServer
from tests.support import NOON, Buyer, FixedClock, words_of

PAGE = "/admin/payments"
STRANGER = (
    "A payment at Stripe belongs to no order here. Look it up in Stripe’s dashboard, and pay it "
    "back there or write to the buyer."
)
DIFFERENT = "Stripe’s balance and the shop’s books differ."
MISSED = "Stripe’s message had not come through. The shop has fetched it."


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture(autouse=True)
def _in_english(sessions: Sessions) -> None:
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")


def note(sessions: Sessions, kind: str, subject: str, detail: str, *, quiet: bool = False) -> int:
    with sessions.begin() as db:
        note_finding(db, kind, subject, detail, now=NOON, quiet=quiet)
        db.flush()
        return db.scalars(select(Finding.id).where(Finding.subject == subject)).one()


def seen_to(sessions: Sessions) -> list[tuple[str, str, str, datetime]]:
    with sessions.begin() as db:
        rows = db.scalars(select(AuditEntry).where(AuditEntry.action == "finding-seen-to"))
        return [(row.by, row.action, row.subject, row.at) for row in rows]


def settled_at(sessions: Sessions, number: int) -> datetime | None:
    with sessions.begin() as db:
        return db.get_one(Finding, number).settled_at


def test_a_quiet_day(owner: Buyer) -> None:
    assert words_of(owner.get(PAGE)) == (
        "Payments Balance At Stripe SEK 0 In the shop’s books SEK 0 Latest in the books None yet."
    )


def test_what_was_found_is_said_in_words(owner: Buyer, sessions: Sessions) -> None:
    note(sessions, "unknown_payment", "cs_test_1", "28100 SEK")
    note(sessions, "ledger_differs", "SEK", "28100 -1000")
    note(sessions, "missed_event", "evt_1", "charge.refunded", quiet=True)
    text = words_of(owner.get(PAGE))
    assert text.partition(" Balance ")[0] == (
        f"Payments {STRANGER} cs_test_1 · 28100 SEK I have seen to it "
        f"{DIFFERENT} Stripe: SEK 281. Here: -SEK 10. I have seen to it"
    )
    assert f"Found and settled {MISSED}" in text
    assert text.count(MISSED) == 1
    assert "evt_1" not in text


def test_seen_to_it_is_settled_and_written_down_once(
    owner: Buyer, sessions: Sessions, clock: FixedClock
) -> None:
    number = note(sessions, "unknown_payment", "cs_test_1", "28100 SEK")
    other = note(sessions, "unknown_payment", "cs_test_2", "100 SEK")
    [button, _] = re.findall(r'action="(/admin/payments/findings/\d+/seen)"', owner.get(PAGE).text)
    assert button == f"{PAGE}/findings/{number}/seen"
    for _ in range(2):
        answer = owner.post(button)
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
        clock.advance(minutes=1)
    assert settled_at(sessions, number) == NOON
    assert settled_at(sessions, other) is None
    assert seen_to(sessions) == [("owner", "finding-seen-to", str(number), NOON)]
    text = words_of(owner.get(PAGE))
    assert text.count("I have seen to it") == 1
    assert "cs_test_1" not in text


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("0", 404),
        ("-1", 404),
        ("x", 404),
        ("1.0", 404),
        ("1000000000", 404),
        ("1" * 30, 404),
        ("999999999", 303),
        ("2", 303),
    ],
)
def test_a_finding_that_is_none_changes_nothing(
    number: str, status: int, owner: Buyer, sessions: Sessions
) -> None:
    note(sessions, "unknown_payment", "cs_test_1", "28100 SEK")
    assert owner.post(f"{PAGE}/findings/{number}/seen").status_code == status
    assert seen_to(sessions) == []
    assert settled_at(sessions, 1) is None


def test_nobody_but_the_owner(buyer: Buyer, sessions: Sessions) -> None:
    number = note(sessions, "unknown_payment", "cs_test_1", "28100 SEK")
    for answer in (buyer.get(PAGE), buyer.post(f"{PAGE}/findings/{number}/seen")):
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/admin/sign-in")
        assert "cs_test_1" not in answer.text
    assert settled_at(sessions, number) is None
    assert seen_to(sessions) == []


def test_a_silent_stripe_hides_no_books(
    owner: Buyer, sessions: Sessions, stand_in: StandInServer
) -> None:
    book(sessions, "charge", 28100)
    stand_in.control("faults", kind="500", path="/v1/balance", times=3)
    text = words_of(owner.get(PAGE))
    assert "Balance Stripe does not answer right now. In the shop’s books SEK 281 Latest" in text
    assert "At Stripe" not in text
    text = words_of(owner.get(PAGE))
    assert "Balance At Stripe SEK 0 In the shop’s books SEK 281 Latest" in text


def book(sessions: Sessions, kind: str, amount: int, currency: str = "SEK", n: int = 0) -> None:
    with sessions.begin() as db:
        db.add(
            LedgerEntry(
                transaction_id=f"txn_{n}",
                kind=kind,
                amount=amount,
                currency=currency,
                source_id="x",
                at=NOON + timedelta(minutes=n),
                available_at=NOON,
            )
        )


def test_each_kind_of_movement_has_its_name_and_the_latest_comes_first(
    owner: Buyer, sessions: Sessions
) -> None:
    names = {
        "charge": "Payment",
        "fee": "Stripe’s fee",
        "refund": "Repayment",
        "refund_failure": "Repayment that failed",
        "dispute": "Taken by the buyer’s bank",
        "dispute_reversal": "Given back by the buyer’s bank",
        "payout": "Paid out to you",
        "payout_failure": "Payout that came back",
        "other": "Other",
    }
    for n, kind in enumerate(names):
        book(sessions, kind, 100 * (n + 1), "EUR" if kind == "other" else "SEK", n)
    page = owner.get(PAGE)
    _, _, latest = words_of(page).partition("Latest in the books ")
    shown = re.findall(r"<strong>([^<]+)</strong><small>", page.text)
    assert [unescape(name).strip() for name in shown] == [*reversed(names.values())]
    assert latest.startswith("Other ")
    assert "€ 9" in latest
    balances = words_of(page).partition("Balance ")[2].partition(" Latest")[0]
    assert balances == (
        "At Stripe € 0 In the shop’s books € 9 At Stripe SEK 0 In the shop’s books SEK 36"
    )


def test_twenty_are_enough_of_each(owner: Buyer, sessions: Sessions) -> None:
    for n in range(21):
        book(sessions, "charge", 100 + n, n=n)
        note(sessions, "missed_event", f"evt_{n}", "x", quiet=True)
    page = owner.get(PAGE)
    text = words_of(page)
    assert text.count(MISSED) == 20
    _, _, latest = text.partition("Latest in the books ")
    assert latest.count(" SEK ") == 20
    assert "SEK 1.20" in latest
    assert "SEK 1 " not in latest


def test_when_it_was_asked_last(owner: Buyer, sessions: Sessions) -> None:
    with sessions.begin() as db:
        for n, name in enumerate(("events", "ledger", "nightly")):
            db.add(Cursor(name=name, at=NOON + timedelta(minutes=n)))
    text = words_of(owner.get(PAGE))
    asked = re.findall(
        r"(Last asked for news|Books last kept|Everything last compared) (.*?12:\d\d)", text
    )
    assert [name for name, _ in asked] == [
        "Last asked for news",
        "Books last kept",
        "Everything last compared",
    ]
    assert [moment[-5:] for _, moment in asked] == ["12:00", "12:01", "12:02"]


def test_what_a_bank_questions_is_shown_the_most_urgent_first(
    owner: Buyer, sessions: Sessions, shop: Config
) -> None:
    due = datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
    with sessions.begin() as db:
        for name, status, respond_by in [
            ("later", "needs_response", due + timedelta(minutes=1)),  # a day later in Stockholm
            ("first", "warning_under_review", due),
            ("won", "won", due),
        ]:
            db.add(
                Dispute(
                    stripe_id=f"du_{name}",
                    payment_intent_id="pi_1",
                    status=status,
                    reason="general",
                    amount=28100,
                    currency="SEK",
                    respond_by=respond_by,
                    opened_at=NOON,
                    checked_at=NOON,
                )
            )
    page = owner.get(PAGE)
    links = re.findall(r'href="(https://dashboard\.stripe\.com/[^"]+)"', page.text)
    assert links == [
        "https://dashboard.stripe.com/disputes/du_first",
        "https://dashboard.stripe.com/disputes/du_later",
    ]
    days = re.findall(r"Answer by (.*?) at the latest", words_of(page))
    assert [re.findall(r"\d+", day) for day in days] == [["1"], ["2"]]
    assert isinstance(shop, Config)


def test_a_dispute_without_a_last_day_names_none(owner: Buyer, sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.add(
            Dispute(
                stripe_id="du_1",
                payment_intent_id="pi_1",
                status="under_review",
                reason="general",
                amount=28100,
                currency="SEK",
                respond_by=None,
                opened_at=NOON,
                checked_at=NOON,
            )
        )
    text = words_of(owner.get(PAGE))
    assert "Questioned by a bank SEK 281" in text
    assert "Answer by" not in text
