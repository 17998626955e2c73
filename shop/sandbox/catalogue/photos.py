"""The photographs: which there are, and how a doll is set on the paper for each."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from shop.sandbox.catalogue import birds, folk, forest, sea, workshop, yard
from shop.sandbox.catalogue.doll import Doll
from shop.sandbox.catalogue.felt import PAPER, definitions, ground_shadow, group
from shop.sandbox.catalogue.hand import FINGER_Y, finger_x, hand
from shop.sandbox.catalogue.portrait import maker
from shop.sandbox.catalogue.thread import Pattern, plain
from shop.sandbox.catalogue.workshop import table

SIDE = 1200
_TALLEST = 900
_WIDEST = 640
_LARGEST = 1.36
_HAND_SHARE = 0.76  # of a doll's own size: a finger tube of 23 units round a finger of 18
_SEEDS = 5

DOLLS = (*forest.DOLLS, *yard.DOLLS, *birds.DOLLS, *sea.DOLLS, *folk.DOLLS)

_CUFFS: tuple[Pattern, ...] = (plain("#6b7f86"), plain("#8d3b2e"), plain("#b9a98f"))


class Photo(NamedTuple):
    name: str
    svg: Callable[[], str]
    width: int = SIDE
    height: int = SIDE
    zoom: float = 2  # drawn this many times larger, then scaled down


def sheet(
    content: str, seed: int, width: int = SIDE, height: int = SIDE, *, relief: float = 1.7
) -> str:
    """Warm paper, *content*, and the word that says what it is."""
    area = f'width="{width}" height="{height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {area}>'
        f'{definitions(seed, relief)}<rect {area} fill="url(#table)"/>'
        f'<rect {area} filter="url(#paper)"/>{content}'
        f'<rect x="{width - 160}" y="{height - 62}" width="138" height="40" rx="8" fill="{PAPER}"'
        f' opacity=".82"/><text x="{width - 91}" y="{height - 35}" text-anchor="middle"'
        ' font-size="22" font-family="Figtree, DejaVu Sans, sans-serif" fill="#6b5d4f">demobild'
        "</text></svg>"
    )


def _scale(doll: Doll) -> float:
    return min(_LARGEST, _TALLEST / doll.height, _WIDEST / doll.girth)


def _standing(doll: Doll, drawing: str, seed: int) -> str:
    scale = _scale(doll)
    floor = SIDE / 2 + doll.height * scale / 2 + 12
    shadow = ground_shadow(SIDE / 2, floor, doll.girth * scale)
    return sheet(shadow + group(drawing, SIDE / 2, floor, scale), seed)


def front(doll: Doll, seed: int) -> str:
    return _standing(doll, doll.front(), seed)


def back(doll: Doll, seed: int) -> str:
    drawing = doll.back() if doll.back else doll.front()
    return _standing(doll, drawing, seed)


def detail(doll: Doll, seed: int) -> str:
    """So close that the stitches can be counted."""
    cut = doll.closeup
    if cut is None:
        return front(doll, seed)
    scale = SIDE / cut.side
    x, y = SIDE / 2 - cut.x * scale, SIDE / 2 - cut.y * scale
    return sheet(group(doll.front(), x, y, scale), seed, relief=1.1)


def on_finger(doll: Doll, seed: int) -> str:
    share = min(_HAND_SHARE, 650 / doll.height)
    left = seed % 2 == 0
    lean = -3 if left else 2
    worn = group((doll.worn or doll.front)(), finger_x(left=left), FINGER_Y, share, lean)
    return sheet(hand(_CUFFS[seed % len(_CUFFS)], left=left) + worn, seed)


def photos() -> Iterator[Photo]:
    """Every picture of the catalogue."""
    for i, doll in enumerate(DOLLS):
        yield from _of(doll, i * _SEEDS + 7)
    yield Photo("portrait", lambda: sheet(maker(), 3, relief=1.2))
    yield Photo(
        "workshop",
        lambda: sheet(table(), 5, workshop.WIDTH, workshop.HEIGHT),
        workshop.WIDTH,
        workshop.HEIGHT,
    )


def _of(doll: Doll, seed: int) -> Iterator[Photo]:
    yield Photo(f"{doll.slug}-front", lambda: front(doll, seed))
    yield Photo(f"{doll.slug}-hand", lambda: on_finger(doll, seed))
    if doll.back:
        yield Photo(f"{doll.slug}-back", lambda: back(doll, seed))
    if doll.closeup:
        yield Photo(f"{doll.slug}-detail", lambda: detail(doll, seed), zoom=1)
