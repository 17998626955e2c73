"""What the stand-in for Stripe takes for a purchase, against as many requests that do nothing.

Both go through the same SDK to the same server, in turns, so the ratio is much the same on any
machine, busy or not; the milliseconds are not.
"""

# ruff: noqa: T201 - it prints

import time
from collections.abc import Callable
from statistics import median

import stripe

from shop.sandbox.stand_in.server import StandInServer
from tests.sandbox.conftest import connect
from tests.sandbox.tools import order

TIMES = 300
SINCE_RESET = 10  # purchases


def purchase(client: stripe.StripeClient, server: StandInServer) -> None:
    """Make a session, have it paid, and ask what became of it."""
    session = client.v1.checkout.sessions.create(order())
    server.control(f"sessions/{session.id}/pay")
    read = client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge"]}
    )
    assert read.payment_status == "paid"


def as_many_requests(client: stripe.StripeClient, server: StandInServer) -> None:
    client.v1.webhook_endpoints.list()
    server.control("clock")
    client.v1.webhook_endpoints.list()


def main() -> None:
    with StandInServer(":memory:") as server:
        client = connect(server.url)
        paid, bare, reset = [], [], []
        for n in range(TIMES):
            paid.append(timed(lambda: purchase(client, server)))
            bare.append(timed(lambda: as_many_requests(client, server)))
            if n % SINCE_RESET == SINCE_RESET - 1:
                reset.append(timed(server.reset))
        assert server.violations() == []
    nothing = median(bare)
    tell(f"a purchase, of {TIMES}", median(paid), nothing)
    tell("as many requests that do nothing", nothing, nothing)
    tell(f"a reset, after {SINCE_RESET} purchases", median(reset), nothing)


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds that *work* takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def tell(what: str, taken: float, nothing: float) -> None:
    print(f"{taken / nothing:6.2f} x {taken:8.2f} ms  {what}")


if __name__ == "__main__":
    main()
