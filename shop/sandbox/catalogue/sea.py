"""Those who live in the bay."""

from shop.sandbox.catalogue.doll import Closeup, Doll, arms, back_seam, hem
from shop.sandbox.catalogue.face import bead, brows, eyes, mouth, nose, whiskers
from shop.sandbox.catalogue.felt import darker, group, lighter, patch, piece, snippet
from shop.sandbox.catalogue.geometry import both, ellipse, jitter, mirror, number
from shop.sandbox.catalogue.thread import overcast, strands

SEAL, SEAL_PALE, SEAL_SPOT = "#a9aeae", "#dcdcd4", "#6d7477"

_SEAL_BODY = (
    "M-120 -10 C-196 -90 -216 -230 -196 -350 C-182 -500 -110 -640 0 -644"
    " C110 -640 182 -500 196 -350 C216 -230 196 -90 120 -10 Q0 26 -120 -10 Z"
)
_SEAL_FLIPPER = (
    "M-168 -300 C-230 -290 -290 -230 -302 -160 C-306 -132 -280 -124 -262 -140"
    " C-230 -176 -190 -190 -158 -216 Z"
)
_SEAL_TAIL = (
    "M50 -50 C110 -60 170 -80 210 -118 C236 -110 244 -84 232 -58 C256 -50 268 -24 254 0"
    " C190 24 110 16 40 -4 Z"
)
_SEAL_SPOTS = (
    (-92, -560, 11), (-48, -598, 8), (30, -590, 12), (88, -548, 9), (-150, -402, 10),
    (156, -420, 12), (-166, -110, 12), (168, -140, 9), (-176, -180, 8), (150, -90, 12),
    (60, -622, 7), (140, -480, 7), (-128, -480, 7),
)  # fmt: skip


def _spots(places: tuple[tuple[int, int, int], ...]) -> str:
    """Spots of thin felt, no two the same."""
    return "".join(
        snippet(ellipse(x, y, r + jitter(i, 4), r * 0.72, jitter(i + 3, 90)), SEAL_SPOT)
        for i, (x, y, r) in enumerate(places)
    )


def _seal_flippers() -> str:
    toes = "M-286 -158 L-240 -208 M-266 -150 L-226 -194"
    return arms(_SEAL_FLIPPER, darker(SEAL, 0.12)) + strands(both(toes), SEAL_SPOT, 4)


def _seal_tail(path: str) -> str:
    return piece(path, darker(SEAL, 0.12)) + overcast(path, darker(SEAL, 0.45), 22, 11)


def seal() -> str:
    belly = (
        "M0 -330 C-84 -326 -122 -220 -112 -120 C-104 -72 -50 -54 0 -54 C50 -54 104 -72 112 "
        "-120 C122 -220 84 -326 0 -330 Z"
    )
    pads = both(ellipse(-37, -412, 46, 36, -12))
    dots = "".join(
        f'<circle cx="{side * x}" cy="{y}" r="3" fill="#4d5356"/>'
        for side in (-1, 1)
        for x, y in ((36, -418), (52, -406), (34, -398), (62, -422))
    )
    return (
        _seal_tail(_SEAL_TAIL)
        + piece(_SEAL_BODY, SEAL)
        + overcast(_SEAL_BODY, darker(SEAL, 0.45), 24, 12)
        + patch(belly, SEAL_PALE)
        + overcast(belly, "#9fa09a", 22, 11)
        + _seal_flippers()
        + hem(112, SEAL_SPOT, 30)
        + _spots(_SEAL_SPOTS)
        + patch(pads, SEAL_PALE)
        + whiskers(62, -418, "#f7f1e6", 92)
        + dots
        + eyes(84, -492, 24)
        + brows(80, -540, SEAL_SPOT, 5, 22)
        + nose(0, -450, 0.85)
        + mouth(0, -434, 26, 18)
    )


def seal_back() -> str:
    places = tuple((round(x * 0.8), round(y * 0.95), r) for x, y, r in _SEAL_SPOTS)
    ridge = ((-40, -420, 13), (34, -360, 11), (-24, -280, 13), (50, -220, 10), (-60, -160, 11))
    return (
        piece(_SEAL_BODY, SEAL)
        + overcast(_SEAL_BODY, darker(SEAL, 0.45), 24, 12)
        + back_seam(620, darker(SEAL, 0.35))
        + _seal_flippers()
        + hem(112, SEAL_SPOT, 30)
        + _spots(places)
        + _spots(ridge)
        + _seal_tail(mirror(_SEAL_TAIL))
    )


