"""The books are asked what must always be true: each rule finds its own defect, and no other."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.orm import Session

from shop.cart.cookie import Cart, CartLine
from shop.checkout.actions import Choice, Seller, place_order
from shop.checkout.forms import Buyer
from shop.kit.db import Sessions, write_engine
from shop.kit.i18n import speaking
from shop.kit.ids import Signer, random_token
from shop.kit.urls import Urls
from shop.orders.actions import ship
from shop.orders.models import Order, Status
from shop.payments.actions import apply_session, close_attempt, record_session
from shop.payments.inbox import store
from shop.payments.models import PaymentAttempt
from shop.payments.provider import CheckoutSession, Event
from shop.preferences.values import Preferences
from shop.reports.verify import INVARIANTS, Finding, in_words, report, verify
from tests.benchmarks.books import fill
from tests.support import ANNA, NOON, Shelf, on_both_databases

SELLER = Seller(Preferences(), Urls("https://shop.example", "sv"), Signer(("a long enough key",)))
WHO = Buyer(**ANNA, locale="sv")
SHIPPED, PAID, PENDING, EXPIRED = 1, 2, 3, 4  # the orders by their ids
RAVEN, MOSS, OWL = 1, 2, 3  # the variants


def order(db: Session, variant_id: int, quantity: int) -> PaymentAttempt:
    cart = Cart(random_token(), (CartLine(variant_id, quantity),))
    choice = Choice("letter", 24500 * quantity, 3600)
    attempt = place_order(db, cart, WHO, choice, SELLER, now=NOON)
    record_session(db, attempt.id, session_of(attempt, "open"))
    return attempt


def session_of(attempt: PaymentAttempt, status: str) -> CheckoutSession:
    paid = status == "complete"
    return CheckoutSession(
        id=f"cs_{attempt.order_id}",
        url=None if paid else "https://checkout.stripe.com/x",
        status=status,
        payment_status="paid" if paid else "unpaid",
        amount_total=attempt.amount,
        currency=attempt.currency,
        livemode=False,
        order_reference=str(attempt.order_id),
        attempt_id=attempt.id,
        payment_intent_id=f"pi_{attempt.order_id}" if paid else None,
        amount_received=attempt.amount if paid else None,
        payment_method="card" if paid else "",
    )


def pay(db: Session, attempt: PaymentAttempt) -> None:
    apply_session(db, attempt, session_of(attempt, "complete"), livemode=False, now=NOON)


@pytest.fixture
def busy(sessions: Sessions, shelf: Shelf) -> Sessions:
    """Return a shop with an order in every state that a buyer can bring it into."""
    assert (shelf.add("raven"), shelf.add("moss", on_hand=5), shelf.add("ugglan")) == (1, 2, 3)
    with sessions.begin() as db:
        pay(db, order(db, RAVEN, 1))
    with sessions.begin() as db:
        ship(db, db.get_one(Order, SHIPPED), tracking="", now=NOON)
        pay(db, order(db, MOSS, 1))
        store(
            db, Event("evt_1", "checkout.session.completed", "cs_2", livemode=False), "{}", now=NOON
        )
        db.execute(text("UPDATE provider_events SET processed_at = received_at"))
    with sessions.begin() as db:
        order(db, MOSS, 2)
        gone = order(db, MOSS, 2)
        db.flush()  # the timeline's entries are written in the order of what happened
        close_attempt(db, gone, now=NOON)
    return sessions


def broken(db: Session) -> set[str]:
    return {finding.invariant.rule for finding in verify(db) if not finding.holds}


@on_both_databases
def test_a_new_shop_and_a_busy_one_break_no_rule(sessions: Sessions, busy: Sessions) -> None:
    with busy.begin() as db:
        states = list(db.execute(text("SELECT status FROM orders ORDER BY id")).scalars())
        assert states == ["shipped", "paid", "pending", "expired"]
        assert broken(db) == set()
        assert len(verify(db)) == len(INVARIANTS) == len({i.rule for i in INVARIANTS})


@on_both_databases
def test_an_empty_shop_breaks_no_rule(sessions: Sessions) -> None:
    with sessions.begin() as db:
        assert broken(db) == set()


ANOTHER_PAYMENT = """
INSERT INTO payment_attempts (id, order_id, status, request, fingerprint, amount, currency,
                              created_at, expires_at, payment_method)
SELECT 'another', order_id, 'paid', request, fingerprint, amount, currency,
       created_at, expires_at, payment_method
