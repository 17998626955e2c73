"""From a purchase in the shop to the mails about it, with the worker's own settings."""

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

from shop.config import Config
from shop.kit.clock import Clock, system_clock
from shop.mail.worker import send_due
from shop.worker import make_post_office
from tests.support import Buyer, Shelf


@pytest.fixture
def clock() -> Clock:
    return system_clock  # the worker's


def mails(folder: Path) -> dict[str, EmailMessage]:
    """Return the mails in *folder* by their kind; one of each."""
    found = {}
    for path in sorted(folder.glob("*.eml")):
        kind = path.name.split("-")[1]
        assert kind not in found
        found[kind] = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    return found


def test_a_purchase_is_confirmed_to_the_buyer_and_told_to_the_owner(
    shop: Config, shelf: Shelf, buyer: Buyer
) -> None:
    page = buyer.buy(shelf.add("raven"))
    office = make_post_office(shop)
    try:
        assert send_due(office).sent == 2
    finally:
        office.sessions.engine.dispose()
        office.reads.engine.dispose()

    found = mails(shop.mail_folder)
    assert sorted(found) == ["order_confirmation", "order_notice"]
    confirmation = found["order_confirmation"].get_body(("plain",))
    assert confirmation is not None
    text = confirmation.get_content()
    assert found["order_confirmation"]["To"] == "anna@example.se"
    assert found["order_notice"]["To"] == "butik@example.se"
    assert str(page.url) in text  # the very page that the buyer came to
    assert buyer.http.get(str(page.url)).status_code == 200
    assert "245\u00a0kr" in text
    assert "36\u00a0kr" in text
    assert "281\u00a0kr" in text
    assert "56,20\u00a0kr" in text  # a fifth of it
