"""People, large and little."""

from shop.sandbox.catalogue.doll import Closeup, Doll, arms, back_seam, hem, tube
from shop.sandbox.catalogue.face import brows, cheeks, eyes
from shop.sandbox.catalogue.felt import darker, lighter, patch, piece, snippet
from shop.sandbox.catalogue.geometry import both, ellipse, jitter, number
from shop.sandbox.catalogue.thread import (
    blanket,
    fringe,
    jersey,
    knitted,
    knot,
    overcast,
    plain,
    running,
    strands,
)

GREY_COAT, TOMTE_RED, BEARD = "#74736e", "#a3352a", "#efe8da"

_HAT = (
    "M-158 -360 C-150 -520 -84 -720 -16 -846 C10 -894 66 -906 112 -866 C136 -842 150 -806 140 -776"
    " C128 -764 116 -772 110 -788 C96 -812 70 -812 60 -780 C88 -660 148 -510 158 -360"
    " Q0 -300 -158 -360 Z"
)
_TOMTE_BEARD = (
    "M-132 -380 C-150 -280 -112 -190 -60 -150 C-40 -130 -24 -100 6 -76 C20 -110 40 -136 64 -154"
    " C116 -196 150 -280 132 -380 Q0 -330 -132 -380 Z"
)


def _locks() -> str:
    """Combed wool: long thin waves, light and shaded."""
    lines: tuple[list[str], list[str]] = ([], [])
    for i in range(-9, 10):
        x, low = i * 13, -104 - abs(i) * 13 + jitter(i + 20, 22)
        bend = x * 0.5
        lines[i % 2].append(
            f"M{x} -352 C{x * 1.05 + jitter(i, 14)} -280 {x * 0.8 + jitter(i + 3, 18)} -220"
            f" {number(bend)} {number(low)}"
        )
    return strands(" ".join(lines[0]), "#cfc4b0", 3.4) + strands(" ".join(lines[1]), BEARD, 3.4)


def _mittens(sleeve: str, colour: str, hand: str) -> str:
    paw = "M-180 -218 C-196 -176 -172 -152 -148 -160 C-128 -168 -124 -188 -126 -204 Z"
    return snippet(both(paw), hand) + arms(sleeve, colour)


_SLEEVE = (
    "M-88 -318 C-126 -322 -172 -264 -182 -210 C-170 -196 -140 -190 -124 -198 C-106 -228 -88 -246"
    " -74 -262 Z"
)


def _hat() -> str:
    brim = (
        "M-160 -372 C-164 -350 -164 -330 -160 -314 Q0 -256 160 -314 C164 -330 164 -350 160 "
        "-372 Q0 -316 -160 -372 Z"
    )
    return (
        piece(_HAT, TOMTE_RED)
        + overcast(_HAT, darker(TOMTE_RED, 0.35), 24, 11)
        + strands(
            "M44 -776 Q62 -800 84 -796 M-44 -640 Q-10 -628 20 -636", darker(TOMTE_RED, 0.4), 4
        )
        + patch(brim, darker(TOMTE_RED, 0.14))
        + blanket(brim, BEARD, 26, 14)
    )


def tomte() -> str:
    nose_ = ellipse(2, -262, 42, 37)
    return (
        tube(126, 96, 390, GREY_COAT)
        + hem(126, BEARD)
        + _mittens(_SLEEVE, darker(GREY_COAT, 0.12), TOMTE_RED)
        + piece(_TOMTE_BEARD, BEARD)
        + _locks()
        + _hat()
        + patch(nose_, "#dba07c")
        + cheeks(0, -256, "#c8553c")
    )


def tomte_back() -> str:
    mend = "M-34 -200 L38 -206 L42 -136 L-30 -130 Z"
    return (
        tube(126, 96, 390, GREY_COAT)
        + back_seam(330, darker(GREY_COAT, 0.5))
        + hem(126, BEARD)
        + _mittens(_SLEEVE, darker(GREY_COAT, 0.12), TOMTE_RED)
        + patch(mend, "#8f3a2e")
        + overcast(mend, BEARD, 18, 12)
        + f'<g transform="translate(0 0)">{_hat()}</g>'
    )


NAVY, CAPTAIN_SKIN, BRASS = "#2f3f55", "#dba27c", "#c79a3f"

