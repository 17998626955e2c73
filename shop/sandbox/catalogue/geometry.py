"""Outlines: SVG path data read, turned over and walked along.

Only absolute M, L, C, Q and Z, which is all the drawings use.
"""

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

_TOKEN = re.compile(r"[MLCQZ]|-?\d+(?:\.\d+)?")
_CURVE_STEPS = 24
_TAKES = {"M": 1, "L": 1, "Q": 2, "C": 3, "Z": 0}


class Point(NamedTuple):
    x: float
    y: float


class Step(NamedTuple):
    """A place on an outline and the unit direction in which the outline runs there."""

    at: Point
    along: Point

    def beside(self, across: float, ahead: float = 0) -> Point:
        """The point *across* units to the right of the way and *ahead* further on."""
        return Point(
            self.at.x - self.along.y * across + self.along.x * ahead,
            self.at.y + self.along.x * across + self.along.y * ahead,
        )


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def jitter(index: int, amount: float = 1) -> float:
    """A small irregularity between -amount/2 and amount/2, the same at every run."""
    return ((math.sin(index * 12.9898 + 4.1) * 43758.5453) % 1 - 0.5) * amount


def commands(path: str) -> Iterator[tuple[str, list[Point]]]:
    """The path's commands, each with its points."""
    tokens = _TOKEN.findall(path)
    place = 0
    letter = "M"
    while place < len(tokens):
        if tokens[place] in _TAKES:
            letter = tokens[place]
            place += 1
        count = _TAKES[letter] * 2
        values = [float(token) for token in tokens[place : place + count]]
        place += count
        yield letter, [Point(*pair) for pair in zip(values[::2], values[1::2], strict=True)]


def mirror(path: str) -> str:
    """The same path on the other side of x = 0 (turned over, so that light and shade stay)."""
    parts = [
        letter + " ".join(f"{number(-point.x)} {number(point.y)}" for point in points)
        for letter, points in commands(path)
    ]
    return " ".join(parts)


def both(path: str) -> str:
    """A path and its mirror image as one path."""
    return f"{path} {mirror(path)}"


def moved(path: str, x: float, y: float, scale: float = 1, turn: float = 0) -> str:
    """The path turned by *turn* degrees, scaled, then moved."""
    cos, sin = math.cos(math.radians(turn)) * scale, math.sin(math.radians(turn)) * scale
    parts = [
        letter
        + " ".join(
            f"{number(x + p.x * cos - p.y * sin)} {number(y + p.x * sin + p.y * cos)}"
            for p in points
        )
        for letter, points in commands(path)
    ]
    return " ".join(parts)


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0) -> str:
    """An ellipse as a path, so that it can be sewn around like any other outline."""
    kx, ky = rx * 0.5523, ry * 0.5523
    points = [(-rx, 0, -rx, -ky, -kx, -ry, 0, -ry), (kx, -ry, rx, -ky, rx, 0)]
    points += [(rx, ky, kx, ry, 0, ry), (-kx, ry, -rx, ky, -rx, 0)]
    first, *rest = (" ".join(number(value) for value in part) for part in points)
    start = " ".join(first.split()[:2])
    curves = [" ".join(first.split()[2:]), *rest]
    return moved(f"M{start} C" + " C".join(curves) + " Z", x, y, 1, turn)


def smooth(points: list[tuple[float, float]], *, closed: bool = False) -> str:
    """A soft line through all *points* (Catmull-Rom)."""
    dots = [Point(*point) for point in points]
    last = len(dots) - 1

    def dot(index: int) -> Point:
        return dots[index % len(dots)] if closed else dots[max(0, min(last, index))]

    parts = [f"M{number(dots[0].x)} {number(dots[0].y)}"]
    for i in range(len(dots) if closed else last):
        before, here, there, after = dot(i - 1), dot(i), dot(i + 1), dot(i + 2)
        one = Point(here.x + (there.x - before.x) / 6, here.y + (there.y - before.y) / 6)
        two = Point(there.x - (after.x - here.x) / 6, there.y - (after.y - here.y) / 6)
        parts.append("C" + " ".join(f"{number(p.x)} {number(p.y)}" for p in (one, two, there)))
    return " ".join(parts) + (" Z" if closed else "")


def _between(points: list[Point], t: float) -> Point:
    while len(points) > 1:
        points = [Point(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t) for a, b in pairwise(points)]
    return points[0]


def flattened(path: str) -> list[list[Point]]:
    """The path's parts, each as a line of many points."""
    lines: list[list[Point]] = []
    for letter, points in commands(path):
        if letter == "M":
            lines.append(list(points))
        elif letter == "Z":
            lines[-1].append(lines[-1][0])
        else:
            start = lines[-1][-1]
            steps = 1 if letter == "L" else _CURVE_STEPS
            lines[-1] += [_between([start, *points], i / steps) for i in range(1, steps + 1)]
    return lines


def _clockwise(line: list[Point]) -> list[Point]:
    area = sum(a.x * b.y - b.x * a.y for a, b in pairwise(line))
    return line if area >= 0 else line[::-1]


def rim(path: str, pace: float) -> Iterator[Step]:
    """Places around closed outlines, always clockwise, so that the piece is on the right."""
    return _along([_clockwise(line) for line in flattened(path)], pace)


def walk(path: str, pace: float) -> Iterator[Step]:
    """Places along the path, *pace* units apart."""
    return _along(flattened(path), pace)


def _along(lines: list[list[Point]], pace: float) -> Iterator[Step]:
    for line in lines:
        left = 0.0
        for a, b in pairwise(line):
            length = math.dist(a, b)
            if not length:
                continue
            along = Point((b.x - a.x) / length, (b.y - a.y) / length)
            while left <= length:
                yield Step(Point(a.x + along.x * left, a.y + along.y * left), along)
                left += pace
            left -= length


def contains(outline: list[Point], x: float, y: float) -> bool:
    """Whether (x, y) lies within a closed line."""
    crossings = 0
    for a, b in pairwise(outline):
        if (a.y > y) != (b.y > y) and x < a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y):
            crossings += 1
    return crossings % 2 == 1
