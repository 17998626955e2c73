import re
from datetime import date
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from shop.config import Config
from shop.kit.db import Sessions
from shop.owner.queries import audit_trail
from shop.preferences.forms import swedish_number_is_odd, swedish_vat_number_is_odd
from shop.preferences.queries import page_texts, preferences
from shop.preferences.values import Preferences
from shop.tax.models import VatRate
from tests.support import Buyer, Shelf

NO_CHOICE = "Inte ett giltigt val"  # WTForms' own words, in the owner's language
SHOP = {
    "shop_name": "Majas dockor",
    "tagline_sv": "Gjorda en och en",
    "tagline_en": "Made one by one",
    "languages": ["sv", "en"],
    "default_language": "sv",
    "owner_language": "en",
    "currency": "SEK",
}
SELLER = {
    "legal_name": "Maja Lind",
    "org_number": "556703-7485",
    "street": "Storgatan 1",
    "postal_code": "76340",
    "city": "Hallstavik",
    "country": "SE",
    "email": "maja@example.se",
    "phone": "070-123 45 67",
    "blog_url": "https://blogg.example.se/dockor",
}
ORDERS = {
    "dispatch_days": "3",
    "holds_per_email": "4",
    "holds_per_network": "30",
    "mail_per_order": "y",
    "sender": "",
}
TAX = {"vat_registered": "y", "vat_number": "SE556703748501", "rate": "25"}


def now(sessions: Sessions) -> Preferences:
    with sessions.begin() as db:
        return preferences(db)


def error(page: str, field: str) -> str:
    found = re.search(rf'<span class="error" id="{field}-error">(.*?)</span>', page)
    assert found, f"{field} has no error"
    return unescape(found[1])


def test_only_the_owner_comes_in(buyer: Buyer) -> None:
    for path in ("/admin/settings", "/admin/settings/shop", "/admin/texts", "/admin/going-live"):
        answer = buyer.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/admin/sign-in?next={path}"
    answer = buyer.post("/admin/settings/seller", **SELLER)
    assert answer.headers["location"].startswith("/admin/sign-in")


def test_every_page_of_the_settings_opens(owner: Buyer) -> None:
    for part in ("", "/shop", "/seller", "/tax", "/orders", "/pictures"):
        assert owner.get(f"/admin/settings{part}").status_code == 200, part
    assert owner.get("/admin/settings/none").status_code == 404
    assert owner.post("/admin/settings/none").status_code == 404


# --- the shop -------------------------------------------------------------------------------------


def test_the_shop_has_its_name_at_once(owner: Buyer, sessions: Sessions) -> None:
    answer = owner.post("/admin/settings/shop", **SHOP)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/settings?note=saved")
    set_to = now(sessions)
    assert set_to.shop_name == "Majas dockor"
    assert set_to.tagline == {"sv": "Gjorda en och en", "en": "Made one by one"}
    assert set_to.languages == ("sv", "en")
    assert set_to.owner_language == "en"
    assert "<h1>Made one by one</h1>" in owner.get("/en").text
    with sessions.begin() as db:
        assert [(entry.action, entry.subject) for entry in audit_trail(db, 1)] == [
            ("settings-changed", "shop")
        ]


def test_the_first_language_comes_first(owner: Buyer, sessions: Sessions) -> None:
    owner.post("/admin/settings/shop", **(SHOP | {"default_language": "en"}))
    assert now(sessions).languages == ("en", "sv")
    owner.post("/admin/settings/shop", **(SHOP | {"languages": ["en"], "default_language": "en"}))
    assert now(sessions).languages == ("en",)


def test_a_language_comes_with_its_texts(owner: Buyer, sessions: Sessions) -> None:
    owner.post("/admin/settings/shop", **SHOP)
    with sessions.begin() as db:
        assert ("terms", "en") in page_texts(db)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shop_name": ""}, "Enter the shop’s name."),
        ({"shop_name": " \t "}, "Enter the shop’s name."),
        ({"shop_name": "x" * 61}, "Too long: use at most 60 characters."),
        ({"tagline_sv": "x" * 121}, "Too long: use at most 120 characters."),
        ({"default_language": "xx"}, NO_CHOICE),
        ({"languages": ["sv", "xx"]}, "är inte ett giltigt val"),
        ({"owner_language": "../en"}, NO_CHOICE),
        ({"currency": "XXX"}, NO_CHOICE),
    ],
)
def test_the_shop_refuses(
    owner: Buyer, sessions: Sessions, change: dict[str, Any], words: str
) -> None:
    before = now(sessions)
    page = owner.post("/admin/settings/shop", **(SHOP | {"tagline_en": "Kept"} | change))
    assert page.status_code == 422
    assert words in unescape(page.text)
    assert 'value="Kept"' in page.text
    assert now(sessions) == before


