"""What must always be true of the shop's books, asked of the database in plain SQL.

Every line holds at every commit, so it can be asked of a shop that is selling. Each query returns
the rows that break the rule; the first column names what it is about.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.kit.i18n import gettext as _
from shop.kit.i18n import ngettext

SHOWN = 10  # of what breaks one rule


@dataclass(frozen=True)
class Invariant:
    code: str
    rule: str  # a msgid: shown in the owner's language
    breaches: str = ""  # SQL; what is asked of the disk has none


@dataclass(frozen=True)
class Finding:
    invariant: Invariant
    rows: Sequence[Mapping[str, Any]]

    @property
    def holds(self) -> bool:
        return not self.rows


INVARIANTS = [
    Invariant(
        "I1",
        "what lies on the shelf is the sum of its movements",
        """
        SELECT v.sku AS item, coalesce(l.on_hand, 0) AS on_hand, coalesce(m.moved, 0) AS moved
        FROM variants v LEFT JOIN stock_levels l ON l.variant_id = v.id LEFT JOIN (
            SELECT variant_id, sum(delta) AS moved FROM stock_movements GROUP BY variant_id
        ) m ON m.variant_id = v.id
        WHERE coalesce(l.on_hand, 0) <> coalesce(m.moved, 0)
        """,
    ),
    Invariant(
        "I1",
        "what is promised is what unpaid orders hold",
        """
        SELECT v.sku AS item, coalesce(l.reserved, 0) AS reserved, coalesce(h.held, 0) AS held
        FROM variants v LEFT JOIN stock_levels l ON l.variant_id = v.id LEFT JOIN (
            SELECT ol.variant_id, sum(ol.quantity) AS held
            FROM order_lines ol JOIN orders o ON o.id = ol.order_id
            WHERE o.status = 'pending' AND ol.from_stock
            GROUP BY ol.variant_id
        ) h ON h.variant_id = v.id
        WHERE coalesce(l.reserved, 0) <> coalesce(h.held, 0)
        """,
    ),
    Invariant(
        "I1",
        "nothing is promised that is not there",
        """
        SELECT v.sku AS item, l.on_hand, l.reserved
        FROM stock_levels l JOIN variants v ON v.id = l.variant_id
        WHERE l.on_hand < 0 OR l.reserved < 0 OR l.reserved > l.on_hand
        """,
    ),
    Invariant(
        "I1",
        "every bought piece left the shelf once, in the ledger",
        """
        SELECT o.number AS order_number, v.sku, b.bought, b.sold
        FROM (
            SELECT order_id, variant_id, sum(bought) AS bought, sum(sold) AS sold FROM (
                SELECT ol.order_id, ol.variant_id, ol.quantity AS bought, 0 AS sold
                FROM order_lines ol JOIN orders o ON o.id = ol.order_id
                WHERE o.status IN ('paid', 'shipped', 'delivered', 'refunded') AND ol.from_stock
                UNION ALL
                SELECT order_id, variant_id, 0, -delta FROM stock_movements
                WHERE reason = 'sold' AND order_id IS NOT NULL
            ) both_sides
            GROUP BY order_id, variant_id HAVING sum(bought) <> sum(sold)
        ) b JOIN orders o ON o.id = b.order_id JOIN variants v ON v.id = b.variant_id
        """,
    ),
    Invariant(
        "I2",
        "a unique piece belongs to one buyer at the most",
        """
        SELECT taken.item, taken.promised_or_sold, coalesce(made.pieces, 0) AS pieces
        FROM (
            SELECT v.product_id, max(v.sku) AS item, sum(ol.quantity) AS promised_or_sold
            FROM order_lines ol
            JOIN orders o ON o.id = ol.order_id
            JOIN variants v ON v.id = ol.variant_id
            JOIN products p ON p.id = v.product_id
            WHERE p.kind = 'unique' AND o.status IN ('pending', 'paid', 'shipped', 'delivered')
            GROUP BY v.product_id
        ) taken LEFT JOIN (
            SELECT v.product_id, sum(m.delta) AS pieces
            FROM stock_movements m JOIN variants v ON v.id = m.variant_id
            WHERE m.reason <> 'sold'
            GROUP BY v.product_id
        ) made ON made.product_id = taken.product_id
        WHERE taken.promised_or_sold > coalesce(made.pieces, 0)
        """,
    ),
    Invariant(
        "I3",
        "every paid order has its payment, and every payment its order",
        """
        SELECT o.number AS order_number, o.status, count(a.id) AS payments
        FROM orders o LEFT JOIN payment_attempts a
            ON a.order_id = o.id AND a.status = 'paid'
        GROUP BY o.id, o.number, o.status
        HAVING (o.status IN ('paid', 'shipped', 'delivered', 'refunded')) <> (count(a.id) > 0)
        """,
    ),
    Invariant(
        "I3",
        "money that came late goes back; what does not fit is held for a person to look at",
        """
        SELECT o.number AS order_number, a.status AS payment
        FROM payment_attempts a JOIN orders o ON o.id = a.order_id
        WHERE a.status IN ('late', 'review') AND o.review IS NULL AND NOT EXISTS (
            SELECT 1 FROM order_entries e WHERE e.order_id = o.id AND e.kind = 'reviewed'
        ) AND NOT EXISTS (
            SELECT 1 FROM refunds r WHERE r.attempt_id = a.id AND a.status = 'late'
            AND r.status IN ('requested', 'pending', 'succeeded')
        )
        """,
    ),
    Invariant(
        "I4",
        "no more goes back than came in",
        """
        SELECT order_number, came_in, taken, asked FROM (
            SELECT o.number AS order_number, a.amount AS came_in,
                sum(CASE WHEN r.status <> 'requested' THEN r.amount ELSE 0 END) AS taken,
                -- what Stripe may still refuse, when it was paid back there meanwhile
                sum(CASE WHEN r.origin <> 'dashboard' THEN r.amount ELSE 0 END) AS asked
            FROM payment_attempts a
            JOIN refunds r ON r.attempt_id = a.id
            JOIN orders o ON o.id = a.order_id
            WHERE r.status IN ('requested', 'pending', 'succeeded')
            AND a.status IN ('paid', 'late')
            GROUP BY a.id, o.number, a.amount
        ) sums
        WHERE taken > came_in OR asked > came_in
        """,
    ),
    Invariant(
        "I4",
        "an order is refunded when all of it went back, and only then",
        """
        SELECT o.number AS order_number, o.status, a.amount AS came_in,
            coalesce(sum(r.amount), 0) AS goes_back
        FROM orders o JOIN payment_attempts a ON a.order_id = o.id AND a.status = 'paid'
        LEFT JOIN refunds r ON r.attempt_id = a.id
            AND r.status IN ('requested', 'pending', 'succeeded')
        GROUP BY o.id, o.number, o.status, a.id, a.amount
        HAVING (o.status = 'refunded') <> (coalesce(sum(r.amount), 0) >= a.amount)
        """,
    ),
    Invariant(
        "I4",
        "what the owner gives back is the sum of what it is for",
        """
        SELECT o.number AS order_number, r.amount, coalesce(sum(p.amount), 0) AS parts
        FROM refunds r JOIN orders o ON o.id = r.order_id
        LEFT JOIN refund_lines p ON p.refund_id = r.id
        WHERE r.origin = 'owner'
        GROUP BY r.id, o.number, r.amount HAVING r.amount <> coalesce(sum(p.amount), 0)
        """,
    ),
    Invariant(
        "I4",
        "an order is paid once",
        """
        SELECT o.number AS order_number, count(*) AS payments
        FROM payment_attempts a JOIN orders o ON o.id = a.order_id
        WHERE a.status = 'paid' GROUP BY o.id, o.number HAVING count(*) > 1
        """,
    ),
    Invariant(
        "I5",
        "the total is the lines with their postage, less the discount",
        """
        SELECT o.number AS order_number, o.total_amount AS total,
            sum(l.price_amount * l.quantity) AS lines, o.shipping_amount AS postage,
            o.discount_amount AS discount
        FROM orders o JOIN order_lines l ON l.order_id = o.id
        GROUP BY o.id, o.number, o.total_amount, o.subtotal_amount, o.shipping_amount,
                 o.discount_amount
        HAVING o.subtotal_amount <> sum(l.price_amount * l.quantity)
            OR o.total_amount <> o.subtotal_amount + o.shipping_amount - o.discount_amount
        """,
    ),
    Invariant(
        "I5",
        "the VAT is the lines' and the postage's",
        """
        SELECT o.number AS order_number, o.vat_amount AS vat,
            sum(l.vat_amount) + o.shipping_vat_amount AS of_lines_and_postage
        FROM orders o JOIN order_lines l ON l.order_id = o.id
        GROUP BY o.id, o.number, o.vat_amount, o.shipping_vat_amount
        HAVING o.vat_amount <> sum(l.vat_amount) + o.shipping_vat_amount
        """,
    ),
    Invariant(
        "I5",
        "what Stripe is asked for is what the order costs",
        """
        SELECT o.number AS order_number, o.total_amount AS total, a.amount AS asked_for
        FROM payment_attempts a JOIN orders o ON o.id = a.order_id
        WHERE a.amount <> o.total_amount OR a.currency <> o.currency
        """,
    ),
    Invariant(
        "I5",
        "every order has lines",
        """
        SELECT o.number AS order_number FROM orders o
        WHERE NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id)
        """,
    ),
    Invariant(
        "I6",
        "an order's state is the last one of its timeline",
        """
        SELECT o.number AS order_number, o.status, e.kind AS timeline
        FROM orders o
        LEFT JOIN (
            SELECT order_id, max(id) AS id FROM order_entries
            WHERE kind IN ('placed', 'paid', 'shipped', 'delivered', 'refunded', 'expired',
                           'cancelled', 'sending_taken_back', 'refund_taken_back')
            GROUP BY order_id
        ) last ON last.order_id = o.id
        LEFT JOIN order_entries e ON e.id = last.id
        WHERE e.id IS NULL OR o.status <> CASE e.kind WHEN 'placed' THEN 'pending'
                               WHEN 'sending_taken_back' THEN 'paid'
                               WHEN 'refund_taken_back' THEN e.note ELSE e.kind END
        """,
    ),
    Invariant(
        "I6",
        "an order's timeline takes only steps that an order can take",
        """
        SELECT o.number AS order_number, steps.since, steps.state
        FROM (
            SELECT order_id, state,
                lag(state, 1, 'nothing') OVER (PARTITION BY order_id ORDER BY id) AS since
            FROM (
                SELECT id, order_id, CASE kind WHEN 'placed' THEN 'pending'
                    WHEN 'sending_taken_back' THEN 'paid'
                    WHEN 'refund_taken_back' THEN note ELSE kind END AS state
                FROM order_entries
                WHERE kind IN ('placed', 'paid', 'shipped', 'delivered', 'refunded', 'expired',
                               'cancelled', 'sending_taken_back', 'refund_taken_back')
            ) moves
        ) steps JOIN orders o ON o.id = steps.order_id
        WHERE NOT (steps.since = 'nothing' AND steps.state = 'pending'
            OR steps.since = 'pending' AND steps.state IN ('paid', 'expired', 'cancelled')
            OR steps.since IN ('expired', 'cancelled') AND steps.state = 'paid'
            OR steps.since = 'paid' AND steps.state IN ('shipped', 'refunded')
            OR steps.since = 'shipped' AND steps.state IN ('delivered', 'refunded', 'paid')
            OR steps.since = 'delivered' AND steps.state = 'refunded'
            OR steps.since = 'refunded' AND steps.state IN ('paid', 'shipped', 'delivered'))
        """,
    ),
    Invariant(
        "I6",
        "an unpaid order has a payment that can still come",
        """
        SELECT o.number AS order_number FROM orders o
        WHERE o.status = 'pending' AND NOT EXISTS (
            SELECT 1 FROM payment_attempts a WHERE a.order_id = o.id
            AND a.status IN ('creating', 'open', 'processing', 'review')
        )
        """,
    ),
    Invariant(
        "I7",
        "every paid order has its confirmation, and every sent one its dispatch mail",
        """
        SELECT o.number AS order_number, o.status FROM orders o
        WHERE (o.status IN ('paid', 'shipped', 'delivered', 'refunded') AND NOT EXISTS (
            SELECT 1 FROM outbox m WHERE m.kind = 'order_confirmation' AND m.subject_id = o.id
        )) OR (o.status IN ('shipped', 'delivered') AND NOT EXISTS (
            SELECT 1 FROM outbox m WHERE m.kind = 'dispatch' AND m.subject_id = o.id
        ))
        """,
    ),
    Invariant(
        "I7",
        "every refund that Stripe has taken has its mail",
        """
        SELECT o.number AS order_number, r.amount, r.status
        FROM refunds r JOIN orders o ON o.id = r.order_id
        WHERE r.status IN ('pending', 'succeeded') AND NOT EXISTS (
            SELECT 1 FROM outbox m WHERE m.kind = 'refund' AND m.subject_id = r.id
        )
        """,
    ),
    Invariant(
        "I7",
        "every withdrawal has its receipt",
        """
        SELECT w.id AS withdrawal, w.order_given FROM withdrawals w WHERE NOT EXISTS (
            SELECT 1 FROM outbox m WHERE m.kind = 'withdrawal_receipt' AND m.subject_id = w.id
        )
        """,
    ),
    Invariant(
        "I8",
        "after a message from Stripe that counts as done, Stripe was asked about the payment",
        """
        SELECT e.id AS message, a.id AS payment FROM provider_events e
        JOIN payment_attempts a ON a.session_id = e.object_id
        WHERE e.processed_at IS NOT NULL AND e.error IS NULL AND a.checked_at IS NULL
        """,
    ),
    Invariant(
        "I9",
        "an order is disputed while its buyer's bank asks, and only then",
        """
        SELECT o.number AS order_number, o.disputed, count(d.id) AS disputes FROM orders o
        LEFT JOIN disputes d ON d.order_id = o.id AND d.status IN
            ('needs_response', 'under_review', 'warning_needs_response', 'warning_under_review')
        GROUP BY o.id, o.number, o.disputed HAVING o.disputed <> (count(d.id) > 0)
        """,
    ),
    Invariant(
        "I9",
        "no payment is in the ledger twice",
        """
        SELECT source_id AS payment, count(*) AS entries FROM ledger_entries
        WHERE kind = 'charge' GROUP BY source_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        "I9",
        "what came in for an order, by the ledger, is what it cost",
        """
        SELECT o.number AS order_number, o.total_amount AS total, e.amount AS came_in
        FROM ledger_entries e JOIN orders o ON o.id = e.order_id
        WHERE e.kind = 'charge' AND e.currency = o.currency AND e.amount <> o.total_amount
        AND NOT EXISTS (
            SELECT 1 FROM payment_attempts a
            WHERE a.order_id = o.id AND a.status IN ('review', 'refunded')
        )
        """,
    ),
    Invariant(
        "I10",
        "a code is used as often as orders have it, and no oftener than it may be",
        """
        SELECT d.code, d.uses, count(r.id) AS orders, d.most_uses
        FROM discounts d LEFT JOIN redemptions r ON r.discount_id = d.id
        GROUP BY d.id, d.code, d.uses, d.most_uses
        HAVING d.uses <> count(r.id) OR d.uses > d.most_uses
        """,
    ),
    Invariant(
        "I10",
        "an order that counts has the use of its code, and one that came to nothing has none",
        """
        SELECT o.number AS order_number, o.status, o.discount_amount AS discount, r.amount AS used
        FROM orders o LEFT JOIN redemptions r ON r.order_id = o.id
        WHERE coalesce(r.amount, 0) <> CASE
            WHEN o.status IN ('pending', 'paid', 'shipped', 'delivered', 'refunded')
            THEN o.discount_amount ELSE 0 END
        """,
    ),
    Invariant(
        "I10",
        "the lines' shares of the discount are the order's",
        """
        SELECT o.number AS order_number, o.discount_amount AS discount,
            sum(l.discount_amount) AS of_lines
        FROM orders o JOIN order_lines l ON l.order_id = o.id
        GROUP BY o.id, o.number, o.discount_amount
        HAVING o.discount_amount <> sum(l.discount_amount)
        """,
    ),
    Invariant(
        "I11",
        "no number is given twice, or above the series' last",
        """
        SELECT max(o.number) AS order_number, s.last FROM orders o, number_series s
        WHERE s.name = 'orders'
        GROUP BY s.last HAVING max(o.number) > s.last OR count(*) <> count(DISTINCT o.number)
        """,
    ),
]


