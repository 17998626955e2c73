"""The commands that an owner types, against a real database and the stand-in."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner, Result

from shop import cli
from shop.catalogue.photos import NAMES
from shop.config import ConfigError
from shop.kit.db import read_sessions, write_sessions
from shop.kit.media import MediaFolder
from shop.preferences.actions import set_preferences
from shop.preferences.models import PageText
from shop.preferences.queries import preferences
from shop.reports.verify import INVARIANTS
from shop.sandbox.stand_in.server import StandInServer
from shop.stock.models import StockLevel
from tests.conftest import STRIPE_KEY
from tests.support import Buyer, Shelf

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, stand_in: StandInServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `shop …` as production would, with the stand-in for Stripe."""
    environ = {
        "SHOP_ENV": "production",
        "SHOP_DATA": str(tmp_path),
        "SHOP_BASE_URL": "https://shop.example",
        "SHOP_SECRET_KEY": "a-secret-key-of-the-tests-that-is-long-enough",
        "SHOP_STRIPE_SECRET_KEY": STRIPE_KEY,
        "SHOP_STRIPE_WEBHOOK_SECRET": "whsec_of_the_tests",
        "SHOP_STRIPE_API_BASE": stand_in.url,
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: CliRunner().invoke(cli.app, list(arguments))


def test_a_new_shop_is_prepared_once(run: Run, tmp_path: Path) -> None:
    first = run("init", "eva@example.se", "--name", "Evas bod")
    assert first.exit_code == 0
    assert re.search(r"^https://shop\.example/admin/sign-in/[a-z2-7]+$", first.output, re.MULTILINE)
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with write_sessions(url).begin() as db:
        wishes = preferences(db)
        assert (wishes.shop_name, wishes.email) == ("Evas bod", "eva@example.se")
        assert len(db.scalars(select(PageText)).all()) == 10  # five pages in two languages
        db.execute(update(PageText).values(body="Mine."))

    assert run("init", "eva@example.se", "--name", "Other").exit_code == 0

    with read_sessions(url).begin() as db:
        assert preferences(db).shop_name == "Evas bod"
        assert {text.body for text in db.scalars(select(PageText))} == {"Mine."}


def test_an_address_that_is_none_is_said_in_words(run: Run) -> None:
    run("migrate")
    refused = run("invite-owner", "eva")
    assert refused.exit_code == 2
    assert "'eva' is not an e-mail address." in refused.output


def test_verify_names_what_is_broken(run: Run, tmp_path: Path) -> None:
    run("init", "eva@example.se")
    sessions = write_sessions(f"sqlite:///{tmp_path / 'shop.db'}")
    Shelf(sessions).add("raven")
    MediaFolder(tmp_path / "media").put("0123456789abcdef", dict.fromkeys(NAMES, b"a picture"))
    clean = run("verify")
    assert (clean.exit_code, "WRONG" in clean.output) == (0, False)
    assert clean.output.count("ok    ") == len(INVARIANTS) + 2
    assert clean.output.endswith(f"Allt stämmer: alla regler håller ({len(INVARIANTS) + 2}).\n")
    with sessions.begin() as db:
        set_preferences(db, owner_language="en")
        db.execute(update(StockLevel).values(on_hand=2))
    broken = run("verify")
    assert broken.exit_code == 1
    assert (
        "WRONG I1   what lies on the shelf is the sum of its movements\n"
        "           item SKU-1-raven (on_hand=2, moved=1)\n"
    ) in broken.output
    assert "\n1 rule does not hold. Nothing has been changed." in broken.output
    (tmp_path / "media/0123456789abcdef/400.avif").unlink()
    assert (
        "WRONG I12  every photo that the shop shows is whole on the disk\n"
        "           photo 0123456789abcdef (missing=400.avif)\n"
    ) in run("verify").output


def test_check_says_what_is_left_to_do(run: Run) -> None:
    run("init", "eva@example.se")
    checked = run("check")
    assert checked.exit_code == 1
    assert checked.output.count("TO DO ") >= 4


def test_mail_test_writes_a_mail(run: Run, tmp_path: Path) -> None:
    run("init", "eva@example.se")
    sent = run("mail-test", "eva@example.se")
    assert (sent.exit_code, sent.output) == (0, f"Written to {tmp_path / 'mail'}/.\n")
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1


def test_reconcile_says_what_it_did(run: Run) -> None:
    run("init", "eva@example.se")
    parts = [
        "changed carts",
        "half done",
        "refunds sent",
        "events",
        "sessions",
        "refunds",
        "disputes",
        "balance",
    ]
    lines = [f"{part:14} 0 done, 0 failed\n" for part in parts]
    assert run("reconcile").output == "".join(lines)


def test_what_is_missing_in_the_environment_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SHOP_BASE_URL", "SHOP_SECRET_KEY", "SHOP_STRIPE_SECRET_KEY"):
        monkeypatch.delenv(name)
    refused = run("migrate")
    assert isinstance(refused.exception, ConfigError)
    assert refused.exception.problems == [
        "SHOP_BASE_URL must be the shop's address, such as https://shop.example.",
        "SHOP_SECRET_KEY is missing: a random text of at least 32 characters.",
        "SHOP_STRIPE_SECRET_KEY is missing: Stripe's Developers page has it.",
    ]


def test_metrics_are_for_this_machine_alone(buyer: Buyer, shelf: Shelf) -> None:
    buyer.buy(shelf.add("raven"))
    text = buyer.get("/metrics").text
    assert 'shop_orders{status="paid"} 1\n' in text
    assert 'shop_orders_amount_minor{status="paid"} 28100\n' in text
    assert "shop_stock_reserved 0\n" in text
    proxied = buyer.http.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
    assert proxied.status_code == 404
    assert httpx2.get(f"{buyer.http.base_url}/en/metrics").status_code == 404
