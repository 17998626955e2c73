"""A whole purchase and its refunds, as the buyer, the owner and Stripe see them.

The shop's pages are asked in this thread, as its routes ask them; the real SDK talks to the
stand-in over HTTP. At every step what is shown, written down and charged must be the same bill.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from fractions import Fraction
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import stripe
from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from shop.app import surroundings
from shop.cart import pages as cart_pages
from shop.cart.cookie import COOKIE, Cart, CartLine, cart_text
from shop.catalogue.models import Variant
from shop.checkout import pages as checkout_pages
from shop.checkout.actions import Choice, Seller, place_order
from shop.checkout.forms import Buyer
from shop.config import Config
from shop.discounts.models import Discount
from shop.kit.clock import system_clock
from shop.kit.db import Sessions, read_sessions, write_sessions
from shop.kit.i18n import speaking
from shop.kit.ids import Signer
from shop.kit.static import FOLDER as STATIC_FOLDER
from shop.kit.static import StaticFiles
from shop.kit.templating import make_environment
from shop.mail.letterhead import Letterhead, Writer
from shop.mail.letters import Mail
from shop.orders import pages as orders_pages
from shop.orders.messages import confirmation
from shop.orders.models import Order, Status
from shop.orders.queries import order_in_full, order_token
from shop.payments.conversations import send_refund
from shop.payments.errors import RefundTooLarge
from shop.payments.gateway import StripeGateway
from shop.payments.messages import refund as refund_mail
from shop.payments.models import Refund, What
from shop.payments.queries import refund_in_full
from shop.payments.refunds import Wish, everything_left, request_refund
from shop.payments.till import Till
from shop.preferences.actions import set_preferences
from shop.preferences.live import LivePreferences
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.shipping.models import ShippingRate, ShippingZone
from shop.tax.models import VatRate
from tests.mail.tools import STATIONERY
from tests.sums.baskets import METHODS, Basket
from tests.sums.looking import (
    CODE,
    look_at_the_checkout,
    look_at_the_order,
    look_at_the_payment_page,
    look_at_the_request,
    look_in_the_books,
    look_into_the_cart,
    read_the_confirmation,
    read_the_refund,
)
from tests.sums.reading import paid_back_on
from tests.support import ANNA, fields_of

FIRST = 1  # the id of the first variant on the shelf
MARK_PRICE = (
    update(Variant).where(Variant.id == bindparam("of")).values(price_amount=bindparam("to"))
)
MARK_POSTAGE = (
    update(ShippingRate)
    .where(ShippingRate.method == bindparam("of"))
    .values(amount=bindparam("to"))
)


class Counter:
    """A shop with one buyer after the other."""

    def __init__(self, config: Config, stand_in: StandInServer) -> None:
        self._stand_in = stand_in
        self._reads = read_sessions(config.database_url)
        gateway = StripeGateway(config.stripe_secret_key, (), config.stripe_api_base)
        self._till = Till(write_sessions(config.database_url), gateway, system_clock)
        self._stripe = stripe.StripeClient(
            config.stripe_secret_key, base_addresses={"api": config.stripe_api_base}
        )
        with self._till.sessions.begin() as db:
            set_preferences(db, sources_counted=False)  # there is nobody here who would count
        live = LivePreferences(self._reads, config.base_url)
        live.refresh()
        signer = Signer(config.secret_keys)
        self._seller = Seller(live.current, live.urls, signer)
        self._letterhead = Letterhead(STATIONERY, live.current)
        self._state = {
            "config": config,
            "till": self._till,
            "preferences": live,
            "signer": signer,
            "templates": make_environment(html=True, static_url=StaticFiles(STATIC_FOLDER).url),
            "surroundings": surroundings,
        }
        self._buyers = 0

    def close(self) -> None:
        self._reads.engine.dispose()
        self._till.sessions.engine.dispose()

    def serve(self, basket: Basket) -> None:
        """Sell *basket* and give all of its money back; every sum on the way is the same."""
        with self._till.sessions.begin() as db:
            _mark_prices(db, basket)
        page = self._check_out(basket)
        session = self._stripe.v1.checkout.sessions.retrieve(page, {"expand": ["line_items"]})
        look_at_the_payment_page(session, basket)
        self._stand_in.control(f"sessions/{page}/pay")
        order = self._come_back(int(session.client_reference_id or 0), basket)
        assert (order.status, order.review) == (Status.PAID, None)
        look_in_the_books(order, basket)
        read_the_confirmation(self._mail(confirmation, order.id, basket.locale), order, basket)
        refunds = self._give_back(order, basket)
        _look_at_the_parts(order, refunds, basket)
        shown = self._order_page(order, basket.locale, self._reads)
        look_at_the_order(shown, order, basket)
        amounts = [refund.amount for refund in refunds]
        assert paid_back_on(shown, basket.locale) == amounts
        newest = self._stripe.v1.refunds.list({"limit": len(amounts)}).data
        assert [refund.amount for refund in newest] == amounts[::-1]

    def write_up(self, basket: Basket) -> None:
        """Place the order of *basket*, and look at all that is made of it before it is paid: what
        Stripe would be asked for, the mail, the order's page. Nothing of it is kept.
        """
        cart, buyer = self._new_cart(basket), Buyer(**ANNA, locale=basket.locale)
        with suppress(NotKept), self._till.sessions.begin() as db:
            _mark_prices(db, basket)
            attempt = place_order(
                db, cart, buyer, _choice(basket), self._seller, now=self._till.now()
            )
            look_at_the_request(attempt, basket)
            order = _in_full(db, attempt.order_id)
            look_in_the_books(order, basket)
            mail = self._written(db, confirmation, order.id, basket.locale)
            read_the_confirmation(mail, order, basket)
            same = SimpleNamespace(begin=lambda: nullcontext(db))
            look_at_the_order(self._order_page(order, basket.locale, same), order, basket)
            raise NotKept

    def breaches(self) -> list[str]:
        """Return what the shop's own books, all sales together, find wrong with themselves."""
        with self._reads.begin() as db:
            return [found.invariant.rule for found in verify(db) if not found.holds]

    # --- the buyer --------------------------------------------------------------------------------

    def _new_cart(self, basket: Basket) -> Cart:
        self._buyers += 1
        lines = tuple(CartLine(FIRST + line.kind, line.quantity) for line in basket.goods)
        return Cart(f"cart-{self._buyers}", lines)

    def _check_out(self, basket: Basket) -> str:
        """Look into the cart, fill in the form, order, and return which session is to be paid."""
        cart = cart_text(self._new_cart(basket), self._seller.signer)

        def ask(handler: Callable[..., Response], **form: str) -> Response:
            return self._ask(handler, basket.locale, cart=cart, form=form)

        look_into_the_cart(_text(ask(cart_pages.show)), basket)
        form = ANNA | {"delivery": METHODS[basket.method]}
        if basket.offer is not None:
            form["code"] = CODE
        shown = ask(checkout_pages.place, **form, update="1")
        if basket.offer is not None and basket.subtotal < basket.offer.minimum:
            assert shown.status_code == 422
            form["code"] = ""
            shown = ask(checkout_pages.place, **form, update="1")
        assert shown.status_code == 200
        look_at_the_checkout(_text(shown), basket)
        placed = ask(checkout_pages.place, **form | fields_of(_text(shown), "checkout"))
        assert placed.status_code == 303
        return placed.headers["location"].rpartition("/")[2]

    def _come_back(self, order_id: int, basket: Basket) -> Order:
        """Return from the payment page: the shop asks Stripe, and knows that it is paid."""
        query = {"order": order_token(self._seller.signer, order_id)}
        back = self._ask(checkout_pages.back_from_payment, basket.locale, query=query)
        assert back.status_code == 303
        with self._reads.begin() as db:
            return _in_full(db, order_id)

    def _order_page(self, order: Order, locale: str, reads: Sessions | SimpleNamespace) -> str:
        token = order_token(self._seller.signer, order.id)
        return _text(self._ask(orders_pages.show, locale, reads=reads, path={"token": token}))

    def _ask(
        self,
        handler: Callable[..., Response],
        locale: str,
        *,
        reads: Sessions | SimpleNamespace | None = None,
        cart: str = "",
        path: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> Response:
        """Ask one of the shop's pages, as its route does."""
        state = self._state | {"reads": reads or self._reads}
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST" if form else "GET",
            "path": "/",
            "query_string": urlencode(query or {}).encode(),
            "headers": [(b"cookie", f"{COOKIE}={cart}".encode())],
            "client": ("127.0.0.1", 1),
            "path_params": path or {},
            "state": state | {"locale": locale, "request_id": "of-a-test"},
        }
        with speaking(locale):
            return handler(Request(scope), FormData(form)) if form else handler(Request(scope))

    # --- the owner, and the post ------------------------------------------------------------------

    def _give_back(self, order: Order, basket: Basket) -> list[Refund]:
        """Give it back in parts, until nothing is left."""
        refunds: list[Refund] = []
        for wish in self._wishes(order, basket):
            gone = sum(refund.amount for refund in refunds)
            if gone == basket.total:
                break
            try:
                with self._till.sessions.begin() as db:
                    now = self._till.now()
                    refund_id = request_refund(db, order.id, wish, seen=gone, now=now).id
            except RefundTooLarge:
                assert not wish.whole
                assert _fair(order, wish) < 1 + len(wish.quantities)  # all of it rounded away
                continue
            send_refund(self._till, refund_id)
            with self._reads.begin() as db:
                refund = refund_in_full(db, refund_id)
            mail = self._mail(refund_mail, refund_id, basket.locale)
            read_the_refund(mail, refund, basket.locale)
            refunds.append(refund)
        with self._reads.begin() as db:
            assert _in_full(db, order.id).status == Status.REFUNDED
        return refunds

    def _wishes(self, order: Order, basket: Basket) -> Iterator[Wish]:
        """Yield what the owner gives back, one after the other; at last all that is left."""
        left = {line.id: line.quantity for line in order.lines}
        restock = frozenset(left) if basket.restock else frozenset()
        for nth, quantities in enumerate(basket.pieces_back):
            some = {id_: min(n, left[id_]) for id_, n in zip(left, quantities, strict=True)}
            left = {id_: n - some[id_] for id_, n in left.items()}
            postage = basket.shipping > 0 and basket.postage_back == nth
            yield Wish({id_: n for id_, n in some.items() if n}, restock, postage=postage)
        money = basket.total
        for thousandths in basket.amounts_back:
            part = money * thousandths // 1000
            money -= part
            yield Wish({}, other_amount=part)
        with self._reads.begin() as db:
            rest = everything_left(db, order, restock=basket.restock)
        yield rest

    def _mail(self, writer: Writer, subject_id: int, locale: str) -> Mail:
        with self._reads.begin() as db:
            return self._written(db, writer, subject_id, locale)

    def _written(self, db: Session, writer: Writer, subject_id: int, locale: str) -> Mail:
        with speaking(locale):
            return writer(db, subject_id, locale, self._letterhead)


