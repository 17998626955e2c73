"""Those who live in the forest behind the paper mill."""

from shop.sandbox.catalogue.doll import (
    STUB,
    Closeup,
    Doll,
    arms,
    back_seam,
    ears,
    hem,
    scarf,
    scarf_behind,
    tube,
)
from shop.sandbox.catalogue.face import brows, cheeks, eyes, mouth, nose, whiskers
from shop.sandbox.catalogue.felt import darker, lighter, mixed, patch, piece, snippet
from shop.sandbox.catalogue.geometry import both, ellipse, jitter, mirror, moved, smooth
from shop.sandbox.catalogue.thread import (
    blanket,
    jersey,
    knitted,
    overcast,
    plain,
    running,
    strands,
)

RUST, CREAM, SOOT = "#bf5f2b", "#f1e4d0", "#4a3027"

_FOX_TAIL = (
    "M60 -70 C150 -40 246 -92 262 -190 C270 -246 300 -270 288 -330 C246 -342 202 -310 180 -250"
    " C160 -196 130 -150 66 -146 Z"
)
_FOX_TIP = (
    "M288 -330 C246 -342 206 -314 184 -262 L206 -276 L222 -244 L244 -262 L268 -226 C276 -262 "
    "298 -280 288 -330 Z"
)
_FOX_HEAD = (
    "M0 -318 C-64 -326 -132 -372 -206 -436 C-198 -530 -172 -610 -106 -650 C-60 -674 60 "
    "-674 106 -650"
    " C172 -592 196 -520 206 -436 C132 -372 64 -326 0 -318 Z"
)
_FOX_EAR = (
    "M-178 -540 C-196 -640 -196 -730 -186 -800 C-130 -770 -74 -710 -44 -636 C-80 -600 -130 "
    "-570 -178 -540 Z"
)
_FOX_LINING = (
    "M-158 -612 C-168 -660 -170 -706 -166 -744 C-132 -722 -104 -690 -84 -648 C-106 -630 -130 "
    "-620 -158 -612 Z"
)
_FOX_CHEEK = (
    "M-196 -434 C-150 -462 -92 -468 -58 -440 C-36 -420 -24 -402 -2 -396 L-2 -330"
    " C-64 -338 -126 -378 -196 -434 Z"
)


def _fox_scarf(row: int, _column: int) -> str:
    return CREAM if row % 9 in (6, 7) else "#2f5d62"


def _fox_tail(path: str, tip: str) -> str:
    return (
        piece(path, RUST)
        + overcast(path, darker(RUST), 24, 11)
        + patch(tip, CREAM)
        + overcast(tip, "#cdb99c", 22, 10)
    )


def fox() -> str:
    chest = "M-58 -330 C-74 -250 -60 -150 0 -110 C60 -150 76 -250 58 -330 Z"
    return (
        _fox_tail(_FOX_TAIL, _FOX_TIP)
        + tube(112, 84, 390, RUST)
        + patch(chest, CREAM)
        + overcast(chest, "#cdb99c", 22, 11)
        + hem(112, CREAM)
        + arms(STUB, SOOT)
        + scarf(_fox_scarf)
        + ears(_FOX_EAR, RUST, inner=_FOX_LINING, lining=SOOT)
        + piece(_FOX_HEAD, RUST)
        + overcast(_FOX_HEAD, darker(RUST, 0.28), 24, 11)
        + patch(both(_FOX_CHEEK), CREAM)
        + overcast(both(_FOX_CHEEK), "#cdb99c", 22, 10)
        + running("M0 -664 L0 -540", darker(RUST, 0.25), 22, 4)
        + eyes(80, -490)
        + brows(84, -530, SOOT)
        + nose(0, -396)
        + mouth(0, -378, 26, 12)
    )


def fox_back() -> str:
    return (
        tube(112, 84, 390, RUST)
        + back_seam(360, darker(RUST))
        + hem(112, CREAM)
        + arms(STUB, SOOT)
        + ears(_FOX_EAR, RUST)
        + piece(_FOX_HEAD, RUST)
        + overcast(_FOX_HEAD, darker(RUST, 0.28), 24, 11)
        + scarf_behind(_fox_scarf)
        + _fox_tail(mirror(_FOX_TAIL), mirror(_FOX_TIP))
    )


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


