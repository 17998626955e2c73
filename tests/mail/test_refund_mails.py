"""What a buyer reads about money that goes back, word for word."""

from collections.abc import Callable
from email import policy
from email.parser import BytesParser

import pytest

from shop.kit.db import Sessions
from shop.mail.actions import queue
from shop.mail.worker import PostOffice, send_due
from shop.payments import messages
from shop.payments.models import Refund, RefundLine
from tests.mail.test_order_mails import ADDRESS, AMOUNT, Read, order_id  # noqa: F401 - a fixture
from tests.mail.tools import BASE_URL, Recorder, post_office
from tests.support import NOON, FixedClock

Write = Callable[..., Read]


@pytest.fixture
def office(sessions: Sessions, reads: Sessions, sender: Recorder, clock: FixedClock) -> PostOffice:
    return post_office(sessions, reads, sender, clock, {"refund": messages.refund})


@pytest.fixture
def read(
    office: PostOffice,
    sender: Recorder,
    sessions: Sessions,
    order_id: int,  # noqa: F811 - the fixture
) -> Write:
    """Return a function that pays back for a reason and returns the mail as it arrives."""

    def pay_back_and_read(reason: str = "", locale: str = "en", amount: int = 26850) -> Read:
        parts = [
            RefundLine(what="line", order_line_id=2, quantity=1, amount=18950),
            RefundLine(what="postage", quantity=0, amount=7900),
        ]
        with sessions.begin() as db:
            refund = Refund(
                token=f"t{reason}",
                order_id=order_id,
                attempt_id="p",
                origin="auto" if reason else "owner",
                reason=reason,
                status="pending",
                amount=amount,
                currency="SEK",
                requested_at=NOON,
                lines=[] if reason else parts,
            )
            db.add(refund)
            db.flush()  # the mail names its id
            queue(db, "refund", refund.id, recipient="anna@example.se", locale=locale, now=NOON)
        send_due(office)
        [letter] = sender.letters
        return Read(BytesParser(policy=policy.default).parsebytes(letter.raw))

    return pay_back_and_read


def said(mail: Read) -> str:
    """Return the text down to the seller's address, secrets left out."""
    text = mail.text.replace("\u00a0", " ").partition("\n* * *\n")[0]
    return ADDRESS.sub(lambda found: found[0].partition("/orders/")[0], text)


def test_the_owner_gives_back(read: Write) -> None:
    mail = read()
    assert mail.mail["Subject"] == "Order 1042 – money back"
    assert said(mail) == (
        "SEK 268.50 is on its way back to you, Anna Ek.\n"
        "\n"
        "Order 1042, 23 November 2026\n"
        "\n"
        "1 × Ulla the owl: SEK 189.50\n"
        "Postage: SEK 79\n"
        "\n"
        "The money goes back the way it came. It usually takes 5 to 10 bank days.\n"
        "\n"
        "See your order:\n"
        f"{BASE_URL}/en\n"
        "\n"
        "Is anything not as it should be? Reply to this e-mail.\n"
    )


def test_it_was_sold_by_then(read: Write) -> None:
    mail = read("sold", amount=70300)
    assert mail.mail["Subject"] == "Your payment came too late and goes back to you"
    assert said(mail) == (
        "We are sorry, Anna Ek: your payment came too late.\n"
        "\n"
        "What you had chosen was held for you for a while. The payment came in after that time "
        "had ended, and somebody else had bought it by then. You owe nothing.\n"
        "The whole amount, SEK 703, goes back by itself the way it came. It usually takes "
        "5 to 10 bank days.\n"
        "\n"
        "See what is on the shelf now:\n"
        f"{BASE_URL}/en/products\n"
        "\n"
        "Is anything not as it should be? Reply to this e-mail.\n"
    )


def test_its_code_was_used_up_by_then(read: Write) -> None:
    mail = read("code_used", amount=70300)
    assert mail.mail["Subject"] == "Your payment came too late and goes back to you"
    assert said(mail) == (
        "We are sorry, Anna Ek: your payment came too late.\n"
        "\n"
        "What you had chosen was held for you for a while. The payment came in after that time "
        "had ended, and by then others had used up the discount code in your order. "
        "You owe nothing.\n"
        "The whole amount, SEK 703, goes back by itself the way it came. It usually takes "
        "5 to 10 bank days.\n"
        "What you chose may still be there, at its full price.\n"
        "\n"
        "See what is on the shelf now:\n"
        f"{BASE_URL}/en/products\n"
        "\n"
        "Is anything not as it should be? Reply to this e-mail.\n"
    )


def test_it_was_paid_twice(read: Write) -> None:
    mail = read("paid_twice", amount=70300)
    assert mail.mail["Subject"] == "Order 1042 was paid twice: the second payment goes back"
    assert said(mail) == (
        "Order 1042 was paid twice by mistake, Anna Ek.\n"
        "\n"
        "The second payment, SEK 703, goes back whole, the way it came. It usually takes "
        "5 to 10 bank days.\n"
        "Nothing else changes: your order is as it was.\n"
        "\n"
        "See your order:\n"
        f"{BASE_URL}/en\n"
        "\n"
        "Is anything not as it should be? Reply to this e-mail.\n"
    )


def test_in_swedish(read: Write) -> None:
    mail = read("sold", "sv", 70300)
    assert mail.mail["Subject"] == "Din betalning kom för sent och går tillbaka till dig"
    assert "Hela beloppet, 703 kr, går tillbaka av sig självt samma väg som det kom." in said(mail)


@pytest.mark.parametrize("reason", ["", "sold", "code_used", "paid_twice"])
@pytest.mark.parametrize("locale", ["en", "sv"])
def test_text_and_html_tell_the_same(read: Write, reason: str, locale: str) -> None:
    mail = read(reason, locale)
    assert set(AMOUNT.findall(mail.text)) == set(AMOUNT.findall(mail.seen)) != set()
    for address in ADDRESS.findall(mail.text):
        assert f'href="{address}"' in mail.html
    assert mail.mail["Content-Language"] == locale
