"""Feeds: all items for shopping search engines, and the newest for whoever follows the shop.

Each is in one language and tells of what is described in it: a feed that mixes languages is
refused by those who read it.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from shop.catalogue.models import Kind, Product
from shop.kit.i18n import format_money
from shop.kit.i18n import gettext as _
from shop.kit.money import Money
from shop.listings.storefront import Sending, State, Storefront, state_of
from shop.listings.xml import DECLARATION, element, elements, written
from shop.shipping.names import method_name
from shop.shipping.queries import DeliveryOption
from shop.stock.offers import Choice

GOOGLE = "http://base.google.com/ns/1.0"
LONGEST_TITLE, LONGEST_DESCRIPTION, MOST_PICTURES = 150, 5000, 10  # beside the first
IN_STOCK = (State.AVAILABLE, State.MADE_TO_ORDER)
END_OF_GOOGLE = "</channel></rss>\n"
END_OF_ATOM = "</feed>\n"
ATOM = "/feeds/new.atom"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


# --- the Google Merchant Center, RSS 2.0 ----------------------------------------------------------


def google_begin(front: Storefront) -> str:
    name = front.shop.shop_name
    about = [
        element("title", name),
        element("link", front.address("/")),
        element("description", front.shop.tagline_in(front.locale) or name),
    ]
    return f'{DECLARATION}<rss version="2.0" xmlns:g="{GOOGLE}"><channel>{"".join(about)}\n'


def google_items(
    front: Storefront, product: Product, choices: Sequence[Choice], sending: Sending
) -> str:
    """Return one item for each variant; none where there is no photo or no text in the language."""
    text = front.text(product)
    if not product.photos or text.locale != front.locale:
        return ""
    first, *others = front.pictures(product)
    shared = [
        element("description", (text.story or text.name)[:LONGEST_DESCRIPTION]),
        element("link", front.address_of(product)),
        element("g:image_link", first),
        *(element("g:additional_image_link", one) for one in others[:MOST_PICTURES]),
        element("g:brand", front.shop.shop_name),
        element("g:identifier_exists", "no"),  # no manufacturer has numbered what is made by hand
        element("g:condition", "new"),
        element("g:shipping_weight", f"{product.weight_g} g"),
        *(_shipping(front, sending, option) for option in sending.posted),
    ]
    if len(choices) > 1:
        shared.append(element("g:item_group_id", product.slug))
    return "".join(_google_item(front, product, one, shared) for one in choices)


def _google_item(front: Storefront, product: Product, choice: Choice, shared: list[str]) -> str:
    to_be_had = state_of(product, choice.availability) in IN_STOCK
    own = [
        element("g:id", choice.variant.sku),
        element("title", front.name(product, choice.variant)[:LONGEST_TITLE]),
        element("g:price", _price(front, choice.price_amount)),
        element("g:availability", "in_stock" if to_be_had else "out_of_stock"),
    ]
    return elements("item", own + shared) + "\n"


def _shipping(front: Storefront, sending: Sending, option: DeliveryOption) -> str:
    return elements(
        "g:shipping",
        [
            element("g:country", sending.country),
            element("g:service", method_name(option.method)),
            element("g:price", _price(front, option.amount)),
            element("g:min_handling_time", 0),
            element("g:max_handling_time", front.days_until(sending.sent)),
            element("g:min_transit_time", option.days_least),
            element("g:max_transit_time", option.days_most),
        ],
    )


def _price(front: Storefront, amount: int) -> str:
    return f"{front.price(amount)} {front.shop.currency}"


# --- the newest, Atom -----------------------------------------------------------------------------


def atom_begin(front: Storefront, newest: Iterable[Product]) -> str:
    shop, home = front.shop, front.address("/")
    changed = max((_published(product) for product in newest), default=NEVER)
    about = [
        element("id", home),
        element("title", _("%(shop)s: new items") % {"shop": shop.shop_name}),
        element("updated", changed.isoformat()),
        element("link", rel="self", type="application/atom+xml", href=front.address(ATOM)),
        element("link", rel="alternate", type="text/html", href=home),
        elements("author", [element("name", shop.legal_name or shop.shop_name)]),
    ]
    if shop.portrait_hash:
        about.append(element("logo", front.picture(shop.portrait_hash)))
    told = f'xmlns="http://www.w3.org/2005/Atom" xml:lang="{written(front.locale)}"'
    return f"{DECLARATION}<feed {told}>{''.join(about)}\n"


def atom_entry(front: Storefront, product: Product, choices: Sequence[Choice]) -> str:
    text, address = front.text(product), front.address_of(product)
    at = _published(product).isoformat()
    amount = Money(min(one.price_amount for one in choices), front.shop.currency)
    pictures = front.pictures(product)[:1]
    gone = all(one.availability.sold_out for one in choices)
    paragraphs = [
        *(f'<img src="{one}" alt="{written(_alt(front, product))}">' for one in pictures),
        written(format_money(amount)),
        *([_("Sold") if product.kind == Kind.UNIQUE else _("Sold out")] if gone else []),
        *([written(text.story)] if text.story else []),
    ]
    # each on its own line, so that words stay apart where only the words are taken
    content = "\n".join(f"<p>{one}</p>" for one in paragraphs)
    own = [
        element("id", address),
        element("title", text.name),
        element("link", rel="alternate", type="text/html", href=address),
        *(element("link", rel="enclosure", type="image/jpeg", href=one) for one in pictures),
        element("published", at),
        element("updated", at),
        element("content", content, type="html"),
    ]
    told = {} if text.locale == front.locale else {"xml:lang": text.locale}
    return elements("entry", own, **told) + "\n"


def _published(product: Product) -> datetime:
    return product.published_at or product.created_at


def _alt(front: Storefront, product: Product) -> str:
    return product.photos[0].alt(front.locale)
