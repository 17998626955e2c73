"""A work table from above, as it looks when somebody has gone for more coffee."""

import math

from shop.sandbox.catalogue import forest
from shop.sandbox.catalogue.doll import tube
from shop.sandbox.catalogue.face import bead, nose
from shop.sandbox.catalogue.felt import darker, group, lifted, lighter, patch, piece, snippet
from shop.sandbox.catalogue.geometry import both, ellipse, mirror, moved, number, walk
from shop.sandbox.catalogue.thread import overcast, running, strands

WIDTH, HEIGHT = 1600, 1000


def _table() -> str:
    planks = "".join(
        f'<rect y="{y}" width="1600" height="250" fill="{colour}" filter="url(#wood)"/>'
        f'<rect y="{y + 247}" width="1600" height="4" fill="#6d4a29" opacity=".45"/>'
        for y, colour in ((0, "#dfc49c"), (250, "#e3c9a3"), (500, "#dcc097"), (750, "#e1c69f"))
    )
    light = '<rect width="1600" height="1000" fill="url(#table)" opacity=".38"/>'
    return planks + light


def _square(width: float, height: float) -> str:
    w, h = width / 2, height / 2
    return f"M{-w} {-h} L{w} {-h} L{w} {h} L{-w} {h} Z"


def _felt_sheets() -> str:
    sheets = (("#2f5d62", -7), ("#efe3d0", 3), ("#c2932f", -2), ("#a3352a", 6), ("#7d5233", -4))
    return "".join(
        group(piece(_square(340, 250), colour), 210 + i * 9, 190 + i * 7, 1, turn)
        for i, (colour, turn) in enumerate(sheets)
    )


def _spool(colour: str) -> str:
    winding = "".join(
        f'<path d="M{-62 + i * 8.6} -42 Q{-58 + i * 8.6} 0 {-62 + i * 8.6} 42" fill="none"'
        f' stroke="{darker(colour, 0.35) if i % 2 else lighter(colour, 0.25)}" stroke-width="2.6"'
        ' opacity=".6"/>'
        for i in range(15)
    )
    ends = "".join(
        f'<rect x="{x}" y="-56" width="24" height="112" rx="9" fill="#c79c66" stroke="#8a6236"'
        ' stroke-width="2"/>'
        f'<rect x="{x + 4}" y="-50" width="5" height="100" rx="2" fill="#f1d6a8" opacity=".7"/>'
        for x in (-88, 64)
    )
    body = (
        f'<rect x="-66" y="-44" width="132" height="88" rx="6" fill="{colour}"/>{winding}'
        '<rect x="-66" y="16" width="132" height="28" fill="#1c0f08" opacity=".28"/>'
        '<rect x="-66" y="-34" width="132" height="14" fill="#fff6e6" opacity=".22"/>'
    )
    return lifted(body + ends)


def _spools() -> str:
    places = (
        ("#a3352a", 1190, 130, -8), ("#2f5d62", 1400, 120, 12), ("#c2932f", 1300, 262, 4),
        ("#efe6d4", 1492, 262, -70),
    )  # fmt: skip
    return "".join(group(_spool(colour), x, y, 0.92, turn) for colour, x, y, turn in places)


def _scissors() -> str:
    blade = "M-12 40 L-16 -230 C-12 -270 -4 -296 2 -306 C10 -270 14 -100 16 40 Z"
    loop = ellipse(-52, 170, 46, 72, 14)
    arm = "M-14 30 C-24 70 -34 90 -40 104 L-14 112 C-4 90 8 60 14 34 Z"
    one = (
        f'<path d="{blade}" fill="url(#steel)" stroke="#6e7578" stroke-width="1.5"/>'
        f'<path d="{arm}" fill="#33383b"/>'
        f'<path d="{loop}" fill="none" stroke="#33383b" stroke-width="24"/>'
        f'<path d="{ellipse(-56, 166, 46, 72, 14)}" fill="none" stroke="#7d8487" stroke-width="4"'
        ' opacity=".8"/>'
    )
    other = (
        f'<path d="{mirror(blade)}" fill="url(#steel)" stroke="#6e7578" stroke-width="1.5"/>'
        f'<path d="{mirror(arm)}" fill="#33383b"/>'
        f'<path d="{mirror(loop)}" fill="none" stroke="#33383b" stroke-width="24"/>'
    )
    screw = '<circle cx="0" cy="30" r="11" fill="url(#brass)" stroke="#6b4c16" stroke-width="1.5"/>'
    return lifted(group(one, 0, 0, 1, 9) + group(other, 0, 0, 1, -9) + screw)


