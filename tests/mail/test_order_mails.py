"""What buyers and the owner read: the order's own facts, the same in text and in HTML."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html import unescape
from typing import Any

import pytest
from sqlalchemy import update

from shop.catalogue.models import Photo, PhotoText, ProductText
from shop.kit.db import Sessions
from shop.mail.actions import queue
from shop.mail.worker import PostOffice, send_due
from shop.orders import messages
from shop.orders.models import Order, OrderLine, Shipment
from shop.payments.models import PaymentAttempt
from shop.preferences.actions import set_preferences, write_page
from shop.preferences.texts import starting_texts
from shop.reports.verify import verify
from tests.mail.tools import BASE_URL, Recorder, message, post_office
from tests.support import NOON, FixedClock, Shelf

WRITERS = {
    "order_confirmation": messages.confirmation,
    "order_notice": messages.notice,
    "dispatch": messages.dispatch,
}
AMOUNT = re.compile(r"SEK\u00a0[\d,]+(?:\.\d\d)?|[\d\u00a0]*\d(?:,\d\d)?\u00a0kr")
ADDRESS = re.compile(r"https?://[^\s<>\"]+")


@dataclass
class Read:
    """One mail, as the buyer has it."""

    mail: EmailMessage

    @property
    def text(self) -> str:
        return self._part("plain").replace("\r\n", "\n")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def seen(self) -> str:
        """What the HTML shows, without its marks."""
        body = self.html.split("<body", 1)[1]
        return unescape(re.sub(r"\s+", " ", re.sub(r"<!--.*?-->|<[^>]*>", " ", body)))

    def _part(self, kind: str) -> str:
        part = self.mail.get_body((kind,))
        assert part is not None
        return str(part.get_content())


@pytest.fixture
def office(sessions: Sessions, reads: Sessions, sender: Recorder, clock: FixedClock) -> PostOffice:
    return post_office(sessions, reads, sender, clock, dict(WRITERS))


@pytest.fixture
def order_id(sessions: Sessions, shelf: Shelf) -> int:
    """Return an order of one fox at 245 kr and two owls at 189,50 kr, with 79 kr postage."""
    fox = shelf.add("raven")
    owl = shelf.add("ugglan", on_hand=5, price_amount=18950)
    with sessions.begin() as db:
        order = Order(
            number=1042,
            status="shipped",
            locale="en",
            cart_id="c",
            placed_at=NOON,
            paid_at=NOON,
            email="anna@example.se",
            name="Anna Ek",
            address="Strandvägen 1",
            postal_code="763 40",
            city="Hallstavik",
            country="SE",
            shipping_method="tracked_parcel",
            dispatch_by=date(2026, 11, 25),
            currency="SEK",
            subtotal_amount=62400,
            shipping_amount=7900,
            shipping_vat_amount=1580,
            vat_amount=14060,
            total_amount=70300,
        )
        for variant_id, name, quantity, price, photo in (
            (fox, "Ragnar the fox", 1, 24500, "0123456789abcdef"),
            (owl, "Ulla the owl", 2, 18950, None),
        ):
            order.lines.append(
                OrderLine(
                    variant_id=variant_id,
                    quantity=quantity,
                    from_stock=True,
                    name=name,
                    sku=name,
                    photo_hash=photo,
                    currency="SEK",
                    price_amount=price,
                    vat_rate_bp=2500,
                    vat_amount=quantity * price // 5,
                )
            )
        order.shipments = [Shipment(sent_at=NOON, tracking="RR123456785SE")]
        db.add(order)
        db.flush()  # its attempt needs its id
        db.add(
            PaymentAttempt(
                id="p",
                order_id=order.id,
                status="paid",
                request="{}",
                fingerprint="f",
                amount=70300,
                currency="SEK",
                created_at=NOON,
                expires_at=NOON,
                payment_method="swish",
            )
        )
        return order.id


@pytest.fixture
def change(sessions: Sessions, order_id: int) -> Callable[..., None]:
    def change_order(**values: Any) -> None:
        with sessions.begin() as db:
            db.execute(update(Order).where(Order.id == order_id).values(**values))

    return change_order


@pytest.fixture
def read(
    sessions: Sessions, office: PostOffice, sender: Recorder, order_id: int
) -> Callable[..., Read]:
    """Return a function that sends the order's mail of a kind and reads what came."""

    def send_and_read(kind: str, locale: str = "en", to: str = "anna@example.se") -> Read:
        with sessions.begin() as db:
            queue(db, kind, order_id, recipient=to, locale=locale, now=NOON)
        send_due(office)
        assert [letter.kind for letter in sender.letters][-1:] == [kind], message(sessions)
        raw = sender.letters[-1].raw
        return Read(BytesParser(policy=policy.default).parsebytes(raw))

    return send_and_read