class NotKept(Exception):
    """Undo what this transaction did."""


def _mark_prices(db: Session, basket: Basket) -> None:
    """Let everything cost what it costs in this basket."""
    tables = db.connection()  # past the ORM, which changes many rows by their ids alone
    tables.execute(
        MARK_PRICE, [{"of": FIRST + line.kind, "to": line.price} for line in basket.goods]
    )
    tables.execute(
        MARK_POSTAGE,
        [{"of": of, "to": to} for of, to in zip(METHODS, basket.postage, strict=True)],
    )
    tables.execute(update(ShippingZone).values(free_from_amount=basket.free_from))
    tables.execute(update(VatRate).values(rate_bp=basket.rate_bp))
    if (offer := basket.offer) is not None:
        facts = {"kind": offer.kind, "value": offer.value, "minimum_amount": offer.minimum}
        tables.execute(update(Discount).values(**facts))


def _choice(basket: Basket) -> Choice:
    """Return what the form would say of the checkout page."""
    return Choice(
        METHODS[basket.method],
        basket.subtotal,
        basket.shipping,
        code=CODE if basket.discount else "",
        shown_discount=basket.discount,
    )


def _in_full(db: Session, order_id: int) -> Order:
    order = order_in_full(db, order_id)
    assert order is not None
    return order


def _text(answer: Response) -> str:
    return bytes(answer.body).decode()


def _fair(order: Order, wish: Wish) -> Fraction:
    """Return what *wish* comes to, to the last fraction of an öre."""
    postage = order.shipping_amount if wish.postage else 0
    return Fraction(postage + wish.other_amount) + sum(
        Fraction((line.total.amount - line.discount_amount) * n, line.quantity)
        for line in order.lines
        if (n := wish.quantities.get(line.id, 0))
    )


def _look_at_the_parts(order: Order, refunds: list[Refund], basket: Basket) -> None:
    """The parts are the whole; and where the owner said what for, also line by line."""
    assert sum(refund.amount for refund in refunds) == basket.total
    if basket.amounts_back:
        return
    back = {line.id: 0 for line in order.lines} | {None: 0}
    for part in (part for refund in refunds for part in refund.lines):
        assert part.what in (What.LINE, What.POSTAGE)
        back[part.order_line_id] += part.amount
    assert back == {line.id: line.total.amount - line.discount_amount for line in order.lines} | {
        None: basket.shipping
    }