_HERRING_BODY = (
    "M-76 -120 C-112 -240 -130 -400 -104 -540 C-84 -640 -30 -716 24 -752 C44 -748 50 -728 44 -712"
    " C84 -640 118 -500 112 -380 C108 -270 92 -190 78 -120 C100 -80 128 -30 140 20"
    " C90 16 40 -2 0 -16 C-40 -2 -90 16 -140 20 C-128 -30 -98 -80 -76 -120 Z"
)
_HERRING_BELLY = (
    "M40 -700 C84 -620 114 -500 108 -380 C104 -270 90 -190 76 -126 C60 -120 44 -124 34 -132"
    " C50 -260 44 -420 10 -560 C16 -610 28 -660 40 -700 Z"
)
_HERRING_FIN = "M-108 -470 C-160 -440 -182 -380 -178 -310 C-150 -330 -126 -340 -106 -340 Z"
_SILVER = "#dfe6e6"


def _scales() -> str:
    """Rows of small arcs in silver thread."""
    arcs = []
    for row in range(12):
        y = -536 + row * 34
        for column in range(4):
            x = -72 + column * 31 + (row % 2) * 15 + jitter(row * 4 + column, 5)
            arcs.append(f"M{number(x - 10)} {y} Q{number(x)} {y + 17} {number(x + 11)} {y - 1}")
    return strands(" ".join(arcs), _SILVER, 3.6)


def _herring_shape(back: str) -> str:
    tail = "M-92 -10 L-66 -84 M-54 -22 L-38 -90 M54 -22 L38 -90 M92 -10 L66 -84"
    return (
        piece(_HERRING_FIN, darker(back, 0.25))
        + piece(_HERRING_BODY, back)
        + overcast(_HERRING_BODY, darker(back, 0.4), 24, 11)
        + strands(tail, _SILVER, 4)
    )


def herring(back: str) -> str:
    """One herring, nose up, looking to the right."""
    fin = "M8 -470 C50 -450 64 -400 50 -346 C20 -370 2 -410 -4 -452 Z"
    return (
        _herring_shape(back)
        + patch(_HERRING_BELLY, "#e9e6dc")
        + overcast(_HERRING_BELLY, "#a9aca8", 22, 9)
        + _scales()
        + strands("M-84 -566 C-40 -536 20 -540 62 -574", darker(back, 0.45), 6)
        + patch(fin, darker(back, 0.2))
        + strands("M20 -440 L38 -376 M10 -440 L22 -386", _SILVER, 3.4)
        + snippet(ellipse(-4, -628, 27, 27), "#f0e3c4")
        + bead(-3, -628, 17)
        + strands("M42 -712 C24 -706 10 -696 2 -682", "#2d3a42", 5)
    )


def _herring_behind(back: str) -> str:
    ridge = "M-6 -500 C-50 -470 -50 -330 -8 -290 C20 -340 22 -450 -6 -500 Z"
    return (
        piece(mirror(_HERRING_BODY), darker(back, 0.1))
        + overcast(mirror(_HERRING_BODY), darker(back, 0.45), 24, 11)
        + strands("M-92 -10 L-66 -84 M-54 -22 L-38 -90 M54 -22 L38 -90 M92 -10 L66 -84", _SILVER, 4)
        + back_seam(660, darker(back, 0.5))
        + patch(ridge, lighter(back, 0.14))
        + overcast(ridge, darker(back, 0.5), 22, 10)
    )


_SHOAL = ((-262, "#4f6c7c", -4.0, 0.86), (-4, "#5d7f84", 1.5, 0.92), (262, "#46606f", 5.0, 0.84))


def shoal() -> str:
    return "".join(group(herring(colour), x, 0, scale, lean) for x, colour, lean, scale in _SHOAL)


def shoal_back() -> str:
    return "".join(
        group(_herring_behind(colour), -x, 0, scale, -lean) for x, colour, lean, scale in _SHOAL
    )


DOLLS = (
    Doll("salen-selma", seal, seal_back, Closeup(0, -450, 430), height=660, girth=290),
    Doll(
        "tre-strommingar",
        shoal,
        shoal_back,
        Closeup(20, -420, 400),
        height=760,
        girth=520,
        worn=lambda: herring(_SHOAL[1][1]),
    ),
)