def test_the_confirmation_word_for_word(read: Callable[..., Read]) -> None:
    mail = read("order_confirmation")
    link = ADDRESS.findall(mail.text)[0]
    assert re.fullmatch(rf"{BASE_URL}/en/orders/1-[a-z2-7]{{26}}", link)
    assert mail.mail["Subject"] == "Order 1042 – thank you"
    assert mail.text.replace("\u00a0", " ") == (
        "Thank you for your order, Anna Ek.\n"
        "\n"
        "Your payment has arrived. Keep this e-mail: it is your copy of what we have agreed.\n"
        "\n"
        "Order 1042, 23 November 2026\n"
        "\n"
        "1 × Ragnar the fox\n"
        "    SEK 245\n"
        "2 × Ulla the owl\n"
        "    SEK 379 (SEK 189.50 each)\n"
        "\n"
        "Subtotal: SEK 624\n"
        "Postage: SEK 79\n"
        "Total: SEK 703\n"
        "of which VAT: SEK 140.60\n"
        "Paid by Swish\n"
        "\n"
        "See your order:\n"
        f"{link}\n"
        "\n"
        "Delivery\n"
        "--------\n"
        "Tracked parcel\n"
        "It will be sent by Wednesday 25 November at the latest.\n"
        "\n"
        "Anna Ek\n"
        "Strandvägen 1\n"
        "763 40 Hallstavik\n"
        "Sweden\n"
        "\n"
        "Right of withdrawal\n"
        "-------------------\n"
        "You may withdraw from the purchase until 14 days have passed since the day you received "
        "it, without saying why. Reply to this e-mail, or do it here:\n"
        f"{BASE_URL}/en/withdrawal?order={link.rpartition('/')[2]}\n"
        "\n"
        "* * *\n"
        "Provbutiken Ek\n"
        "Storgatan 1, 763 40 Hallstavik, Sweden\n"
        "butik@example.se\n"
        f"{BASE_URL}/en\n"
    )


@pytest.mark.parametrize("locale", ["en", "sv"])
@pytest.mark.parametrize("kind", list(WRITERS))
def test_text_and_html_tell_the_same(read: Callable[..., Read], kind: str, locale: str) -> None:
    mail = read(kind, locale)
    assert sorted(set(AMOUNT.findall(mail.text))) == sorted(set(AMOUNT.findall(mail.seen)))
    linked = set(re.findall(r'href="(https?://[^"]+)"', mail.html))
    assert set(ADDRESS.findall(mail.text)) == linked
    for words in ("1042", "Ragnar the fox", "2 × Ulla the owl", "Anna Ek", "Hallstavik"):
        assert words in mail.text
        assert words in mail.seen
    if kind != "order_notice":
        assert "Strandvägen 1" in mail.text
        assert "Strandvägen 1" in mail.seen
        assert "butik@example.se" in mail.seen
    assert mail.mail["Content-Language"] == locale


def test_the_amounts_are_the_orders_to_the_ore(read: Callable[..., Read]) -> None:
    amounts = AMOUNT.findall(read("order_confirmation", "sv").seen)
    assert [amount.replace("\u00a0", " ") for amount in amounts] == [
        "245 kr",
        "189,50 kr",
        "379 kr",
        "624 kr",
        "79 kr",
        "703 kr",
        "140,60 kr",
    ]


def test_the_buyers_language_is_the_mails(read: Callable[..., Read]) -> None:
    mail = read("order_confirmation", "sv")
    assert "onsdag 25 november" in mail.text
    assert "Sverige" in mail.text
    assert f"{BASE_URL}/withdrawal" in mail.text
    assert '<html lang="sv"' in mail.html


def test_a_discount_is_shown_and_no_vat_where_there_is_none(
    read: Callable[..., Read], change: Callable[..., None]
) -> None:
    change(discount_code="HÖST", discount_amount=10050, total_amount=60250, vat_amount=0)
    mail = read("order_confirmation")
    assert "Discount (HÖST): −SEK\u00a0100.50\n" in mail.text
    assert "Discount (HÖST)" in mail.seen
    assert "−SEK\u00a0100.50" in mail.seen
    assert "Total: SEK\u00a0602.50\n" in mail.text
    assert "VAT" not in mail.text
    assert "VAT" not in mail.seen


