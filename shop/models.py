"""Every room's tables: Alembic and the tests start here."""

from shop.blog import models as blog
from shop.catalogue import models as catalogue
from shop.commissions import models as commissions
from shop.discounts import models as discounts
from shop.kit import public_version, rate_limit
from shop.kit.db import Base
from shop.mail import models as mail
from shop.orders import models as orders
from shop.owner import models as owner
from shop.payments import models as payments
from shop.preferences import models as preferences
from shop.shipping import models as shipping
from shop.stock import models as stock
from shop.tax import models as tax
from shop.withdrawals import models as withdrawals

__all__ = [
    "Base",
    "blog",
    "catalogue",
    "commissions",
    "discounts",
    "mail",
    "orders",
    "owner",
    "payments",
    "preferences",
    "public_version",
    "rate_limit",
    "shipping",
    "stock",
    "tax",
    "withdrawals",
]
