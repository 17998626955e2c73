"""Stripe's API through Stripe's own SDK."""

import time
from typing import Any

import httpx2
import pytest
import stripe

from shop.sandbox.stand_in.server import StandInServer
from shop.sandbox.stand_in.spec import the_spec
from tests.sandbox.tools import CANCEL, SUCCESS, euros, order, with_shipping


def problem_of(client: stripe.StripeClient, **changes: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.create(order(**changes))
    return caught.value


def test_the_document_is_of_the_version_that_the_sdk_speaks() -> None:
    assert the_spec().version == stripe._api_version._ApiVersion.CURRENT


def test_a_session_is_opened_over_lines_and_shipping(client: stripe.StripeClient) -> None:
    session = client.v1.checkout.sessions.create(order(7_500, 2, **with_shipping()))

    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert (session.amount_subtotal, session.amount_total) == (15_000, 18_900)
    assert session.shipping_cost is not None
    assert session.shipping_cost.amount_total == 3_900
    assert session.currency == "sek"
    assert session.payment_intent is None
    assert session.payment_method_types == ["card", "klarna", "swish"]
    assert (session.success_url, session.cancel_url) == (SUCCESS, CANCEL)
    assert session.expires_at == session.created + 24 * 3600
    assert session.metadata is not None
    assert session.metadata.to_dict() == {"order_id": "1001"}
    assert session.livemode is False


def test_a_session_is_read_again_as_it_was_created(client: stripe.StripeClient) -> None:
    session = client.v1.checkout.sessions.create(order())

    again = client.v1.checkout.sessions.retrieve(session.id)

    assert again.to_dict() == session.to_dict()


def test_line_items_come_in_the_order_given(client: stripe.StripeClient) -> None:
    params = order()
    names = [f"Doll {n}" for n in range(12)]
    params["line_items"] = [
        {
            "quantity": 1,
            "price_data": {
                "currency": "sek",
                "unit_amount": 1_000,
                "product_data": {"name": name},
            },
        }
        for name in names
    ]
    session = client.v1.checkout.sessions.create(params)

    lines = client.v1.checkout.sessions.line_items.list(session.id, {"limit": 5})

    assert lines.has_more is True
    assert [line.description for line in lines.auto_paging_iter()] == names


def test_what_is_asked_for_is_expanded(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(order())
    stand_in.control(f"sessions/{session.id}/pay")

    paid = client.v1.checkout.sessions.retrieve(
        session.id,
        {"expand": ["payment_intent.latest_charge", "line_items.data.price.product"]},
    )

    intent = paid.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.latest_charge.amount == 23_100
    assert intent.amount_received == 23_100
    assert intent.metadata.to_dict() == {"order_id": "1001"}
    assert paid.line_items is not None
    price = paid.line_items.data[0].price
    assert price is not None
    assert isinstance(price.product, stripe.Product)
    assert price.product.metadata.to_dict() == {"sku": "rut"}


@pytest.mark.parametrize("path", ["nonsense", "amount_total", "a.b.c.d.e"])
def test_what_cannot_be_expanded_is_refused(client: stripe.StripeClient, path: str) -> None:
    session = client.v1.checkout.sessions.create(order())

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.retrieve(session.id, {"expand": [path]})

    assert caught.value.param == "expand"


def test_lists_are_newest_first_and_paged_by_cursor(client: stripe.StripeClient) -> None:
    ids = [client.v1.checkout.sessions.create(order()).id for _ in range(5)][::-1]

    first = client.v1.checkout.sessions.list({"limit": 2})
    second = client.v1.checkout.sessions.list({"limit": 2, "starting_after": ids[1]})
    before = client.v1.checkout.sessions.list({"limit": 2, "ending_before": ids[3]})

    assert ([s.id for s in first.data], first.has_more) == (ids[0:2], True)
    assert ([s.id for s in second.data], second.has_more) == (ids[2:4], True)
    assert ([s.id for s in before.data], before.has_more) == (ids[1:3], True)
    assert [s.id for s in first.auto_paging_iter()] == ids


def test_lists_are_filtered(client: stripe.StripeClient, stand_in: StandInServer) -> None:
    old = client.v1.checkout.sessions.create(order())
    stand_in.control("clock", advance=600)
    new = client.v1.checkout.sessions.create(order())
    stand_in.control(f"sessions/{new.id}/pay")
    sessions = client.v1.checkout.sessions

    since = sessions.list({"created": {"gte": old.created + 1}})
    still_open = sessions.list({"status": "open"})
    expanded = sessions.list({"status": "complete", "expand": ["data.payment_intent"]})

    assert [s.id for s in since.data] == [new.id]
    assert [s.id for s in still_open.data] == [old.id]
    assert isinstance(expanded.data[0].payment_intent, stripe.PaymentIntent)


def test_a_limit_outside_of_the_allowed_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.list({"limit": 101})
    assert caught.value.param == "limit"


def test_an_open_session_is_expired_once(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(order())

    expired = client.v1.checkout.sessions.expire(session.id)

    assert (expired.status, expired.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
        client.v1.checkout.sessions.expire(session.id)
    with pytest.raises(ValueError, match="409"):
        stand_in.control(f"sessions/{session.id}/pay")


def test_a_session_expires_by_the_clock(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    now = int(time.time())
    session = client.v1.checkout.sessions.create(order(expires_at=now + 1_860))

    stand_in.control("clock", advance=1_800)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    stand_in.control("clock", advance=61)

    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert stand_in.log()[-1]["by"] == "clock"


def test_expiring_cancels_the_payment_that_was_tried(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(order())
    tried = stand_in.control(f"sessions/{session.id}/pay", card="4000000000000002")

    client.v1.checkout.sessions.expire(session.id)

    assert client.v1.payment_intents.retrieve(tried["payment_intent"]).status == "canceled"


def test_nothing_to_pay_needs_no_payment(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    session = client.v1.checkout.sessions.create(order(0))
    assert session.payment_status == "no_payment_required"

    stand_in.control(f"sessions/{session.id}/pay")

    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status) == ("complete", "no_payment_required")
    assert done.payment_intent is None


def test_the_fee_is_known_some_moments_after_the_payment(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    stand_in.control("clock", freeze=True)
    session = client.v1.checkout.sessions.create(order(10_000))
    stand_in.control(f"sessions/{session.id}/pay", card="4000007520000008")
    (charge,) = client.v1.charges.list().data
    assert charge.balance_transaction is None

    stand_in.control("clock", advance=2)

    settled = client.v1.charges.retrieve(charge.id, {"expand": ["balance_transaction"]})
    entry = settled.balance_transaction
    assert isinstance(entry, stripe.BalanceTransaction)
    assert (entry.amount, entry.fee, entry.net) == (10_000, 330, 9_670)
    balance = client.v1.balance.retrieve()
    assert [(b.amount, b.currency) for b in balance.pending] == [(9_670, "sek")]


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"payment_method_types": ["card"]}, "payment_method_types", "parameter_unknown"),
        ({"mode": "gift"}, "mode", None),
        ({"expires_at": "soon"}, "expires_at", "parameter_invalid_integer"),
        ({"expires_at": int(time.time()) + 60}, "expires_at", None),
        ({"expires_at": int(time.time()) + 90_000}, "expires_at", None),
        ({"success_url": "/thanks"}, "success_url", "url_invalid"),
        ({"success_url": ""}, "success_url", "parameter_invalid_empty"),
        ({"customer_email": "anna"}, "customer_email", "email_invalid"),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"metadata": {"k" * 41: "v"}}, "metadata", None),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, "metadata", None),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]", None),
        ({"unit_amount": 299}, "line_items", "amount_too_small"),
        ({"unit_amount": 100_000_000}, "line_items", "amount_too_large"),
        ({"unit_amount": -1}, "line_items[0][price_data][unit_amount]",
         "parameter_invalid_integer"),
        ({"quantity": 0}, "line_items[0][quantity]", "parameter_invalid_integer"),
        ({"currency": "eur"}, "line_items", None),
        ({"line_items": []}, "line_items", "parameter_missing"),
    ],
)  # fmt: skip
def test_what_stripe_refuses_is_refused(
    client: stripe.StripeClient, changes: dict[str, Any], param: str, code: str | None
) -> None:
    problem = problem_of(client, **changes)

    assert (problem.http_status, problem.param, problem.code) == (400, param, code)


