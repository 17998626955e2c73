"""Payouts: every day what is available goes to the shop's bank account.

A payout settles the balance transactions that it pays out, itself among them; together they come
to nothing. When the bank sends one back, its money is a new transaction for the next payout.
"""

from shop.sandbox.stand_in.balance import DAY, amounts, book
from shop.sandbox.stand_in.errors import Json
from shop.sandbox.stand_in.events import emit
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.world import World

SENT_AFTER = 3_600.0  # seconds from its creation until it is at the bank
ARRIVES_AFTER = DAY
BANK_ACCOUNT = "ba_1TheShopsOwnBankAccount00"


def run(world: World, currency: str) -> Json | None:
    """Pay out all that is available in *currency*; None when that is nothing or less."""
    amount = amounts(world).get(currency, {"available": 0})["available"]
    if amount <= 0:
        return None
    now = world.clock.now()
    payout = world.spec.blank(
        "payout",
        id=new_id("payout"),
        object="payout",
        amount=amount,
        arrival_date=now + ARRIVES_AFTER,
        automatic=True,
        created=now,
        currency=currency,
        description="STRIPE PAYOUT",
        destination=BANK_ACCOUNT,
        livemode=False,
        metadata={},
        method="standard",
        reconciliation_status="in_progress",
        source_type="card",
        status="pending",
        type="bank_account",
    )
    world.store.add(payout)
    payout["balance_transaction"] = book(world, "payout", payout, -amount)["id"]
    world.store.save(payout)
    _settle(world, payout)
    world.store.set_timer(world.clock.exact() + SENT_AFTER, "send_payout", payout["id"])
    _note(world, "payout.created", payout)
    emit(world, "payout.created", payout)
    return payout


def send(world: World, payout_id: str) -> None:
    """It is on its way, and what it settles can be listed."""
    payout = world.store.get(payout_id) | {"status": "in_transit"}
    world.store.save(payout)
    world.store.clear_timers(payout_id)
    world.store.set_timer(payout["arrival_date"], "pay_payout", payout_id)
    _note(world, "payout.in_transit", payout)
    emit(world, "payout.updated", payout, {"status": "pending"})
    payout["reconciliation_status"] = "completed"
    world.store.save(payout)
    emit(world, "payout.reconciliation_completed", payout)


def pay(world: World, payout_id: str) -> None:
    """It has arrived."""
    payout = world.store.get(payout_id) | {"status": "paid"}
    world.store.save(payout)
    world.store.clear_timers(payout_id)
    _note(world, "payout.paid", payout)
    emit(world, "payout.paid", payout)


def fail(world: World, payout_id: str) -> None:
    """The bank sends it back; possible after it was thought paid, too."""
    payout = world.store.get(payout_id)
    entry = book(world, "payout_failure", payout, payout["amount"])
    payout |= {
        "status": "failed",
        "failure_balance_transaction": entry["id"],
        "failure_code": "account_closed",
        "failure_message": "The bank account has been closed",
    }
    world.store.save(payout)
    world.store.clear_timers(payout_id)
    _note(world, "payout.failed", payout)
    emit(world, "payout.failed", payout)


def finish(world: World, payout: Json, outcome: str) -> Json:
    """Bring it to its end at once: `paid` or `failed`."""
    if payout["status"] == "pending":
        send(world, payout["id"])
    if outcome == "paid":
        pay(world, payout["id"])
    else:
        fail(world, payout["id"])
    return world.store.get(payout["id"])


def _settle(world: World, payout: Json) -> None:
    world.store.run(
        "UPDATE objects SET private = json_set(private, '$.payout', ?)"
        " WHERE kind = 'balance_transaction' AND json_extract(private, '$.payout') IS NULL"
        " AND json_extract(body, '$.currency') = ? AND json_extract(body, '$.available_on') <= ?",
        payout["id"],
        payout["currency"],
        payout["created"],
    )


def _note(world: World, what: str, payout: Json) -> None:
    world.log(
        what,
        payout=payout["id"],
        balance_transaction=payout["balance_transaction"],
        amount=payout["amount"],
        currency=payout["currency"],
        metadata=payout["metadata"],
    )
