"""A shop in miniature: what it orders, how it pays, and where it hears of it."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import stripe

from shop.sandbox.stand_in.server import StandInServer

SUCCESS = "http://127.0.0.1:9/thanks?cs={CHECKOUT_SESSION_ID}"
CANCEL = "http://127.0.0.1:9/checkout"
VERSION = "2026-10-28.endive"


def order(unit_amount: int = 23_100, quantity: int = 1, **changes: Any) -> Any:
    """Parameters of a session over *quantity* dolls, in öre."""
    line = {
        "quantity": quantity,
        "price_data": {
            "currency": "sek",
            "unit_amount": unit_amount,
            "tax_behavior": "inclusive",
            "product_data": {"name": "Räven Rut", "metadata": {"sku": "rut"}},
        },
    }
    params = {
        "mode": "payment",
        "line_items": [line],
        "success_url": SUCCESS,
        "cancel_url": CANCEL,
        "locale": "sv",
        "customer_email": "anna@example.com",
        "client_reference_id": "1001",
        "metadata": {"order_id": "1001"},
        "payment_intent_data": {"metadata": {"order_id": "1001"}},
    }
    return params | changes


def euros(unit_amount: int = 2_310, **changes: Any) -> Any:
    """The same in euro."""
    params = order(unit_amount, **changes)
    params["line_items"][0]["price_data"]["currency"] = "eur"
    return params


def with_shipping(amount: int = 3_900) -> dict[str, Any]:
    fixed = {"amount": amount, "currency": "sek"}
    rate = {"display_name": "Brev", "type": "fixed_amount", "fixed_amount": fixed}
    return {"shipping_options": [{"shipping_rate_data": rate}]}


def card(number: str = "4242 4242 4242 4242", **changes: str) -> dict[str, str]:
    """The payment page's form."""
    return {"method": "card", "number": number, "exp": "12 / 34", "cvc": "123"} | changes


def confirm(browser: httpx2.Client, url: str, form: dict[str, str]) -> httpx2.Response:
    return browser.post(f"{url}/confirm", data=form)


def pay(
    client: stripe.StripeClient, stand_in: StandInServer, amount: int = 23_100, **how: Any
) -> str:
    """Order for *amount* and pay by control; the PaymentIntent's id."""
    session = client.v1.checkout.sessions.create(order(amount))
    return str(stand_in.control(f"sessions/{session.id}/pay", **how)["payment_intent"])


def charge_of(client: stripe.StripeClient, payment: str) -> stripe.Charge:
    intent = client.v1.payment_intents.retrieve(payment, {"expand": ["latest_charge.refunds"]})
    assert isinstance(intent.latest_charge, stripe.Charge)
    return intent.latest_charge


def kinds(client: stripe.StripeClient, count: int) -> list[str]:
    """The types of the *count* newest events, oldest first."""
    newest = client.v1.events.list({"limit": count}).data
    return [str(event.type) for event in reversed(newest)]


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until *true* says so; fail after *seconds*."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


class Receiver:
    """A webhook endpoint that remembers what came, and answers what it is told to."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, str]] = []
        self.answers: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/webhooks/stripe"

    def take(self, body: bytes, signature: str) -> int:
        self.received.append((body, signature))
        return self.answers.pop(0) if self.answers else 200

    def wait_for(self, count: int) -> list[tuple[bytes, str]]:
        until(lambda: len(self.received) >= count)
        return self.received

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(body, self.headers["Stripe-Signature"])
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    return Handler
