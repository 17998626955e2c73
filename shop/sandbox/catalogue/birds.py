"""Two birds that have been seen from the same window."""

from shop.sandbox.catalogue.doll import Closeup, Doll, back_seam, hem
from shop.sandbox.catalogue.face import eyes, ringed
from shop.sandbox.catalogue.felt import darker, mixed, patch, piece
from shop.sandbox.catalogue.geometry import both, ellipse, jitter, moved
from shop.sandbox.catalogue.thread import blanket, overcast, running, strands

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


ROSE, ASH, COAL = "#c4503a", "#7e8588", "#2d2a2b"

_FINCH_BODY = (
    "M-104 -10 C-210 -80 -246 -210 -228 -320 C-208 -470 -120 -570 0 -572"
    " C120 -570 208 -470 228 -320 C246 -210 210 -80 104 -10 Q0 26 -104 -10 Z"
)
_FINCH_CAP = (
    "M0 -582 C-104 -580 -164 -530 -190 -460 C-160 -446 -130 -440 -104 -442 C-88 -400"
    " -60 -356 0 -350"
    " C60 -356 88 -400 104 -442 C130 -440 160 -446 190 -460 C164 -530 104 -580 0 -582 Z"
)
_FINCH_WING = (
    "M-196 -392 C-262 -330 -282 -190 -236 -76 C-222 -40 -196 -26 -176 -20 C-150 -100"
    " -132 -200 -146 -290"
    " C-156 -340 -172 -376 -196 -392 Z"
)
_FINCH_BAR = "M-266 -224 C-226 -196 -180 -178 -141 -178 L-142 -146 C-184 -150 -232 -168 -262 -192 Z"
_FINCH_SHOULDER = (
    "M-196 -392 C-248 -340 -272 -280 -268 -216 C-230 -188 -184 -172 -140 -172"
    " C-136 -240 -142 -300 -152 -330 C-162 -360 -176 -382 -196 -392 Z"
)
_FINCH_TAIL = "M40 -60 C120 -66 220 -40 282 34 C262 52 230 56 206 48 C150 40 80 10 30 -10 Z"
_COAL_THREAD = "#6c6a6b"


def _finch_wings() -> str:
    quills = "M-232 -120 L-206 -52 M-208 -124 L-190 -50 M-184 -128 L-174 -64"
    return (
        piece(both(_FINCH_WING), COAL)
        + patch(both(_FINCH_SHOULDER), ASH)
        + overcast(both(_FINCH_SHOULDER), "#565c5f", 22, 10)
        + patch(both(_FINCH_BAR), MIST)
        + strands(both(quills), "#474546", 4)
    )


def bullfinch() -> str:
    beak = "M-50 -440 Q0 -470 50 -440 C46 -404 22 -376 0 -368 C-22 -376 -46 -404 -50 -440 Z"
    foot = "M-50 -22 L-64 6 M-50 -22 L-48 12 M-50 -22 L-34 9"
    return (
        piece(_FINCH_TAIL, COAL)
        + piece(_FINCH_BODY, ROSE)
        + overcast(_FINCH_BODY, darker(ROSE, 0.35), 24, 12)
        + running("M-60 -130 Q0 -104 62 -132 M-86 -190 Q0 -156 88 -192", darker(ROSE, 0.3), 30, 4)
        + hem(96, MIST, 42)
        + _finch_wings()
        + patch(_FINCH_CAP, COAL)
        + overcast(_FINCH_CAP, _COAL_THREAD, 22, 11)
        + ringed(96, -486, 15, "#8d898a")
        + patch(beak, "#7b7069")
        + strands("M-42 -424 Q0 -400 43 -424", "#1d1918", 4)
        + strands(both(foot), "#8a6a52", 8)
    )


def bullfinch_back() -> str:
    cap = "M0 -582 C-90 -580 -150 -546 -180 -486 Q0 -440 180 -486 C150 -546 90 -580 0 -582 Z"
    rump = "M-70 -190 L70 -190 L34 -60 L-34 -60 Z"
    tail = "M-44 -120 C-54 -40 -60 20 -66 66 L-4 44 L56 68 C54 20 50 -40 44 -120 Z"
    folded = (
        "M-196 -404 C-276 -320 -282 -180 -226 -80 C-170 -16 -90 -16 -30 -62"
        " C-44 -190 -110 -330 -196 -404 Z"
    )
    bar = "M-262 -250 C-200 -214 -140 -204 -84 -214 L-72 -186 C-140 -172 -206 -184 -264 -214 Z"
    quills = "M-196 -150 Q-150 -90 -84 -60 M-232 -140 Q-196 -70 -140 -40"
    return (
        piece(_FINCH_BODY, ASH)
        + overcast(_FINCH_BODY, darker(ASH, 0.35), 24, 12)
        + patch(cap, COAL)
        + overcast(cap, _COAL_THREAD, 22, 11)
        + back_seam(440, darker(ASH, 0.4))
        + patch(rump, MIST)
        + piece(tail, COAL)
        + overcast(tail, _COAL_THREAD, 22, 11)
        + piece(both(folded), COAL)
        + patch(both(bar), darker(MIST, 0.12))
        + overcast(both(folded), _COAL_THREAD, 24, 11)
        + strands(both(quills), "#474546", 4)
    )


DOLLS = (
    Doll("ugglan-ulla", owl, owl_back, Closeup(0, -400, 430), height=720),
    Doll(
        "domherren-didrik", bullfinch, bullfinch_back, Closeup(0, -390, 440), height=590, girth=300
    ),
)
