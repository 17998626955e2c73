"""What every finger doll has in common: a tube to put a finger in, sewn along the hem."""

from collections.abc import Callable
from typing import NamedTuple

from shop.sandbox.catalogue.felt import darker, patch, piece
from shop.sandbox.catalogue.geometry import both, mirror
from shop.sandbox.catalogue.thread import Pattern, fringe, knitted, overcast, running


class Closeup(NamedTuple):
    """The square cut out for a detail picture: its middle on the doll, and its side."""

    x: float
    y: float
    side: float


class Doll(NamedTuple):
    """A doll around x = 0, its hem at y = 0, its head at negative y; nine units a millimetre."""

    slug: str
    front: Callable[[], str]
    back: Callable[[], str] | None = None
    closeup: Closeup | None = None
    height: float = 800
    girth: float = 250
    worn: Callable[[], str] | None = None


def bell(foot: float, neck: float, height: float, *, belly: float = 0) -> str:
    """The tube: *foot* and *neck* are half widths, *belly* pushes the sides out."""
    return (
        f"M{-foot} -10 C{-foot - belly - 6} {-height * 0.4} {-neck - 30 - belly} {-height * 0.72}"
        f" {-neck} {-height} L{neck} {-height} C{neck + 30 + belly} {-height * 0.72}"
        f" {foot + belly + 6} {-height * 0.4} {foot} -10 Q0 26 {-foot} -10 Z"
    )


def hem(foot: float, colour: str, rise: float = 32) -> str:
    """Running stitch a little above the lower edge."""
    return running(f"M{-foot + 12} {-rise} Q0 {-rise + 34} {foot - 8} {-rise}", colour)


def tube(foot: float, neck: float, height: float, colour: str, *, belly: float = 0) -> str:
    """Body with its side seams overcast in a thread that is only just darker."""
    shape = bell(foot, neck, height, belly=belly)
    return piece(shape, colour) + overcast(shape, darker(colour, 0.28), 24, 11)


def back_seam(height: float, colour: str) -> str:
    """The seam down the middle of the back."""
    return running(f"M2 {-height} Q-3 {-height / 2} 1 -24", colour, 22, 4)


def back_seam_of_head(top: float, bottom: float, colour: str) -> str:
    return running(f"M1 {top} Q-4 {(top + bottom) / 2} 2 {bottom}", colour, 22, 4)


def arms(path: str, colour: str) -> str:
    """Both arms from the left one, sewn on at the shoulder."""
    return "".join(
        patch(arm, colour) + overcast(arm, darker(colour, 0.3), 22, 10)
        for arm in (path, mirror(path))
    )


STUB = (
    "M-86 -312 C-118 -316 -166 -262 -172 -206 C-174 -172 -128 -160 -112 -188 C-98 -216 -78 -238"
    " -72 -262 Z"
)


def scarf(pattern: Pattern, y: float = -352, *, width: float = 118, columns: int = 4) -> str:
    """Once around the neck, knotted to one side, with a fringed end."""
    around = f"M{-width} {y} C{-width * 0.5} {y + 62} {width * 0.5} {y + 64} {width} {y + 2}"
    x = width * 0.46
    end = f"M{x} {y + 34} C{x + 12} {y + 80} {x + 8} {y + 130} {x + 20} {y + 186}"
    tips = f"M{x - 10} {y + 186} L{x + 50} {y + 184}"
    first = pattern(0, 0)
    return (
        fringe(tips, darker(first, 0.1), 30)
        + knitted(end, columns, pattern)
        + knitted(around, columns, pattern)
    )


def scarf_behind(pattern: Pattern, y: float = -352, *, width: float = 118) -> str:
    """The same scarf seen from behind."""
    line = f"M{-width} {y} C{-width * 0.5} {y + 40} {width * 0.5} {y + 42} {width} {y + 2}"
    return knitted(line, 4, pattern)


def ears(path: str, colour: str, *, inner: str = "", lining: str = "") -> str:
    """Both ears from the left one, with or without a lining."""
    outer = piece(both(path), colour) + overcast(both(path), darker(colour, 0.28), 24, 11)
    return outer + (patch(both(inner), lining) if inner else "")