def test_a_misspelt_nested_parameter_is_refused(client: stripe.StripeClient) -> None:
    params = order()
    params["line_items"][0]["price_data"]["product_data"]["nmae"] = "Rut"

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.create(params)

    assert caught.value.code == "parameter_unknown"
    assert caught.value.param == "line_items[0][price_data][product_data][nmae]"


def test_a_missing_nested_parameter_is_named(client: stripe.StripeClient) -> None:
    params = order()
    del params["line_items"][0]["price_data"]["currency"]

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.create(params)

    assert caught.value.code == "parameter_missing"
    assert caught.value.param == "line_items[0][price_data][currency]"


def test_the_least_amount_is_accepted(client: stripe.StripeClient) -> None:
    assert client.v1.checkout.sessions.create(order(300)).amount_total == 300


@pytest.mark.parametrize(
    ("rate", "status", "param"),
    [
        ({"display_name": "Brev"}, 400, "shipping_options[0][shipping_rate_data][fixed_amount]"),
        ({"display_name": "Brev", "fixed_amount": {"amount": 1, "currency": "eur"}}, 400,
         "shipping_options[0][shipping_rate_data][fixed_amount][currency]"),
        ({"display_name": "Brev", "fixed_amount": {"amount": -1, "currency": "sek"}}, 400,
         "shipping_options[0][shipping_rate_data][fixed_amount][amount]"),
    ],
)  # fmt: skip
def test_shipping_that_does_not_fit_is_refused(
    client: stripe.StripeClient, rate: dict[str, Any], status: int, param: str
) -> None:
    problem = problem_of(client, shipping_options=[{"shipping_rate_data": rate}])
    assert (problem.http_status, problem.param) == (status, param)


