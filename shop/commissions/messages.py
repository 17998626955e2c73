"""The mail to the owner: somebody asks for one like a doll that is sold."""

from sqlalchemy.orm import Session

from shop.catalogue.queries import product_by_id
from shop.commissions.actions import KIND
from shop.commissions.models import Commission
from shop.mail.letterhead import Letterhead
from shop.mail.letters import Mail
from shop.preferences.forms import language_name


def notice(db: Session, commission_id: int, locale: str, letterhead: Letterhead) -> Mail:
    """Write to the owner who wishes for what. An answer reaches the buyer."""
    commission = db.get(Commission, commission_id)
    product = product_by_id(db, commission.product_id) if commission is not None else None
    if commission is None or product is None:
        raise LookupError(f"there is no commission with the id {commission_id}")
    return letterhead.write(
        KIND,
        locale,
        reply_to=commission.email,
        commission=commission,
        name=product.text(locale).name,
        reads=language_name(commission.locale),
        address=letterhead.urls.absolute(f"/products/{product.slug}", locale),
        admin_url=f"{letterhead.urls.base}/admin/commissions",
    )
