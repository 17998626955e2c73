"""Eyes, noses and mouths: few and small, so that they look back at you."""

from shop.sandbox.catalogue.felt import snippet
from shop.sandbox.catalogue.geometry import both, ellipse
from shop.sandbox.catalogue.thread import strands

DARK = "#2a1c16"


def bead(x: float, y: float, r: float = 14) -> str:
    """A glass bead, sewn on; the window is up to the left."""
    return (
        f'<ellipse cx="{x + 2.5}" cy="{y + 4.5}" rx="{r * 1.06}" ry="{r}" fill="#1c0f08"'
        ' opacity=".35" filter="url(#haze)"/>'
        f'<circle cx="{x}" cy="{y}" r="{r}" fill="url(#bead)"/>'
        f'<ellipse cx="{x - r * 0.34}" cy="{y - r * 0.38}" rx="{r * 0.27}" ry="{r * 0.33}"'
        ' fill="#fffdf8" opacity=".95"/>'
        f'<path d="M{x - r * 0.1} {y + r * 0.62} Q{x + r * 0.5} {y + r * 0.6}'
        f' {x + r * 0.62} {y + r * 0.05}" fill="none" stroke="#c9a98e" stroke-opacity=".45"'
        f' stroke-width="{r * 0.13}" stroke-linecap="round"/>'
    )


def eyes(apart: float, y: float, r: float = 14, tilt: float = 2) -> str:
    """Two beads, the right one a hair lower, as hands do it."""
    return bead(-apart, y, r) + bead(apart - 1, y + tilt, r)


def ringed(apart: float, y: float, r: float, colour: str) -> str:
    """Eyes on dark felt, where a thin ring of thread keeps them visible."""
    rings = both(ellipse(-apart, y, r + 4, r + 4))
    return strands(rings, colour, 3.2) + eyes(apart, y, r, 0)


def brows(apart: float, y: float, colour: str, lift: float = 8, width: float = 34) -> str:
    half = width / 2
    line = f"M{apart - half} {y} Q{apart} {y - lift} {apart + half} {y + lift * 0.5}"
    return strands(both(line), colour, 4)


def nose(x: float, y: float, size: float = 1, colour: str = DARK) -> str:
    """A satin-stitched nose: broad above, narrow below."""
    w, h = 27 * size, 22 * size
    shape = (
        f"M{x - w} {y - h * 0.7} C{x - w * 0.5} {y - h * 1.15} {x + w * 0.5} {y - h * 1.15}"
        f" {x + w} {y - h * 0.7} C{x + w} {y + h * 0.2} {x + w * 0.4} {y + h} {x} {y + h}"
        f" C{x - w * 0.4} {y + h} {x - w} {y + h * 0.2} {x - w} {y - h * 0.7} Z"
    )
    shine = ellipse(x - w * 0.28, y - h * 0.45, w * 0.3, h * 0.16, -8)
    return snippet(shape, colour) + f'<path d="{shine}" fill="#fff6ea" opacity=".38"/>'


def mouth(x: float, y: float, width: float = 34, drop: float = 20, colour: str = DARK) -> str:
    """A short line down from the nose and a small smile, a little fuller on one side."""
    line = (
        f"M{x} {y} L{x} {y + drop} M{x - width} {y + drop * 0.9}"
        f" Q{x - width * 0.45} {y + drop * 1.75} {x} {y + drop}"
        f" Q{x + width * 0.55} {y + drop * 1.85} {x + width * 1.1} {y + drop * 0.7}"
    )
    return strands(line, colour, 4.5)


def cheeks(apart: float, y: float, colour: str = "#d9694f") -> str:
    """Warmth rubbed on with a crayon: hardly there."""
    dots = (f'<ellipse cx="{side * apart}" cy="{y}" rx="30" ry="21"/>' for side in (-1, 1))
    return f'<g fill="{colour}" opacity=".17" filter="url(#haze)">{"".join(dots)}</g>'


def whiskers(apart: float, y: float, colour: str, reach: float = 70) -> str:
    line = (
        f"M{apart} {y} Q{apart + reach * 0.6} {y - 14} {apart + reach} {y - 8}"
        f" M{apart} {y + 16} Q{apart + reach * 0.55} {y + 14} {apart + reach * 0.94} {y + 24}"
    )
    return strands(both(line), colour, 2.2)
