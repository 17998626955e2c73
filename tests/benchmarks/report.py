"""docs/performance.md, from the figures that are kept: ratios first, then how they were got."""

import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

from shop.kit.db import sqlite_module
from tests.benchmarks import kept, load
from tests.benchmarks.growth import PRODUCTS, STREAMED
from tests.benchmarks.plot import plot
from tests.benchmarks.say import say
from tests.postgres import server_programs

ROOT = Path(__file__).parents[2]
PAGE, PLOT = "performance.md", "performance-growth.svg"
HOW = Path(__file__).with_name("how.md")
NAMES = {
    "list": "catalogue, 24 of 200",
    "product": "product",
    "cart": "cart with a line",
    "add": "add to cart, new visitor",
    "search": "search",
}
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
NOTHING = "-"


def write() -> None:
    """Write the page; what has not been measured is left open, and said."""
    parts = [
        _head(),
        _targets(),
        _ratios("sqlite"),
        _ratios("postgresql"),
        _cached(),
        _orders(),
        _footprint(),
        _growth(),
        _bad_input(),
        HOW.read_text(encoding="utf-8"),
        _measured_on(),
    ]
    folder().mkdir(parents=True, exist_ok=True)
    page = folder() / PAGE
    page.write_text("\n".join(part for part in parts if part), encoding="utf-8")
    say("\n".join(part for part in parts[1:] if part and not part.startswith("## How it was")))
    say(f"written: {page}")


def folder() -> Path:
    return kept.folder() if load.quick else ROOT / "docs"


def _head() -> str:
    return (
        "# How fast the shop is\n\n"
        "Written by `make bench`; the figures are of the last run. Ratios come first, for seconds\n"
        "are the machine's: what stands beside the shop was measured in the same run, on the\n"
        "same cores, by the same program. Without the page cache is said before with it: a page\n"
        "that is kept says little about the shop, and its peer keeps none.\n"
    )


# --- what was to be reached -----------------------------------------------------------------------


def _targets() -> str:
    rows = [*_target_rows()]
    table = _table(["what", "wanted", "seen", ""], rows)
    what = "two processes, SQLite, 200 products, 24 a page, 32 connections"
    return f"## What was to be reached\n\nOn {what}.\n\n{table}"


def _target_rows() -> Iterable[list[str]]:
    figures = kept.figures("sqlite")
    for what, wanted in (("list", 40), ("product", 10), ("cart", 9), ("add", 10)):
        theirs = "oscar/2/-/add, immediate" if what == "add" else f"oscar/2/-/{what}"
        ratio = _ratio(figures, f"ours/2/off/{what}", theirs)
        seen = f"{ratio:.1f} x" if ratio else NOTHING
        name = f"{NAMES[what]}, no page cache, beside django-oscar"
        yield [name, f"≥ {wanted} x", seen, _verdict(ratio, ratio and ratio >= wanted)]
    if refused := figures.get("ours/2/off/add"):
        failed = refused["refused"] + refused["broken"]
        yield ["add to cart: errors", "0", f"{failed}", _verdict(1, failed == 0)]
    constant = "a constant through the framework"
    beside = {"-": constant, "headers": f"{constant}, with our headers"}
    for what, (told, limit) in product(("list", "product"), beside.items()):
        share = _ratio(figures, f"ours/2/on/{what}", f"limit/2/{told}/{what}")
        p99 = figures.get(f"ours/2/on/{what}", {}).get("p99_ms")
        seen = f"{share:.0%}, {p99:.1f} ms" if share else NOTHING
        yield [
            f"{NAMES[what]}, from the page cache, beside {limit}; p99",
            "≥ 90 %, ≤ 10 ms",
            seen.replace("%", " %"),
            _verdict(share, share and share >= 0.9 and p99 <= 10),
        ]
    placed = kept.figures("orders").get("sqlite/actions", {}).get("rate")
    seen = f"{placed:,.0f}/s" if placed else NOTHING
    yield ["orders placed, SQLite", "≥ 300/s", seen, _verdict(placed, placed and placed >= 300)]
    yield from _target_rows_of_room()
    yield from _target_rows_of_growth()