def test_shipping_that_is_not_modelled_is_501(client: stripe.StripeClient) -> None:
    (option,) = with_shipping()["shipping_options"]
    for options in ([option, option], [{"shipping_rate": "shr_1"}]):
        with pytest.raises(stripe.APIError, match="not modelled"):
            client.v1.checkout.sessions.create(order(shipping_options=options))


def test_a_session_can_say_where_the_parcel_goes(
    client: stripe.StripeClient, stand_in: StandInServer
) -> None:
    address = {"line1": "Storgatan 1", "postal_code": "763 40", "city": "Hallstavik"}
    data = {"shipping": {"name": "Anna", "address": address | {"country": "SE"}}}
    session = client.v1.checkout.sessions.create(order(payment_intent_data=data))
    stand_in.control(f"sessions/{session.id}/pay")

    shipping = client.v1.payment_intents.list().data[0].shipping

    assert shipping is not None
    assert shipping.name == "Anna"
    assert shipping.address is not None
    assert (shipping.address.city, shipping.address.line2) == ("Hallstavik", None)


def test_a_bug_of_its_own_is_an_error_in_stripes_shape_and_is_recorded(
    client: stripe.StripeClient, stand_in: StandInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("shop.sandbox.stand_in.sessions.amounts", broken)
    with pytest.raises(stripe.APIError, match="has failed"):
        client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"})
    monkeypatch.undo()

    assert [v["problems"] for v in stand_in.violations()] == [["ZeroDivisionError: planted"]]
    assert client.v1.checkout.sessions.create(order(), {"idempotency_key": "co:1"}).id
    stand_in.reset()


def test_methods_follow_currency_and_filters(client: stripe.StripeClient) -> None:
    params = order(excluded_payment_method_types=["klarna"])
    assert client.v1.checkout.sessions.create(params).payment_method_types == ["card", "swish"]

    params = order(allowed_payment_method_types=["card"])
    assert client.v1.checkout.sessions.create(params).payment_method_types == ["card"]

    in_euro = client.v1.checkout.sessions.create(euros())
    assert in_euro.payment_method_types == ["card", "klarna", "sepa_debit"]


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "subscription"},
        {"ui_mode": "embedded_page"},
        {"allow_promotion_codes": True},
        {"customer": "cus_1"},
        {"customer_creation": "always"},
        {"automatic_tax": {"enabled": True}},
        {"payment_intent_data": {"capture_method": "manual"}},
        {"payment_intent_data": {"setup_future_usage": "off_session"}},
        {"line_items": [{"price": "price_1", "quantity": 1}]},
    ],
)
def test_what_is_not_modelled_is_never_a_silent_success(
    client: stripe.StripeClient, changes: dict[str, Any]
) -> None:
    with pytest.raises(stripe.APIError, match="not modelled") as caught:
        client.v1.checkout.sessions.create(order(**changes))
    assert caught.value.http_status == 501


def test_an_operation_that_is_not_modelled_is_501(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.APIError, match="not modelled"):
        client.v1.customers.create({"email": "anna@example.com"})


def test_an_unknown_id_is_404(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent") as caught:
        client.v1.payment_intents.retrieve("pi_none")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


def test_an_unknown_address_is_404_in_stripes_shape(browser: httpx2.Client) -> None:
    response = browser.get("/v1/nonsense", headers={"Authorization": "Bearer sk_test_x"})

    assert response.status_code == 404
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert response.headers["request-id"].startswith("req_")
    assert response.headers["stripe-version"] == the_spec().version


@pytest.mark.parametrize("key", ["sk_live_secret", "rk_live_secret"])
def test_a_live_key_is_refused(stand_in: StandInServer, key: str) -> None:
    client = stripe.StripeClient(key, base_addresses={"api": stand_in.url})
    with pytest.raises(stripe.AuthenticationError, match="live key"):
        client.v1.checkout.sessions.create(order())
    assert stand_in.log() == []


@pytest.mark.parametrize("header", ["", "Bearer pk_test_x", "Basic !!!", "Bearer sk_prod_x"])
def test_without_a_test_key_nothing_is_answered(browser: httpx2.Client, header: str) -> None:
    response = browser.get("/v1/events", headers={"Authorization": header})
    assert response.status_code == 401


def test_basic_authentication_is_taken_too(browser: httpx2.Client) -> None:
    assert browser.get("/v1/events", auth=("sk_test_x", "")).status_code == 200


def test_another_api_version_is_refused(browser: httpx2.Client) -> None:
    headers = {"Authorization": "Bearer sk_test_x", "Stripe-Version": "2020-08-27"}
    assert browser.get("/v1/events", headers=headers).status_code == 400


def test_another_host_name_is_turned_away(browser: httpx2.Client) -> None:
    assert browser.get("/", headers={"Host": "evil.example"}).status_code == 400
