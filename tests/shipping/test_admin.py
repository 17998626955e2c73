import re
from datetime import date
from html import unescape

import httpx2
import pytest

from shop.kit.clock import Clock
from shop.kit.db import Sessions
from shop.shipping.actions import OTHER_EU, remove_zone
from shop.shipping.forms import countries_in
from shop.shipping.models import ShippingZone
from shop.shipping.queries import rates_in_force, rates_to_come, zones
from tests.support import NOON, Buyer, FixedClock

TODAY = date(2026, 11, 23)
NORTH = {
    "name": "Norden",
    "countries": "NO, Island",
    "days_least": "2",
    "days_most": "5",
    "free_from_amount": "800",
}


@pytest.fixture
def clock() -> Clock:
    return FixedClock(NOON)


def all_zones(sessions: Sessions) -> list[ShippingZone]:
    with sessions.begin() as db:
        return list(zones(db))


def error(page: httpx2.Response, field: str) -> str:
    found = re.search(rf'<span class="error" id="{field}-error">(.*?)</span>', page.text)
    assert found, f"{field} has no error"
    return unescape(found[1])


def test_only_the_owner_comes_in(buyer: Buyer, sessions: Sessions) -> None:
    for path in ("", "/zones/1", "/zones/new", "/zones/1/prices"):
        assert buyer.get(f"/admin/shipping{path}").status_code == 303
    for path in ("/start", "/zones/1/removal", "/zones/1/prices", "/zones/1/prices/coming"):
        answer = buyer.post(f"/admin/shipping{path}")
        assert answer.headers["location"].startswith("/admin/sign-in")
    assert len(all_zones(sessions)) == 2


def test_the_list_shows_what_everything_costs(owner: Buyer) -> None:
    page = unescape(owner.get("/admin/shipping").text)
    assert "Danmark, Finland, Tyskland" in page
    assert re.search(r"250\u00a0g, 3 cm [^<]*</td><td [^>]*>54\u00a0kr</td>", page)


@pytest.mark.parametrize("path", ["zones/99", "zones/0", "zones/x", "zones/1e1", "zones/99/prices"])
def test_any_other_zone_is_not_found(owner: Buyer, path: str) -> None:
    assert owner.get(f"/admin/shipping/{path}").status_code == 404
    assert owner.post(f"/admin/shipping/{path}", **NORTH).status_code == 404


def test_a_shop_without_postage_can_begin_with_swedens(owner: Buyer, sessions: Sessions) -> None:
    with sessions.begin() as db:
        for zone in zones(db):
            remove_zone(db, zone.id)
    assert 'action="/admin/shipping/start"' in owner.get("/admin/shipping").text
    owner.post("/admin/shipping/start")
    assert [zone.name for zone in all_zones(sessions)] == ["Sverige", "EU"]


# --- zones ----------------------------------------------------------------------------------------


def test_a_new_zone_leads_to_its_prices(owner: Buyer, sessions: Sessions) -> None:
    answer = owner.post("/admin/shipping/zones/new", **NORTH)
    made = all_zones(sessions)[-1]
    assert answer.headers["location"] == f"/admin/shipping/zones/{made.id}/prices"
    assert (made.name, made.countries, made.days_least, made.days_most) == ("Norden", "NO,IS", 2, 5)
    assert made.free_from_amount == 80_000
    assert owner.get(answer.headers["location"]).status_code == 200


