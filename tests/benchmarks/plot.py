"""A plot of lines on two logarithmic axes, as an SVG that is at home in light and dark."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 30, 50
# told apart by their dashes as well, for who does not see the colours
LINES = [
    ("#2a86c8", ""),
    ("#d55e00", "8 4"),
    ("#009e73", "2 3"),
    ("#cc79a7", "10 3 2 3"),
    ("#a08c10", "5 5"),
    ("#8a8a8a", "1 4"),
    ("#56b4e9", "14 4"),
]
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#333}.axis{stroke:#999}.grid{stroke:#ddd}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.axis{stroke:#888}.grid{stroke:#444}"
    "rect{fill:#1d1916}}"
)
Points = Sequence[tuple[float, float]]


def plot(title: str, x_name: str, y_name: str, lines: Mapping[str, Points]) -> str:
    """Return the plot of *lines*, each with its name at its end."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    across = _scale(xs, LEFT, WIDTH - RIGHT)
    up = _scale(ys, HEIGHT - BOTTOM, TOP)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(title)}">'
        ),
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for power in _powers(xs):
        x = across(10**power)
        parts += [
            f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>',
            (
                f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                f"{10**power:,}</text>"
            ),
        ]
    for power in _powers(ys):
        y = up(10**power)
        parts += [
            f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:,g}</text>',
        ]
    parts += [
        f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>',
        (
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">'
            f"{escape(x_name)}</text>"
        ),
        f'<text x="{LEFT}" y="{TOP - 12}">{escape(y_name)}</text>',
    ]
    places = _apart([up(points[-1][1]) for points in lines.values()])
    for (name, points), place, style in zip(lines.items(), places, cycle(LINES), strict=False):
        parts += _line(name, [(across(x), up(y)) for x, y in points], place, *style)
    return "\n".join([*parts, "</svg>", ""])


def _line(name: str, points: Points, place: float, colour: str, dashes: str) -> list[str]:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    x, y = points[-1]
    return [
        (
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2.5" '
            f'stroke-dasharray="{dashes}"/>'
        ),
        f'<path d="M{x + 4:.1f} {y:.1f}L{x + 16:.1f} {place:.1f}" stroke="{colour}"/>',
        f'<text x="{x + 20:.1f}" y="{place + 4:.1f}">{escape(name)}</text>',
    ]


def _scale(values: Sequence[float], first: float, last: float) -> Callable[[float], float]:
    """Return where a value lies between *first* and *last*, which are the ends of its powers."""
    powers = _powers(values)
    low, high = powers[0], max(powers[-1], powers[0] + 1)
    return lambda value: first + (math.log10(value) - low) / (high - low) * (last - first)


def _powers(values: Sequence[float]) -> range:
    """Return the powers of ten from below the least value to above the largest."""
    low, high = math.log10(min(values)), math.log10(max(values))
    return range(math.floor(low), math.ceil(high) + 1)


def _apart(places: Sequence[float], least: float = 17) -> list[float]:
    """Move names down until none covers another."""
    moved = list(places)
    above = -math.inf
    for i in sorted(range(len(moved)), key=lambda i: moved[i]):
        moved[i] = above = max(moved[i], above + least)
    return moved
