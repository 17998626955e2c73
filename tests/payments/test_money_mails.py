"""The mails about money: what stands in them, and which mail they follow on."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from shop.kit.db import Sessions
from shop.kit.i18n import speaking
from shop.mail.letterhead import Letterhead
from shop.mail.letters import Mail
from shop.orders.models import Order, OrderLine
from shop.orders.queries import order_token
from shop.payments import messages
from shop.payments.models import Dispute, PaymentAttempt
from shop.payments.refunds import Wish, refund_by_itself, request_refund
from shop.payments.till import Till
from shop.preferences.queries import preferences
from tests.mail.tools import BASE_URL, STATIONERY
from tests.payments.test_attempts import tell
from tests.payments.tools import placed
from tests.support import NOON, FixedClock, Shelf

DUE = datetime(2026, 12, 1, 22, 59, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def bought(shelf: Shelf, sessions: Sessions, till: Till) -> PaymentAttempt:
    attempt = placed(sessions, till, shelf.add("raven"))
    with sessions.begin() as db:
        tell(db, attempt, now=NOON)
    return attempt


def written(sessions: Sessions, kind: str, subject_id: int, locale: str = "en") -> Mail:
    with sessions.begin() as db, speaking(locale):
        letterhead = Letterhead(STATIONERY, preferences(db))
        mail: Mail = getattr(messages, kind)(db, subject_id, locale, letterhead)
        return mail


def text_of(mail: Mail) -> str:
    return mail.text.replace("\u00a0", " ")


def link(order_id: int, locale: str) -> str:
    prefix = "" if locale == "sv" else "/en"
    return f"{BASE_URL}{prefix}/orders/{order_token(STATIONERY.signer, order_id)}"


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", ["1 × Raven: SEK 245\n", "Postage: SEK 36\n", "SEK 281 is on its way back to you"]),
        ("sv", ["1 × Raven: 245 kr\n", "Frakt: 36 kr\n", "281 kr är på väg tillbaka till dig"]),
    ],
)
def test_what_the_owner_gives_back_follows_on_the_confirmation(
    locale: str, words: list[str], bought: PaymentAttempt, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        line_id = db.scalars(select(OrderLine.id)).one()
        wish = Wish({line_id: 1}, postage=True)
        refund = request_refund(db, bought.order_id, wish, seen=0, now=NOON)
    mail = written(sessions, "refund", refund.id, locale)
    assert mail.follows == ("order_confirmation", bought.order_id)
    assert mail.reply_to == ""
    for part in words:
        assert part in text_of(mail)
    assert link(bought.order_id, locale) in mail.text
    assert link(bought.order_id, locale) in mail.html
    assert "Raven" in mail.html


@pytest.mark.parametrize("reason", ["sold", "code_used"])
@pytest.mark.parametrize("locale", ["sv", "en"])
def test_money_that_came_too_late_follows_on_nothing(
    locale: str, reason: str, bought: PaymentAttempt, sessions: Sessions
) -> None:
    """Nothing was ever confirmed of an order that was not bought."""
    with sessions.begin() as db:
        db.execute(update(Order).values(status="expired"))
        refund = refund_by_itself(db, bought, reason, now=NOON)
    mail = written(sessions, "refund", refund.id, locale)
    assert mail.follows is None
    prefix = "" if locale == "sv" else "/en"
    assert f"{BASE_URL}{prefix}/products\n" in mail.text
    assert ("281 kr" if locale == "sv" else "SEK 281") in text_of(mail)
    assert link(bought.order_id, locale) not in mail.text


def test_what_was_paid_twice_follows_on_the_confirmation(
    bought: PaymentAttempt, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        refund = refund_by_itself(db, bought, "paid_twice", now=NOON)
    mail = written(sessions, "refund", refund.id)
    assert mail.follows == ("order_confirmation", bought.order_id)
    assert link(bought.order_id, "en") in mail.text


def dispute(sessions: Sessions, order_id: int | None, **facts: Any) -> int:
    usual: dict[str, Any] = {
        "stripe_id": "du_1",
        "payment_intent_id": "pi_1",
        "status": "needs_response",
        "reason": "fraudulent",
        "amount": 28100,
        "currency": "SEK",
        "respond_by": DUE,
        "opened_at": NOON,
        "checked_at": NOON,
    }
    with sessions.begin() as db:
        made = Dispute(order_id=order_id, **(usual | facts))
        db.add(made)
        db.flush()
        return made.id


def test_the_owner_reads_of_a_dispute(bought: PaymentAttempt, sessions: Sessions) -> None:
    mail = written(sessions, "dispute_notice", dispute(sessions, bought.order_id))
    assert mail.subject.strip() == "The bank questions the payment of order 1001"
    assert (mail.follows, mail.reply_to) == (None, "")
    assert text_of(mail).startswith(
        "The buyer’s bank questions the payment of order 1001.\n"
        "\n"
        "Amount: SEK 281\n"
        "Answer by Tuesday 1 December at the latest, or the money is lost.\n"
        "\n"
        "Do not send the order until it is decided.\n"
        "\n"
        "Answer in Stripe’s dashboard:\n"
        "https://dashboard.stripe.com/disputes/du_1\n"
    )
    assert 'href="https://dashboard.stripe.com/disputes/du_1"' in mail.html


def test_the_last_day_is_stockholms_and_none_is_not_named(
    bought: PaymentAttempt, sessions: Sessions
) -> None:
    late = DUE.replace(hour=23, minute=0)
    mail = written(sessions, "dispute_notice", dispute(sessions, bought.order_id, respond_by=late))
    assert "Answer by Wednesday 2 December at the latest" in mail.text
    number = dispute(sessions, bought.order_id, stripe_id="du_2", respond_by=None)
    mail = written(sessions, "dispute_notice", number)
    assert "at the latest" not in mail.text
    assert "https://dashboard.stripe.com/disputes/du_2\n" in mail.text


def test_nobody_is_told_of_a_dispute_about_no_order(
    bought: PaymentAttempt, sessions: Sessions
) -> None:
    """Least of all about somebody else's."""
    assert bought.order_id == 1
    with pytest.raises(AssertionError):
        written(sessions, "dispute_notice", dispute(sessions, None))
