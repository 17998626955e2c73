"""Those who are seen from the kitchen window."""

import math

from shop.sandbox.catalogue.doll import Closeup, Doll, arms, ears, hem, tube
from shop.sandbox.catalogue.face import cheeks, eyes, mouth, nose, ringed, whiskers
from shop.sandbox.catalogue.felt import darker, lighter, patch, piece, snippet
from shop.sandbox.catalogue.geometry import (
    both,
    contains,
    ellipse,
    flattened,
    jitter,
    mirror,
    number,
    smooth,
)
from shop.sandbox.catalogue.thread import jersey, knitted, overcast, plain, strands

HARE, HARE_PALE, MUSTARD = "#b08d6c", "#f3e8d6", "#c2932f"

_HARE_HEAD = (
    "M0 -326 C-80 -326 -160 -356 -168 -430 C-174 -510 -130 -606 -66 -632 C-26 -646 26 -646 66 -632"
    " C130 -606 174 -510 168 -430 C160 -356 80 -326 0 -326 Z"
)
_HARE_EAR = "M-96 -600 C-150 -690 -160 -830 -112 -920 C-58 -880 -24 -740 -30 -620 Z"
_HARE_LINING = "M-92 -640 C-126 -710 -132 -800 -110 -868 C-76 -830 -54 -740 -56 -646 Z"
_HARE_FOLDED = "M28 -616 C30 -700 52 -780 104 -806 C124 -768 122 -680 98 -594 Z"
_HARE_FLAP = (
    "M84 -802 C120 -836 196 -810 214 -716 C218 -690 206 -664 196 -648 C168 -702 134 -750 84 -802 Z"
)
_HARE_JERSEY = (
    "M-88 -350 C-112 -260 -122 -170 -124 -74 Q0 -44 124 -74 C122 -170 112 -260 88 -350"
    " Q0 -312 -88 -350 Z"
)


def _hare_wool(row: int, column: int) -> str:
    if row in (14, 17) or (row in (15, 16) and (column + row) % 2):
        return HARE_PALE
    return MUSTARD


def _hare_ears() -> str:
    return (
        piece(_HARE_EAR, HARE)
        + overcast(_HARE_EAR, darker(HARE), 24, 11)
        + patch(_HARE_LINING, "#cf9c86")
        + piece(_HARE_FOLDED, HARE)
        + patch(_HARE_FLAP, darker(HARE, 0.1))
        + overcast(_HARE_FLAP, darker(HARE, 0.4), 22, 10)
    )


def _hare_ears_behind() -> str:
    ear, folded = mirror(_HARE_EAR), mirror(_HARE_FOLDED)
    return (
        patch(mirror(_HARE_FLAP), darker(HARE, 0.1))
        + piece(ear, HARE)
        + overcast(ear, darker(HARE), 24, 11)
        + piece(folded, HARE)
        + overcast(folded, darker(HARE), 24, 11)
    )


def _hare_body() -> str:
    sleeve = "M-84 -318 C-124 -318 -160 -262 -168 -214 L-116 -196 C-104 -226 -88 -246 -74 -258 Z"
    paw = "M-166 -222 C-182 -180 -160 -158 -136 -166 C-118 -172 -112 -190 -116 -206 Z"
    return (
        tube(116, 84, 390, HARE)
        + hem(116, HARE_PALE, 28)
        + jersey(_HARE_JERSEY, 18, _hare_wool)
        + snippet(both(paw), HARE_PALE)
        + jersey(sleeve, 26, plain(MUSTARD))
        + jersey(mirror(sleeve), 26, plain(MUSTARD))
    )


def hare() -> str:
    muzzle = (
        "M0 -444 C-36 -470 -84 -440 -80 -396 C-76 -356 -30 -350 0 -352 C30 -350 76 -356 80 "
        "-396 C84 -440 36 -470 0 -444 Z"
    )
    return (
        _hare_body()
        + _hare_ears()
        + piece(_HARE_HEAD, HARE)
        + overcast(_HARE_HEAD, darker(HARE, 0.3), 24, 11)
        + patch(muzzle, HARE_PALE)
        + overcast(muzzle, "#c9b79c", 20, 9)
        + cheeks(116, -436)
        + eyes(80, -506, 15)
        + nose(0, -440, 0.72, "#8a5145")
        + mouth(0, -424, 24, 22)
        + whiskers(70, -400, "#7b6550", 66)
        + knitted("M-92 -338 C-50 -300 50 -298 92 -336", 2, plain(lighter(MUSTARD, 0.1)), 14)
    )


