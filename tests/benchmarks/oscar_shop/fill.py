# mypy: ignore-errors
"""Fill Oscar's database with products as ours has them: python -m oscar_shop.fill NUMBER"""

import io
import sys
from decimal import Decimal

import django

django.setup()

from django.core.files.base import ContentFile  # noqa: E402 - Django must be set up first
from django.core.management import call_command  # noqa: E402
from oscar.core.loading import get_model  # noqa: E402
from PIL import Image  # noqa: E402

CATEGORIES = 8
PIECES = 1_000_000


def fill(products: int) -> None:
    call_command("migrate", verbosity=0)
    kind = get_model("catalogue", "ProductClass").objects.create(name="Doll", track_stock=True)
    partner = get_model("partner", "Partner").objects.create(name="Maker")
    category = get_model("catalogue", "Category")
    homes = [category.add_root(name=f"Collection {n}", is_public=True) for n in range(CATEGORIES)]
    for n in range(1, products + 1):
        product = get_model("catalogue", "Product").objects.create(
            structure="standalone",
            title=f"Happy fox Ragnar {n}",
            upc=f"UPC-{n}",
            description="Sewn by hand of wool and linen. Takes hugs.",
            product_class=kind,
        )
        get_model("partner", "StockRecord").objects.create(
            product=product,
            partner=partner,
            partner_sku=f"SKU-{n}",
            price_currency="GBP",
            price=Decimal(n % 40 + 5),
            num_in_stock=PIECES,
        )
        get_model("catalogue", "ProductCategory").objects.create(
            product=product, category=homes[n % CATEGORIES]
        )
        picture = get_model("catalogue", "ProductImage")(product=product, display_order=0)
        picture.original.save(f"{n}.jpg", ContentFile(_picture(n)))


def _picture(n: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (800, 800), (n % 256, 90, 120)).save(out, "JPEG")
    return out.getvalue()


if __name__ == "__main__":
    fill(int(sys.argv[1]))
