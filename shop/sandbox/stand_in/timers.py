"""What happens by the clock alone."""

import asyncio
from collections.abc import Callable, Mapping

from shop.sandbox.stand_in import disputes, payouts
from shop.sandbox.stand_in.charges import settle_charge
from shop.sandbox.stand_in.errors import GuardBreach
from shop.sandbox.stand_in.payments import settle_by_account
from shop.sandbox.stand_in.refunds import fail_refund, succeed_refund
from shop.sandbox.stand_in.sessions import end
from shop.sandbox.stand_in.world import Cause, World

TICK = 0.25


def _expire_session(world: World, session_id: str) -> None:
    end(world, world.store.get(session_id))


_WHAT: Mapping[str, Callable[[World, str], object]] = {
    "expire_session": _expire_session,
    "settle_charge": settle_charge,
    "succeed_refund": succeed_refund,
    "fail_refund": fail_refund,
    "settle_payment": settle_by_account,
    "dispute_by_itself": disputes.begin_by_itself,
    "dispute_unanswered": disputes.unanswered,
    "decide_dispute": disputes.decide,
    "pay_out": payouts.run,
    "send_payout": payouts.send,
    "pay_payout": payouts.pay,
}


def run_due(world: World) -> None:
    """Do everything whose time has come, in order, each at its time and in its own transaction."""
    while timer := world.store.next_due(world.clock.exact()):
        try:
            with world.clock.as_of(timer["due_at"]), world.acting(Cause("clock")):
                world.store.run("DELETE FROM timers WHERE id = ?", timer["id"])
                _WHAT[timer["what"]](world, timer["object_id"])
        except GuardBreach as breach:  # kept for the tests; the timer must not fire for ever
            world.blame(breach)
            with world.store.transaction():
                world.store.run("DELETE FROM timers WHERE id = ?", timer["id"])


async def tick(world: World) -> None:
    """Run for as long as the server runs, so that time passes without requests too."""
    while True:
        run_due(world)
        await asyncio.sleep(TICK)