FROM payment_attempts WHERE order_id = 2
"""
ALL_COUNTED_OFF = """
INSERT INTO stock_movements (variant_id, delta, reason, "by", at)
SELECT variant_id, -4, 'counted', "by", at FROM stock_movements WHERE variant_id = 2 AND delta = 5
"""
SOLD_TO_NOBODY = """
INSERT INTO stock_movements (variant_id, delta, reason, "by", at, order_id)
SELECT variant_id, -1, 'sold', "by", at, 4 FROM stock_movements WHERE variant_id = 2 AND delta = 5
"""
COUNTED_OFF = """
INSERT INTO stock_movements (variant_id, delta, reason, "by", at)
SELECT variant_id, -3, 'counted', "by", at FROM stock_movements WHERE variant_id = 2 AND delta = 5
"""
WITHDRAWN = """
INSERT INTO withdrawals (id, order_id, order_given, name, email, items, message, locale, at,
                         fingerprint)
SELECT 1, id, '1002', name, email, '', '', locale, placed_at, 'x' FROM orders WHERE id = 2
"""
REFUND = """
INSERT INTO refunds (id, token, order_id, attempt_id, origin, reason, status, amount, currency,
                     requested_at)
SELECT 1, 'x', order_id, id, '{origin}', '', '{status}', {amount}, currency, created_at
FROM payment_attempts WHERE order_id = {order}
"""
TOLD = """
INSERT INTO outbox (kind, subject_id, recipient, locale, status, message_id, queued_at, due_at,
                    tries)
SELECT 'refund', 1, email, locale, 'queued', 'x', placed_at, placed_at, 0 FROM orders WHERE id = 4
"""
DISCOUNT = """
INSERT INTO discounts (id, code, kind, value, minimum_amount, most_uses, uses, created_at)
SELECT 1, 'JUL25', 'percent', 10, 0, 1, 1, placed_at FROM orders WHERE id = 4
"""
REDEMPTION = """
INSERT INTO redemptions (id, discount_id, order_id, amount, at)
SELECT 1, 1, id, 2450, placed_at FROM orders WHERE id = {order}
"""
DISPUTE = """
INSERT INTO disputes (id, stripe_id, order_id, payment_intent_id, status, reason, amount, currency,
                      opened_at, checked_at)
SELECT 1, 'dp_1', id, 'pi_2', '{status}', 'general', 100, currency, placed_at, placed_at
FROM orders WHERE id = 2
"""
CHARGE = """
INSERT INTO ledger_entries (transaction_id, kind, amount, currency, source_id, order_id, at,
                            available_at)
