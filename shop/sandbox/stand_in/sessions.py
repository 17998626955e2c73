"""Checkout Sessions: created, read, expired."""

from urllib.parse import urlsplit

from shop.sandbox.stand_in.call import Call
from shop.sandbox.stand_in.coupons import chosen, shares
from shop.sandbox.stand_in.errors import Json, invalid, not_modelled, refused
from shop.sandbox.stand_in.events import emit
from shop.sandbox.stand_in.ids import new_id
from shop.sandbox.stand_in.lines import add_line, amounts, check_lines
from shop.sandbox.stand_in.metadata import check_metadata
from shop.sandbox.stand_in.money import LEAST, MOST, methods_for
from shop.sandbox.stand_in.payments import cancel_payment
from shop.sandbox.stand_in.shipping import add_shipping
from shop.sandbox.stand_in.world import World

SHORTEST, LONGEST = 30 * 60, 24 * 3600
# Accepted, and kept only to be shown again.
ECHOED = (
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "integration_identifier",
    "locale",
    "origin_context",
    "submit_type",
    "success_url",
)
MODELLED = {
    *ECHOED,
    "adaptive_pricing",
    "allowed_payment_method_types",
    "automatic_tax",
    "currency",
    "custom_text",
    "customer_creation",
    "discounts",
    "excluded_payment_method_types",
    "expand",
    "expires_at",
    "invoice_creation",
    "line_items",
    "metadata",
    "mode",
    "payment_intent_data",
    "phone_number_collection",
    "shipping_options",
    "tax_id_collection",
    "ui_mode",
}
PAYMENT_DATA = {
    "capture_method",
    "description",
    "metadata",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
}


def create(call: Call) -> Json:
    """Open a session over line items with their prices given inline.

    Raises StripeError(400) for what breaks Stripe's rules, 501 for what is not modelled.
    """
    params, world = call.params, call.world
    _refuse_unmodelled(params)
    _check(params, world.clock.now())
    currency = check_lines(params)
    goods = amounts(params["line_items"])
    coupon = chosen(call, currency)
    taken_off = shares(coupon, goods)
    shipping = add_shipping(world, params.get("shipping_options", []), currency)
    carriage = shipping["cost"]["amount_total"] if shipping["cost"] else 0
    total = sum(goods) - sum(taken_off) + carriage
    _check_amount(total, currency)
    session = _blank(world, params, currency, sum(goods), total) | {
        "discounts": [{"coupon": coupon["id"], "promotion_code": None}] if coupon else [],
        "payment_method_types": _methods(params, currency),
        "shipping_cost": shipping["cost"],
        "shipping_options": shipping["options"],
        "total_details": {
            "amount_discount": sum(taken_off),
            "amount_shipping": carriage,
            "amount_tax": 0,
        },
    }
    world.store.add(session, private={"payment_intent_data": params.get("payment_intent_data", {})})
    for line, discount in zip(params["line_items"], taken_off, strict=True):
        add_line(world, session["id"], line, discount)
    world.store.set_timer(session["expires_at"], "expire_session", session["id"])
    world.log(
        "session.created",
        session=session["id"],
        amount=total,
        currency=currency,
        client_reference_id=session["client_reference_id"],
        metadata=session["metadata"],
    )
    return session


def expire(call: Call) -> Json:
    """End an open session, so that nobody can pay it; StripeError(400) when it is not open."""
    session = call.object("checkout.session", "session")
    if session["status"] != "open":
        raise refused(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of {session['status']}."
        )
    return end(call.world, session)


def end(world: World, session: Json) -> Json:
    """The move open -> expired, with its events."""
    cancel_payment(world, session)
    session |= {"status": "expired", "url": None}
    world.store.save(session)
    world.store.clear_timers(session["id"])
    world.log(
        "session.expired",
        session=session["id"],
        payment_intent=session["payment_intent"],
        amount=session["amount_total"],
        currency=session["currency"],
        client_reference_id=session["client_reference_id"],
        metadata=session["metadata"],
    )
    emit(world, "checkout.session.expired", session)
    return session


def move(world: World) -> None:
    """After a start at another address: the open sessions' pages are there now."""
    with world.store.transaction():
        for row in world.store.rows(
            "SELECT id FROM objects WHERE kind = 'checkout.session'"
            " AND json_extract(body, '$.status') = 'open'"
        ):
            session = world.store.get(row["id"])
            world.store.save(session | {"url": _url(world, session["id"])})


def _url(world: World, session_id: str) -> str:
    return f"{world.base_url}/c/pay/{session_id}"