def _cushion() -> str:
    ball = ellipse(0, 0, 118, 112)
    seams = "".join(
        f"M0 0 Q{46 * math.cos(a + 0.5):.0f} {44 * math.sin(a + 0.5):.0f}"
        f" {112 * math.cos(a):.0f} {106 * math.sin(a):.0f} "
        for a in (i * math.tau / 6 for i in range(6))
    )
    pins = "".join(
        f'<path d="M{x} {y} L{x + dx} {y + dy}" stroke="#8d9396" stroke-width="3.4"/>'
        f'<circle cx="{x + dx}" cy="{y + dy}" r="10" fill="{colour}"/>'
        f'<circle cx="{x + dx - 3}" cy="{y + dy - 3}" r="3" fill="#fff" opacity=".7"/>'
        for x, y, dx, dy, colour in (
            (-40, -20, -34, -46, "#efe6d4"),
            (22, -44, 14, -54, "#2f5d62"),
            (50, 14, 52, -30, "#c2932f"),
            (-20, 46, -50, 26, "#f3efe6"),
            (16, 30, 40, 40, "#33383b"),
        )
    )
    return lifted(piece(ball, "#96372c")) + strands(seams, "#5f1f18", 4.5) + pins


def _coffee() -> str:
    return lifted(
        '<path d="M100 -18 C170 -40 176 46 102 30" fill="none" stroke="#e8e3d8" stroke-width="24"/>'
        '<circle r="118" fill="#efebe1"/><circle r="116" fill="none" stroke="#34506b"'
        ' stroke-width="7"/><circle r="103" fill="#d8d1c3"/><circle cy="4" r="97" fill="#3a2216"/>'
        '<circle cx="-4" r="91" fill="#4d2d1b"/>'
        '<path d="M-66 -40 C-40 -76 10 -84 44 -70" fill="none" stroke="#a9764e" stroke-width="9"'
        ' stroke-linecap="round" opacity=".6"/>'
    )


def _saucer() -> str:
    beads = ((-34, -20), (6, -38), (36, -6), (-8, 8), (20, 34), (-36, 26))
    buttons = ((-6, 42), (48, 28), (-54, 4))
    shown = "".join(bead(x, y, 14) for x, y in beads) + "".join(
        f'<circle cx="{x}" cy="{y}" r="16" fill="url(#brass)"/>'
        f'<circle cx="{x - 4}" cy="{y}" r="2.4" fill="#5d4110"/>'
        f'<circle cx="{x + 4}" cy="{y}" r="2.4" fill="#5d4110"/>'
        for x, y in buttons
    )
    dish = (
        '<circle r="104" fill="#eceae2"/><circle r="84" fill="#dfdcd1"/>'
        '<circle r="80" fill="#e9e6dd"/>'
    )
    return lifted(dish) + shown


def _tape() -> str:
    line = "M-20 880 C140 800 240 960 400 900 C500 862 560 930 640 960"
    ticks = " ".join(
        f"M{number(p.x)} {number(p.y)} L{number(q.x)} {number(q.y)}"
        for i, step in enumerate(walk(line, 13))
        for p, q in ((step.beside(-20), step.beside(2 if i % 5 == 0 else -8)),)
    )
    band = f'<path d="{line}" fill="none" stroke="#e3c15e" stroke-width="42"/>'
    return lifted(band) + f'<path d="{ticks}" stroke="#4b3a1c" stroke-width="2.6"/>'


