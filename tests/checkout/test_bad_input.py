"""What a buyer's form can do wrong, by accident or on purpose: nothing is charged that was not
shown, nothing typed is lost, and nothing that the form invents changes a thing.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text, update

from shop.catalogue.models import Product
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.orders.models import Order, OrderLine
from shop.orders.queries import order_token
from shop.payments.models import PaymentAttempt
from shop.preferences.actions import set_preferences
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from shop.tax.models import VatRate
from tests.support import ANNA, Buyer, Shelf, on_both_databases

NEEDED = ["name", "email", "address", "postal_code", "city"]
LONGEST = {"name": 100, "email": 254, "address": 200, "city": 100, "postal_code": 12, "phone": 30}


def tables(sessions: Sessions) -> dict[str, int]:
    """Return how many rows each table has that an order would touch."""
    names = ("orders", "order_lines", "payment_attempts", "outbox", "stock_movements")
    with sessions.begin() as db:
        counts = {
            name: db.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()  # noqa: S608
            for name in names
        }
        counts["reserved"] = sum(level.reserved for level in db.scalars(select(StockLevel)))
    return counts


def the_order(sessions: Sessions) -> Order:
    with sessions.begin() as db:
        return db.scalars(select(Order).order_by(Order.id.desc())).all()[0]


def sessions_made(stand_in: StandInServer) -> list[Any]:
    return [row for row in stand_in.log() if row["what"] == "session.created"]


@pytest.fixture
def ready(buyer: Buyer, shelf: Shelf) -> Buyer:
    """Return a buyer with a doll in the cart, on the English pages."""
    buyer.prefix = "/en"
    buyer.add(shelf.add("raven"))
    return buyer


def refused(buyer: Buyer, sessions: Sessions, status: int, fields: dict[str, Any]) -> str:
    """Post *fields*; the answer must be *status*, say why, and have changed nothing."""
    before = tables(sessions)
    answer = buyer.post("/checkout", **fields)
    assert answer.status_code == status, (fields, answer.status_code)
    assert 'role="alert"' in answer.text
    assert 'id="checkout"' in answer.text
    assert tables(sessions) == before
    return answer.text


def filled(buyer: Buyer, **changes: Any) -> dict[str, Any]:
    return buyer.checkout_fields() | ANNA | {"postal_code": "763 40"} | changes


# --- the fields -----------------------------------------------------------------------------------


def test_each_needed_field_is_asked_for_and_the_others_stay(
    ready: Buyer, sessions: Sessions
) -> None:
    whole = filled(ready)
    for name in NEEDED:
        for missing in (whole | {name: ""}, whole | {name: " \t\0 "}, without(whole, name)):
            page = refused(ready, sessions, 422, missing)
            assert f'id="{name}-error"' in page
            assert page.count('aria-invalid="true"') == 1
            for other in NEEDED:
                if other != name:
                    assert whole[other] in page


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


def test_everything_missing_at_once(ready: Buyer, sessions: Sessions) -> None:
    page = refused(ready, sessions, 422, {})
    for name in NEEDED:
        assert f'id="{name}-error"' in page


def test_too_long_is_said_and_kept(ready: Buyer, sessions: Sessions) -> None:
    whole = filled(ready, country="DE", delivery="letter", price_letter="7900")
    for name, most in LONGEST.items():
        typed = "ö" * (most + 1)
        page = refused(ready, sessions, 422, whole | {name: typed})
        assert typed in page
        if name != "email":
            assert f"Too long: use at most {most} characters." in page
    answer = ready.post("/checkout", **(whole | {"name": "ö" * 100, "postal_code": "1" * 12}))
    assert answer.status_code == 303


def test_what_is_no_address_to_write_to(ready: Buyer, sessions: Sessions) -> None:
    whole = filled(ready)
    for email in (
        *("anna", "anna@", "@example.se", "anna@example", "a b@example.se", "anna@localhost"),
        *("anna@example.se,eve@x.se", "anna@exa mple.se", "anna@example..se", "anna@-example.se"),
        *("<anna@example.se>", "Anna <anna@example.se>", "anna@[127.0.0.1]", "anna@example.se;x"),
    ):
        page = refused(ready, sessions, 422, whole | {"email": email})
        assert 'id="email-error"' in page, email
        assert "such as anna@example.se." in page


def test_no_line_break_or_control_character_is_kept(ready: Buyer, sessions: Sessions) -> None:
    dirty = {
        "name": "Anna\r\nBcc: eve@example.com\x00\x1b[31m Ek\u2028",
        "address": "Strandvägen\n\n1\t\x7f",
        "city": "\x85Hallstavik\x0b",
        "phone": "070\r\n1",
        "email": "  anna@example.se\r\n",
        "postal_code": "\n763 40 ",
    }
    assert ready.post("/checkout", **filled(ready, **dirty)).status_code == 303
    order = the_order(sessions)
    assert (order.name, order.address) == ("Anna Bcc: eve@example.com [31m Ek", "Strandvägen 1")
    assert (order.city, order.phone, order.email) == ("Hallstavik", "070 1", "anna@example.se")
    assert order.postal_code == "763 40"


def test_markup_is_text(ready: Buyer, sessions: Sessions, config: Config) -> None:
    nasty = '"><script>alert(1)</script>{{ 7 * 7 }}'
    whole = filled(ready, name=nasty, address=nasty, city=nasty)
    page = refused(ready, sessions, 422, whole | {"email": nasty})
    assert "<script>alert" not in page
    assert "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in page
    assert ready.post("/checkout", **whole).status_code == 303
    order = the_order(sessions)
    assert order.name == nasty
    page = ready.get(f"/orders/{order_token(Signer(config.secret_keys), order.id)}").text
    assert "<script>alert" not in page


@pytest.mark.parametrize("code", ["12345", "123 45", " 12345 "])
def test_swedish_postal_codes_are_written_one_way(
    code: str, ready: Buyer, sessions: Sessions
) -> None:
    assert ready.post("/checkout", **filled(ready, postal_code=code)).status_code == 303
    assert the_order(sessions).postal_code == "123 45"


def test_what_is_no_swedish_postal_code(ready: Buyer, sessions: Sessions) -> None:
    for code in ("1234", "123456", "SE-12345", "12 345", "١٢٣٤٥", "abcde"):
        page = refused(ready, sessions, 422, filled(ready, postal_code=code))
        assert 'id="postal_code-error"' in page, code


def test_where_we_do_not_send(ready: Buyer, sessions: Sessions) -> None:
    for country in ("US", "", "se", "SE,DE", "XX", "S", "Sverige", "\0", "SE\0", "' OR 1=1"):
        page = refused(ready, sessions, 422, filled(ready, country=country))
        assert "We do not send to that country yet." in page, country
    assert refused(ready, sessions, 422, without(filled(ready), "country"))


def test_files_in_place_of_texts(ready: Buyer, sessions: Sessions) -> None:
    before, fields = tables(sessions), filled(ready)
    for name in (*NEEDED, "country", "subtotal", "delivery", "price_letter"):
        answer = ready.http.post(
            "/en/checkout",
            data=without(fields, name),
            files={name: ("x.txt", fields[name].encode() or b"x")},
        )
        assert answer.status_code == 400, name
    assert tables(sessions) == before


# --- what it costs --------------------------------------------------------------------------------


def test_no_forged_amount_or_delivery_makes_an_order(
    ready: Buyer, sessions: Sessions, stand_in: StandInServer
) -> None:
    whole = filled(ready)
    amounts = [
        "0",
        "1",
        "24499",
        "24501",
        "-24500",
        "245,00",
        "24500.0",
        "9" * 9,
        "9" * 400,
        "",
        "x",
    ]
    amounts += ["2,45e4", "0x5fb4", "24 500", "٢٤٥٠٠", "NaN", "24500\0"]
    for amount in amounts:
        refused(ready, sessions, 409, whole | {"subtotal": amount})
        refused(ready, sessions, 409, whole | {"price_letter": amount.replace("24500", "3600x")})
    for method in ("pickup", "", "LETTER", "letter\0", "tracked", "' OR 1=1", "x" * 5000):
        refused(ready, sessions, 409, whole | {"delivery": method, f"price_{method}": "0"})
    for name in ("subtotal", "delivery", "price_letter"):
        refused(ready, sessions, 409, without(whole, name))
    assert sessions_made(stand_in) == []


@on_both_databases
def test_nothing_that_the_form_adds_changes_the_order(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, stand_in: StandInServer
) -> None:
    buyer.add(shelf.add("raven"))
    extra = {
        "id": "77",
        "number": "1",
        "status": "paid",
        "review": "",
        "paid_at": "2026-01-01T00:00:00Z",
        "placed_at": "2020-01-01",
        "total": "1",
        "total_amount": "1",
        "subtotal_amount": "1",
        "discount_amount": "24500",
        "shipping_amount": "0",
        "vat_amount": "0",
        "price": "1",
        "price_amount": "1",
        "price_tracked_parcel": "0",
        "quantity": "-1",
        "variant": "99",
        "variant_id": "99",
        "currency": "JPY",
        "cart_id": "x",
        "order_id": "1",
        "locale": "xx",
        "dispatch_by": "2020-01-01",
        "shipping_method": "tracked_parcel",
        "success_url": "https://evil.example/",
        "cancel_url": "https://evil.example/",
        "customer": "cus_1",
        "livemode": "true",
        "is_admin": "1",
        "_method": "DELETE",
    }
    placed = buyer.post("/checkout", **(buyer.checkout_fields() | ANNA | extra))
    assert placed.status_code == 303
    order = the_order(sessions)
    assert (order.id, order.number, order.status, order.review) == (1, 1001, "pending", None)
    assert (order.subtotal_amount, order.discount_amount, order.shipping_amount) == (24500, 0, 3600)
    assert (order.vat_amount, order.total_amount, order.currency) == (5620, 28100, "SEK")
    assert (order.paid_at, order.locale, order.shipping_method) == (None, "sv", "letter")
    assert order.cart_id != "x"
    with sessions.begin() as db:
        line = db.scalars(select(OrderLine)).one()
        assert (line.quantity, line.price_amount) == (1, 24500)
        request = db.scalars(select(PaymentAttempt.request)).one()
    assert "evil.example" not in request
    assert "cus_1" not in request
    [made] = sessions_made(stand_in)
    assert made["amount"] == 28100


def test_more_than_there_are_cannot_be_ordered(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("moss", on_hand=3)
    buyer.add(variant_id, 2)
    buyer.post("/cart/lines", variant=str(variant_id), quantity="4")
    fields = filled(buyer, subtotal=str(4 * 24500), delivery="letter", price_letter="3600")
    refused(buyer, sessions, 409, fields)
    with sessions.begin() as db:
        db.execute(update(StockLevel).values(on_hand=10))
    assert buyer.post("/checkout", **filled(buyer)).status_code == 303


def offered(buyer: Buyer, **changes: str) -> dict[str, int]:
    """Return what the update button shows: each way of delivery and its price."""
    answer = buyer.post("/checkout", **(filled(buyer) | changes | {"update": "1"}))
    assert answer.status_code == 200
    form = re.search(r'<form[^>]*id="checkout".*?</form>', answer.text, re.DOTALL)
    assert form is not None
    return {
        method: int(amount)
        for method, amount in re.findall(r'name="price_(\w+)" value="(\d+)"', form[0])
    }


def test_the_update_button_shows_another_countrys_postage_and_orders_nothing(
    ready: Buyer, sessions: Sessions
) -> None:
    before = tables(sessions)
    assert offered(ready) == {"letter": 3600, "tracked_parcel": 7900}
    assert offered(ready, country="DE") == {"letter": 7900}
    assert offered(ready, country="US") == {}
    page = ready.post("/checkout", **filled(ready, country="DE", email="half", update="1")).text
    assert 'data-total="32400"' in page
    assert 'value="half"' in page
    assert 'role="alert"' not in page
    assert tables(sessions) == before


def test_the_price_of_another_country_must_have_been_seen(ready: Buyer, sessions: Sessions) -> None:
    page = refused(ready, sessions, 409, filled(ready, country="DE"))  # with Sweden's postage
    assert 'data-total="32400"' in page
    confirmed = filled(ready, country="DE", price_letter="7900")
    assert ready.post("/checkout", **confirmed).status_code == 303
    order = the_order(sessions)
    assert (order.country, order.shipping_amount, order.total_amount) == ("DE", 7900, 32400)


def test_postage_is_free_from_six_hundred_kronor(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    cheap = shelf.add("moss", on_hand=5, price_amount=29999)
    buyer.add(cheap, 2)
    assert offered(buyer) == {"letter": 3600, "tracked_parcel": 7900}  # 599,98 kr
    buyer.add(shelf.add("knapp", on_hand=5, price_amount=2))
    assert offered(buyer) == {"letter": 0, "tracked_parcel": 0}
    assert buyer.place().status_code == 303
    order = the_order(sessions)
    assert (order.subtotal_amount, order.shipping_amount) == (60000, 0)
    assert (order.total_amount, order.vat_amount) == (60000, 12000)
    assert offered(buyer, country="DE") == {"letter": 7900}  # no zone but Sweden's is free


def test_a_heavier_or_thicker_parcel_costs_what_it_costs(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("sten", on_hand=99, weight_g=50, thickness_mm=30, price_amount=100)
    for quantity, prices in (
        (2, {"letter": 3600, "tracked_parcel": 7900}),  # 100 g
        (3, {"letter": 5400, "tracked_parcel": 7900}),
        (5, {"letter": 5400, "tracked_parcel": 7900}),  # 250 g
        (6, {"tracked_parcel": 7900}),
        (40, {"tracked_parcel": 7900}),  # 2 kg
        (41, {}),
    ):
        buyer.add(variant_id)
        buyer.post("/cart/lines", variant=str(variant_id), quantity=str(quantity))
        assert offered(buyer) == prices, quantity
    refused(buyer, sessions, 409, filled(buyer, delivery="letter", price_letter="3600"))
    with sessions.begin() as db:
        db.execute(update(Product).values(thickness_mm=31, weight_g=20))
    buyer.post("/cart/lines", variant=str(variant_id), quantity="1")
    assert offered(buyer) == {"tracked_parcel": 7900}


@pytest.mark.parametrize(
    ("prices", "vat", "shipping_vat", "total"),
    [
        ([(24500, 1)], 5620, 720, 28100),
        ([(9999, 3)], 2000 * 3 - 1 + 720, 720, 29997 + 3600),  # 29997 / 5 = 5999.4
        ([(1, 1)], 720, 720, 3601),  # a fifth of an öre is none
        ([(3, 1)], 1 + 720, 720, 3603),  # 0.6 öre is one
        ([(10003, 1), (10003, 1)], 2 * 2001 + 720, 720, 20006 + 3600),  # per line, not of the sum
    ],
)
def test_vat_is_reckoned_line_by_line(
    prices: list[tuple[int, int]],
    vat: int,
    shipping_vat: int,
    total: int,
    buyer: Buyer,
    shelf: Shelf,
    sessions: Sessions,
) -> None:
    for number, (price, quantity) in enumerate(prices):
        buyer.add(shelf.add(f"p{number}", on_hand=9, price_amount=price, weight_g=1), quantity)
    assert buyer.place().status_code == 303
    order = the_order(sessions)
    assert (order.vat_amount, order.shipping_vat_amount, order.total_amount) == (
        vat,
        shipping_vat,
        total,
    )
    with sessions.begin() as db:
        lines = db.scalars(select(OrderLine)).all()
    assert sum(line.vat_amount for line in lines) + shipping_vat == vat


def test_who_is_not_registered_charges_no_vat(
    config: Config,
    start_shop: Callable[..., Config],
    shelf: Shelf,
    sessions: Sessions,
) -> None:
    import httpx2

    with sessions.begin() as db:
        set_preferences(db, vat_registered=False)
    variant_id = shelf.add()
    with httpx2.Client(base_url=start_shop().base_url, timeout=30) as http:
        buyer = Buyer(http)
        buyer.add(variant_id)
        assert buyer.place().status_code == 303
    order = the_order(sessions)
    assert (order.vat_amount, order.shipping_vat_amount, order.total_amount) == (0, 0, 28100)


def test_a_new_rate_counts_from_its_day(buyer: Buyer, shelf: Shelf, sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.add(VatRate(country="SE", valid_from=date(2020, 1, 1), rate_bp=1200))
        db.add(VatRate(country="SE", valid_from=date(9999, 1, 1), rate_bp=600))
    buyer.add(shelf.add(price_amount=11200))
    buyer.place()
    order = the_order(sessions)
    assert order.vat_amount - order.shipping_vat_amount == 1200
    assert order.shipping_vat_amount == 386  # 3600 * 12 / 112 = 385.7


def test_made_to_order_takes_nothing_from_the_shelf(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    variant_id = shelf.add("drake", kind="made_to_order", lead_time_days=10)
    page = buyer.buy(variant_id, 10)
    assert 'data-order="1001"' in page.text
    with sessions.begin() as db:
        line = db.scalars(select(OrderLine)).one()
        assert (line.quantity, line.from_stock) == (10, False)
        assert db.scalars(select(StockLevel)).all() == []


# --- the secret links -----------------------------------------------------------------------------


def test_no_forged_link_shows_an_order_or_says_that_there_is_one(
    buyer: Buyer, shelf: Shelf, config: Config, sessions: Sessions, shop: Config
) -> None:
    buyer.buy(shelf.add("raven"))
    signer = Signer(config.secret_keys)
    token, stranger = order_token(signer, the_order(sessions).id), Buyer(buyer.http)
    stranger.http.cookies.clear()
    forged = [
        order_token(signer, 2),  # ours, but of no order
        order_token(Signer(("another key altogether, long enough",)), 1),
        *(token[:-1], token + "a", "2" + token[1:], token.upper(), "1", "1-", "x", "1-" + "a" * 26),
        *(
            token[: 5 + n] + ("b" if token[5 + n] != "b" else "c") + token[6 + n :]
            for n in range(9)
        ),
    ]
    bodies = set()
    for text_ in forged:
        for path in (
            f"/orders/{text_}",
            f"/checkout/return?order={text_}",
            f"/checkout/return?order={text_}&session_id=cs_test_1",
        ):
            answer = stranger.get(path)
            assert answer.status_code == 404, path
            assert "Anna" not in answer.text
            if path.startswith("/orders") and len(text_) > 20:
                bodies.add(anonymous(answer.text, answer.headers["x-request-id"], text_))
    assert len(bodies) == 1
    for path in ("/checkout/return", "/checkout/return?order=", "/checkout/return?session_id=cs_1"):
        assert stranger.get(path).status_code == 404
    # the same on the form: a forged link fills in nothing
    stranger.add(shelf.add("ugglan"))
    for text_ in forged:
        assert "Anna" not in stranger.get(f"/checkout?order={text_}").text
    assert "Anna Ek" in stranger.get(f"/checkout?order={token}").text


def anonymous(html: str, *secrets: str) -> str:
    for secret in secrets:
        html = html.replace(secret, "…")
    return html


def test_an_orders_page_is_kept_by_nobody_and_tells_nobody_where_it_is(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, config: Config
) -> None:
    buyer.add(shelf.add("raven"))
    buyer.place()
    token = order_token(Signer(config.secret_keys), the_order(sessions).id)
    for path in (f"/orders/{token}", f"/checkout/return?order={token}", f"/en/orders/{token}"):
        answer = buyer.get(path)
        assert answer.headers["cache-control"] == "no-store", path
        assert answer.headers["referrer-policy"] == "no-referrer", path
    assert buyer.get(f"/checkout?order={token}").headers["cache-control"] == "no-store"


def test_the_right_to_look_is_the_link_alone(
    new_buyer: Callable[[], Buyer], shelf: Shelf, sessions: Sessions, config: Config
) -> None:
    """Swish and BankID may come back in another browser, without the cart's cookie."""
    payer, elsewhere = new_buyer(), new_buyer()
    payer.add(shelf.add("raven"))
    payer.place()
    token = order_token(Signer(config.secret_keys), the_order(sessions).id)
    answer = elsewhere.get(f"/checkout/return?order={token}&session_id=cs_of_somebody")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/orders/{token}")
    assert elsewhere.get(f"/orders/{token}").status_code == 200
    assert payer.http.cookies.get("cart")  # nothing is paid yet: the cart is kept
