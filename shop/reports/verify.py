"""What must always be true of the shop's books, asked of the database in plain SQL.

Every line holds at every commit, so it can be asked of a shop that is selling. Each query returns
the rows that break the rule, with what identifies them first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Invariant:
    code: str
    rule: str
    breaches: str  # SQL


@dataclass(frozen=True)
class Finding:
    invariant: Invariant
    rows: Sequence[Any]

    @property
    def holds(self) -> bool:
        return not self.rows


INVARIANTS = [
    Invariant(
        "I1",
        "what lies on the shelf is the sum of its movements",
        """
        SELECT v.id, coalesce(l.on_hand, 0), coalesce(m.moved, 0)
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
        SELECT v.id, coalesce(l.reserved, 0), coalesce(h.held, 0)
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
        SELECT variant_id, on_hand, reserved FROM stock_levels
        WHERE on_hand < 0 OR reserved < 0 OR reserved > on_hand
        """,
    ),
    Invariant(
        "I1",
        "every bought piece left the shelf once, in the ledger",
        """
        SELECT order_id, variant_id, sum(bought), sum(sold)
        FROM (
            SELECT ol.order_id, ol.variant_id, ol.quantity AS bought, 0 AS sold
            FROM order_lines ol JOIN orders o ON o.id = ol.order_id
            WHERE o.status IN ('paid', 'shipped', 'delivered', 'refunded') AND ol.from_stock
            UNION ALL
            SELECT order_id, variant_id, 0, -delta FROM stock_movements
            WHERE reason = 'sold' AND order_id IS NOT NULL
        ) both_sides
        GROUP BY order_id, variant_id HAVING sum(bought) <> sum(sold)
        """,
    ),
    Invariant(
        "I2",
        "a unique piece belongs to one buyer at the most",
        """
        SELECT v.product_id, sum(ol.quantity)
        FROM order_lines ol
        JOIN orders o ON o.id = ol.order_id
        JOIN variants v ON v.id = ol.variant_id
        JOIN products p ON p.id = v.product_id
        WHERE p.kind = 'unique' AND o.status IN ('pending', 'paid', 'shipped', 'delivered')
        GROUP BY v.product_id
        HAVING sum(ol.quantity) > (
            SELECT coalesce(sum(m.delta), 0) FROM stock_movements m
            JOIN variants w ON w.id = m.variant_id
            WHERE w.product_id = v.product_id AND m.reason <> 'sold'
        )
        """,
    ),
    Invariant(
        "I3",
        "every paid order has its payment, and every payment its order",
        """
        SELECT o.number, o.status, count(a.id)
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
        SELECT o.number, a.status FROM payment_attempts a JOIN orders o ON o.id = a.order_id
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
        SELECT a.order_id, a.amount, sum(r.amount)
        FROM payment_attempts a JOIN refunds r ON r.attempt_id = a.id
        WHERE r.status IN ('requested', 'pending', 'succeeded')
        AND a.status IN ('paid', 'late')
        GROUP BY a.id, a.order_id, a.amount HAVING sum(r.amount) > a.amount
        """,
    ),
    Invariant(
        "I4",
        "an order is refunded when all of it went back, and only then",
        """
        SELECT o.number, o.status, a.amount, coalesce(sum(r.amount), 0)
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
        SELECT r.id, r.amount, coalesce(sum(p.amount), 0)
        FROM refunds r LEFT JOIN refund_lines p ON p.refund_id = r.id
        WHERE r.origin = 'owner'
        GROUP BY r.id, r.amount HAVING r.amount <> coalesce(sum(p.amount), 0)
        """,
    ),
    Invariant(
        "I4",
        "an order is paid once",
        """
        SELECT order_id, count(*) FROM payment_attempts
        WHERE status = 'paid' GROUP BY order_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        "I5",
        "the total is the lines with their postage, less the discount",
        """
        SELECT o.number, o.total_amount, sum(l.price_amount * l.quantity)
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
        SELECT o.number, o.vat_amount, sum(l.vat_amount) + o.shipping_vat_amount
        FROM orders o JOIN order_lines l ON l.order_id = o.id
        GROUP BY o.id, o.number, o.vat_amount, o.shipping_vat_amount
        HAVING o.vat_amount <> sum(l.vat_amount) + o.shipping_vat_amount
        """,
    ),
    Invariant(
        "I5",
        "what Stripe is asked for is what the order costs",
        """
        SELECT o.number, o.total_amount, a.amount
        FROM payment_attempts a JOIN orders o ON o.id = a.order_id
        WHERE a.amount <> o.total_amount OR a.currency <> o.currency
        """,
    ),
    Invariant(
        "I5",
        "every order has lines",
        """
        SELECT o.number FROM orders o
        WHERE NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id)
        """,
    ),
    Invariant(
        "I6",
        "an order's state is the last one of its timeline",
        """
        SELECT o.number, o.status, e.kind
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
        "an unpaid order has a payment that can still come",
        """
        SELECT o.number FROM orders o
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
        SELECT o.number, o.status FROM orders o
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
        SELECT r.id, r.status FROM refunds r
        WHERE r.status IN ('pending', 'succeeded') AND NOT EXISTS (
            SELECT 1 FROM outbox m WHERE m.kind = 'refund' AND m.subject_id = r.id
        )
        """,
    ),
    Invariant(
        "I7",
        "every withdrawal has its receipt",
        """
        SELECT w.id FROM withdrawals w WHERE NOT EXISTS (
            SELECT 1 FROM outbox m WHERE m.kind = 'withdrawal_receipt' AND m.subject_id = w.id
        )
        """,
    ),
    Invariant(
        "I8",
        "an event that counts as done has an attempt that Stripe was asked about",
        """
        SELECT e.id, a.id FROM provider_events e
        JOIN payment_attempts a ON a.session_id = e.object_id
        WHERE e.processed_at IS NOT NULL AND e.error IS NULL AND a.checked_at IS NULL
        """,
    ),
    Invariant(
        "I10",
        "a code is used as often as orders have it, and no oftener than it may be",
        """
        SELECT d.code, d.uses, count(r.id)
        FROM discounts d LEFT JOIN redemptions r ON r.discount_id = d.id
        GROUP BY d.id, d.code, d.uses, d.most_uses
        HAVING d.uses <> count(r.id) OR d.uses > d.most_uses
        """,
    ),
    Invariant(
        "I10",
        "an order that counts has the use of its code, and one that came to nothing has none",
        """
        SELECT o.number, o.status, o.discount_amount, r.amount
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
        SELECT o.number, o.discount_amount, sum(l.discount_amount)
        FROM orders o JOIN order_lines l ON l.order_id = o.id
        GROUP BY o.id, o.number, o.discount_amount
        HAVING o.discount_amount <> sum(l.discount_amount)
        """,
    ),
    Invariant(
        "I9",
        "an order is disputed while its buyer's bank asks, and only then",
        """
        SELECT o.number, o.disputed, count(d.id) FROM orders o
        LEFT JOIN disputes d ON d.order_id = o.id AND d.status IN
            ('needs_response', 'under_review', 'warning_needs_response', 'warning_under_review')
        GROUP BY o.id, o.number, o.disputed HAVING o.disputed <> (count(d.id) > 0)
        """,
    ),
    Invariant(
        "I9",
        "no payment is in the ledger twice",
        """
        SELECT source_id, count(*) FROM ledger_entries
        WHERE kind = 'charge' GROUP BY source_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        "I11",
        "no number is given twice, or above the series' last",
        """
        SELECT max(o.number), s.last FROM orders o, number_series s WHERE s.name = 'orders'
        GROUP BY s.last HAVING max(o.number) > s.last OR count(*) <> count(DISTINCT o.number)
        """,
    ),
]


def verify(db: Session) -> list[Finding]:
    """Return a finding for each invariant, in order; it holds when it has no rows."""
    return [
        Finding(invariant, db.execute(text(invariant.breaches)).all()) for invariant in INVARIANTS
    ]
