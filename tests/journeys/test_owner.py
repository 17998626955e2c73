"""The owner, with one hand free: a doll from the camera to the shelf, and an order to the post."""

import email
import email.policy
import io
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import Page

from shop.config import Config
from shop.kit.clock import system_clock
from shop.kit.db import Sessions
from shop.mail.worker import send_due
from shop.orders.models import Order
from shop.owner.actions import invite_owner
from shop.reports.verify import verify
from shop.sandbox.stand_in.server import StandInServer
from shop.worker import make_post_office
from tests.browser import NewPage
from tests.journeys.steps import buy

pytestmark = pytest.mark.browser
ORIENTATION, GPS = 0x0112, 0x8825
RED, BLUE = (200, 40, 30), (30, 60, 200)


def camera_photo(path: Path) -> Path:
    """Write what a phone makes: lying on its side, with the place it was taken at.

    Seen upright, its upper half is red and its lower half blue.
    """
    upright = Image.new("RGB", (1600, 1600), RED)
    upright.paste(BLUE, (0, 800, 1600, 1600))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif.get_ifd(GPS)[1] = "N"
    exif.get_ifd(GPS)[2] = (60.0, 3.0, 0.0)
    upright.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=90)
    return path


def sign_in(page: Page, shop: Config, sessions: Sessions) -> None:
    with sessions.begin() as db:
        token = invite_owner(
            db, "owner@example.se", now=system_clock(), valid_for=timedelta(hours=1)
        )
    page.goto(f"{shop.base_url}/admin/sign-in/{token}")
    page.locator("main form button").first.click()
    page.wait_for_url(f"{shop.base_url}/admin**")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_from_the_camera_to_the_post(
    script: bool,
    new_page: NewPage,
    shop: Config,
    sessions: Sessions,
    stand_in: StandInServer,
    tmp_path: Path,
) -> None:
    owner = new_page(script=script)
    sign_in(owner, shop, sessions)

    owner.goto(f"{shop.base_url}/admin/products/new")
    form = owner.locator("form#product")
    form.locator("[name=photos]").set_input_files(camera_photo(tmp_path / "IMG_0001.jpg"))
    form.locator("[name=name]").fill("Lodjuret Lova")
    form.locator("[name=price]").fill("295")
    form.locator("button.primary").first.click()
    owner.wait_for_url(f"{shop.base_url}/admin/products/**")

    buyer = new_page(width="desk", script=script)
    assert buy(buyer, shop.base_url, "lodjuret-lova") == 1001
    photo = check_photo(shop)
    assert b"Exif" not in photo
    assert b"GPS" not in photo

    owner.goto(f"{shop.base_url}/admin/orders")
    owner.locator("form[action='/admin/orders/1001/shipment'] button").click()
    owner.locator("[data-notice]").wait_for()

    with sessions.begin() as db:
        order = db.get_one(Order, 1)
        assert (order.number, order.status, order.total_amount) == (1001, "shipped", 33100)
        assert [finding.invariant.rule for finding in verify(db) if not finding.holds] == []
    paid = [row["amount"] for row in stand_in.log() if row["what"] == "session.paid"]
    assert paid == [33100]
    assert mails_after_a_minute(shop) == [
        ("anna@example.se", "Beställning 1001"),
        ("butik@example.se", "1001"),
        ("anna@example.se", "Beställning 1001"),
    ]


def check_photo(shop: Config) -> bytes:
    """Return the photo as buyers get it, upright."""
    hashes = [path.name for path in shop.media.iterdir()]
    assert len(hashes) == 1
    photo = httpx2.get(f"{shop.base_url}/media/{hashes[0]}/800.jpeg").content
    with Image.open(io.BytesIO(photo)) as image:
        assert image.size == (800, 800)
        assert image.getexif() == {}
        assert close_to(image.getpixel((400, 100)), RED)
        assert close_to(image.getpixel((400, 700)), BLUE)
    return photo


def close_to(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 30 for a, b in zip(pixel, colour, strict=True))


def mails_after_a_minute(shop: Config) -> list[tuple[str, str]]:
    """Let the worker send what is due then; return to whom, and the words that subjects hold."""
    office = make_post_office(shop)
    office.now = lambda: system_clock() + timedelta(minutes=1)
    assert send_due(office).failed == 0
    office.sessions.engine.dispose()
    office.reads.engine.dispose()
    read = []
    for path in sorted(shop.mail_folder.glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        subject = str(mail["Subject"])
        part = next(part for part in ("Beställning 1001", "1001") if part in subject)
        read.append((str(mail["To"]), part))
    return read