def test_a_zone_is_changed_and_removed(owner: Buyer, sessions: Sessions) -> None:
    eu = all_zones(sessions)[1]
    path = f"/admin/shipping/zones/{eu.id}"
    assert "DE, FI, DK" in owner.get(path).text
    owner.post(path, **(NORTH | {"countries": "eu", "free_from_amount": ""}))
    changed = all_zones(sessions)[1]
    assert changed.countries == OTHER_EU  # Sweden stays with its own zone
    assert changed.free_from_amount is None
    answer = owner.post(f"{path}/removal")
    assert answer.headers["location"] == "/admin/shipping?note=zone-removed"
    assert [zone.name for zone in all_zones(sessions)] == ["Sverige"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 61),
        ("countries", ""),
        ("countries", " , ;\n"),
        ("countries", "XX"),
        ("countries", "NO, Narnia"),
        ("countries", "NO SE"),
        ("countries", "ZZ"),
        ("countries", "NO, SE"),
        ("countries", "Tyskland"),
        ("days_least", ""),
        ("days_least", "6"),
        ("days_most", "61"),
        ("days_most", "1.5"),
        ("free_from_amount", "0"),
        ("free_from_amount", "-5"),
        ("free_from_amount", "much"),
        ("free_from_amount", "1000000"),
    ],
)
def test_a_zone_refuses(owner: Buyer, sessions: Sessions, field: str, value: str) -> None:
    page = owner.post("/admin/shipping/zones/new", **(NORTH | {field: value}))
    assert page.status_code == 422
    error(page, "days_most" if (field, value) == ("days_least", "6") else field)
    assert "Norden" in page.text or field == "name"
    assert len(all_zones(sessions)) == 2


def test_a_refusal_names_the_country_and_the_zone(owner: Buyer) -> None:
    page = owner.post("/admin/shipping/zones/new", **(NORTH | {"countries": "NO, DE"}))
    assert {"Tyskland", "EU"} <= set(re.findall(r"\w+", error(page, "countries")))
    page = owner.post("/admin/shipping/zones/new", **(NORTH | {"countries": "<b>Narnia</b>"}))
    assert "<b>Narnia</b>" in error(page, "countries")
    assert "<b>Narnia" not in page.text


@pytest.mark.parametrize(
    ("text", "codes", "unknown"),
    [
        ("se, no", ["SE", "NO"], []),
        ("Sweden\nNorway; Denmark", ["SE", "NO", "DK"], []),
        ("NO, no, Norway", ["NO"], []),
        ("EU", ["AT", "BE"], []),
        ("Norge", [], ["Norge"]),  # the language of the moment is English here
    ],
)
def test_countries_by_code_or_name(text: str, codes: list[str], unknown: list[str]) -> None:
    taken = dict.fromkeys(["SE", *OTHER_EU.split(",")[2:]], "Z") if text == "EU" else {}
    assert countries_in(text, taken) == (codes, unknown)


# --- prices ---------------------------------------------------------------------------------------


def price_list(*lines: tuple[str, str, str, str], day: str = "2026-11-23") -> dict[str, str]:
    form = {"valid_from": day}
    for number, (method, max_g, max_mm, amount) in enumerate(lines):
        line = {"method": method, "max_g": max_g, "max_mm": max_mm, "amount": amount}
        form |= {f"tiers-{number}-{name}": value for name, value in line.items()}
    return form


SMALL = ("letter", "100", "30", "36")
LARGE = ("letter", "250", "30", "54")
PARCEL = ("tracked_parcel", "2000", "350", "79")
NOTHING = ("letter", "", "", "")


def in_force(sessions: Sessions, zone_id: int = 1, day: date = TODAY) -> list[tuple[str, int, int]]:
    with sessions.begin() as db:
        rates = rates_in_force(db, zone_id, day)
        return [(rate.method, rate.max_g, rate.amount) for rate in rates]


BEFORE = [("letter", 100, 3600), ("letter", 250, 5400), ("tracked_parcel", 2000, 7900)]


def test_the_form_shows_the_prices_and_one_empty_line(owner: Buyer) -> None:
    page = owner.get("/admin/shipping/zones/1/prices").text
    values = re.findall(r'name="tiers-\d-(?:max_g|max_mm|amount)" type="text" value="(\d*)"', page)
    assert values == [
        *("36", "100", "30"),
        *("54", "250", "30"),
        *("79", "2000", "350"),
        "",
        "",
        "",
    ]
    assert 'value="2026-11-23"' in page


def test_saving_what_stands_there_changes_nothing(owner: Buyer, sessions: Sessions) -> None:
    answer = owner.post(
        "/admin/shipping/zones/1/prices", **price_list(SMALL, LARGE, PARCEL, NOTHING)
    )
    assert answer.headers["location"] == "/admin/shipping?note=saved"
    assert in_force(sessions) == BEFORE
    with sessions.begin() as db:
        assert {rate.valid_from for rate in rates_in_force(db, 1, TODAY)} == {date(2026, 1, 1)}