SLATE, MIST, OCHRE = "#5f7180", "#ece3d3", "#c98a2e"

_OWL_BODY = (
    "M-118 -10 C-170 -120 -190 -260 -184 -400 C-182 -480 -186 -600 -200 -716 C-150 -690 -110 -650"
    " -70 -640 C-24 -630 24 -630 70 -640 C110 -650 150 -690 200 -716 C186 -600 182 -480 184 -400"
    " C190 -260 170 -120 118 -10 Q0 26 -118 -10 Z"
)
_OWL_WING = (
    "M-150 -410 C-214 -370 -236 -240 -196 -110 C-150 -140 -104 -230 -100 -340 C-104 -380 -126 "
    "-404 -150 -410 Z"
)
_OWL_FACE = (
    "M0 -586 C-30 -640 -150 -640 -162 -530 C-170 -440 -80 -390 0 -396 C80 -390 170 -440 162 -530"
    " C150 -640 30 -640 0 -586 Z"
)


def _feathers(rows: tuple[tuple[int, int], ...]) -> str:
    """Rows of tongue-shaped feathers, the lowest sewn on first."""
    tongue = "M-27 -34 L27 -34 L27 0 C27 26 12 36 0 38 C-12 36 -27 26 -27 0 Z"
    parts = []
    for row, (y, count) in enumerate(rows):
        for i in range(count):
            x = (i - (count - 1) / 2) * 50
            shape = moved(tongue, x, y, 1, jitter(row * 5 + i, 7))
            tone = mixed(MIST, "#9fb0ba", 0.2 + 0.5 * ((row + i) % 2))
            parts.append(patch(shape, tone))
            parts.append(strands(f"M{x} {y - 4} L{x + jitter(i, 6)} {y + 20}", SLATE, 3))
    return "".join(parts)


def owl() -> str:
    beak = "M-22 -500 Q0 -516 22 -500 Q16 -450 0 -430 Q-16 -450 -22 -500 Z"
    foot = "M-62 -22 L-74 4 M-62 -22 L-60 10 M-62 -22 L-46 8"
    return (
        piece(_OWL_BODY, SLATE)
        + overcast(_OWL_BODY, darker(SLATE, 0.35), 24, 12)
        + _feathers(((-112, 3), (-178, 4), (-244, 5), (-310, 4)))
        + hem(112, MIST, 44)
        + patch(both(_OWL_WING), darker(SLATE, 0.18))
        + blanket(both(_OWL_WING), MIST, 26, 14)
        + patch(_OWL_FACE, MIST)
        + overcast(_OWL_FACE, "#b9a98f", 22, 11)
        + "".join(
            patch(ellipse(x, y, 50, 50), OCHRE) + overcast(ellipse(x, y, 50, 50), "#8d5c17", 16, 9)
            for x, y in ((-82, -516), (81, -514))
        )
        + eyes(82, -516, 27)
        + patch(beak, "#8a5a26")
        + strands(both(foot), OCHRE, 8)
    )


def owl_back() -> str:
    tail = "M-62 -120 C-70 -60 -50 0 0 44 C50 0 70 -60 62 -120 Z"
    back_wing = "M-40 -420 C-150 -420 -222 -330 -206 -130 C-150 -120 -60 -220 -24 -380 Z"
    return (
        piece(_OWL_BODY, SLATE)
        + overcast(_OWL_BODY, darker(SLATE, 0.35), 24, 12)
        + back_seam(620, darker(SLATE, 0.4))
        + patch(tail, darker(SLATE, 0.3))
        + overcast(tail, MIST, 22, 11)
        + patch(both(back_wing), darker(SLATE, 0.18))
        + blanket(both(back_wing), MIST, 26, 14)
    )


DOLLS = (
    Doll("raven-ragnar", fox, fox_back, Closeup(0, -430, 430)),
    Doll("haren-hilma", hare, hare_back, Closeup(0, -400, 430), height=920),
    Doll("ugglan-ulla", owl, owl_back, Closeup(0, -400, 430), height=720),
)