SELECT '{id}', 'charge', {amount}, currency, 'ch_1', id, placed_at, placed_at
FROM orders WHERE id = 2
"""
EXPIRED_AND_SENT = """
INSERT INTO order_entries (order_id, at, "by", kind, note)
SELECT 1, at, 'shop', kind, note FROM order_entries WHERE kind IN ('expired', 'shipped')
ORDER BY kind
"""
DEFECTS: list[tuple[str, list[str]]] = [
    (
        "an order is disputed while its buyer's bank asks, and only then",
        [DISPUTE.format(status="under_review")],
    ),
    (
        "an order is disputed while its buyer's bank asks, and only then",
        [DISPUTE.format(status="won"), "UPDATE orders SET disputed = (1 = 1) WHERE id = 2"],
    ),
    (
        "no payment is in the ledger twice",
        [CHARGE.format(id="txn_1", amount=28100), CHARGE.format(id="txn_2", amount=28100)],
    ),
    (
        "what came in for an order, by the ledger, is what it cost",
        [CHARGE.format(id="txn_1", amount=28101)],
    ),
    (
        "what lies on the shelf is the sum of its movements",
        ["UPDATE stock_levels SET on_hand = on_hand + 1 WHERE variant_id = 2"],
    ),
    (
        "what lies on the shelf is the sum of its movements",
        ["DELETE FROM stock_movements WHERE variant_id = 3"],
    ),
    (
        "what lies on the shelf is the sum of its movements",
        ["DELETE FROM stock_levels WHERE variant_id = 3"],
    ),
    (
        "what is promised is what unpaid orders hold",
        ["UPDATE stock_levels SET reserved = 1 WHERE variant_id = 2"],
    ),
    (
        "what is promised is what unpaid orders hold",
        [ALL_COUNTED_OFF, "DELETE FROM stock_levels WHERE variant_id = 2"],
    ),
    (
        "what is promised is what unpaid orders hold",
        ["UPDATE stock_levels SET reserved = 1 WHERE variant_id = 3"],
    ),
    (
        "nothing is promised that is not there",
        [COUNTED_OFF, "UPDATE stock_levels SET on_hand = 1 WHERE variant_id = 2"],
    ),
    (
        "every bought piece left the shelf once, in the ledger",
        [
            "DELETE FROM stock_movements WHERE order_id = 2",
            "UPDATE stock_levels SET on_hand = on_hand + 1 WHERE variant_id = 2",
        ],
    ),
    (
        "every bought piece left the shelf once, in the ledger",
        [
            "UPDATE stock_movements SET delta = -2 WHERE order_id = 2",
            "UPDATE stock_levels SET on_hand = on_hand - 1 WHERE variant_id = 2",
        ],
    ),
    (
        "every bought piece left the shelf once, in the ledger",
        [SOLD_TO_NOBODY, "UPDATE stock_levels SET on_hand = on_hand - 1 WHERE variant_id = 2"],
    ),
    (
        "a unique piece belongs to one buyer at the most",
        [
            "UPDATE products SET kind = 'unique'",
            "UPDATE stock_movements SET reason = 'sold' WHERE variant_id = 2",
        ],
    ),
    (
        "every paid order has its payment, and every payment its order",
        ["UPDATE payment_attempts SET status = 'expired' WHERE order_id = 2"],
    ),
    (
        "every paid order has its payment, and every payment its order",
        ["UPDATE payment_attempts SET status = 'paid' WHERE order_id = 4"],
    ),
    (
        "money that came late goes back; what does not fit is held for a person to look at",
        ["UPDATE payment_attempts SET status = 'late' WHERE order_id = 4"],
    ),
    (
        "money that came late goes back; what does not fit is held for a person to look at",
        ["UPDATE payment_attempts SET status = 'review' WHERE order_id = 3"],
    ),
    (
        "money that came late goes back; what does not fit is held for a person to look at",
        [
            "UPDATE payment_attempts SET status = 'late' WHERE order_id = 4",
            REFUND.format(order=4, origin="auto", status="failed", amount="amount"),
        ],
    ),
    (
        "no more goes back than came in",
        [
            "UPDATE payment_attempts SET status = 'late' WHERE order_id = 4",
            REFUND.format(order=4, origin="auto", status="requested", amount="amount + 1"),
        ],
    ),
    (
        "no more goes back than came in",
        [
            "UPDATE payment_attempts SET status = 'late' WHERE order_id = 4",
            REFUND.format(order=4, origin="dashboard", status="succeeded", amount="amount + 1"),
            TOLD,
        ],
    ),
    (
        "an order is refunded when all of it went back, and only then",
        [REFUND.format(order=2, origin="auto", status="requested", amount="amount")],
    ),
    (
        "what the owner gives back is the sum of what it is for",
        [REFUND.format(order=2, origin="owner", status="requested", amount="100")],
    ),
    (
        "every refund that Stripe has taken has its mail",
        [REFUND.format(order=2, origin="dashboard", status="succeeded", amount="100")],
    ),
    ("an order is paid once", [ANOTHER_PAYMENT]),
    (
        "the total is the lines with their postage, less the discount",
        [
            "UPDATE orders SET subtotal_amount = 49001, total_amount = 52601 WHERE id = 4",
            "UPDATE payment_attempts SET amount = amount + 1 WHERE order_id = 4",
        ],
    ),
    (
        "the total is the lines with their postage, less the discount",
        [
            "UPDATE orders SET total_amount = total_amount - 1 WHERE id = 4",
            "UPDATE payment_attempts SET amount = amount - 1 WHERE order_id = 4",
        ],
    ),
    (
        "the VAT is the lines' and the postage's",
        ["UPDATE orders SET vat_amount = vat_amount + 1 WHERE id = 4"],
    ),
    (
        "what Stripe is asked for is what the order costs",
        ["UPDATE payment_attempts SET amount = amount - 1 WHERE order_id = 3"],
    ),
    (
        "what Stripe is asked for is what the order costs",
        ["UPDATE payment_attempts SET currency = 'EUR' WHERE order_id = 3"],
    ),
    ("every order has lines", ["DELETE FROM order_lines WHERE order_id = 4"]),
    (
        "an order's state is the last one of its timeline",
        ["UPDATE order_entries SET kind = 'cancelled' WHERE kind = 'expired'"],
    ),
    (
        "an order's state is the last one of its timeline",
        ["DELETE FROM order_entries WHERE order_id = 3"],
    ),
    (
        "an order's timeline takes only steps that an order can take",
        [EXPIRED_AND_SENT],
    ),
    (
        "an order's timeline takes only steps that an order can take",
        ["UPDATE order_entries SET kind = 'money_back' WHERE order_id = 2 AND kind = 'placed'"],
    ),
    (
        "an unpaid order has a payment that can still come",
        ["UPDATE payment_attempts SET status = 'expired' WHERE order_id = 3"],
    ),
    (
        "every paid order has its confirmation, and every sent one its dispatch mail",
        ["DELETE FROM outbox WHERE kind = 'order_confirmation' AND subject_id = 2"],
    ),
    (
        "every paid order has its confirmation, and every sent one its dispatch mail",
        ["DELETE FROM outbox WHERE kind = 'dispatch'"],
    ),
    ("every withdrawal has its receipt", [WITHDRAWN]),
    (
        "after a message from Stripe that counts as done, Stripe was asked about the payment",
        ["UPDATE payment_attempts SET checked_at = NULL WHERE order_id = 2"],
    ),
    (
        "a code is used as often as orders have it, and no oftener than it may be",
        [DISCOUNT],
    ),
    (
        "an order that counts has the use of its code, and one that came to nothing has none",
        [DISCOUNT, REDEMPTION.format(order=4)],
    ),
    (
        "an order that counts has the use of its code, and one that came to nothing has none",
        [DISCOUNT, REDEMPTION.format(order=2)],
    ),
    (
        "the lines' shares of the discount are the order's",
        ["UPDATE order_lines SET discount_amount = 1 WHERE order_id = 2"],
    ),
    (
        "no number is given twice, or above the series' last",
        ["UPDATE number_series SET last = 1003 WHERE name = 'orders'"],
    ),
    (
        "no number is given twice, or above the series' last",
        ["UPDATE orders SET number = 1001 WHERE id = 2"],
    ),
]


@on_both_databases
def test_each_rule_finds_its_own_defect_and_no_other(busy: Sessions, db_url: str) -> None:
    """Each defect alone, in a transaction that is undone, with the database's own guards off."""
    wrong = {}
    for rule, statements in DEFECTS:
        with unguarded(db_url) as connection:
            for statement in statements:
                assert connection.execute(text(statement)).rowcount > 0, statement
            found = broken(Session(connection))
        if found != {rule}:
            wrong[rule, statements[-1]] = found
    assert wrong == {}
    with busy.begin() as db:
        assert broken(db) == set()