def test_prices_change_come_and_go(owner: Buyer, sessions: Sessions) -> None:
    form = price_list(
        ("letter", "100", "30", "39,50"), LARGE, PARCEL, ("letter", "500", "30", "72")
    )
    owner.post("/admin/shipping/zones/1/prices", **(form | {"tiers-1-remove": "y"}))
    assert in_force(sessions) == [
        ("letter", 100, 3950),
        ("letter", 500, 7200),
        ("tracked_parcel", 2000, 7900),
    ]
    assert in_force(sessions, day=date(2026, 11, 22)) == BEFORE


def test_postage_may_cost_nothing(owner: Buyer, sessions: Sessions) -> None:
    owner.post("/admin/shipping/zones/1/prices", **price_list(("letter", "100", "30", "0")))
    assert in_force(sessions) == [("letter", 100, 0)]


def test_a_change_can_be_planned_and_taken_back(owner: Buyer, sessions: Sessions) -> None:
    form = price_list(("letter", "100", "30", "40"), LARGE, PARCEL, day="2027-01-01")
    owner.post("/admin/shipping/zones/1/prices", **form)
    assert in_force(sessions) == BEFORE
    assert in_force(sessions, day=date(2027, 1, 1))[0] == ("letter", 100, 4000)
    assert "1 januari 2027" in owner.get("/admin/shipping").text
    assert "1 januari 2027" in owner.get("/admin/shipping/zones/1/prices").text
    owner.post("/admin/shipping/zones/1/prices/coming")
    with sessions.begin() as db:
        assert rates_to_come(db, 1, TODAY) == []


@pytest.mark.parametrize(
    ("lines", "day", "field"),
    [
        ([("letter", "", "30", "36")], "2026-11-23", "tiers-0-max_g"),
        ([("letter", "100", "30", "")], "2026-11-23", "tiers-0-amount"),
        ([("letter", "0", "30", "36")], "2026-11-23", "tiers-0-max_g"),
        ([("letter", "30001", "30", "36")], "2026-11-23", "tiers-0-max_g"),
        ([("letter", "100", "1501", "36")], "2026-11-23", "tiers-0-max_mm"),
        ([("letter", "100", "3.5", "36")], "2026-11-23", "tiers-0-max_mm"),
        ([("letter", "100", "30", "-1")], "2026-11-23", "tiers-0-amount"),
        ([("letter", "100", "30", "36,555")], "2026-11-23", "tiers-0-amount"),
        ([SMALL, ("letter", "100", "20", "40")], "2026-11-23", "tiers-1-max_g"),
        ([SMALL, ("letter", "250", "30", "35")], "2026-11-23", "tiers-1-amount"),
        ([("letter", "250", "30", "35"), SMALL], "2026-11-23", "tiers-0-amount"),
        ([SMALL], "2026-11-22", "valid_from"),
        ([SMALL], "", "valid_from"),
        ([SMALL], "soon", "valid_from"),
        ([SMALL], "99999-01-01", "valid_from"),
    ],
)
def test_a_price_list_refuses(
    owner: Buyer, sessions: Sessions, lines: list[tuple[str, str, str, str]], day: str, field: str
) -> None:
    page = owner.post("/admin/shipping/zones/1/prices", **price_list(*lines, day=day))
    assert page.status_code == 422
    error(page, field)
    for number, line in enumerate(lines):
        assert f'name="tiers-{number}-amount" type="text" value="{line[3]}"' in page.text
    assert in_force(sessions) == BEFORE


def test_an_unknown_method_is_refused(owner: Buyer, sessions: Sessions) -> None:
    page = owner.post("/admin/shipping/zones/1/prices", **price_list(("pigeon", "100", "30", "36")))
    assert page.status_code == 422
    assert error(page, "tiers-0-method") == "Inte ett giltigt val"
    assert in_force(sessions) == BEFORE


def test_a_lighter_parcel_may_cost_more_than_a_heavier_letter(owner: Buyer) -> None:
    lines = [("letter", "500", "30", "50"), ("tracked_parcel", "250", "350", "79")]
    answer = owner.post("/admin/shipping/zones/1/prices", **price_list(*lines))
    assert answer.status_code == 303