def _blank(world: World, params: Json, currency: str, goods: int, total: int) -> Json:
    session_id, now = new_id("checkout.session"), world.clock.now()
    email = params.get("customer_email")
    echoed = {name: params.get(name) for name in ECHOED}
    pricing = params.get("adaptive_pricing", {}).get("enabled", True)
    return world.spec.blank(
        "checkout.session",
        **echoed,
        id=session_id,
        object="checkout.session",
        adaptive_pricing={"enabled": pricing},
        amount_subtotal=goods,
        amount_total=total,
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        created=now,
        currency=currency,
        custom_fields=[],
        custom_text=world.spec.blank(
            "payment_pages_checkout_session_custom_text",
            **{name: text or None for name, text in params.get("custom_text", {}).items()},
        ),
        customer_creation=params.get("customer_creation", "if_required"),
        customer_details=customer_details(world, email) if email else None,
        expires_at=params.get("expires_at", now + LONGEST),
        invoice_creation=_no_invoice(world),
        livemode=False,
        metadata=params.get("metadata", {}),
        mode="payment",
        optional_items=[],
        payment_method_collection="if_required",
        payment_method_options={},
        payment_status="unpaid" if total else "no_payment_required",
        phone_number_collection={"enabled": False},
        status="open",
        ui_mode="hosted_page",
        url=_url(world, session_id),
    )


def customer_details(world: World, email: str) -> Json:
    return world.spec.blank(
        "payment_pages_checkout_session_customer_details",
        email=email,
        tax_exempt="none",
        tax_ids=[],
    )


def _no_invoice(world: World) -> Json:
    settings = world.spec.blank("payment_pages_checkout_session_invoice_settings")
    return {"enabled": False, "invoice_data": settings}


def _methods(params: Json, currency: str) -> list[str]:
    allowed = params.get("allowed_payment_method_types")
    excluded = params.get("excluded_payment_method_types", [])
    methods = [
        method
        for method in methods_for(currency)
        if method not in excluded and (not allowed or method in allowed)
    ]
    if not methods:
        raise invalid(
            "No valid payment method types for this Checkout Session. Please ensure that you have "
            f"activated payment methods compatible with your chosen currency ({currency})."
        )
    return methods


def _refuse_unmodelled(params: Json) -> None:
    for name in params:
        if name not in MODELLED:
            raise not_modelled(f"the parameter {name} of a Checkout Session", name)
    if params.get("mode", "payment") != "payment":
        raise not_modelled("any mode but payment", "mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise not_modelled("any ui_mode but hosted_page", "ui_mode")
    for name in ("automatic_tax", "invoice_creation", "phone_number_collection",
                 "tax_id_collection"):  # fmt: skip
        if params.get(name, {}).get("enabled"):
            raise not_modelled(name, name)
    if params.get("customer_creation") == "always":
        raise not_modelled("customers", "customer_creation")
    _refuse_unmodelled_payment(params.get("payment_intent_data", {}))


def _refuse_unmodelled_payment(data: Json) -> None:
    for name in data:
        if name not in PAYMENT_DATA:
            raise not_modelled(f"payment_intent_data[{name}]", f"payment_intent_data[{name}]")
    if data.get("capture_method") == "manual":
        raise not_modelled("manual capture", "payment_intent_data[capture_method]")


def _check(params: Json, now: int) -> None:
    for name in ("mode", "line_items", "success_url"):
        if not params.get(name):
            raise invalid(f"Missing required param: {name}.", name, "parameter_missing")
    for name in ("success_url", "cancel_url"):
        if name in params and not _absolute(params[name]):
            raise invalid("Not a valid URL", name, "url_invalid")
    email = params.get("customer_email")
    if email is not None and (email.count("@") != 1 or email.startswith("@") or " " in email):
        raise invalid(f"Invalid email address: {email}", "customer_email", "email_invalid")
    expires = params.get("expires_at", now + LONGEST)
    if not now + SHORTEST <= expires <= now + LONGEST:
        far = "less than 24 hours" if expires > now + LONGEST else "at least 30 minutes"
        raise invalid(
            f"The `expires_at` timestamp must be {far} from Checkout Session creation.",
            "expires_at",
        )
    check_metadata(params.get("metadata", {}), "metadata")
    data = params.get("payment_intent_data", {})
    check_metadata(data.get("metadata", {}), "payment_intent_data[metadata]")


def _check_amount(total: int, currency: str) -> None:
    least = LEAST.get(currency)
    if least is None:
        raise not_modelled(f"payments in {currency}", "currency")
    if 0 < total < least:
        raise invalid(
            f"The Checkout Session's total amount must convert to at least {least} minor units "
            f"of {currency}; it is {total}.",
            "line_items",
            "amount_too_small",
        )
    if total > MOST:
        raise invalid(
            f"The Checkout Session's total amount due must be no more than {MOST} minor units.",
            "line_items",
            "amount_too_large",
        )


def _absolute(url: str) -> bool:
    parts = urlsplit(url.replace("{CHECKOUT_SESSION_ID}", "x"))
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