def _target_rows_of_room() -> Iterable[list[str]]:
    found = kept.figures("footprint")
    most = max(found.get("memory", {}).values(), default=None)
    seen = f"{most:.0f} MB" if most else NOTHING
    name = "memory of the largest process (PSS)"
    yield [name, "≤ 110 MB", seen, _verdict(most, most and most <= 110)]
    for processes in (1, 2):
        starts = sorted(found.get(f"start/{processes}", []))
        middle = starts[len(starts) // 2] if starts else None
        seen = f"{middle:.2f} s" if middle else NOTHING
        name = f"start to first answer, {_processes(processes)}"
        yield [name, "≤ 1.2 s", seen, _verdict(middle, middle and middle <= 1.2)]
    size = found.get("installed", {}).get("mb")
    seen = f"{size} MB" if size else NOTHING
    yield ["installed size", "≤ 300 MB", seen, _verdict(size, size and size <= 300)]


def _target_rows_of_growth() -> Iterable[list[str]]:
    found = kept.figures("growth")
    for what in ("list, first page", "product", "search, all of them"):
        factor = _grown(found, what, 10, 10_000)
        seen = f"{factor:.2f} x" if factor else NOTHING
        full = _grown(found, what, 100, 10_000)
        seen += f" ({full:.2f} x from 100, whose pages are full)" if full else ""
        verdict = _verdict(factor, factor and factor <= 1.3)
        yield [f"{what}: from 10 to 10,000 products", "≤ 1.3 x", seen, verdict]


def _verdict(seen: object, reached: object) -> str:
    return "not measured" if seen is None else "reached" if reached else "**not reached**"


# --- tables ---------------------------------------------------------------------------------------


def _ratios(kind: str) -> str:
    figures = kept.figures(kind)
    if not figures:
        return ""
    rows = []
    for what, name in NAMES.items():
        ours = figures.get(f"ours/2/off/{what}")
        if ours is None:
            continue
        theirs, at_once = f"oscar/2/-/{what}", figures.get("oscar/2/-/add, immediate")
        peer = at_once if what == "add" and at_once else figures.get(theirs)
        limit = figures.get(f"limit/2/-/{what}")
        rows.append(
            [
                name,
                _times(ours, peer),
                _rate(ours),
                _rate(peer),
                f"{ours['rate'] / limit['rate']:.1%}".replace("%", " %") if limit else NOTHING,
                _rate(figures.get(f"ours/1/off/{what}")),
                f"{ours['processor_ms']:.2f} / {peer['processor_ms']:.2f}" if peer else NOTHING,
                f"{ours['p50_ms']:.0f} / {ours['p99_ms']:.0f}",
                f"{ours['refused'] + ours['broken']} of {ours['requests']:,}",
            ]
        )
    head = ["", "ratio", "ours", "django-oscar", "of the limit", "one process"]
    head.append("ms of a processor, ours / its")
    table = _table([*head, "p50 / p99 ms", "errors"], rows)
    said = (
        f"## Without the page cache, {DATABASES[kind]}\n\n"
        "Requests a second, the median of five runs (and the least and the most): two processes\n"
        f"each, ours and {figures.get('oscar/version', 'django-oscar')}.\n\n{table}"
    )
    default = figures.get("oscar/2/-/add")
    if kind == "sqlite" and default:
        said += (
            f"\nAdding to the basket is django-oscar's with `BEGIN IMMEDIATE`. As it comes it "
            f"answers {_rate(default)} a\nsecond, and refuses {default['refused']:,} of "
            f"{default['requests']:,}.\n"
        )
    return said


def _cached() -> str:
    rows = []
    for kind, database in DATABASES.items():
        figures = kept.figures(kind)
        for processes in (2, 1):
            for what in ("list", "product", "not modified"):
                ours = figures.get(f"ours/{processes}/on/{what}")
                if ours is None:
                    continue
                share = _ratio(
                    kept.figures("sqlite"),
                    f"ours/{processes}/on/{what}",
                    f"limit/{processes}/-/{what}",
                )
                alike = _ratio(
                    kept.figures("sqlite"),
                    f"ours/{processes}/on/{what}",
                    f"limit/{processes}/headers/{what}",
                )
                of_nginx = _ratio(
                    figures, f"ours/{processes}/on/{what}", f"nginx/{processes}/-/{what}"
                )
                peer = _ratio(figures, f"ours/{processes}/on/{what}", f"oscar/2/-/{what}")
                rows.append(
                    [
                        f"{database}, {_processes(processes)}",
                        NAMES.get(what, "catalogue, 304"),
                        *(
                            f"{of:.0%}".replace("%", " %") if of and kind == "sqlite" else NOTHING
                            for of in (share, alike)
                        ),
                        f"{of_nginx:.0%}".replace("%", " %") if of_nginx else NOTHING,
                        _rate(ours),
                        f"{ours['p50_ms']:.1f} / {ours['p99_ms']:.1f}",
                        f"{peer:,.0f} x" if peer and processes == 2 else NOTHING,
                    ]
                )
    if not rows:
        return ""
    figures = kept.figures("sqlite")
    limits = [
        [name, what, _rate(figures.get(f"{of}/{what}"))]
        for of, name in (
            ("limit/2/-", "a constant, 2 processes"),
            ("limit/2/headers", "a constant with our headers, 2 processes"),
            ("limit/1/-", "a constant, 1 process"),
            ("limit/1/headers", "a constant with our headers, 1 process"),
            ("nginx/2/-", figures.get("nginx/version", "nginx")),
        )
        for what in ("list", "product")
        if f"{of}/{what}" in figures
    ]
    head = ["", "", "of a constant", "of one with our headers", "of nginx", "requests/s"]
    head += ["p50 / p99 ms", "django-oscar"]
    return (
        "## From the page cache\n\n"
        "For who comes without a cart. django-oscar keeps no pages by itself, so the last column\n"
        "compares unlike things.\n\n"
        + _table(head, rows)
        + "\nBeside them: the same server answering as many bytes, the same each time, through\n"
        "Starlette's routing, and nginx sending them from a file. A page of ours has some ten\n"
        "headers more than a constant needs: a browser is told to trust nobody but us, and to ask\n"
        "whether it has the page already. The server writes them one by one, and wrk reads them.\n"
        "So each page stands beside a constant with the same ones, too.\n\n"
        + _table(["", "as large as", "requests/s"], limits)
    )


def _orders() -> str:
    found = kept.figures("orders")
    rows = []
    for kind, database in DATABASES.items():
        if actions := found.get(f"{kind}/actions"):
            rows.append([database, "reserve, order, attempt; 8 threads", _rate(actions), NOTHING])
        for processes in (2, 1):
            if http := found.get(f"{kind}/http/{processes}"):
                what = f"the whole form, Stripe's stand-in asked; {_processes(processes)}"
                times = f"{http['p50_ms']:.0f} / {http['p99_ms']:.0f}"
                rows.append([database, what, _rate(http), times])
    if not rows:
        return ""
    return (
        "## Orders\n\nA second, each on the disk when it is answered (`synchronous=FULL`, "
        "PostgreSQL's `fsync`).\n\n" + _table(["", "", "orders/s", "p50 / p99 ms"], rows)
    )


def _footprint() -> str:
    found = kept.figures("footprint")
    if not found:
        return ""
    rows = [[name, f"{mb:.0f} MB"] for name, mb in found.get("memory", {}).items()]
    for processes in (1, 2):
        starts = sorted(found.get(f"start/{processes}", []))
        if starts:
            span = f"{starts[len(starts) // 2]:.2f} s ({starts[0]:.2f}..{starts[-1]:.2f})"
            rows.append([f"start to first answer, {_processes(processes)}", span])
    if size := found.get("installed"):
        rows.append(["installed, pip aside", f"{size['mb']} MB, {size['packages']} packages"])
    theirs = kept.figures("sqlite").get("oscar/2/-/memory")
    if theirs:
        rows.append(["django-oscar, its three processes", f"{sum(theirs):.0f} MB"])
    return "## Memory, start, size\n\nMemory is PSS after load, two web processes.\n\n" + _table(
        ["", ""], rows
    )


def _growth() -> str:
    found = kept.figures("growth")
    if not found:
        return ""
    names = sorted({name.partition("/")[2] for name in found} - {""}, key=_order_of_growth)
    lines, rows, streamed = {}, [], []
    for name in names:
        ms = {n: found[f"{n}/{name}"] for n in PRODUCTS if f"{n}/{name}" in found}
        if name in STREAMED:
            for n, figure in ms.items():
                streamed.append(_streamed_row(name, n, figure))
        elif name != "made":
            rows.append(_growth_row(name, ms, found))
            if not name.startswith(("collection", "search, m", "search, n", "search, o")):
                lines[name] = [(float(n), figure["ms"]) for n, figure in ms.items()]
    (folder() / PLOT).write_text(
        plot("Milliseconds a page takes", "products", "ms", lines), encoding="utf-8"
    )
    head = ["ms, one after the other", *(f"{n:,}" for n in PRODUCTS)]
    factors = ["10 → 10,000", "100 → 10,000", "10 → 100,000"]
    return (
        "## How cost grows with the catalogue\n\n"
        f"![Milliseconds a page takes, by the number of products]({PLOT})\n\n"
        "One process, SQLite, no page cache, one request after the other; the median, and cards\n"
        "shown. Ten products do not fill a page of 24, so the factor from 100 on tells more of\n"
        "what the catalogue costs and less of what is drawn.\n\n"
        + _table([*head, *factors], rows)
        + "\n"
        + _table(["streamed", "products", "first byte", "last", "size", "memory +"], streamed)
    )


def _order_of_growth(name: str) -> tuple[int, str]:
    first = ("list", "product", "search", "collection")
    return next((i for i, one in enumerate(first) if name.startswith(one)), len(first)), name


def _growth_row(name: str, ms: dict[int, Any], found: kept.Figures) -> list[str]:
    def cell(n: int) -> str:
        if n not in ms:
            return NOTHING
        cards = f" ({ms[n]['cards']})" if ms[n].get("cards") else ""
        return f"{ms[n]['ms']:.1f}{cards}"

    spans = ((10, 10_000), (100, 10_000), (10, 100_000))
    factors = [_grown(found, name, *span) for span in spans]
    return [name, *map(cell, PRODUCTS), *(f"{f:.2f} x" if f else NOTHING for f in factors)]


def _streamed_row(path: str, products: int, figure: dict[str, float]) -> list[str]:
    return [
        f"`{path}`",
        f"{products:,}",
        f"{figure['ms']:.0f} ms",
        f"{figure['whole_ms']:,.0f} ms",
        f"{figure['kb']:,} kB",
        f"{figure['grown_mb']:.1f} MB",
    ]


def _grown(found: kept.Figures, name: str, least: int, most: int) -> float | None:
    few, many = found.get(f"{least}/{name}"), found.get(f"{most}/{name}")
    return float(many["ms"] / few["ms"]) if few and many else None


def _bad_input() -> str:
    found = kept.figures("input")
    rows = []
    for name, figure in found.items():
        what, _, which = name.partition("/")
        good = found.get(f"{what}/good")
        if good is None or name == "minutes":
            continue
        rows.append(
            [
                what if which == "good" else "",
                which,
                str(figure["status"]),
                f"{figure['rate']:,.0f}",
                f"{figure['processor_ms']:.2f}",
                f"{figure['processor_ms'] / good['processor_ms']:.2f} x",
                f"{figure['p99_ms']:.0f}",
            ]
        )
    if not rows:
        return ""
    head = ["", "", "answer", "requests/s", "ms of a processor", "of a good one", "p99 ms"]
    return (
        "## What bad input costs\n\nTwo processes, SQLite, no page cache. None was answered with "
        "an error of the shop's (5xx): that\nends the run.\n\n" + _table(head, rows)
    )


def _measured_on() -> str:
    whole = ["sqlite", "postgresql", "orders", "footprint", "growth", "input"]
    rows = [[part, kept.read(part).get("at", "not measured")] for part in whole]
    machine: dict[str, str] = next(
        (kept.read(part)["machine"] for part in whole if kept.read(part)), {}
    )
    facts = [f"- {name}: {value}" for name, value in machine.items()]
    names = ("starlette", "uvicorn", "uvloop", "httptools", "Jinja2", "SQLAlchemy", "psycopg")
    facts.append("- with " + ", ".join(f"{name} {version(name)}" for name in names))
    facts.append(f"- SQLite {sqlite_module().sqlite_version}, {_postgresql_version()}")
    return "## The machine\n\n" + "\n".join(facts) + "\n\n" + _table(["part", "measured"], rows)


def _postgresql_version() -> str:
    programs = server_programs()
    if programs is None:
        return "PostgreSQL not installed"
    command = [str(programs / "postgres"), "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "PostgreSQL " + said.split()[2]


# --- small things ---------------------------------------------------------------------------------


def _ratio(figures: kept.Figures, ours: str, theirs: str) -> float | None:
    if ours not in figures or theirs not in figures or not figures[theirs]["rate"]:
        return None
    return float(figures[ours]["rate"] / figures[theirs]["rate"])


def _times(ours: dict[str, float], peer: dict[str, float] | None) -> str:
    return f"**{ours['rate'] / peer['rate']:.0f} x**" if peer and peer["rate"] else NOTHING


def _rate(figure: dict[str, float] | None) -> str:
    if figure is None:
        return NOTHING
    shown = ",.0f" if figure["rate"] >= 20 else ",.1f"
    rate, least, most = (format(figure[name], shown) for name in ("rate", "least", "most"))
    return f"{rate} ({least}..{most})"


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
