"""An order that is fetched: no postage, no address, and words that say so everywhere."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import delete, select
from starlette.datastructures import FormData

from shop.checkout.forms import CheckoutForm
from shop.config import Config
from shop.kit.clock import local_day, system_clock
from shop.kit.db import Sessions
from shop.kit.i18n import format_weekday, speaking
from shop.kit.ids import Signer
from shop.mail.letterhead import Letterhead
from shop.orders.messages import confirmation, dispatch, notice
from shop.orders.models import Order
from shop.orders.queries import order_token
from shop.preferences.actions import set_preferences
from shop.preferences.queries import preferences
from shop.preferences.values import Preferences
from shop.shipping.dates import dispatch_date
from shop.shipping.models import ShippingRate
from tests.mail.tools import STATIONERY
from tests.support import Buyer, Shelf, fields_of, words_of

PLACE = {"sv": "Storgatan 1, Hallstavik.\nLördagar 10–14.", "en": "Storgatan 1.\nSaturdays."}
WHO = {"name": "Anna Ek", "email": "anna@example.se", "delivery": "pickup"}


@pytest.fixture
def offered(sessions: Sessions) -> None:
    """Let orders be fetched, from before the shop is served."""
    with sessions.begin() as db:
        set_preferences(db, pickup_offered=True, pickup=PLACE)


@pytest.fixture
def fetching(offered: None, new_buyer: Callable[[], Buyer], shelf: Shelf) -> Buyer:
    """Return a buyer in front of the checkout, in English."""
    assert offered is None
    buyer = new_buyer()
    buyer.prefix = "/en"
    buyer.add(shelf.add("raven", on_hand=2))
    return buyer


def ready() -> str:
    day = dispatch_date(local_day(system_clock()), 2, 0)
    with speaking("en"):
        return f"Ready to fetch by {format_weekday(day)} at the latest."


def form(**changes: str) -> CheckoutForm:
    typed = FormData(WHO | changes)
    return CheckoutForm(typed, countries=["SE", "DE"], home="SE", pickup_offered=True)


# --- the form -------------------------------------------------------------------------------------


def test_who_fetches_is_asked_for_no_address_and_leaves_none() -> None:
    filled = form()
    assert filled.validate(), filled.errors
    who = filled.buyer("sv")
    assert (who.name, who.address, who.postal_code, who.city, who.country) == (
        *("Anna Ek", "", "", ""),
        "SE",
    )
    typed = form(address="Hauptstraße 1", postal_code="x", city="Berlin", country="DE")
    assert typed.validate(), typed.errors
    assert typed.buyer("sv") == who
    assert typed.address.data == "Hauptstraße 1"  # to be seen again if it is sent after all


@pytest.mark.parametrize("field", ["address", "postal_code", "city"])
def test_a_browser_does_not_stop_at_what_is_not_shown(field: str) -> None:
    assert form()[field].flags.required is False
    sent = CheckoutForm(None, countries=["SE"], home="SE")
    assert sent[field].flags.required is True


def test_what_is_sent_needs_its_address_and_what_cannot_be_fetched_too() -> None:
    missing = {"address", "postal_code", "city"}
    sent = form(delivery="letter", country="SE")
    assert not sent.validate()
    assert set(sent.errors) == missing
    typed = FormData(WHO | {"country": "SE"})
    nowhere = CheckoutForm(typed, countries=["SE"], home="SE")
    assert not nowhere.validate()
    assert set(nowhere.errors) == missing


# --- before it is paid ----------------------------------------------------------------------------


def test_cart_and_checkout_offer_it_last_and_choose_the_post(fetching: Buyer) -> None:
    cart = words_of(fetching.get("/cart"))
    assert f"Pick-up Free {ready()} SEK 245 in all. Subtotal" in cart
    assert "Postage: Letter SEK 36 Total SEK 281" in cart
    page = fetching.get("/checkout")
    methods = re.findall(r'name="delivery" value="(\w+)"( checked)?', page.text)
    assert methods == [("letter", " checked"), ("tracked_parcel", ""), ("pickup", "")]
    assert '<p class="place">Storgatan 1.\nSaturdays.</p>' in page.text
    assert "You need no address if you fetch it yourself." in page.text
    assert 'data-total="24500" data-method="pickup"' in page.text


def test_without_the_offer_nobody_can_choose_it(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.add(shelf.add("raven"))
    assert "pickup" not in buyer.get("/checkout").text
    answer = buyer.place(delivery="pickup", price_pickup="0")
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    with sessions.begin() as db:
        assert db.scalars(select(Order)).all() == []


def test_what_cannot_be_sent_can_be_fetched(fetching: Buyer, sessions: Sessions) -> None:
    with sessions.begin() as db:
        db.execute(delete(ShippingRate))
    page = fetching.get("/checkout")
    assert re.findall(r'name="delivery" value="(\w+)"( checked)?', page.text) == [
        ("pickup", " checked")
    ]
    answer = fetching.post("/checkout", **fields_of(page.text, "checkout") | WHO)
    assert answer.status_code == 303


def test_everything_typed_is_there_when_something_is_wrong(fetching: Buyer) -> None:
    typed = WHO | {"email": "anna@", "address": "Strandvägen 1"}
    answer = fetching.post("/checkout", **fetching.checkout_fields() | typed)
    assert answer.status_code == 422
    fields = fields_of(answer.text, "checkout")
    assert {name: fields[name] for name in typed} == typed
    assert answer.text.count('class="error"') == 1


# --- the order ------------------------------------------------------------------------------------


def test_a_fetched_order_from_the_checkout_to_the_hand(
    fetching: Buyer, owner: Buyer, sessions: Sessions, config: Config
) -> None:
    placed = fetching.post("/checkout", **fetching.checkout_fields() | WHO)
    assert placed.status_code == 303
    with sessions.begin() as db:
        order = db.scalars(select(Order)).one()
    assert (order.shipping_method, order.shipping_amount, order.arrives_by) == ("pickup", 0, None)
    assert (order.address, order.country, order.total_amount) == ("", "SE", 24500)
    assert (order.vat_amount, order.fetched, order.is_gift) == (4900, True, False)
    token = order_token(Signer(config.secret_keys), 1)
    back = fields_of(fetching.get(f"/checkout?order={token}").text, "checkout")
    assert (back["delivery"], back["name"], back["address"]) == ("pickup", "Anna Ek", "")

    page = words_of(fetching.pay(placed.headers["location"]))
    assert ready().replace("Ready", "It will be ready").removesuffix(".") in page
    assert "Where to fetch it Storgatan 1. Saturdays." in page
    assert "Delivery address" not in page
    assert "With you by" not in page
    assert "Postage: Pick-up Free" in page

    packing = words_of(owner.get("/admin/orders/1001"))
    assert "Att hämtas" in packing
    assert "Lämna ut" in packing
    assert "Anna Ek kommer och hämtar." in packing
    assert "Spårningsnummer" not in packing
    in_list = owner.get("/admin/orders").text
    assert 'aria-label="Utlämnad: beställning 1001">Utlämnad</button>' in in_list
    assert "klar senast" in in_list
    slip = owner.get("/admin/orders/1001/slip").text
    assert "<p>Anna Ek</p>" in slip
    assert "<address>" not in slip

    assert owner.post("/admin/orders/1001/shipment").status_code == 303
    handed = words_of(owner.get("/admin/orders/1001"))
    assert "Ångra ”Utlämnad”" in handed
    assert "Utlämnad" in handed
    mine = words_of(fetching.get(f"/orders/{token}"))
    assert "You have fetched your order" in mine
    assert "The order was handed over." in mine
    owner.post("/admin/orders/1001/shipment/undo")
    assert "”Utlämnad” ångrades" in words_of(owner.get("/admin/orders/1001"))


def test_the_mails_say_where_to_come(fetching: Buyer, owner: Buyer, sessions: Sessions) -> None:
    fetching.pay(fetching.post("/checkout", **fetching.checkout_fields() | WHO).headers["location"])
    owner.post("/admin/orders/1001/shipment")
    with sessions.begin() as db, speaking("en"):
        letterhead = Letterhead(STATIONERY, preferences(db))
        first, sent = confirmation(db, 1, "en", letterhead), dispatch(db, 1, "en", letterhead)
        told = notice(db, 1, "en", letterhead)
    assert f"Pick-up\n{ready()}\n\nStorgatan 1.\nSaturdays.\n" in first.text
    assert ready() in first.html
    assert "Storgatan 1.<br" in first.html
    assert sent.subject == "Order 1001 – handed over"
    for body in (sent.text, sent.html):
        assert "You have fetched your order, Anna Ek." in body
        assert "on its way" not in body
        assert "Expected" not in body
    for body in (told.text, told.html):
        assert "Anna Ek comes to fetch it." in body
        assert ready() in body
        assert "Pack it" in body


def test_what_was_promised_is_written_down_and_told(
    buyer: Buyer, owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.prefix = "/en"
    page = buyer.buy(shelf.add("raven"))
    with sessions.begin() as db, speaking("en"):
        order = db.scalars(select(Order)).one()
        assert order.arrives_by is not None
        day = format_weekday(order.arrives_by)
        mail = confirmation(db, 1, "en", Letterhead(STATIONERY, preferences(db)))
    promise = f"With you by {day} at the latest."
    for told in (page.text, mail.text, mail.html):
        assert promise in told
    assert "Kunden är lovad att ha den senast" in owner.get("/admin/orders/1001").text
    owner.post("/admin/orders/1001/shipment")
    assert promise in buyer.get(f"/orders/{str(page.url).rpartition('/')[2]}").text


# --- the owner's words ----------------------------------------------------------------------------


def test_where_and_when_in_the_language_there_is() -> None:
    assert Preferences().pickup_in("sv") == ""
    both = Preferences(pickup=PLACE)
    assert [both.pickup_in(code) for code in ("sv", "en", "de")] == [
        PLACE["sv"],
        PLACE["en"],
        PLACE["sv"],
    ]
    assert Preferences(pickup={"en": "Here"}).pickup_in("sv") == "Here"


def test_the_owner_says_where_and_when(owner: Buyer, sessions: Sessions) -> None:
    assert "Kunderna kan inte hämta själva." in owner.get("/admin/shipping").text
    form = fields_of(owner.get("/admin/shipping/pickup").text, "pickup")
    assert form == {}
    refused = owner.post("/admin/shipping/pickup", pickup_offered="y", place_sv=" ", place_en="")
    assert refused.status_code == 422
    assert "Skriv var och när en beställning kan hämtas." in refused.text
    assert 'name="pickup_offered" value="y" checked' in refused.text
    long = owner.post("/admin/shipping/pickup", pickup_offered="y", place_sv="x" * 501)
    assert long.status_code == 422
    assert "x" * 501 in long.text
    saved = owner.post(
        "/admin/shipping/pickup", pickup_offered="y", place_sv="Här\r\nLördagar", place_en=""
    )
    assert (saved.status_code, saved.headers["location"]) == (303, "/admin/shipping?note=saved")
    with sessions.begin() as db:
        now = preferences(db)
    assert (now.pickup_offered, now.pickup) == (True, {"sv": "Här\nLördagar"})
    assert "Här<br>Lördagar" in owner.get("/admin/shipping").text
    shown = owner.get("/admin/shipping/pickup").text
    assert ">\nHär\nLördagar</textarea>" in shown
    owner.post("/admin/shipping/pickup", place_sv="Här", place_en="")
    with sessions.begin() as db:
        assert preferences(db).pickup_offered is False
        assert preferences(db).pickup == {"sv": "Här"}


def test_a_product_can_take_words(owner: Buyer, sessions: Sessions, shelf: Shelf) -> None:
    from shop.catalogue.models import Product

    shelf.add("raven")
    path = "/admin/products/1"
    fields = fields_of(owner.get(path).text, "product")
    assert "takes_personal_text" not in fields
    files = {"photos": ("", b"")}
    data = fields | {"takes_personal_text": "y", "kind": "unique"}
    assert owner.http.post(path, data=data, files=files).status_code == 303
    with sessions.begin() as db:
        assert db.get_one(Product, 1).takes_personal_text is True
    assert fields_of(owner.get(path).text, "product")["takes_personal_text"] == "y"
