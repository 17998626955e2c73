"""A gift: to whom the parcel goes, what stands on the card, and that no price goes along."""

import re

import pytest
from sqlalchemy import select
from starlette.datastructures import FormData

from shop.checkout.forms import Buyer as Who
from shop.checkout.forms import CheckoutForm
from shop.config import Config
from shop.kit.db import Sessions
from shop.kit.i18n import speaking
from shop.kit.ids import Signer
from shop.mail.letterhead import Letterhead
from shop.orders.messages import confirmation, dispatch, notice
from shop.orders.models import Order
from shop.orders.queries import order_token
from shop.preferences.queries import preferences
from tests.mail.tools import STATIONERY
from tests.support import ANNA, Buyer, Shelf, fields_of

GIFT = {"recipient": "Ida Ek", "gift_note": "Grattis på dagen!\r\n\r\nKram från mormor"}
NOTE = "Grattis på dagen!\n\nKram från mormor"


def form(**changes: str) -> CheckoutForm:
    return CheckoutForm(FormData(ANNA | changes), countries=["SE"], home="SE")


def buyer_of(**changes: str) -> Who:
    filled = form(**changes)
    assert filled.validate(), filled.errors
    return filled.buyer("sv")


def test_it_goes_to_somebody_else() -> None:
    who = buyer_of(**GIFT)
    assert (who.name, who.buyer_name, who.gift_note) == ("Ida Ek", "Anna Ek", NOTE)


@pytest.mark.parametrize("recipient", ["", "  ", "Anna Ek"])
def test_it_goes_to_who_pays(recipient: str) -> None:
    who = buyer_of(recipient=recipient)
    assert (who.name, who.buyer_name, who.gift_note) == ("Anna Ek", "", "")


def test_a_note_has_room_for_300_characters() -> None:
    assert buyer_of(gift_note="å" * 300).gift_note == "å" * 300
    with speaking("en"):
        filled = form(gift_note="å" * 301)
        assert not filled.validate()
        assert filled.errors == {"gift_note": ["Too long: use at most 300 characters."]}
    assert filled.is_gift


def test_a_note_has_no_commands_in_it() -> None:
    assert buyer_of(gift_note="a\u202e\x00\x07b\r\nc").gift_note == "ab\nc"


def test_the_fold_is_open_where_something_stands_in_it(buyer: Buyer, shelf: Shelf) -> None:
    buyer.add(shelf.add())
    assert re.search(r'<details class="part fold" id="gift">', buyer.get("/checkout").text)
    again = buyer.post("/checkout", **buyer.checkout_fields() | GIFT, update="1")
    assert '<details class="part fold" id="gift" open>' in again.text
    assert fields_of(again.text, "checkout")["recipient"] == "Ida Ek"
    assert ">\nGrattis på dagen!\n\nKram från mormor</textarea>" in again.text


def test_the_order_knows_who_pays_and_where_it_goes(
    buyer: Buyer, shelf: Shelf, sessions: Sessions, config: Config
) -> None:
    buyer.prefix = "/en"
    buyer.add(shelf.add("raven", on_hand=2))
    placed = buyer.post("/checkout", **buyer.checkout_fields() | ANNA | GIFT)
    assert placed.status_code == 303
    with sessions.begin() as db:
        order = db.scalars(select(Order)).one()
    assert (order.name, order.buyer_name, order.gift_note) == ("Ida Ek", "Anna Ek", NOTE)
    assert (order.payer, order.is_gift) == ("Anna Ek", True)
    back = buyer.get(f"/checkout?order={order_token(Signer(config.secret_keys), 1)}").text
    fields = fields_of(back, "checkout")
    assert (fields["name"], fields["recipient"]) == ("Anna Ek", "Ida Ek")
    assert f">\n{NOTE}</textarea>" in back
    page = buyer.pay(placed.headers["location"]).text
    assert "Thank you, Anna Ek" in page
    assert "<p>Ida Ek<br>Strandvägen 1<br>" in page
    assert f'<p class="place" dir="auto">{NOTE}</p>' in page


def test_the_mails_speak_to_who_pays(
    buyer: Buyer, owner: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.prefix = "/en"
    buyer.add(shelf.add("raven", on_hand=2))
    buyer.pay(buyer.post("/checkout", **buyer.checkout_fields() | ANNA | GIFT).headers["location"])
    owner.post("/admin/orders/1001/shipment")
    with sessions.begin() as db, speaking("en"):
        letterhead = Letterhead(STATIONERY, preferences(db))
        first, sent = confirmation(db, 1, "en", letterhead), dispatch(db, 1, "en", letterhead)
        told = notice(db, 1, "en", letterhead)
    for body in (first.text, first.html):
        assert "Thank you for your order, Anna Ek." in body
        assert "Greeting on the card" in body
        assert "Kram från mormor" in body
        assert "Ida Ek" in body
    assert "Your order is on its way, Anna Ek." in sent.text
    for body in (told.text, told.html):
        assert "To Ida Ek in Hallstavik: Letter" in body
        assert "It is a gift: what is to be written on the card stands on the order" in body


def test_a_gift_without_a_note_says_from_whom(
    buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    buyer.add(shelf.add("raven"))
    buyer.pay(
        buyer.post("/checkout", **buyer.checkout_fields() | ANNA | {"recipient": "Ida Ek"}).headers[
            "location"
        ]
    )
    with sessions.begin() as db, speaking("en"):
        told = notice(db, 1, "en", Letterhead(STATIONERY, preferences(db)))
    assert "It is a gift from Anna Ek." in told.text


def test_no_price_lies_in_the_parcel(buyer: Buyer, owner: Buyer, shelf: Shelf) -> None:
    """The slip has what is in the parcel, the card's words and the address; no sum, no payer."""
    bear = shelf.add("bjornen", on_hand=3, takes_personal_text=True)
    buyer.post("/cart", variant=str(bear), quantity="2", text="Ida")
    buyer.add(shelf.add("raven", price_amount=31500))
    buyer.pay(buyer.post("/checkout", **buyer.checkout_fields() | ANNA | GIFT).headers["location"])
    shown = owner.get("/admin/orders/1001").text
    assert "Det är en present från Anna Ek. Lägg inga priser i paketet." in shown
    assert "Grattis på dagen!<br><br>Kram från mormor" in shown
    assert "“Ida”" in shown
    assert 'href="/admin/orders/1001/slip"' in shown
    assert "Present" in owner.get("/admin/orders").text
    slip = re.search(
        r'<article class="slip".*?</article>', owner.get("/admin/orders/1001/slip").text, re.DOTALL
    )
    assert slip is not None
    words = slip[0]
    assert "2 × Bjornen<br><bdi>“Ida”</bdi>" in words
    assert "1 × Raven" in words
    assert "Grattis på dagen!<br><br>Kram från mormor" in words
    assert "Ida Ek<br>Strandvägen 1<br>763 40 Hallstavik" in words
    for told in ("kr", "SEK", "245", "315", "805", "Anna", "moms", "1001"):
        assert told not in words, told


def test_a_slip_of_what_is_no_gift_has_its_number(buyer: Buyer, owner: Buyer, shelf: Shelf) -> None:
    buyer.buy(shelf.add("raven"))
    slip = owner.get("/admin/orders/1001/slip").text
    assert "Beställning 1001" in slip
    assert owner.get("/admin/orders/1002/slip").status_code == 404