def test_who_sells_stands_in_full(read: Callable[..., Read], sessions: Sessions) -> None:
    with sessions.begin() as db:
        set_preferences(
            db, org_number="750101-1234", vat_number="SE750101123401", phone="070-123 45 67"
        )
    mail = read("order_confirmation")
    for words in (
        "Registration number 750101-1234",
        "VAT number SE750101123401",
        "070-123 45 67",
        "Storgatan 1, 763 40 Hallstavik, Sweden",
    ):
        assert words in mail.text
        assert words in mail.seen


@pytest.mark.parametrize("locale", ["sv", "en"])
def test_the_terms_follow_in_full_to_be_kept(
    read: Callable[..., Read], sessions: Sessions, locale: str
) -> None:
    with sessions.begin() as db:
        for (slug, language), text in starting_texts().items():
            write_page(db, slug, language, title=text.title, body=text.body)
    mail = read("order_confirmation", locale)
    last_words = {"sv": "Stryk det som inte gäller.", "en": "Delete as appropriate."}[locale]
    title = starting_texts()["terms", locale].title
    for whole in (mail.text, mail.seen):
        assert title in whole
        assert last_words in whole
        assert "Provbutiken Ek" in whole
        assert "{" not in whole
    assert len(mail.html.encode()) < 100_000


def test_twenty_different_items_with_photos_stay_below_what_gmail_cuts_off(
    read: Callable[..., Read], sessions: Sessions, order_id: int, change: Callable[..., None]
) -> None:
    with sessions.begin() as db:
        for (slug, language), text in starting_texts().items():
            write_page(db, slug, language, title=text.title, body=text.body)
        for n in range(18):
            db.add(
                OrderLine(
                    order_id=order_id,
                    variant_id=1,
                    quantity=1,
                    from_stock=True,
                    name=f"Number {n} with a rather long name of its own",
                    sku=str(n),
                    photo_hash="0123456789abcdef",
                    currency="SEK",
                    price_amount=100,
                    vat_rate_bp=2500,
                    vat_amount=20,
                )
            )
    assert len(read("order_confirmation").mail.as_bytes()) < 100_000


def test_photos_are_the_shops_own_and_described(
    read: Callable[..., Read], sessions: Sessions
) -> None:
    with sessions.begin() as db:
        photo = db.get(Photo, 1)
        assert photo is not None
        db.add(PhotoText(photo_id=photo.id, locale="en", alt="A red fox on a finger"))
    html = read("order_confirmation").html
    pictures = re.findall(r"<img[^>]*>", html)
    assert len(pictures) == 1
    assert f'src="{BASE_URL}/media/0123456789abcdef/400.jpeg"' in pictures[0]
    assert 'alt="A red fox on a finger"' in pictures[0]
    assert not re.findall(r"<(script|link|iframe|form)", html)
    assert set(re.findall(r'(?:src|href)="(https?://[^/"]+)', html)) == {BASE_URL}


def test_the_same_care_for_several_stands_once(
    read: Callable[..., Read], sessions: Sessions
) -> None:
    with sessions.begin() as db:
        db.execute(update(ProductText).values(care="Wash by hand."))
    mail = read("order_confirmation")
    assert "Care\n----\nRagnar the fox, Ulla the owl\nWash by hand.\n" in mail.text
    assert mail.seen.count("Wash by hand.") == 1


@pytest.mark.parametrize(
    "name",
    [
        "Anna\r\nBcc: all@example.org",
        "<script>alert(1)</script>",
        "{{ shop }} {% raise %}",
        "%(number)s %s",
        "Å" * 300,
        "\u202eevil & \x00 co",
    ],
)
def test_a_name_is_only_a_name(
    read: Callable[..., Read], change: Callable[..., None], name: str
) -> None:
    if "\x00" in name:
        name = name.replace("\x00", "")
    change(name=name, address=name, city=name)
    for kind in WRITERS:
        mail = read(kind)
        assert mail.mail["Bcc"] is None
        assert mail.mail["To"] == "anna@example.se"
        assert name.replace("\r\n", "\n") in mail.text
        assert "<script" not in mail.html
        assert " ".join(name.split()) in mail.seen.replace("  ", " ")