_CAP = (
    "M-122.8 -582.8 C-163.7 -610.7 -182.3 -657.2 -148.8 -683.2 C-93 -716.7 93 -718.6 148.8 "
    "-683.2 C182.3 -657.2 163.7 -610.7 122.8 -582.8 Q0 -554.9 -122.8 -582.8 Z"
)
_CAP_BAND = "M-124.6 -605.1 Q0 -575.4 124.6 -605.1 L128.3 -554.9 Q0 -523.3 -128.3 -554.9 Z"
_VISOR = (
    "M-104.2 -558.6 Q0 -528.9 104.2 -558.6 C109.7 -536.3 96.7 -519.6 78.1 -512.1 Q0 -491.7 "
    "-78.1 -512.1 C-96.7 -519.6 -109.7 -536.3 -104.2 -558.6 Z"
)


def _button(x: float, y: float, r: float = 13) -> str:
    return (
        f'<circle cx="{x + 2}" cy="{y + 3.5}" r="{r}" fill="#140c08" opacity=".5"/>'
        f'<circle cx="{x}" cy="{y}" r="{r}" fill="url(#brass)"/>'
        f'<circle cx="{x}" cy="{y}" r="{r * 0.62}" fill="none" stroke="#7a5518" stroke-width="1.6"'
        ' opacity=".7"/>'
    )


def _cap() -> str:
    return (
        piece(_CAP, lighter(NAVY, 0.06))
        + overcast(_CAP, darker(NAVY, 0.5), 24, 11)
        + patch(_CAP_BAND, darker(NAVY, 0.35))
    )


def _coat() -> str:
    rings = "M-176 -222 L-134 -206 M-170 -238 L-128 -220"
    return (
        tube(120, 92, 390, NAVY)
        + hem(120, "#9fb0bd")
        + _mittens(_SLEEVE, NAVY, CAPTAIN_SKIN)
        + strands(both(rings), BRASS, 6)
    )


def captain() -> str:
    head = ellipse(0, -456, 134, 134)
    beard = (
        "M-136 -470 C-146 -380 -112 -300 -40 -284 C-20 -262 20 -262 42 -284 C112 -300 146 "
        "-380 136 -470"
        " C120 -436 96 -412 64 -408 C40 -420 20 -424 0 -418 C-20 -424 -40 -420 -64 -408"
        " C-96 -412 -120 -436 -136 -470 Z"
    )
    lapel = "M-84 -330 C-70 -270 -36 -220 -6 -186 L-6 -260 C-30 -280 -50 -310 -56 -338 Z"
    curls = (
        "M-104 -400 Q-90 -350 -62 -322 M-70 -384 Q-58 -340 -34 -306 M-30 -376 Q-26 -336 -12 -298"
    )
    return (
        _coat()
        + knitted("M-66 -320 C-30 -270 30 -268 66 -318", 4, plain("#e6dcc8"), 14)
        + patch(both(lapel), darker(NAVY, 0.2))
        + running("M0 -186 L2 -50", darker(NAVY, 0.5), 22, 4)
        + "".join(_button(x, y) for y in (-166, -104) for x in (-36, 37))
        + piece(head, CAPTAIN_SKIN)
        + cheeks(86, -436, "#c4482f")
        + piece(beard, BEARD)
        + overcast(beard, "#b9ad98", 24, 11)
        + strands(both(curls), "#cfc4b0", 4)
        + strands("M-26 -386 Q4 -366 34 -390", "#8c4a38", 6)
        + patch(ellipse(2, -432, 27, 24), darker(CAPTAIN_SKIN, 0.08))
        + eyes(54, -464, 13)
        + strands(both("M32 -490 Q56 -506 84 -488 M38 -482 Q58 -496 80 -480"), BEARD, 7)
        + _cap()
        + patch(_VISOR, "#1d222b")
        + running("M-118 -588 Q0 -558 118 -588", BRASS, 16, 5)
        + _button(0, -590, 20)
    )


def captain_back() -> str:
    belt = "M-70 -182 L70 -186 L70 -150 L-70 -146 Z"
    hair = "M-134 -540 C-150 -450 -120 -352 0 -348 C120 -352 150 -450 134 -540 Z"
    combed = "M-90 -520 Q-96 -440 -70 -376 M-46 -520 Q-50 -430 -34 -364 M0 -520 L0 -360"
    return (
        _coat()
        + back_seam(330, darker(NAVY, 0.5))
        + patch(belt, darker(NAVY, 0.15))
        + overcast(belt, darker(NAVY, 0.6), 20, 9)
        + _button(-50, -166)
        + _button(50, -168)
        + piece(hair, BEARD)
        + overcast(hair, "#b9ad98", 24, 11)
        + strands(both(combed), "#cfc4b0", 4)
        + _cap()
    )