def verify(db: Session) -> list[Finding]:
    """Return a finding for each invariant, in order; it holds when it has no rows."""
    return [ask(db, invariant) for invariant in INVARIANTS]


def ask(db: Session, invariant: Invariant) -> Finding:
    rows = db.execute(text(invariant.breaches)).mappings()
    return Finding(invariant, [dict(row) for row in rows])


def report(found: Sequence[Finding]) -> Iterator[str]:
    """Yield the lines of `shop verify`, in the language of the moment."""
    for finding in found:
        mark = "ok   " if finding.holds else "WRONG"
        yield f"{mark} {finding.invariant.code:4} {_(finding.invariant.rule)}"
        for row in finding.rows[:SHOWN]:
            yield f"           {in_words(row)}"
        if more := len(finding.rows[SHOWN:]):
            yield "           " + ngettext("and %(num)s more", "and %(num)s more", more) % {
                "num": more
            }
    broken = sum(not finding.holds for finding in found)
    if not broken:
        yield _("All right: every rule holds (%(num)s).") % {"num": len(found)}
        return
    yield ngettext(
        "%(num)s rule does not hold. Nothing has been changed. Make a backup, and show this to "
        "whoever helps you with the shop.",
        "%(num)s rules do not hold. Nothing has been changed. Make a backup, and show this to "
        "whoever helps you with the shop.",
        broken,
    ) % {"num": broken}


def in_words(row: Mapping[str, Any]) -> str:
    """Return what breaks a rule: what the owner knows it by, then the facts for whoever helps."""
    (what, which), *facts = row.items()
    names = {
        "order_number": _("order %(which)s"),
        "item": _("item %(which)s"),
        "payment": _("payment %(which)s"),
        "withdrawal": _("withdrawal %(which)s"),
        "message": _("message %(which)s from Stripe"),
        "code": _("code %(which)s"),
        "photo": _("photo %(which)s"),
    }
    said = names[what] % {"which": which}
    told = ", ".join(f"{name}={value}" for name, value in facts)
    return f"{said} ({told})" if told else said
