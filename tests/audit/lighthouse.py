"""What Lighthouse says of the pages that sell, as a phone on a slow line sees them."""

# ruff: noqa: T201 - it prints

import json
import os
import shutil
import statistics
import subprocess
from pathlib import Path

from tests.audit.html import TOOLS, installed
from tests.audit.stage import Stage
from tests.browser import CHROMIUM

LIGHTHOUSE = "lighthouse@12.8.2"  # the last that runs on Node 20
PAGES = {
    "home": "/",
    "list": "/products",
    "product": "/products/{available}",
    "cart": "/cart",
}
KINDS = ("performance", "accessibility", "best-practices", "seo")
TIMES = 3  # the performance is the median: a busy machine is slower now and then
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --disable-background-networking"


def run(stage: Stage) -> list[str]:
    """Print the scores of each page, and return which are too low."""
    program = TOOLS / "node_modules/lighthouse/cli/index.js"
    if shutil.which("node") is None or not installed(LIGHTHOUSE, program):
        print("  Left out, because it needs node and npm: Lighthouse.")
        return []
    weak = []
    print(f"  {'':10}{''.join(f'{kind:>16}' for kind in KINDS)}")
    for name, path in PAGES.items():
        reports = [_report(program, stage, path) for _ in range(TIMES)]
        scores = {
            kind: statistics.median(report["categories"][kind]["score"] * 100 for report in reports)
            for kind in KINDS
        }
        print(f"  {name:10}{''.join(f'{scores[kind]:>16.0f}' for kind in KINDS)}", flush=True)
        for line in _what_costs(reports[-1]):
            print(f"    {line}")
        for kind in KINDS[:3] if name == "cart" else KINDS:
            least = 99 if kind == "performance" else 100
            if scores[kind] < least:
                weak.append(f"{name}: {kind} {scores[kind]:.0f}")
    return weak


def _report(program: Path, stage: Stage, path: str) -> dict:  # type: ignore[type-arg]
    file = TOOLS / "lighthouse.json"
    headers = TOOLS / "headers.json"
    cookies = stage.cookies["cart"] if path == "/cart" else {}
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers.write_text(json.dumps({"Cookie": cookie} if cookie else {}))
    subprocess.run(
        [
            *("node", str(program), stage.base + path.format(**stage.names), "--quiet"),
            *("--output=json", f"--output-path={file}", f"--extra-headers={headers}"),
            *(f"--only-categories={','.join(KINDS)}", f"--chrome-flags={FLAGS}"),
        ],
        env=os.environ | {"CHROME_PATH": CHROMIUM},
        check=True,
        capture_output=True,
    )
    report: dict = json.loads(file.read_text())  # type: ignore[type-arg]
    return report


def _what_costs(report: dict) -> list[str]:  # type: ignore[type-arg]
    """Return the audits that are not perfect and count, with what they measured."""
    counts = {
        ref["id"]
        for kind in KINDS
        for ref in report["categories"][kind]["auditRefs"]
        if ref["weight"]
    }
    return [
        f"{audit['id']}: {audit.get('displayValue') or audit['title']}"
        for audit in report["audits"].values()
        if audit["id"] in counts and audit.get("score") is not None and audit["score"] < 1
    ]