def hare_back() -> str:
    scut = smooth(
        [(-40, -120), (-20, -156), (22, -158), (46, -124), (36, -84), (0, -70), (-36, -84)],
        closed=True,
    )
    return (
        _hare_body()
        + _hare_ears_behind()
        + piece(_HARE_HEAD, HARE)
        + overcast(_HARE_HEAD, darker(HARE, 0.3), 24, 11)
        + knitted("M-92 -344 C-50 -312 50 -310 92 -342", 2, plain(lighter(MUSTARD, 0.1)), 14)
        + patch(scut, HARE_PALE)
        + overcast(scut, "#c9b79c", 18, 14)
    )


FLEECE, SHEEP_FACE = "#efe5d3", "#54453c"

_SHEEP_BODY = (
    "M-116 -10 C-186 -60 -206 -200 -180 -310 C-216 -360 -210 -470 -160 -530 C-140 -620 -60 -668"
    " 0 -666 C60 -668 140 -620 160 -530 C210 -470 216 -360 180 -310 C206 -200 186 -60 116 -10"
    " Q0 26 -116 -10 Z"
)
_SHEEP_EAR = "M-84 -540 C-130 -566 -206 -556 -240 -512 C-206 -478 -130 -480 -92 -500 Z"


def _curl(x: float, y: float, r: float, turn: float) -> str:
    """One knot of wool: a line that winds into itself."""
    turns = [
        (
            x + r * (1 - i / 11) * math.cos(turn + i * 0.85),
            y + r * (1 - i / 11) * math.sin(turn + i * 0.85),
        )
        for i in range(9)
    ]
    return smooth(turns)


def _curls(outline: str, hole: str = "") -> str:
    """Knots of wool all over an outline, except over *hole*."""
    inside, outside = flattened(outline)[0], flattened(hole)[0] if hole else []
    tones = (FLEECE, lighter(FLEECE, 0.5), darker(FLEECE, 0.13))
    lines: dict[str, list[str]] = {tone: [] for tone in tones}
    spots = [
        (x * 34 + (y % 2) * 17 + jitter(x * 31 + y, 10), y * 30 + jitter(x * 17 + y * 5, 10))
        for y in range(-23, 0)
        for x in range(-7, 8)
    ]
    for i, (x, y) in enumerate(spots):
        if contains(inside, x, y) and not contains(outside, x, y):
            lines[tones[i % 3]].append(_curl(x, y, 20 + jitter(i, 5), i * 1.7))
    wool = "".join(strands(" ".join(line), tone, 8) for tone, line in lines.items() if line)
    return f'<g filter="url(#yarn)">{wool}</g>'


def _sheep_base() -> str:
    legs = "M-76 -40 L-30 -40 C-28 -10 -30 10 -34 22 Q-54 30 -72 22 C-78 8 -78 -14 -76 -40 Z"
    return (
        patch(both(legs), SHEEP_FACE)
        + strands(both("M-53 2 L-53 22"), "#2b211b", 4)
        + piece(_SHEEP_BODY, darker(FLEECE, 0.1))
    )


def _sheep_ears(lining: str) -> str:
    inner = "M-112 -530 C-146 -540 -190 -534 -212 -512 C-186 -498 -142 -496 -116 -506 Z"
    return ears(_SHEEP_EAR, SHEEP_FACE, inner=inner, lining=lining)


def sheep() -> str:
    face = (
        "M0 -336 C-62 -336 -90 -372 -94 -430 C-98 -500 -96 -548 -62 -566 C-24 -582 24 -582 62 -566"
        " C96 -548 98 -500 94 -430 C90 -372 62 -336 0 -336 Z"
    )
    fringe_ = (
        "M-84 -590 C-90 -540 -40 -520 0 -540 C40 -520 90 -540 84 -590 C60 -640 -60 -640 -84 -590 Z"
    )
    bell_ = "M-24 -262 C-24 -296 24 -296 24 -262 L32 -236 Q0 -224 -32 -236 Z"
    return (
        _sheep_base()
        + _curls(_SHEEP_BODY, face)
        + _sheep_ears("#9a7a6c")
        + piece(face, SHEEP_FACE)
        + overcast(face, darker(SHEEP_FACE, 0.5), 22, 10)
        + _curls(fringe_)
        + ringed(52, -478, 14, "#b5a595")
        + strands("M-26 -396 Q-14 -384 0 -382 Q16 -384 27 -397 M0 -382 L0 -366", "#1f1713", 5)
        + strands("M-28 -356 Q2 -342 32 -358", "#1f1713", 4.5)
        + knitted("M-104 -318 C-60 -276 60 -274 104 -316", 1, plain("#a23f30"), 17)
        + f'<g filter="url(#yarn)"><path d="{bell_}" fill="url(#brass)"/></g>'
        + '<circle cx="1" cy="-229" r="7" fill="url(#brass)"/>'
    )


