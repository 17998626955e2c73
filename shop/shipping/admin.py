"""The owner's postage: where to, how long it takes, what it costs from which day on."""

from datetime import date

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.kit.clock import local_day
from shop.kit.forms import whole_number
from shop.kit.i18n import country_name
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.owner.actions import write_audit
from shop.preferences.actions import set_preferences
from shop.shipping.actions import (
    add_zone,
    change_zone,
    forget_coming_prices,
    remove_zone,
    set_prices,
    start_with_swedish_postage,
)
from shop.shipping.forms import PricesForm, ZoneForm, pickup_form
from shop.shipping.models import PICKUP, ShippingZone
from shop.shipping.names import method_name
from shop.shipping.queries import rates_in_force, rates_to_come, zones
from shop.shipping.table import bounds, by_method

LARGEST_ID = 999_999_999
DEED = "postage-changed"


def show_list(request: Request) -> Response:
    today = _today(request)
    with request.state.reads.begin() as db:
        return page(
            request,
            "shipping/list.html",
            zones=[
                {
                    "zone": zone,
                    "countries": sorted(map(country_name, zone.country_codes)),
                    "rates": by_method(rates_in_force(db, zone.id, today)),
                    "coming": rates_to_come(db, zone.id, today),
                }
                for zone in zones(db)
            ],
            method_name=method_name,
            bounds=bounds,
        )


def start(request: Request, form: FormData) -> Response:  # noqa: ARG001 - the button says it all
    """Begin with the postage of a small Swedish shop, if there is none yet."""
    till = request.state.till
    with till.sessions.begin() as db:
        start_with_swedish_postage(db, _today(request))
        write_audit(db, "owner", DEED, "", now=till.now())
    return _back("saved")


# --- to fetch it ----------------------------------------------------------------------------------


def show_pickup(request: Request) -> Response:
    form = pickup_form(None, request.state.preferences.current)
    return page(request, "shipping/pickup.html", form=form)


def save_pickup(request: Request, form: FormData) -> Response:
    filled_in = pickup_form(form, request.state.preferences.current)
    if not filled_in.validate():
        return page(request, "shipping/pickup.html", status=422, form=filled_in)
    till = request.state.till
    with till.sessions.begin() as db:
        set_preferences(db, **filled_in.values())
        write_audit(db, "owner", DEED, method_name(PICKUP), now=till.now())
    request.state.preferences.refresh()
    return _back("saved")


# --- zones ----------------------------------------------------------------------------------------


def show_zone(request: Request) -> Response:
    with request.state.reads.begin() as db:
        zone = _zone(request, db)
        return _zone_page(request, zone, _zone_form(db, None, zone))


def show_new_zone(request: Request) -> Response:
    with request.state.reads.begin() as db:
        return _zone_page(request, None, _zone_form(db, None, None))


def save_zone(request: Request, form: FormData) -> Response:
    with request.state.reads.begin() as db:
        zone = _zone(request, db)
        filled_in = _zone_form(db, form, zone)
    if not filled_in.validate():
        return _zone_page(request, zone, filled_in, status=422)
    till = request.state.till
    with till.sessions.begin() as db:
        change_zone(db, zone.id, filled_in.facts())
        write_audit(db, "owner", DEED, zone.name, now=till.now())
    return _back("saved")


def save_new_zone(request: Request, form: FormData) -> Response:
    with request.state.reads.begin() as db:
        filled_in = _zone_form(db, form, None)
    if not filled_in.validate():
        return _zone_page(request, None, filled_in, status=422)
    till = request.state.till
    with till.sessions.begin() as db:
        zone = add_zone(db, filled_in.facts())
        write_audit(db, "owner", DEED, zone.name, now=till.now())
    return RedirectResponse(f"/admin/shipping/zones/{zone.id}/prices", status_code=303)