def test_the_currency_stays_after_the_first_order(
    owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    assert owner.post("/admin/settings/shop", **(SHOP | {"currency": "EUR"})).status_code == 303
    assert now(sessions).currency == "EUR"
    owner.post("/admin/settings/shop", **SHOP)
    buyer.add(shelf.add())
    assert buyer.place().status_code == 303
    assert "There are orders in this currency" in owner.get("/admin/settings/shop").text
    page = owner.post("/admin/settings/shop", **(SHOP | {"currency": "EUR"}))
    assert page.status_code == 422
    assert "The shop has orders in SEK, so its currency stays." in page.text
    assert now(sessions).currency == "SEK"


# --- who sells ------------------------------------------------------------------------------------


def test_who_sells_is_told_to_buyers(owner: Buyer, sessions: Sessions) -> None:
    answer = owner.post("/admin/settings/seller", **SELLER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/settings?note=saved")
    assert now(sessions).postal_code == "763 40"
    shelf = owner.get("/").text
    for shown in ("Maja Lind", "556703-7485", "Storgatan 1, 763 40 Hallstavik", "070-123 45 67"):
        assert shown in shelf


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("legal_name", "", "Enter who sells: your name, or the company’s."),
        ("street", "", "Enter the street and number."),
        ("postal_code", "", "Enter the postal code."),
        ("city", "x" * 61, "Too long: use at most 60 characters."),
        ("country", "EU", NO_CHOICE),
        ("country", "xx", NO_CHOICE),
        ("email", "", "Enter the address that buyers can write to."),
        *(
            ("email", bad, "Enter a complete e-mail address, such as anna@example.se.")
            for bad in ("maja", "maja@", "a@b@c.se", "maja@example.se\nBcc: x@example.se")
        ),
        *(
            ("blog_url", bad, "Enter the whole address, such as https://blog.example.se.")
            for bad in (
                "javascript:alert(1)",
                "blogg.example.se",
                "//x.se",
                "ftp://x.se",
                "http://[",
            )
        ),
    ],
)
def test_who_sells_refuses(
    owner: Buyer, sessions: Sessions, field: str, value: str, words: str
) -> None:
    before = now(sessions)
    page = owner.post("/admin/settings/seller", **(SELLER | {field: value}))
    assert page.status_code == 422
    assert error(page.text, field) == words
    assert 'value="070-123 45 67"' in page.text
    assert now(sessions) == before


def test_an_odd_number_is_saved_and_asked_about(owner: Buyer, sessions: Sessions) -> None:
    answer = owner.post("/admin/settings/seller", **(SELLER | {"org_number": "556703-7486"}))
    assert answer.headers["location"] == "/admin/settings/seller?note=saved"
    assert now(sessions).org_number == "556703-7486"
    words = "The registration number’s check digit does not match. Check it again."
    assert words in owner.get("/admin/settings/seller").text
    assert "Look again" in owner.get("/admin/settings").text
    owner.post(
        "/admin/settings/seller", **(SELLER | {"org_number": "556703-7486", "country": "FI"})
    )
    assert words not in owner.get("/admin/settings/seller").text


@pytest.mark.parametrize(
    ("number", "odd"),
    [
        ("556703-7485", False),
        ("5567037485", False),
        ("811218-9876", False),
        ("19811218-9876", False),
        ("556703-7484", True),
        ("556730-7485", True),
        ("556703-748", True),
        ("", True),
    ],
)
def test_the_check_digit(number: str, odd: bool) -> None:
    assert swedish_number_is_odd(number) is odd


@pytest.mark.parametrize(
    ("number", "odd"),
    [("SE556703748501", False), ("se 556703-7485 01", False), ("SE5567037485", True)],
)
def test_the_vat_number(number: str, odd: bool) -> None:
    assert swedish_vat_number_is_odd(number, "556703-7485") is odd


# --- VAT, orders ----------------------------------------------------------------------------------


def test_a_new_rate_goes_from_today_and_the_old_is_kept(owner: Buyer, sessions: Sessions) -> None:
    owner.post("/admin/settings/tax", **TAX)
    owner.post("/admin/settings/tax", **(TAX | {"rate": "25,5 %"}))
    with sessions.begin() as db:
        rates = db.scalars(select(VatRate).order_by(VatRate.valid_from)).all()
    assert [rate.rate_bp for rate in rates] == [2500, 2550]
    assert rates[0].valid_from == date(1990, 7, 1)
    assert 'value="25,5"' in owner.get("/admin/settings/tax").text


