"""The account's balance, and the transactions that make it up.

Everything settles in the currency it was paid in. What buyers pay becomes available after three
days, the Swedish payout speed in calendar days; whatever takes money away, or gives it back after
that, counts at once. So the available balance may be below zero, as it may at Stripe.
"""

from shop.sandbox.stand_in.call import Call
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.world import World

DAY = 24 * 3600
AVAILABLE_AFTER = 3 * DAY
CURRENCY = "sek"  # of the account
# What a transaction is about: its type, its category in Stripe's reports, and what a fee on it is.
ENTRIES = {
    "charge": ("charge", "charge", "Stripe processing fees"),
    "payment": ("payment", "charge", "Stripe processing fees"),
    "refund": ("refund", "refund", ""),
    "payment_refund": ("payment_refund", "refund", ""),
    "refund_failure": ("refund_failure", "refund_failure", ""),
    "dispute": ("adjustment", "dispute", "Dispute fee"),
    "dispute_reversal": ("adjustment", "dispute_reversal", "Dispute fee"),
    "payout": ("payout", "payout", ""),
    "payout_failure": ("payout_failure", "payout_reversal", ""),
}


def book(
    world: World, about: str, source: Json, amount: int, *, cost: int = 0, wait: int = 0
) -> Json:
    """Add a transaction over *amount* (signed minor units) with Stripe's *cost* taken off.

    *about*: a key of ENTRIES. *source*: the object it comes from. *wait*: seconds until the money
    can be paid out.
    """
    kind, category, label = ENTRIES[about]
    now, currency = world.clock.now(), source["currency"]
    details = world.spec.blank(
        "fee", amount=cost, currency=currency, type="stripe_fee", description=label
    )
    entry = world.spec.blank(
        "balance_transaction",
        id=new_id("balance_transaction"),
        object="balance_transaction",
        amount=amount,
        available_on=now + wait,
        balance_type="payments",
        created=now,
        currency=currency,
        fee=cost,
        fee_details=[details] if cost else [],
        net=amount - cost,
        reporting_category=category,
        source=source["id"],
        status="pending" if wait else "available",
        type=kind,
    )
    world.log(
        "balance_transaction.created",
        balance_transaction=entry["id"],
        source=source["id"],
        type=kind,
        reporting_category=category,
        amount=amount,
        fee=cost,
        net=entry["net"],
        currency=currency,
        metadata=source["metadata"],
    )
    world.store.add(entry, parent=source["id"])
    if entry["net"] > 0:
        _plan_payout(world, entry)
    return entry


def _plan_payout(world: World, entry: Json) -> None:
    """Payouts are made at midnight (UTC), the first one after the money is available."""
    midnight = (entry["available_on"] // DAY + 1) * DAY
    world.store.set_timer_once(midnight, "pay_out", entry["currency"])


def balance(call: Call) -> Json:
    """The sum of all transactions, by currency and by whether it is available yet."""
    sums = amounts(call.world)
    return {"object": "balance", "livemode": False} | {
        side: [{"amount": by[side], "currency": currency} for currency, by in sums.items()]
        for side in ("available", "pending")
    }


def amounts(world: World) -> dict[str, dict[str, int]]:
    """For each currency what is `available` and what is `pending`, in minor units."""
    sums = {CURRENCY: {"available": 0, "pending": 0}}
    for row in world.store.rows(
        "SELECT json_extract(body, '$.currency') AS currency, sum(json_extract(body, '$.net')) AS"
        " net, json_extract(body, '$.available_on') <= ? AS available FROM objects"
        " WHERE kind = 'balance_transaction' GROUP BY currency, available",
        world.clock.now(),
    ):
        by = sums.setdefault(row["currency"], {"available": 0, "pending": 0})
        by["available" if row["available"] else "pending"] = row["net"]
    return sums
