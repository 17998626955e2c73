"""What bad input costs: as many requests a second as good input, more or less, and no 5xx."""

from dataclasses import asdict

from tests.benchmarks import ours
from tests.benchmarks.kept import keep
from tests.benchmarks.load import Ask, load
from tests.benchmarks.pages import folder_of
from tests.benchmarks.say import say_load

EMOJI = "%F0%9F%A6%8A" * 20
MANY_FIELDS = "&".join(f"extra{n}={'x' * 50}" for n in range(40))
GOOD_AND_BAD: dict[str, dict[str, Ask]] = {
    "list": {
        "good": Ask("/products"),
        "page=10^9": Ask("/products?page=1000000000"),
        "page=-1": Ask("/products?page=-1"),
        "40 unknown parameters": Ask(f"/products?{MANY_FIELDS}"),
        "unknown language": Ask("/xx/products"),
        "broken cookies": Ask("/products", {"Cookie": 'cart=abc.def; ;;=; a="; cart'}),
    },
    "product": {
        "good": Ask(f"/products/{'docka-1'}"),
        "slug with dots": Ask("/products/..%2f..%2fetc%2fpasswd"),
        "slug of 2 kB": Ask(f"/products/{'a' * 2000}"),
    },
    "search": {
        "good": Ask("/search?q=r%C3%A4v"),
        "q of 10 kB": Ask(f"/search?q={'abc+' * 2500}"),
        "q=%%%": Ask("/search?q=%%%"),
        "q of emoji": Ask(f"/search?q={EMOJI}"),
        "q of quotes": Ask("/search?q=%22%27+OR+%2A+NEAR%28"),
    },
    "add": {
        "good": Ask("/cart", body="variant=1&quantity=1"),
        "40 extra fields": Ask("/cart", body=f"variant=1&quantity=1&{MANY_FIELDS}"),
        "no number": Ask("/cart", body="variant=%00%F0%9F%A6%8A&quantity=1e9"),
        "broken cookies": Ask("/cart", {"Cookie": "cart=abc.def"}, "variant=1&quantity=1"),
    },
}


def measure() -> None:
    """Without the page cache, two processes: each request is worked on."""
    with folder_of("input") as folder:
        url = ours.filled(f"sqlite:///{folder / 'shop.db'}")
        with ours.served(url, folder, processes=2, cache=False) as shop:
            for what, asks in GOOD_AND_BAD.items():
                for name, ask in asks.items():
                    status, sentence = ours.answer(shop, ask)
                    found = load(shop, [ask], seconds=2, runs=1)
                    kept = {"status": status, **asdict(found)}
                    keep("input", f"{what}/{name}", kept)
                    say_load(f"{what}, {name}: {status}", found)
                    assert status < 500, sentence
                    # each of them as the first: no error under load either
                    assert found.refused == (0 if status < 400 else found.requests), found
                    assert found.broken == 0, found