def drop_zone(request: Request, form: FormData) -> Response:  # noqa: ARG001 - asked for on its page
    till = request.state.till
    with till.sessions.begin() as db:
        zone = _zone(request, db)
        remove_zone(db, zone.id)
        write_audit(db, "owner", DEED, zone.name, now=till.now())
    return _back("zone-removed")


def _zone_form(db: Session, form: FormData | None, zone: ShippingZone | None) -> ZoneForm:
    own = None if zone is None else zone.id
    taken = {
        code: other.name for other in zones(db) if other.id != own for code in other.country_codes
    }
    return ZoneForm(form, zone, taken=taken)


def _zone_page(
    request: Request, zone: ShippingZone | None, form: ZoneForm, *, status: int = 200
) -> Response:
    return page(request, "shipping/zone.html", status=status, zone=zone, form=form)


# --- prices ---------------------------------------------------------------------------------------


def show_prices(request: Request) -> Response:
    with request.state.reads.begin() as db:
        zone = _zone(request, db)
        return _prices_page(request, db, zone, _prices_form(request, db, None, zone))


def save_prices(request: Request, form: FormData) -> Response:
    with request.state.reads.begin() as db:
        zone = _zone(request, db)
        filled_in = _prices_form(request, db, form, zone)
        if not filled_in.validate():
            return _prices_page(request, db, zone, filled_in, status=422)
    till = request.state.till
    with till.sessions.begin() as db:
        set_prices(db, zone.id, filled_in.price_list(), filled_in.first_day())
        write_audit(db, "owner", DEED, zone.name, now=till.now())
    return _back("saved")


def forget_coming(request: Request, form: FormData) -> Response:  # noqa: ARG001 - one button
    till = request.state.till
    with till.sessions.begin() as db:
        zone = _zone(request, db)
        forget_coming_prices(db, zone.id, _today(request))
        write_audit(db, "owner", DEED, zone.name, now=till.now())
    return RedirectResponse(f"/admin/shipping/zones/{zone.id}/prices?note=saved", status_code=303)


def _prices_form(
    request: Request, db: Session, form: FormData | None, zone: ShippingZone
) -> PricesForm:
    today = _today(request)
    return PricesForm(form, by_method(rates_in_force(db, zone.id, today)), today=today)


def _prices_page(
    request: Request, db: Session, zone: ShippingZone, form: PricesForm, *, status: int = 200
) -> Response:
    return page(
        request,
        "shipping/prices.html",
        status=status,
        zone=zone,
        form=form,
        coming=rates_to_come(db, zone.id, _today(request)),
        today=_today(request),
        method_name=method_name,
        bounds=bounds,
    )


def _zone(request: Request, db: Session) -> ShippingZone:
    number = whole_number(request.path_params["id"], least=1, most=LARGEST_ID)
    zone = db.get(ShippingZone, number) if number is not None else None
    if zone is None:
        raise HTTPException(404)
    return zone


def _today(request: Request) -> date:
    return local_day(request.state.till.now())


def _back(note: str) -> Response:
    return RedirectResponse(f"/admin/shipping?note={note}", status_code=303)


routes = [
    Get("/admin/shipping", show_list, access=OWNER),
    Post("/admin/shipping/start", start, access=OWNER),
    Get("/admin/shipping/pickup", show_pickup, access=OWNER),
    Post("/admin/shipping/pickup", save_pickup, access=OWNER),
    Get("/admin/shipping/zones/new", show_new_zone, access=OWNER),
    Post("/admin/shipping/zones/new", save_new_zone, access=OWNER),
    Get("/admin/shipping/zones/{id}", show_zone, access=OWNER),
    Post("/admin/shipping/zones/{id}", save_zone, access=OWNER),
    Post("/admin/shipping/zones/{id}/removal", drop_zone, access=OWNER),
    Get("/admin/shipping/zones/{id}/prices", show_prices, access=OWNER),
    Post("/admin/shipping/zones/{id}/prices", save_prices, access=OWNER),
    Post("/admin/shipping/zones/{id}/prices/coming", forget_coming, access=OWNER),
]
