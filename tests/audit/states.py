"""Every page and every state that somebody can come upon, in one list."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.audit.stage import Stage

Deed = Callable[[Page, Stage, str], None]


@dataclass(frozen=True)
class State:
    name: str
    path: str  # with names of the stage in braces
    then: Deed | None = None
    cookie: str = ""  # whose cookies
    owners: bool = False
    status: int = 200  # where it begins

    @property
    def is_card(self) -> bool:
        """Whether it is a page without menus, for the frame of a blog."""
        return self.path.partition("?")[0].endswith("/card")

    def address(self, stage: Stage, prefix: str) -> str:
        """Return where it begins; the owner's side has no language in its addresses."""
        path = self.path.format(**stage.names)
        before = "" if self.owners else prefix
        return stage.base + before + ("" if before and path == "/" else path)

    def open(self, page: Page, stage: Stage, prefix: str) -> None:
        if self.cookie:
            cookies = stage.cookies[self.cookie].items()
            page.context.add_cookies(
                [{"name": name, "value": value, "url": stage.base} for name, value in cookies]
            )
        answer = page.goto(self.address(stage, prefix))
        assert answer is not None
        assert answer.status == self.status, (self.name, answer.status)
        if self.then is not None:
            self.then(page, stage, prefix)


# --- what people do -------------------------------------------------------------------------------


def press(selector: str) -> Deed:
    """Send the form with that button as it stands, past what the browser itself checks."""

    def deed(page: Page, _stage: Stage, _prefix: str) -> None:
        page.eval_on_selector_all("form", "forms => forms.forEach(f => f.noValidate = true)")
        with page.expect_navigation():
            page.locator(selector).first.click()

    return deed


def fill(selector: str, **values: str) -> Deed:
    """Fill in the fields of a form by their names, and send it."""

    def deed(page: Page, stage: Stage, prefix: str) -> None:
        for name, value in values.items():
            page.locator(f"{selector} [name={name}]").last.fill(value)
        press(f"{selector} button:not(.plain):not([name=update]):not([data-quiet])")(
            page, stage, prefix
        )

    return deed


def both(first: Deed, second: Deed) -> Deed:
    def deed(page: Page, stage: Stage, prefix: str) -> None:
        first(page, stage, prefix)
        second(page, stage, prefix)

    return deed


def answered(method: str, path: str, **asked: object) -> Deed:
    """Show in the browser what *path* answers to a request that no link makes."""

    def deed(page: Page, stage: Stage, prefix: str) -> None:
        address = f"{stage.base}{prefix}{path}"
        answer = page.request.fetch(address, method=method, **asked)  # type: ignore[arg-type]
        assert answer.status >= 400, (address, answer.status)
        shown = f"{stage.base}{prefix}/shown-{urlsplit(path).path.strip('/')}"
        headers = {k: v for k, v in answer.headers.items() if k != "content-encoding"}
        page.route(
            shown, lambda route: route.fulfill(status=200, headers=headers, body=answer.body())
        )
        page.goto(shown)

    return deed


def order_with(**values: str) -> Deed:
    """Fill in the checkout, set what no buyer can type, and order."""

    def deed(page: Page, stage: Stage, prefix: str) -> None:
        form = page.locator("form#checkout")
        typed = {
            "email": "anna@example.se",
            "name": "Anna Ek",
            "address-line1": "Strandvägen 1",
            "postal-code": "763 40",
            "address-level2": "Hallstavik",
        }
        for token, value in typed.items():
            form.locator(f"[autocomplete~={token}]").first.fill(values.get(token, value))
        for name, value in values.items():
            if name in typed:
                continue
            page.eval_on_selector_all(
                f"form#checkout [name={name}]",
                "(fields, value) => fields.forEach(f => f.value = value)",
                value,
            )
        press("form#checkout .buy")(page, stage, prefix)

    return deed


WITHDRAW = {"order_given": "1001", "name": "Anna Ek", "email": "anna@example.se"}

