"""Is it HTML? Asked of a parser that is as strict as the standard, and of the standard's own."""

# ruff: noqa: T201 - it prints

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import html5lib
from playwright.sync_api import Page, Response

TOOLS = Path(__file__).parents[2] / "var/audit"
VALIDATOR = "vnu-jar@26.9.27"


@dataclass(frozen=True)
class Written:
    """The HTML of a page as the shop has sent it."""

    name: str
    html: str


def html_of(page: Page, do: Callable[[], object]) -> str:
    """Do something in *page*, and return the last page that was sent for it."""
    sent: list[Response] = []

    def note(answer: Response) -> None:
        of_page = answer.request.resource_type == "document"
        if of_page and answer.headers.get("content-type", "").startswith("text/html"):
            sent.append(answer)

    page.on("response", note)
    do()
    page.remove_listener("response", note)
    return sent[-1].text()


def refused_by_parser(pages: Sequence[Written]) -> list[str]:
    """Return what html5lib objects to, one line each."""
    found = []
    for page in pages:
        parser = html5lib.HTMLParser(strict=False)
        parser.parse(page.html)
        for (line, _column), code, about in parser.errors:
            found.append(f"{page.name}, line {line}: {code} {about}")
    return found


def refused_by_validator(pages: Sequence[Written]) -> list[str]:
    """Return what the Nu HTML Checker objects to, one line each."""
    jar = TOOLS / "node_modules/vnu-jar/build/dist/vnu.jar"
    if shutil.which("java") is None or not installed(VALIDATOR, jar):
        print("  Left out, because it needs java and npm: the Nu HTML Checker.")
        return []
    folder = TOOLS / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = {}
    for number, page in enumerate(pages):
        file = folder / f"{number:03}-{re.sub(r'[^a-z0-9]+', '-', page.name.lower())}.html"
        file.write_text(page.html, encoding="utf-8")
        names[file.resolve().as_uri().replace("file:///", "file:/")] = page.name
    said = subprocess.run(
        ["java", "-Xmx512m", "-jar", str(jar), "--format", "json", "--exit-zero-always", folder],
        capture_output=True,
        text=True,
        check=True,
    )
    messages = json.loads(said.stderr)["messages"]
    return [
        f"{names.get(one['url'], one['url'])}, line {one.get('lastLine')}: {one['message']}"
        for one in messages
        if one["type"] == "error"
    ]


def installed(package: str, file: Path) -> bool:
    """Say whether the tool is there, once npm has been asked for it."""
    if not file.exists() and shutil.which("npm") is not None:
        TOOLS.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", TOOLS, package],
            check=False,
        )
    return file.exists()
