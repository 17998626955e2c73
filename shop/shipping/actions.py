from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from shop.shipping.models import Method, ShippingRate, ShippingZone
from shop.shipping.queries import rates_in_force

OTHER_EU = "AT,BE,BG,CY,CZ,DE,DK,EE,ES,FI,FR,GR,HR,HU,IE,IT,LT,LU,LV,MT,NL,PL,PT,RO,SI,SK"


@dataclass(frozen=True)
class ZoneFacts:
    """What the owner says of a zone; ``countries`` is a comma-separated list of ISO codes."""

    name: str
    countries: str
    free_from_amount: int | None
    days_least: int
    days_most: int


@dataclass(frozen=True)
class Tier:
    """What a method costs up to a weight and a thickness; the amount is in minor units."""

    method: str
    max_g: int
    max_mm: int
    amount: int


def add_zone(db: Session, facts: ZoneFacts) -> ShippingZone:
    last = db.scalar(select(func.max(ShippingZone.position)))
    zone = ShippingZone(position=0 if last is None else last + 1, **asdict(facts))
    db.add(zone)
    db.flush()  # the zone's id is needed for its prices
    return zone


def change_zone(db: Session, zone_id: int, facts: ZoneFacts) -> None:
    zone = db.get_one(ShippingZone, zone_id)
    for name, value in asdict(facts).items():
        setattr(zone, name, value)


def remove_zone(db: Session, zone_id: int) -> None:
    """Send to the zone's countries no more. Orders keep what they paid: it stands in them."""
    db.execute(delete(ShippingRate).where(ShippingRate.zone_id == zone_id))
    db.execute(delete(ShippingZone).where(ShippingZone.id == zone_id))


def set_prices(db: Session, zone_id: int, tiers: Sequence[Tier], valid_from: date) -> None:
    """Let *tiers* be all that is offered from *valid_from* on.

    Each change is a new row, so that what was charged before can still be seen. What changes on
    a later day stays as it was planned.
    """
    before = {(rate.method, rate.max_g): rate for rate in rates_in_force(db, zone_id, valid_from)}
    for tier in tiers:
        rate = before.pop((tier.method, tier.max_g), None)
        if rate is None or (rate.max_mm, rate.amount) != (tier.max_mm, tier.amount):
            db.add(ShippingRate(zone_id=zone_id, valid_from=valid_from, **asdict(tier)))
    for rate in before.values():
        ended = Tier(rate.method, rate.max_g, rate.max_mm, rate.amount)
        db.add(ShippingRate(zone_id=zone_id, valid_from=valid_from, offered=False, **asdict(ended)))


def forget_coming_prices(db: Session, zone_id: int, today: date) -> None:
    """Take back every change that is planned for a day after *today*: nobody has paid it yet."""
    db.execute(
        delete(ShippingRate).where(ShippingRate.zone_id == zone_id, ShippingRate.valid_from > today)
    )


def start_with_swedish_postage(db: Session, today: date) -> None:
    """Give a shop that has no zone yet what a small Swedish shop can begin with."""
    if db.scalar(select(ShippingZone.id).limit(1)) is not None:
        return
    sweden = add_zone(db, ZoneFacts("Sverige", "SE", 600_00, 1, 3))
    set_prices(
        db,
        sweden.id,
        [
            Tier(Method.LETTER, 100, 30, 36_00),  # 3 cm is what goes through a letter box
            Tier(Method.LETTER, 250, 30, 54_00),
            Tier(Method.TRACKED_PARCEL, 2000, 350, 79_00),
        ],
        today,
    )
    eu = add_zone(db, ZoneFacts("EU", OTHER_EU, None, 3, 8))
    set_prices(db, eu.id, [Tier(Method.LETTER, 2000, 100, 79_00)], today)
