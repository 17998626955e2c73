"""Rules of the house that no linter knows, each with its reason."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from jinja2 import meta, nodes
from sqlalchemy.orm import configure_mappers

from shop.app import routes
from shop.kit.routing import Access, ShopRoute
from shop.kit.static import FOLDER as STATIC
from shop.kit.static import StaticFiles
from shop.kit.templating import FOLDER as TEMPLATES
from shop.kit.templating import make_environment
from shop.models import Base

ROOT = Path(__file__).parents[1]
SHOP = ROOT / "shop"
FACES = {"pages.py", "admin.py", "messages.py"}
MAY_BEGIN = {
    "blog/counts.py",
    "blog/mentions.py",
    "blog/sources.py",
    "cli.py",
    "commissions/forgetting.py",
    "mail/worker.py",
    "preferences/live.py",
    "payments/conversations.py",
    "payments/inbox.py",
    "payments/reconciler.py",
    "reports/photos.py",
    "sandbox/demo.py",
    "stock/alerts.py",
}
ITS_OWN_DATABASE = ("kit/db.py", "kit/migrations.py", "sandbox/stand_in/")
MONEY_ROOMS = {"tax", "orders", "checkout", "payments", "stock", "shipping", "cart"}


@cache
def sources() -> dict[str, str]:
    return {
        path.relative_to(SHOP).as_posix(): path.read_text() for path in sorted(SHOP.rglob("*.py"))
    }


@cache
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(source) for name, source in sources().items()}


def found(matches: Callable[[ast.AST], bool], name: str) -> Iterator[str]:
    for node in ast.walk(trees()[name]):
        if matches(node):
            yield f"{name}:{getattr(node, 'lineno', '?')}"


def everywhere(matches: Callable[[ast.AST], bool], names: list[str]) -> list[str]:
    return [place for name in names for place in found(matches, name)]


def calls(*methods: str) -> Callable[[ast.AST], bool]:
    """Match a call of a method of that name."""
    return lambda node: (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in methods
    )


def test_transactions_begin_at_the_edge_alone() -> None:
    """An action that began or committed could not be part of a larger transaction: half of an
    order could stay when the other half fails.
    """
    inside = [
        name
        for name in sources()
        if Path(name).name not in FACES
        and name not in MAY_BEGIN
        and not name.startswith(ITS_OWN_DATABASE)
    ]
    assert everywhere(calls("begin", "commit", "rollback", "begin_nested"), inside) == []


def test_nobody_commits_by_hand() -> None:
    """`with sessions.begin()` commits at its end, or undoes: there is nothing to forget."""
    ours = [name for name in sources() if not name.startswith(ITS_OWN_DATABASE)]
    assert everywhere(calls("commit", "rollback"), ours) == []


def test_who_may_begin_is_a_list_of_what_there_is() -> None:
    gone = {name for name in MAY_BEGIN & set(sources()) if not list(found(calls("begin"), name))}
    assert gone == set(), "take these off the list"


def test_no_floating_point_near_money() -> None:
    """0.1 + 0.2 is not 0.3; an öre that appears from nowhere is in the books for seven years."""

    def floats(node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Name) and node.func.id in {"float", "round"}
        if isinstance(node, ast.Constant):
            return isinstance(node.value, float)
        return False

    rooms = [n for n in sources() if Path(n).parts[0] in MONEY_ROOMS or n == "kit/money.py"]
    waits = {"payments/gateway.py"}  # seconds between two tries
    assert everywhere(floats, [name for name in rooms if name not in waits]) == []
    assert [p for p in everywhere(floats, sorted(waits)) if not _sleeps(p)] == []


def _sleeps(place: str) -> bool:
    name, line = place.split(":")
    return "sleep" in sources()[name].splitlines()[int(line) - 1]


def test_money_is_not_divided() -> None:
    """`/` makes a float of two ints; what has to be shared out goes through Decimal."""
    others = {"tax/vat.py", "tax/models.py"}  # Decimal by Decimal
    measures = {"shipping/table.py"}  # grams and millimetres, as people write them

    def divides(node: ast.AST) -> bool:
        return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)

    rooms = [n for n in sources() if Path(n).parts[0] in MONEY_ROOMS or n == "kit/money.py"]
    assert everywhere(divides, [n for n in rooms if n not in others | measures]) == []
    for name in others:
        assert "from decimal import" in sources()[name]


def test_each_flush_says_why() -> None:
    """The session flushes by itself; one by hand is needed, and says what for, or is a guess."""
    silent = []
    for name, source in sources().items():
        lines = source.splitlines()
        for number, line in enumerate(lines):
            if re.search(r"\bdb\.flush\(", line):
                above = lines[number - 1].strip()
                if "#" not in line and not above.startswith("#"):
                    silent.append(f"{name}:{number + 1}")
    assert silent == []


def test_only_the_gateway_speaks_to_stripe() -> None:
    def imports_stripe(node: ast.AST) -> bool:
        if isinstance(node, ast.Import):
            return any(alias.name.split(".")[0] == "stripe" for alias in node.names)
        return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "stripe"

    others = [name for name in sources() if name != "payments/gateway.py"]
    assert everywhere(imports_stripe, others) == []
    assert list(found(imports_stripe, "payments/gateway.py")) != []


def test_relations_stay_in_their_room_and_load_nothing_unasked() -> None:
    """A relation that loads by itself asks the database once per row, behind a template's back;
    one between rooms ties their tables' code together.
    """
    configure_mappers()
    wrong = []
    for mapper in Base.registry.mappers:
        for relation in mapper.relationships:
            room = mapper.class_.__module__.split(".")[1]
            other = relation.mapper.class_.__module__.split(".")[1]
            if room != other or relation.lazy != "raise":
                wrong.append(f"{relation}: {room} -> {other}, lazy={relation.lazy}")
    assert wrong == []


def test_no_network_inside_a_transaction() -> None:
    """A gateway's call under an open transaction would hold locks for as long as Stripe takes.
    The gateway itself refuses at run time; this finds what no test has run.
    """
    wrong = []
    for name, tree in trees().items():
        for block in ast.walk(tree):
            if isinstance(block, ast.With) and any(
                calls("begin")(item.context_expr) for item in block.items
            ):
                wrong += [
                    f"{name}:{node.lineno}"
                    for node in ast.walk(block)
                    if isinstance(node, ast.Call)
                    and re.search(
                        r"\bgateway\.(create|retrieve|expire|sessions)|^(open_session|settle|expire)$",
                        ast.unparse(node.func),
                    )
                ]
    assert wrong == []


def test_nothing_is_read_back_from_pickles_or_run_from_text() -> None:
    def dangerous(node: ast.AST) -> bool:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id in {"eval", "exec"}
        if isinstance(node, ast.Import):
            return any(alias.name in {"pickle", "marshal", "shelve"} for alias in node.names)
        return False

    assert everywhere(dangerous, list(sources())) == []


# --- templates ------------------------------------------------------------------------------------


def templates() -> list[str]:
    return sorted(p.relative_to(TEMPLATES).as_posix() for p in TEMPLATES.rglob("*") if p.is_file())


@pytest.mark.parametrize("html", [True, False], ids=["pages", "text mail"])
def test_every_template_compiles(html: bool) -> None:
    environment = make_environment(html=html, static_url=lambda name: name)
    names = [name for name in templates() if html is not name.endswith(".txt")]
    for name in names:
        assert environment.get_template(name) is not None
    assert names


def test_every_template_that_is_named_exists() -> None:
    environment = make_environment(html=True)
    known = set(templates())
    missing = []
    for name in known:
        tree = environment.parse((TEMPLATES / name).read_text())
        named = meta.find_referenced_templates(tree)
        missing += [f"{name}: {other}" for other in named if other and other not in known]
    in_code = {
        f"{name}:{node.lineno} {node.value}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[\w-]+(/[\w-]+)+\.html", node.value)
        and not name.startswith("sandbox/")
        and node.value not in known
    }
    assert (missing, in_code) == ([], set())


def test_no_template_trusts_a_text() -> None:
    """Escaping is on for every page; `safe` or a switch in a template is how it gets lost. What
    is HTML already is Markup from the code that cleaned it.
    """
    environment = make_environment(html=True)
    trusting = []
    for name in templates():
        tree = environment.parse((TEMPLATES / name).read_text())
        trusting += [
            f"{name}:{node.lineno}" for node in tree.find_all(nodes.Filter) if node.name == "safe"
        ]
        trusting += [f"{name}:{n.lineno}" for n in tree.find_all(nodes.ScopedEvalContextModifier)]
    assert trusting == []


def test_pages_are_escaped_and_only_text_mail_is_not() -> None:
    for html, shown in ((True, "&lt;b&gt;"), (False, "<b>")):
        environment = make_environment(html=html)
        assert environment.from_string("{{ text }}").render(text="<b>") == shown


def test_every_static_file_that_a_template_names_exists() -> None:
    static = StaticFiles(STATIC)
    missing = []
    for name in templates():
        files = re.findall(r"static_url\(\s*[\"']([^\"']+)", (TEMPLATES / name).read_text())
        missing += [f"{name}: {file}" for file in files if file not in static._names]
    assert missing == []


def test_nothing_inline_and_nothing_from_elsewhere() -> None:
    """The policy forbids both, so it would silently not work; mail is not a page."""
    wrong = []
    for name in templates():
        source = (TEMPLATES / name).read_text()
        if name.startswith(("messages/", "layouts/mail")) or not name.endswith(".html"):
            continue
        for pattern in (
            r"\sstyle=",
            r"<style",
            r"\son[a-z]+=\"",
            r"<script(?![^>]*\bsrc=)(?![^>]*application/ld\+json)",
            r"<(?:script|img|link|iframe|source)[^>]*\s(?:src|href)=\"https?:",
        ):
            wrong += [f"{name}: {found}" for found in re.findall(pattern, source)]
    assert wrong == []


# --- routes ---------------------------------------------------------------------------------------


def test_every_route_declares_who_may_use_it() -> None:
    for route in routes():
        assert isinstance(route, ShopRoute), route
        assert isinstance(route.access, Access), route.path


def test_the_owners_side_is_below_admin_and_nothing_else_is() -> None:
    below = {r.path for r in routes() if r.path == "/admin" or r.path.startswith("/admin/")}
    owners = {r.path for r in routes() if r.access is Access.OWNER}
    assert owners <= below
    open_doors = {r.path for r in routes() if r.path in below and r.access is Access.PUBLIC}
    for path in open_doors:
        assert path.startswith("/admin/sign-in") or path == "/admin/sign-out", path


def test_no_two_routes_answer_the_same() -> None:
    seen: set[tuple[str, str]] = set()
    for route in routes():
        for method in route.methods or ():
            assert (method, route.path) not in seen, (method, route.path)
            seen.add((method, route.path))


def test_reading_routes_only_read() -> None:
    """A GET may be repeated by anybody at any time, prefetched and crawled: it writes nothing.
    Coming back from the payment page settles, which asks Stripe and may be repeated.
    """
    writing = [
        f"{name} {ast.unparse(call.args[0])}"
        for name, tree in trees().items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) == "Get"
        and "till.sessions" in _source_of(tree, ast.unparse(call.args[1]))
    ]
    assert writing == []


def _source_of(tree: ast.Module, function: str) -> str:
    return "".join(
        ast.unparse(f) for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == function
    )
