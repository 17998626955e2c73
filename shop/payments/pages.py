"""Where Stripe calls."""

import logging

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from shop.kit.routing import Hook
from shop.payments.errors import InvalidSignature, PaymentError
from shop.payments.inbox import process, store
from shop.payments.till import Till

log = logging.getLogger("shop.payments")
WEBHOOK_LIMIT = 512 * 1024


def webhook(request: Request, body: bytes) -> Response:
    """Keep a signed event, then act on it at once if that goes; if not, the reconciler does.

    The answer is 200 as soon as the event is safely stored.
    """
    till: Till = request.state.till
    try:
        event = till.gateway.read_event(body, request.headers.get("stripe-signature", ""))
    except InvalidSignature:
        return PlainTextResponse("The signature is not Stripe's.\n", status_code=400)
    if event.livemode != till.gateway.livemode:
        return PlainTextResponse("This event is of the other mode.\n", status_code=400)
    with till.sessions.begin() as db:
        new = store(db, event, body.decode(), now=till.now())
    if new:
        try:
            process(till, event.id)
        except PaymentError:
            log.warning("event %s waits for the reconciler", event.id)
    return PlainTextResponse("kept\n")


routes = [Hook("/webhooks/stripe", webhook, pool="stripe", body_limit=WEBHOOK_LIMIT)]
