"""The mail to somebody who has waited: it can be had again."""

from sqlalchemy.orm import Session

from shop.catalogue.queries import products_of_variants
from shop.mail.letterhead import Letterhead
from shop.mail.letters import Mail
from shop.stock.alerts import KIND
from shop.stock.models import StockAlert

PHOTO = "400.jpeg"  # AVIF is not shown by every mail program


def back(db: Session, alert_id: int, locale: str, letterhead: Letterhead) -> Mail:
    """Write that a variant can be had again, and that the address is forgotten with this mail."""
    alert = db.get(StockAlert, alert_id)
    if alert is None:
        raise LookupError(f"nobody waits under the id {alert_id}")
    product = products_of_variants(db, [alert.variant_id])[alert.variant_id]
    variant = next(one for one in product.variants if one.id == alert.variant_id)
    photo = next(iter(product.photos), None)
    return letterhead.write(
        KIND,
        locale,
        name=product.text(locale).name,
        options=variant.options,
        price_amount=variant.price_amount,
        asked_at=alert.asked_at,
        photo=f"{letterhead.urls.base}/media/{photo.hash}/{PHOTO}" if photo else None,
        alt=photo.alt(locale) if photo else "",
        address=letterhead.urls.absolute(f"/products/{product.slug}", locale),
    )