DRESS, WINE, HAIR, GRAN_SKIN = "#5b7389", "#7c2f3b", "#b9b4ab", "#cf9a76"


def _dots() -> str:
    """Small white flowers on the dress, every second row shifted."""
    return "".join(
        knot(x * 46 + (row % 2) * 23 - 92 + jitter(x + row * 5, 6), -64 - row * 46, "#efe8da", 5.5)
        for row in range(4)
        for x in range(5)
    )


def _gran_body() -> str:
    return (
        tube(126, 90, 390, DRESS)
        + _dots()
        + hem(126, "#efe8da", 26)
        + _mittens(_SLEEVE, DRESS, GRAN_SKIN)
    )


def _wool(row: int, _column: int) -> str:
    return "#a65a5c" if row % 7 == 0 else WINE


def _bun() -> str:
    bun = ellipse(6, -640, 74, 58)
    twist = "M-40 -640 Q-20 -676 22 -668 M-30 -616 Q10 -596 50 -626 M-10 -648 Q14 -660 34 -640"
    return (
        strands("M-110 -618 L128 -690", "#c9a36a", 8)
        + f'<circle cx="130" cy="-691" r="10" fill="{WINE}"/>'
        + piece(bun, HAIR)
        + strands(twist, "#8f8a82", 4)
    )


def grandmother() -> str:
    head = ellipse(0, -452, 138, 136)
    hair = (
        "M-144 -430 C-164 -540 -90 -606 0 -606 C90 -606 164 -540 144 -430 C130 -490 84 -536 4 -566"
        " C-76 -536 -126 -490 -144 -430 Z"
    )
    apron = (
        "M-64 -214 L64 -216 C76 -150 78 -100 74 -46 Q0 -26 -76 -46 C-78 -100 -74 -150 -64 -214 Z"
    )
    combed = "M-8 -570 Q-80 -550 -122 -480 M-6 -584 Q-90 -578 -138 -500"
    rims = both(ellipse(-52, -462, 37, 35))
    return (
        _gran_body()
        + patch(apron, "#e9e0cf")
        + running("M-64 -74 Q0 -54 64 -76", "#a23f30", 20, 4)
        + knitted("M96 -330 C60 -270 10 -220 -66 -196", 4, _wool, 13)
        + knitted("M-96 -330 C-60 -270 -10 -220 72 -190", 4, _wool, 13)
        + fringe("M50 -176 L92 -192", WINE, 26)
        + _button(2, -236, 11)
        + _bun()
        + piece(head, GRAN_SKIN)
        + overcast(head, darker(GRAN_SKIN, 0.25), 24, 9)
        + piece(hair, HAIR)
        + overcast(hair, "#8f8a82", 24, 10)
        + strands(both(combed), "#918c84", 4)
        + cheeks(84, -406, "#c4482f")
        + eyes(52, -460, 12)
        + strands(rims + " M-16 -464 Q0 -474 16 -464", BRASS, 4.5)
        + brows(54, -510, "#8f8a82", 6, 30)
        + strands("M-8 -428 Q2 -416 13 -428", darker(GRAN_SKIN, 0.4), 4.5)
        + strands("M-30 -382 Q4 -358 36 -386", "#8c3f34", 5)
    )


def grandmother_back() -> str:
    hair = ellipse(0, -454, 142, 142)
    combed = (
        "M-116 -420 Q-90 -540 -20 -596 M-80 -366 Q-66 -500 -10 -590 M-34 -336 Q-30 -460 -4 -590"
    )
    shawl = "M-126 -340 Q0 -296 126 -340 C110 -260 60 -170 4 -96 C-60 -170 -110 -260 -126 -340 Z"
    return (
        _gran_body()
        + fringe("M-100 -240 L0 -100 M4 -104 L104 -240", WINE, 26)
        + jersey(shawl, 20, _wool)
        + piece(hair, HAIR)
        + overcast(hair, "#8f8a82", 24, 10)
        + strands(both(combed), "#918c84", 4)
        + _bun()
    )


DOLLS = (
    Doll("tomten-torsten", tomte, tomte_back, height=910),
    Doll("kapten-konrad", captain, captain_back, Closeup(0, -460, 430), height=700),
    Doll("mormor-marta", grandmother, grandmother_back, Closeup(0, -440, 430), height=710),
)