def test_the_dispatch_mail(read: Callable[..., Read], sessions: Sessions) -> None:
    read("order_confirmation")
    mail = read("dispatch")
    first = f"<{message(sessions, 1).message_id}@shop.example>"
    assert (mail.mail["In-Reply-To"], mail.mail["References"]) == (first, first)
    assert mail.mail["Subject"] == "Order 1042 – on its way"
    follow = "https://tracking.postnord.com/en/tracking?id=RR123456785SE"
    for whole in (mail.text, mail.seen):
        assert "Your order is on its way, Anna Ek." in whole
        assert "Tracked parcel" in whole
        # sent on a Monday, one to three working days
        assert "Expected between Tuesday 24 November and Thursday 26 November." in whole
        assert "Tracking number: RR123456785SE" in whole
    assert f"\n{follow}\n" in mail.text
    assert f'href="{follow}"' in mail.html


def test_a_number_of_somebody_elses_is_shown_without_a_link(
    read: Callable[..., Read], sessions: Sessions
) -> None:
    with sessions.begin() as db:
        db.execute(update(Shipment).values(tracking='1Z "999"'))
    mail = read("dispatch")
    assert 'Tracking number: 1Z "999"' in mail.text
    assert "postnord" not in mail.text + mail.html
    assert "Track the parcel" not in mail.text + mail.html


def test_a_letter_without_a_number_over_the_weekend(
    read: Callable[..., Read], sessions: Sessions, change: Callable[..., None]
) -> None:
    friday = datetime(2026, 11, 27, 15, tzinfo=UTC)
    with sessions.begin() as db:
        db.execute(update(Shipment).values(tracking="", sent_at=friday))
    change(shipping_method="letter", country="DE")
    mail = read("dispatch")
    assert "Letter\nExpected between Wednesday 2 December and Wednesday 9 December.\n" in mail.text
    assert "Tracking" not in mail.text + mail.html


def test_a_country_that_has_left_the_list_has_no_expected_day(
    read: Callable[..., Read], change: Callable[..., None]
) -> None:
    change(country="NO")
    mail = read("dispatch")
    assert "Expected" not in mail.text + mail.html
    assert "Norway" in mail.text


def test_the_owners_notice_word_for_word(
    read: Callable[..., Read], change: Callable[..., None]
) -> None:
    change(country="DE", city="Lübeck")
    mail = read("order_notice", to="butik@example.se")
    assert mail.mail["Subject"] == "New order 1042: SEK 703"
    assert (mail.mail["To"], mail.mail["Reply-To"]) == ("butik@example.se", "anna@example.se")
    assert mail.text == (
        "Order 1042 is paid.\n"
        "\n"
        "1 × Ragnar the fox\n"
        "2 × Ulla the owl\n"
        "\n"
        "Total: SEK\u00a0703\n"
        "To Anna Ek in Lübeck, Germany: Tracked parcel\n"
        "To be sent by Wednesday 25 November at the latest.\n"
        "\n"
        "Pack and send it:\n"
        f"{BASE_URL}/admin/orders/1042\n"
        "\n"
        "A reply to this e-mail reaches the buyer.\n"
    )


def test_nothing_invites_to_unsubscribe_or_counts_who_reads(read: Callable[..., Read]) -> None:
    for kind in WRITERS:
        mail = read(kind)
        assert mail.mail["List-Unsubscribe"] is None
        assert "utm_" not in mail.html
        assert not re.findall(r'(width|height)="[01]"', mail.html)


def test_styles_stand_on_the_elements_and_dark_ones_in_the_head(read: Callable[..., Read]) -> None:
    html = read("order_confirmation").html
    assert re.search(r'<h1 style="[^"]*Georgia', html)
    assert html.count("<style") == 1
    assert "@media (prefers-color-scheme: dark)" in html
    assert '<meta name="color-scheme" content="light dark">' in html


def test_a_mail_about_no_order_is_left_to_the_owner(
    sessions: Sessions, office: PostOffice, reads: Sessions
) -> None:
    with sessions.begin() as db:
        queue(db, "dispatch", 99, recipient="anna@example.se", locale="sv", now=NOON)
    send_due(office)
    assert message(sessions).trouble == "rendering"
    with reads.begin() as db:
        assert all(finding.holds for finding in verify(db))