def _pattern() -> str:
    outline = (
        '<g fill="none" stroke="#7b6a58" stroke-width="3" stroke-dasharray="11 8">'
        '<path d="M-60 150 C-70 60 -66 0 -48 -40 C-120 -60 -130 -150 -60 -176 C-20 -188 20 -188'
        ' 60 -176 C130 -150 120 -60 48 -40 C66 0 70 60 60 150 Z"/></g>'
        '<path d="M-96 150 L-96 -176 M-104 150 L-88 150 M-104 -176 L-88 -176" stroke="#a2472f"'
        ' stroke-width="2.4"/>'
    )
    paper = f'<path d="{_square(300, 420)}" fill="#f8f1e2"/>'
    pencil = (
        '<rect x="-120" y="-9" width="220" height="18" fill="#3d6650"/>'
        '<rect x="-120" y="-9" width="220" height="6" fill="#6d9a80"/>'
        '<path d="M100 -9 L140 0 L100 9 Z" fill="#e2c294"/><path d="M127 -3 L140 0 L127 3 Z"'
        ' fill="#2b2622"/><rect x="-140" y="-9" width="22" height="18" fill="#b9a06a"/>'
    )
    return lifted(paper) + outline + group(lifted(pencil), 60, 120, 1, -38)


def _half_a_fox() -> str:
    """One ear on, one eye sewn, one cheek stitched down: the rest is still to do."""
    rust, dark = forest.RUST, darker(forest.RUST, 0.28)
    return (
        tube(112, 84, 390, rust)
        + piece(forest.FOX_EAR, rust)
        + overcast(forest.FOX_EAR, dark, 24, 11)
        + patch(forest.FOX_LINING, forest.SOOT)
        + piece(forest.FOX_HEAD, rust)
        + patch(both(forest.FOX_CHEEK), forest.CREAM)
        + overcast(forest.FOX_CHEEK, "#cdb99c", 22, 10)
        + bead(-80, -490, 14)
        + nose(0, -396)
        + running("M-206 -440 C-196 -520 -176 -592 -106 -640", dark, 22, 4)
    )


def _loose_parts() -> str:
    ear = moved(mirror(forest.FOX_EAR), -110, 690)
    lining = moved(mirror(forest.FOX_LINING), -120, 690)
    tail = group(
        piece(forest.FOX_TAIL, forest.RUST) + patch(forest.FOX_TIP, forest.CREAM), 0, 0, 0.86, 28
    )
    return (
        group(piece(ear, forest.RUST), 985, 330, 0.8, 24)
        + group(patch(lining, forest.SOOT), 1075, 420, 0.8, -30)
        + group(tail, 960, 880)
        + bead(985, 560, 12)
        + "".join(
            group(snippet(shape, colour), x, y, 1, turn)
            for shape, colour, x, y, turn in (
                ("M-30 0 L24 -14 L30 10 Z", "#2f5d62", 470, 400, 10),
                ("M-22 -8 L26 -4 L4 18 Z", "#c2932f", 520, 452, 60),
                ("M-26 6 L10 -16 L28 8 Z", forest.RUST, 452, 476, -20),
                ("M-20 -6 L18 -10 L22 10 L-10 12 Z", forest.CREAM, 1130, 640, 15),
            )
        )
    )


def _needle() -> str:
    thread = (
        "M900 452 C960 396 1020 470 1090 500 C1170 536 1150 600 1210 590 C1290 574 1280 400 "
        "1296 300"
    )
    needle = (
        '<path d="M896 456 L806 540" stroke="#7f878a" stroke-width="6" stroke-linecap="round"/>'
        '<path d="M894 455 L812 532" stroke="#f3f4f3" stroke-width="1.8"/>'
    )
    return strands(thread, "#c2932f", 3.6) + lifted(needle)


def table() -> str:
    return (
        _table()
        + _tape()
        + _felt_sheets()
        + group(_pattern(), 250, 640, 0.94, -8)
        + group(_half_a_fox(), 742, 906, 0.84, -3)
        + _loose_parts()
        + _spools()
        + _needle()
        + group(_scissors(), 566, 150, 0.74, 78)
        + group(_cushion(), 1336, 540, 1)
        + group(_coffee(), 930, 140, 0.96, 24)
        + group(_saucer(), 1376, 812, 0.96)
    )
