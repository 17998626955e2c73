"""From a purchase in the shop to the mails about it, with the worker's own settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest
from jinja2 import ChoiceLoader, DictLoader
from sqlalchemy import select

from shop.config import Config
from shop.kit.clock import Clock, system_clock
from shop.kit.db import Sessions
from shop.kit.templating import filler, make_environment
from shop.mail.worker import Outcome, PostOffice, send_due
from shop.orders.models import Order
from shop.reports.verify import verify
from shop.worker import make_post_office
from tests.mail.tools import Script, mail_server, message, shown
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


@contextmanager
def sending_to(server: Script, config: Config) -> Iterator[PostOffice]:
    """Yield the worker's own post office, with a mail server of the test's."""
    office = make_post_office(replace(config, smtp_url=f"smtp://127.0.0.1:{server.port}"))
    yield office
    office.sessions.engine.dispose()
    office.reads.engine.dispose()


def check_that_it_is_sold(sessions: Sessions) -> None:
    with sessions.begin() as db:
        assert db.scalars(select(Order.status)).all() == ["paid"]
        assert [f.invariant.rule for f in verify(db) if not f.holds] == []


@pytest.mark.usefixtures("in_english")
def test_a_hard_bounce_stops_the_mail_and_nothing_else(
    shop: Config, owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    page = buyer.buy(shelf.add("raven"))
    with mail_server() as server, sending_to(server, shop) as office:
        server.to_recipient = ["550 5.1.1 no such user"]
        assert send_due(office) == Outcome(sent=1, failed=1)
        assert server.recipients == [["butik@example.se"]]
        in_a_week = replace(office, now=lambda: system_clock() + timedelta(days=7))
        assert send_due(in_a_week) == Outcome()
        assert server.heard == 2

        mail = message(sessions)
        assert (mail.kind, mail.status, mail.trouble, mail.last_error) == (
            "order_confirmation",
            "parked",
            "refused",
            "550 5.1.1 no such user",
        )
        seen = shown(owner.get("/admin/mail").text)
        for words in ("Not delivered", "anna@example.se", "It was refused for good."):
            assert words in seen
        assert "1 e-mail could not be sent" in shown(owner.get("/admin").text)
        assert buyer.http.get(str(page.url)).status_code == 200
        check_that_it_is_sold(sessions)

        assert owner.post(f"/admin/mail/{mail.id}/send").status_code == 303
        assert send_due(office) == Outcome(sent=1)
    assert server.recipients[1:] == [["anna@example.se"]]


def test_a_fault_in_a_template_parks_the_mail_and_the_order_completes(
    shop: Config, owner: Buyer, buyer: Buyer, shelf: Shelf, sessions: Sessions
) -> None:
    assert "data-order=" in buyer.buy(shelf.add("raven")).text
    with mail_server() as server, sending_to(server, shop) as office:
        mistake = {"messages/order_confirmation/body.txt": "{{ order.colour.of_the_hat }}"}
        broken = make_environment(html=False)
        assert broken.loader is not None
        broken.loader = ChoiceLoader([DictLoader(mistake), broken.loader])
        whole, office.stationery = (
            office.stationery,
            replace(office.stationery, text=filler(broken)),
        )
        assert send_due(office) == Outcome(sent=1, failed=1)
        assert server.recipients == [["butik@example.se"]]
        mail = message(sessions)
        assert (mail.kind, mail.status, mail.trouble) == (
            "order_confirmation",
            "parked",
            "rendering",
        )
        assert (
            mail.last_error
            == "UndefinedError: 'shop.orders.models.Order object' has no attribute 'colour'"
        )
        check_that_it_is_sold(sessions)

        office.stationery = whole  # mended
        assert owner.post(f"/admin/mail/{mail.id}/send").status_code == 303
        assert send_due(office) == Outcome(sent=1)
    assert server.recipients[1:] == [["anna@example.se"]]