def test_there_is_a_defect_for_each_rule() -> None:
    assert {rule for rule, _ in DEFECTS} == {invariant.rule for invariant in INVARIANTS}


def test_a_finding_names_what_it_is_about(busy: Sessions, db_url: str) -> None:
    with unguarded(db_url) as connection:
        connection.execute(text("UPDATE orders SET vat_amount = vat_amount + 1 WHERE id = 4"))
        [finding] = [found for found in verify(Session(connection)) if not found.holds]
        assert (finding.invariant.code, finding.rows) == (
            "I5",
            [{"order_number": 1004, "vat": 10521, "of_lines_and_postage": 10520}],
        )
        assert in_words(finding.rows[0]) == "order 1004 (vat=10521, of_lines_and_postage=10520)"


@on_both_databases
def test_a_shop_of_many_orders_breaks_no_rule(sessions: Sessions) -> None:
    """The benchmark's shop, which is written past the shop's own actions, is a right one."""
    fill(sessions, 400)
    with sessions.begin() as db:
        assert broken(db) == set()
        states = db.execute(text("SELECT DISTINCT status FROM orders")).scalars()
        assert set(states) == {status.value for status in Status}


def test_the_report_speaks_the_owners_language() -> None:
    [total] = [i for i in INVARIANTS if i.rule.startswith("the VAT is")]
    rows = [{"order_number": 1000 + n, "vat": n, "of_lines": 0} for n in range(1, 13)]
    assert list(report([Finding(INVARIANTS[0], []), Finding(total, rows)])) == [
        "ok    I1   what lies on the shelf is the sum of its movements",
        "WRONG I5   the VAT is the lines' and the postage's",
        *(f"           order {1000 + n} (vat={n}, of_lines=0)" for n in range(1, 11)),
        "           and 2 more",
        (
            "1 rule does not hold. Nothing has been changed. Make a backup, and show this to "
            "whoever helps you with the shop."
        ),
    ]
    with speaking("sv"):
        assert list(report([Finding(INVARIANTS[0], [])])) == [
            "ok    I1   det som ligger på hyllan är summan av sina rörelser",
            "Allt stämmer: alla regler håller (1).",
        ]


@contextmanager
def unguarded(url: str) -> Iterator[Connection]:
    """Yield a connection whose database refuses nothing; at the end everything is undone."""
    engine = write_engine(url, foreign_keys=False)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            for table in inspect(connection).get_table_names():
                for statement in (
                    f"CREATE TABLE bare AS SELECT * FROM {table}",  # noqa: S608 - our own names
                    f"DROP TABLE {table}",
                    f"ALTER TABLE bare RENAME TO {table}",
                ):
                    connection.execute(text(statement))
        else:
            _drop(
                connection,
                "SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', conrelid::regclass, conname)"
                " FROM pg_constraint WHERE contype IN ('c', 'f', 'u')"
                " AND connamespace = 'public'::regnamespace ORDER BY contype",
            )
            _drop(
                connection,
                "SELECT 'DROP INDEX ' || indexname FROM pg_indexes"
                " WHERE schemaname = 'public' AND indexname LIKE 'uq_%'",
            )
        yield connection
        connection.rollback()
    engine.dispose()


def _drop(connection: Connection, query: str) -> None:
    for statement in list(connection.execute(text(query)).scalars()):
        connection.execute(text(statement))
