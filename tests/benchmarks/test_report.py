"""The page says what was measured, and not more."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks import kept, load, report
from tests.benchmarks.load import Ask, Load
from tests.benchmarks.plot import plot


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    monkeypatch.setattr(load, "quick", True)


def seen(rate: float, p99_ms: float = 5.0, refused: int = 0) -> Load:
    return Load(rate, rate - 1, rate + 1, 2.0, p99_ms, 1000, refused, 0, 1234, 1.0, 0.0)


def page() -> str:
    report.write()
    return (kept.folder() / report.PAGE).read_text(encoding="utf-8")


def test_nothing_measured_is_said() -> None:
    said = page()
    targets, _, parts = said.partition("## How it was measured")
    assert (targets.count("| not measured |"), parts.count("| not measured |")) == (16, 6)
    assert targets.count("reached |") == 0


def test_ratios_decide() -> None:
    kept.begin("sqlite")
    figures = {
        "ours/2/off/list": seen(1200),
        "oscar/2/-/list": seen(30),
        "ours/2/off/product": seen(999),
        "oscar/2/-/product": seen(100),
        "ours/2/off/add": seen(900, refused=1),
        "oscar/2/-/add": seen(500, refused=300),
        "oscar/2/-/add, immediate": seen(90),
        "ours/2/on/list": seen(18_000, p99_ms=10.0),
        "ours/2/on/product": seen(18_000, p99_ms=10.1),
        "limit/2/-/list": seen(20_000),
        "limit/2/-/product": seen(20_000),
        "limit/2/headers/list": seen(16_000),
    }
    for name, figure in figures.items():
        kept.keep("sqlite", name, figure)
    rows = [line for line in page().splitlines() if line.startswith("| ")]
    verdicts = {row.split(" | ")[0][2:]: row.split(" | ")[2:] for row in rows}
    beside = ", no page cache, beside django-oscar"
    cached = ", from the page cache, beside a constant through the framework; p99"
    assert verdicts[f"catalogue, 24 of 200{beside}"] == ["40.0 x", "reached |"]
    assert verdicts[f"product{beside}"] == ["10.0 x", "**not reached** |"]  # 9.99
    assert verdicts[f"cart with a line{beside}"] == ["-", "not measured |"]
    assert verdicts[f"add to cart, new visitor{beside}"] == ["10.0 x", "reached |"]
    assert verdicts["add to cart: errors"] == ["1", "**not reached** |"]
    assert verdicts[f"catalogue, 24 of 200{cached}"] == ["90 %, 10.0 ms", "reached |"]
    assert verdicts[f"product{cached}"] == ["90 %, 10.1 ms", "**not reached** |"]
    alike = cached.replace("; p99", ", with our headers; p99")
    assert verdicts[f"catalogue, 24 of 200{alike}"] == ["112 %, 10.0 ms", "reached |"]
    assert verdicts[f"product{alike}"] == ["-", "not measured |"]


def test_a_part_that_begins_forgets_and_another_stays() -> None:
    for part in ("sqlite", "growth"):
        kept.begin(part)
        kept.keep(part, "10/product", {"ms": 2})
    kept.begin("growth")
    assert (kept.figures("growth"), kept.figures("sqlite")) == ({}, {"10/product": {"ms": 2}})


def test_growth_is_told_in_factors() -> None:
    kept.begin("growth")
    for products, ms in ((10, 4.0), (100, 5.0), (10_000, 5.2), (100_000, 8.0)):
        kept.keep("growth", f"{products}/product", {"ms": ms, "cards": 4})
    kept.keep("growth", "minutes", 3.5)
    feed = {"ms": 9.6, "whole_ms": 2783.6, "kb": 1258, "grown_mb": 4.3}
    kept.keep("growth", "1000//feeds/google.xml", feed)
    said = page()
    assert "| product: from 10 to 10,000 products | ≤ 1.3 x | 1.30 x (1.04 x from 100" in said
    row = "| product | 4.0 (4) | 5.0 (4) | - | 5.2 (4) | 8.0 (4) | 1.30 x | 1.04 x | 2.00 x |"
    assert row in said
    assert "| `/feeds/google.xml` | 1,000 | 10 ms | 2,784 ms | 1,258 kB | 4.3 MB |" in said


def test_a_request_is_one_line() -> None:
    assert Ask("/cart", {"Cookie": "a=b", "X": "1"}, "q=1").line == (
        "POST\t/cart\tCookie=a=b\1X=1\1Content-Type=application/x-www-form-urlencoded\tq=1"
    )
    assert Ask("/").line == "GET\t/\t\t"


def test_the_plot_has_each_line_and_no_names_that_cover_another() -> None:
    lines = {"list <1>": [(10.0, 2.0), (1000.0, 2.5)], "product": [(10.0, 2.0), (1000.0, 2.5)]}
    drawn = ET.fromstring(plot("How & why", "products", "ms", lines))  # noqa: S314 - our own
    name = "{http://www.w3.org/2000/svg}"
    texts = [one.text for one in drawn.iter(f"{name}text")]
    assert texts == ["10", "100", "1,000", "1", "10", "products", "ms", "list <1>", "product"]
    ends = [float(one.get("y", 0)) for one in drawn.iter(f"{name}text")][-2:]
    assert ends[1] - ends[0] == pytest.approx(17)
