"""Needlework: seams, knots, embroidered lines and knitting."""

import math
from collections.abc import Callable
from itertools import pairwise
from zlib import crc32

from shop.sandbox.catalogue.felt import darker, lighter
from shop.sandbox.catalogue.geometry import Point, flattened, jitter, number, rim, walk

Pattern = Callable[[int, int], str]


def _line(a: Point, b: Point) -> str:
    return f"M{number(a.x)} {number(a.y)} L{number(b.x)} {number(b.y)}"


def strands(path: str, colour: str, width: float = 4.5) -> str:
    """Thread lying on felt: its shadow, itself and a thin light along it."""
    shared = 'fill="none" stroke-linecap="round" stroke-linejoin="round"'
    return (
        f'<g {shared}><path d="{path}" transform="translate(1.3 2)" stroke="#1c0f08"'
        f' stroke-opacity=".38" stroke-width="{number(width + 1)}"/>'
        f'<path d="{path}" stroke="{colour}" stroke-width="{number(width)}"/>'
        f'<path d="{path}" transform="translate(-.6 -.8)" stroke="{lighter(colour, 0.45)}"'
        f' stroke-opacity=".55" stroke-width="{number(width * 0.32)}"/></g>'
    )


def running(path: str, colour: str, pace: float = 25, width: float = 4.5) -> str:
    """Running stitch: in and out along a line, never quite even."""
    stitches = [
        _line(
            step.beside(jitter(i, 2.4), jitter(i + 7, 2)),
            step.beside(jitter(i + 3, 2.4), pace * 0.58 + jitter(i + 5, 3)),
        )
        for i, step in enumerate(walk(path, pace))
    ]
    return strands(" ".join(stitches[:-1]), colour, width)


def overcast(path: str, colour: str, pace: float = 20, reach: float = 13) -> str:
    """Short stitches across a piece's edge, from just outside to *reach* inside."""
    stitches = [
        _line(
            step.beside(-1.5, jitter(i, 3)),
            step.beside(reach + jitter(i + 2, 4), 3 + jitter(i + 9, 4)),
        )
        for i, step in enumerate(rim(path, pace))
    ]
    return strands(" ".join(stitches), colour, 3.8)


def blanket(path: str, colour: str, pace: float = 26, reach: float = 15) -> str:
    """Blanket stitch around a piece: overcast with a thread along the rim."""
    thread = [step.beside(2) for step in rim(path, 9)]
    line = " ".join(_line(a, b) for a, b in pairwise(thread) if math.dist(a, b) < reach * 2)
    return strands(line, colour, 3.2) + overcast(path, colour, pace, reach)


def embroidered(path: str, colour: str, width: float = 5.5) -> str:
    """One unbroken line in stem stitch."""
    stitches = [_line(step.beside(-1.2, -1), step.beside(1.2, 13)) for step in walk(path, 10)]
    return strands(" ".join(stitches[:-1] or stitches), colour, width)


def knot(x: float, y: float, colour: str, r: float = 6) -> str:
    """A French knot."""
    turn = f"M{x - r * 0.5} {y} Q{x} {y - r * 0.7} {x + r * 0.5} {y}"
    return (
        f'<circle cx="{x + 1.5}" cy="{y + 2.5}" r="{r}" fill="#1c0f08" opacity=".35"/>'
        f'<circle cx="{x}" cy="{y}" r="{r}" fill="{colour}"/>'
        f'<path d="{turn}" fill="none" stroke="{lighter(colour, 0.5)}" stroke-width="1.6"'
        ' stroke-linecap="round"/>'
    )


def plain(colour: str) -> Pattern:
    return lambda _row, _column: colour


def striped(*colours: str, rows: int = 3) -> Pattern:
    """Stripes across the way the knitting runs."""
    return lambda row, _column: colours[row // rows % len(colours)]


def _stitch_rows(path: str, columns: int, size: float, pattern: Pattern) -> dict[str, list[str]]:
    """The legs of every V, gathered by colour."""
    legs: dict[str, list[str]] = {}
    for row, step in enumerate(walk(path, size * 0.82)):
        for column in range(columns):
            middle = (column - (columns - 1) / 2) * size
            tip = step.beside(middle, size * 0.78)
            colour = pattern(row, column)
            for side, tone in ((-0.44, lighter(colour, 0.24)), (0.44, darker(colour, 0.06))):
                arm = step.beside(middle + side * size, 0)
                near = Point(tip.x + (arm.x - tip.x) * 0.12, tip.y + (arm.y - tip.y) * 0.12)
                legs.setdefault(tone, []).append(_line(arm, near))
    return legs


def knitted(path: str, columns: int, pattern: Pattern, size: float = 15) -> str:
    """A band of stocking stitch along *path*, *columns* stitches wide."""
    ground = darker(pattern(0, 0), 0.55)
    legs = "".join(
        f'<path d="{" ".join(lines)}" stroke="{tone}"/>'
        for tone, lines in _stitch_rows(path, columns, size, pattern).items()
    )
    return (
        '<g fill="none" filter="url(#yarn)">'
        f'<path d="{path}" stroke="{ground}" stroke-width="{number(columns * size)}"/>'
        f'<g stroke-width="{number(size * 0.42)}" stroke-linecap="round">{legs}</g></g>'
    )


def jersey(path: str, columns: int, pattern: Pattern, size: float = 15) -> str:
    """Stocking stitch cut to the outline *path*, knitted downwards around x = 0."""
    points = [point for line in flattened(path) for point in line]
    top, bottom = min(p.y for p in points), max(p.y for p in points)
    legs = "".join(
        f'<path d="{" ".join(lines)}" stroke="{tone}"/>'
        for tone, lines in _stitch_rows(
            f"M0 {number(top)} L0 {number(bottom)}", columns, size, pattern
        ).items()
    )
    name = f"cut{crc32(path.encode())}"
    return (
        f'<clipPath id="{name}"><path d="{path}"/></clipPath>'
        f'<g filter="url(#yarn)"><g clip-path="url(#{name})" fill="none">'
        f'<path d="{path}" fill="{darker(pattern(0, 0), 0.5)}"/>'
        f'<g stroke-width="{number(size * 0.42)}" stroke-linecap="round">{legs}</g></g></g>'
    )


def fringe(path: str, colour: str, length: float = 34) -> str:
    """Loose ends hanging from the line *path*, which runs from left to right."""
    ends = [
        f"{_line(step.at, step.beside(length + jitter(i, 14), jitter(i + 4, 9)))}"
        for i, step in enumerate(walk(path, 12))
    ]
    return f'<g filter="url(#yarn)">{strands(" ".join(ends), colour, 5.5)}</g>'