PUBLIC = [
    State("home", "/"),
    State("list", "/products"),
    State("list, the second page", "/products?page=2"),
    State("list, filtered", "/products?stock=1&sort=price&price_to=400"),
    State("list, empty", "/products?price_from=99999"),
    State("collection", "/collections/{collection}"),
    State("sold", "/sold"),
    State("search", "/search"),
    State("search, found", "/search?q=r%C3%A4v"),
    State("search, nothing", "/search?q=xyzzyx"),
    State("product", "/products/{available}"),
    State("product, another country", "/products/{available}?country=FI"),
    State("product, some left", "/products/{batch}"),
    State("product, made to order", "/products/{made}"),
    State("product, with own words", "/products/{personal}"),
    State("product, variants", "/products/{variants}"),
    State("product, sold", "/products/{sold}"),
    State("product, sold out", "/products/{sold_out}"),
    State("product, held", "/products/{held}"),
    State("product, withdrawn", "/products/{withdrawn}"),
    State("shelf", "/shelf"),
    State("card", "/products/{available}/card"),
    State("card, with a label", "/products/{batch}/card?from=sagostund"),
    State("card, made to order", "/products/{made}/card"),
    State("card, sold", "/products/{sold}/card"),
    State("card, sold out", "/products/{sold_out}/card"),
    State("card, held", "/products/{held}/card"),
    State("card, withdrawn", "/products/{withdrawn}/card"),
    State("card, a draft", "/products/{draft}/card"),
    State("card of the shelf", "/shelf/card"),
    State("waiting, wrong", "/products/{sold_out}", fill("form[action$=waiting]", email="anna@")),
    State("waiting, noted", "/products/{sold_out}/waiting"),
    State("wish", "/products/{sold}/commission"),
    State("wish, wrong", "/products/{sold}/commission", press("main form button")),
    State("wish, sent", "/products/{sold}/commission/sent"),
    State("basket, empty", "/cart"),
    State("basket", "/cart", cookie="cart"),
    State("basket, just added to", "/products/{batch}", press("#add-to-cart button")),
    State("basket, something gone", "/cart", cookie="gone"),
    State("basket, all gone", "/cart", cookie="all gone"),
    State("checkout", "/checkout", cookie="cart"),
    State("checkout, empty", "/checkout", press("form#checkout .buy"), cookie="cart"),
    State(
        "checkout, wrong",
        "/checkout",
        order_with(**{"postal-code": "12", "email": "anna"}),
        cookie="cart",
    ),
    State("checkout, other price", "/checkout", order_with(subtotal="1"), cookie="cart"),
    State("checkout, something gone", "/checkout", cookie="gone"),
    State(
        "checkout, too many unpaid",
        "/checkout",
        order_with(email="many@example.se"),
        cookie="blocked",
    ),
    State("order, unpaid", "/orders/{order_pending}"),
    State("order, paid", "/orders/{order_paid}"),
    State("order, sent", "/orders/{order_shipped}"),
    State("order, delivered", "/orders/{order_delivered}"),
    State("order, paid back", "/orders/{order_refunded}"),
    State("order, expired", "/orders/{order_expired}"),
    State("order, looked at", "/orders/{order_review}"),
    State("withdrawal", "/withdrawal"),
    State("withdrawal, of an order", "/withdrawal?order={order_paid}"),
    State("withdrawal, wrong", "/withdrawal", press("#withdrawal .do")),
    State("withdrawal, is this right", "/withdrawal", fill("#withdrawal", **WITHDRAW)),
    State("withdrawal, received", "/withdrawal/{withdrawal}"),
    State("contact", "/pages/contact"),
    State("delivery", "/pages/delivery"),
    State("terms", "/pages/terms"),
    State("privacy", "/pages/privacy"),
    State("error 404", "/nope", status=404),
    State("error 403", "/", answered("POST", "/cart", headers={"Sec-Fetch-Site": "cross-site"})),
    State("error 405", "/", answered("DELETE", "/cart")),
    State("error 413", "/", answered("POST", "/cart", data="x" * 70_000)),
    *(State(f"error {n}", f"/fails/{n}", status=n) for n in (400, 429, 500, 503)),
]

OWNERS = [
    State("owner, sign in", "/admin/sign-in", owners=True),
    State("owner, a link that is none", "/admin/sign-in/nope", owners=True, status=404),
    *(
        State(f"owner, {path or 'home'}", f"/admin{path}", cookie="owner", owners=True)
        for path in (
            *("", "/more", "/products", "/products/new", "/products/1", "/collections"),
            *("/collections/new", "/collections/1", "/stock", "/stock/{variant}", "/orders"),
            *(
                "/orders/{number}",
                "/orders/{number}/slip",
                "/shipping/pickup",
                "/payments",
                "/mail",
                "/mail/{mail}",
                "/withdrawals",
            ),
            *("/commissions", "/discounts", "/discounts/new", "/shipping", "/shipping/zones/new"),
            *("/shipping/zones/1", "/shipping/zones/1/prices", "/settings", "/settings/pictures"),
            *("/settings/shop", "/settings/seller", "/settings/orders", "/settings/tax"),
            *("/settings/blog", "/blog", "/blog/posts"),
            *("/texts", "/texts/home/sv", "/going-live", "/security", "/security/history"),
            *("/security/password", "/security/totp", "/security/codes"),
        )
    ),
    State(
        "owner, a product without anything",
        "/admin/products/new",
        press("form#product button.primary"),
        cookie="owner",
        owners=True,
    ),
    State(
        "owner, a post elsewhere",
        "/admin/blog/posts",
        fill("form:has(#address)", address="https://example.com/a"),
        cookie="owner",
        owners=True,
    ),
    State(
        "owner, a code without anything",
        "/admin/discounts/new",
        press("main form button"),
        cookie="owner",
        owners=True,
    ),
]
STATES = [*PUBLIC, *OWNERS]
NO_PAGES = {
    *("/feeds/google.xml", "/feeds/new.atom", "/sitemap.xml", "/sitemaps/{part}.xml"),
    *("/feeds/mentions.atom", "/oembed"),
    *("/robots.txt", "/favicon.ico", "/healthz", "/readyz", "/metrics"),
    *("/static/{name:path}", "/media/{name:path}"),
    *("/small-photos/{photo}-{size}.avif", "/products/{slug}/share/{key}.jpeg"),
    "/checkout/return",  # leads on to the order
}
