"""django-oscar, the peer: installed for the occasion, filled like our shop, served by gunicorn."""

import os
import re
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.benchmarks.kept import FOLDER
from tests.benchmarks.load import Ask
from tests.benchmarks.ours import PRODUCTS, VISITORS, Served, started
from tests.support import free_socket

PROJECT = Path(__file__).with_name("oscar_shop")
PINNED = PROJECT / "requirements.txt"
HOME = FOLDER / "oscar"
PYTHON = HOME / "bin/python"
TOKEN = "a" * 32  # against CSRF: the same in the cookie and in the form


def install() -> bool:
    """Install it with its own Python environment, once; say whether it is there."""
    done = HOME / "installed"
    if done.exists() and done.read_text() == PINNED.read_text():
        return True
    venv.create(HOME, with_pip=True, clear=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "-r", str(PINNED)], check=False).returncode:
        return False
    done.write_text(PINNED.read_text())
    return True


def version() -> str:
    pins = dict(line.split("==") for line in PINNED.read_text().split())
    names = ("django-oscar", "Django", "gunicorn")
    return ", ".join(f"{name} {pins[name]}" for name in names)


def environ(folder: Path, database_url: str) -> dict[str, str]:
    return {
        "BENCH_FOLDER": str(folder),
        "BENCH_DATABASE": database_url,
        "DJANGO_SETTINGS_MODULE": "oscar_shop.settings",
        "PYTHONPATH": str(PROJECT.parent),
        "PYTHONWARNINGS": "ignore",
    }


def filled(database_url: str, folder: Path) -> str:
    command = [str(PYTHON), "-m", "oscar_shop.fill", str(PRODUCTS)]
    subprocess.run(command, check=True, env=os.environ | environ(folder, database_url))
    return database_url


@contextmanager
def served(database_url: str, folder: Path, *, immediate: bool = False) -> Iterator[Served]:
    with free_socket() as listening:
        port = listening.getsockname()[1]
    command = [str(PYTHON), "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}"]
    settings = environ(folder, database_url) | {"BENCH_IMMEDIATE": "1" if immediate else ""}
    url = f"http://127.0.0.1:{port}"
    with started([*command, "oscar_shop.wsgi"], settings, url, folder, "/plain/") as server:
        yield server


# --- what is asked --------------------------------------------------------------------------------


def catalogue_page(shop: Served) -> list[Ask]:
    page = _get(f"{shop.url}/plain/")
    assert page.status_code == 200
    assert len(_products(page.text)) == 24
    return [Ask("/plain/")]


def product_page(shop: Served) -> list[Ask]:
    page = _get(f"{shop.url}/plain/").text
    path = _products(page)[0]
    assert "add_to_basket" in _get(shop.url + path).text
    return [Ask(path) for path in _products(page)]


def basket_with_a_line(shop: Served) -> list[Ask]:
    adding = add_to_basket(shop)
    cookies = [_basket(shop, adding[n % len(adding)]) for n in range(VISITORS)]
    page = _get(f"{shop.url}/basket/", Cookie=cookies[0])
    assert "Happy fox Ragnar" in page.text
    return [Ask("/basket/", {"Cookie": cookie}) for cookie in cookies]


def add_to_basket(shop: Served) -> list[Ask]:
    """By visitors who come for the first time: each makes a basket."""
    asks = []
    for path in _products(_get(f"{shop.url}/plain/").text):
        number = path.strip("/").rpartition("_")[2]
        asks.append(
            Ask(
                f"/basket/add/{number}/",
                {"Cookie": f"csrftoken={TOKEN}"},
                f"csrfmiddlewaretoken={TOKEN}&quantity=1",
            )
        )
    _basket(shop, asks[0])
    return asks


def _get(url: str, **headers: str) -> httpx2.Response:
    return httpx2.get(url, headers=headers, timeout=60)  # the first makes the thumbnails


def _products(html: str) -> list[str]:
    found = re.findall(r'href="(/catalogue/[^"/]+_\d+/)"', html)
    return sorted(set(found))


def _basket(shop: Served, ask: Ask) -> str:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    said = ""
    for _ in range(20):  # on SQLite its default refuses some
        added = httpx2.post(
            shop.url + ask.path, content=ask.body, headers=ask.headers | kind, timeout=60
        )
        if cookie := added.cookies.get("oscar_open_basket"):
            assert added.status_code == 302, added.text
            return f"oscar_open_basket={cookie}"
        said = added.text
    raise AssertionError(said)