def test_who_is_exempt_needs_no_rate(owner: Buyer, sessions: Sessions) -> None:
    answer = owner.post("/admin/settings/tax", vat_number="", rate="")
    assert answer.status_code == 303
    assert now(sessions).vat_registered is False


@pytest.mark.parametrize("rate", ["", "abc", "-1", "100", "25.123", "١٢", "1e1"])
def test_a_rate_is_a_figure(owner: Buyer, rate: str) -> None:
    page = owner.post("/admin/settings/tax", **(TAX | {"rate": rate}))
    assert page.status_code == 422
    assert error(page.text, "rate") == "Enter the rate in figures, such as 25 or 25.5."


def test_how_orders_are_kept(owner: Buyer, sessions: Sessions) -> None:
    owner.post("/admin/settings/orders", **(ORDERS | {"sender": "post@example.se"}))
    set_to = now(sessions)
    assert (set_to.dispatch_days, set_to.mail_per_order, set_to.sender) == (
        3,
        True,
        "post@example.se",
    )
    assert (set_to.holds_per_email, set_to.holds_per_network) == (4, 30)
    most = {"holds_per_email": "99", "holds_per_network": "999"}
    owner.post("/admin/settings/orders", dispatch_days="30", sender="", **most)
    set_to = now(sessions)
    assert (set_to.dispatch_days, set_to.mail_per_order, set_to.sender) == (30, False, "")
    assert (set_to.holds_per_email, set_to.holds_per_network) == (99, 999)


@pytest.mark.parametrize(("name", "most"), [("holds_per_email", 99), ("holds_per_network", 999)])
def test_nobody_can_be_kept_from_paying_by_a_limit_of_none(
    owner: Buyer, name: str, most: int
) -> None:
    for number in ("0", str(most + 1), "some"):
        page = owner.post("/admin/settings/orders", **(ORDERS | {name: number}))
        assert page.status_code == 422
        assert error(page.text, name) == f"Enter a whole number from 1 to {most}."
    page = owner.post("/admin/settings/orders", **(ORDERS | {name: ""}))
    assert error(page.text, name) == f"Enter how many, from 1 to {most}."


@pytest.mark.parametrize("days", ["0", "31", "-1", "1.5", "two", "1_0", "9" * 30])
def test_days_are_a_whole_number_up_to_thirty(owner: Buyer, days: str) -> None:
    page = owner.post("/admin/settings/orders", **(ORDERS | {"dispatch_days": days}))
    assert page.status_code == 422
    assert error(page.text, "dispatch_days") == "Enter a whole number from 1 to 30."
    assert f'value="{days}"' in page.text


def test_days_are_needed(owner: Buyer) -> None:
    page = owner.post("/admin/settings/orders", **(ORDERS | {"dispatch_days": ""}))
    assert error(page.text, "dispatch_days") == "Enter how many days, from 1 to 30."


# --- pictures -------------------------------------------------------------------------------------


def picture(width: int = 60, height: int = 40) -> bytes:
    body = BytesIO()
    Image.new("RGB", (width, height), (150, 60, 40)).save(body, "PNG")
    return body.getvalue()


def send(owner: Buyer, data: dict[str, str] | None = None, **files: tuple[str, bytes]) -> Any:
    # A browser sends the fields in which nothing was chosen, too: empty and without a name.
    chosen = {name: files.get(name, ("", b"")) for name in ("portrait", "workshop")}
    return owner.http.post("/admin/settings/pictures", data=data or {}, files=chosen)


def test_a_portrait_is_kept_square_and_taken_away_again(
    owner: Buyer, sessions: Sessions, shop: Config
) -> None:
    answer = send(owner, portrait=("me.png", picture()))
    assert answer.headers["location"] == "/admin/settings/pictures?note=saved"
    set_to = now(sessions)
    assert re.fullmatch(r"[0-9a-f]{16}", set_to.portrait_hash)
    assert set_to.workshop_hash == ""
    served = owner.get(f"/media/{set_to.portrait_hash}/400.jpeg")
    assert served.status_code == 200
    assert Image.open(BytesIO(served.content)).size == (40, 40)
    assert set_to.portrait_hash in owner.get("/admin/settings/pictures").text
    send(owner)  # nothing chosen: nothing changes
    assert now(sessions).portrait_hash == set_to.portrait_hash
    send(owner, {"remove_portrait": "y"})
    assert now(sessions).portrait_hash == ""


def test_a_file_that_is_no_photo_changes_nothing(owner: Buyer, sessions: Sessions) -> None:
    answer = send(owner, portrait=("me.png", picture()), workshop=("x.png", b"<svg onload=x>"))
    assert answer.status_code == 422
    assert "That file cannot be shown. Choose a photo" in answer.text
    assert now(sessions).portrait_hash == ""