def sheep_back() -> str:
    tail = "M-30 -170 C-36 -120 -30 -70 0 -54 C30 -70 36 -120 30 -170 Z"
    return (
        _sheep_base()
        + _sheep_ears(darker(SHEEP_FACE, 0.1))
        + _curls(_SHEEP_BODY)
        + knitted("M-186 -322 C-110 -276 110 -274 186 -320", 1, plain("#a23f30"), 17)
        + patch(tail, lighter(FLEECE, 0.3))
        + overcast(tail, "#8d7c66", 20, 11)
    )


SAND, SPINE = "#dbbd92", "#6a4a34"
_SPINES = (SPINE, "#8a6648", "#57402f", "#7c5a40", "#a07c58", "#694b36")


def _spines(y: float, rx: float, ry: float, count: int) -> str:
    """A crown of points over the head and down both sides, around (0, *y*)."""
    start, sweep = math.radians(128), math.radians(284)
    points = []
    for i in range(count * 2 + 1):
        reach = 1 if i % 2 else 0.84
        reach += jitter(i + count, 0.045) if i % 2 else 0
        angle = start + sweep * i / (count * 2)
        points.append((rx * reach * math.cos(angle), y + ry * reach * math.sin(angle)))
    return "M" + " L".join(f"{number(x)} {number(y)}" for x, y in points) + " Z"


def _crowns(inner: int, outer: int) -> str:
    rows = []
    for row in range(outer, inner - 1, -1):
        shape = _spines(-318, 96 + row * 32, 124 + row * 34, 15 + row * 2)
        rows.append(piece(shape, _SPINES[row % len(_SPINES)]))
    return "".join(rows)


def hedgehog() -> str:
    face = (
        "M0 -268 C-70 -262 -140 -310 -146 -384 C-150 -440 -110 -478 -62 -470 C-34 -466 "
        "-14 -450 0 -430"
        " C14 -450 34 -466 62 -470 C110 -478 150 -440 146 -384 C140 -310 70 -262 0 -268 Z"
    )
    paw = (
        "M-96 -236 C-120 -220 -130 -186 -112 -168 C-92 -156 -72 -172 -70 -200 C-70 -222 -80 "
        "-238 -96 -236 Z"
    )
    return (
        _crowns(1, 6)
        + tube(116, 110, 330, SAND)
        + hem(116, SPINE)
        + arms(paw, darker(SAND, 0.15))
        + patch(both(ellipse(-118, -452, 34, 32)), "#8a6648")
        + snippet(both(ellipse(-116, -450, 18, 17)), "#c49a7c")
        + piece(face, SAND)
        + overcast(face, darker(SAND, 0.35), 22, 11)
        + cheeks(92, -336)
        + eyes(60, -386, 14)
        + nose(0, -330, 1.25)
        + mouth(0, -308, 26, 12)
    )


def _quill_row(y: float, half: float, count: int, row: int) -> str:
    """A strip cut into points that hang down, curved as it goes round the back."""
    step = 2 * half / count
    points = [(-half, y - 76.0), (0, y - 92.0), (half, y - 76.0)]
    for i in range(count * 2 + 1):
        x = half - i * step / 2
        sag = 26 * (1 - (x / half) ** 2)
        points.append((x, y + sag + (jitter(i + row * 9, 14) if i % 2 else -44)))
    return "M" + " L".join(f"{number(x)} {number(py)}" for x, py in points) + " Z"


def hedgehog_back() -> str:
    widths = ((-40, 214), (-128, 236), (-216, 240), (-304, 228), (-392, 196), (-476, 140))
    rows = "".join(
        piece(_quill_row(y, half, round(half / 17), row), _SPINES[row])
        for row, (y, half) in enumerate(widths)
    )
    return tube(116, 110, 330, SAND) + hem(116, SPINE) + _crowns(4, 6) + rows


DOLLS = (
    Doll("haren-hilma", hare, hare_back, Closeup(0, -400, 430), height=920),
    Doll("faret-fia", sheep, sheep_back, Closeup(0, -440, 420), height=680, girth=300),
    Doll("igelkotten-ivar", hedgehog, hedgehog_back, height=650, girth=280),
)
