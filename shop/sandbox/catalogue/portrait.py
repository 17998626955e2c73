"""The maker, in felt like the dolls: at work, and not looking up just now."""

from shop.sandbox.catalogue.face import brows, cheeks
from shop.sandbox.catalogue.felt import darker, group, lifted, lighter, patch, piece
from shop.sandbox.catalogue.forest import bear
from shop.sandbox.catalogue.geometry import both, ellipse
from shop.sandbox.catalogue.hand import SKIN
from shop.sandbox.catalogue.thread import jersey, knitted, knot, plain, running, strands

_JUMPER = (
    "M-352 20 C-372 -160 -346 -318 -238 -382 C-176 -416 -120 -440 -84 -476 L84 -476"
    " C120 -440 176 -416 238 -382 C346 -318 372 -160 352 20 Z"
)
_BIB = "M-196 20 L-186 -270 C-120 -300 120 -300 186 -270 L196 20 Z"
_STRAP = "M-186 -262 C-176 -330 -150 -390 -112 -440 L-76 -452 C-112 -390 -138 -330 -146 -276 Z"
_NECK = "M-66 -560 L66 -560 C64 -490 76 -460 96 -440 Q0 -376 -96 -440 C-76 -460 -64 -490 -66 -560 Z"
_FACE = (
    "M0 -498 C-70 -498 -128 -546 -146 -624 C-164 -720 -140 -800 -92 -838 C-40 -868 40 -868 92 -838"
    " C140 -800 164 -720 146 -624 C128 -546 70 -498 0 -498 Z"
)
_EAR = "M-146 -690 C-176 -700 -184 -650 -168 -618 C-160 -602 -146 -604 -140 -616 Z"
_HAIR_BEHIND = (
    "M0 -900 C-130 -900 -196 -806 -186 -690 C-190 -640 -184 -590 -158 -566 C-120 -560 120 -560"
    " 158 -566 C184 -590 190 -640 186 -690 C196 -806 130 -900 0 -900 Z"
)
_HAIR = (
    "M-158 -660 C-196 -790 -150 -900 -10 -906 C130 -910 196 -810 160 -664 C150 -720 140 "
    "-752 112 -782"
    " C60 -770 -10 -776 -66 -808 C-104 -786 -140 -742 -158 -660 Z"
)
_WAVES = (
    "M-64 -806 C-30 -842 16 -868 66 -866 M-58 -800 C-16 -826 40 -840 92 -818"
    " M-80 -802 C-112 -784 -136 -744 -146 -706 M-84 -830 C-124 -812 -150 -776 -158 -740"
)
_FOREARM_LEFT = (
    "M-352 -120 C-412 -60 -400 40 -320 44 L-168 -20 L-190 -138 C-250 -120 -300 -140 -352 -120 Z"
)
_FOREARM_RIGHT = (
    "M352 -120 C412 -60 400 40 330 44 C300 30 240 -30 190 -90 L244 -186 C280 -150 310 "
    "-140 352 -120 Z"
)


def _head() -> str:
    temples = "M-156 -690 C-150 -730 -138 -760 -118 -784 M-166 -700 C-162 -740 -150 -776 -130 -806"
    return (
        piece(_HAIR_BEHIND, "#54402f")
        + _flesh(_NECK, darker(SKIN, 0.08))
        + _flesh(both(_EAR))
        + _flesh(_FACE)
        + cheeks(88, -604, "#c4482f")
        + strands(both("M34 -674 Q62 -652 94 -670"), "#3a281e", 5.5)
        + strands(both("M38 -690 Q64 -702 92 -690"), darker(SKIN, 0.22), 3)
        + brows(62, -728, "#54402f", 9, 56)
        + strands("M-4 -680 C-8 -644 -20 -622 -12 -610 Q4 -600 18 -612", darker(SKIN, 0.36), 4.5)
        + strands("M-34 -558 Q2 -540 42 -562", "#8f4a3c", 5.5)
        + strands(both(ellipse(-63, -668, 46, 42)) + " M-18 -674 Q0 -684 18 -674", "#9c7c40", 4.5)
        + piece(_HAIR, "#5d4735")
        + strands(_WAVES, "#453325", 4)
        + strands(both(temples), "#a99b8d", 3.6)
    )


def _flesh(path: str, tone: str = SKIN) -> str:
    return f'<path d="{path}" fill="{tone}" filter="url(#skin)"/>'


def _apron() -> str:
    pocket = "M-120 -90 L120 -90 L112 20 L-112 20 Z"
    green = "#46604f"
    return (
        patch(both(_STRAP), darker(green, 0.12))
        + piece(_BIB, green)
        + running("M-168 -250 C-110 -276 110 -276 168 -250", "#e9dfca", 24, 4.5)
        + running("M-166 -236 L-176 10 M166 -236 L176 10", "#e9dfca", 24, 4.5)
        + patch(pocket, lighter(green, 0.06))
        + knot(-164, -262, "#c79a3f", 13)
        + knot(165, -262, "#c79a3f", 13)
    )


def _fingers(*places: tuple[float, float, float, float]) -> str:
    """Fingers as (x, y, half length, turn), the last one on top."""
    return "".join(
        _flesh(ellipse(x, y, length, 21, turn), lighter(SKIN, 0.04))
        for x, y, length, turn in places
    )


def _holding_hand() -> str:
    return (
        lifted(jersey(_FOREARM_LEFT, 60, plain("#6f848b")))
        + _flesh(ellipse(-146, -84, 60, 66, 12))
        + _fingers((-84, -42, 46, -4), (-76, -72, 54, 0), (-76, -102, 56, 3), (-86, -130, 50, 8))
    )


def _sewing_hand() -> str:
    """Thumb and index finger on a needle that is half through the ear."""
    return (
        lifted(jersey(_FOREARM_RIGHT, 60, plain("#6f848b")))
        + _flesh(ellipse(190, -164, 62, 58, -30))
        + _fingers((150, -118, 38, 24), (138, -142, 44, 22), (130, -170, 46, 24))
        + '<path d="M128 -214 L66 -250" stroke="#8d9396" stroke-width="5" stroke-linecap="round"/>'
        + strands("M128 -214 C190 -290 270 -300 250 -236 C240 -200 290 -190 300 -230", "#efe6d4", 3)
        + _fingers((140, -192, 44, 26), (148, -226, 54, 6))
    )


def maker() -> str:
    """Waist up, head bent over a bear whose second ear is just going on."""
    figure = (
        group(_head(), 0, -96, 0.84, -3)
        + jersey(_JUMPER, 56, plain("#6b7f86"))
        + knitted("M-92 -462 C-60 -412 60 -412 92 -462", 3, plain("#7b9097"), 15)
        + _apron()
        + group(bear(), 0, -6, 0.42, 2)
        + _holding_hand()
        + _sewing_hand()
    )
    return group(figure, 600, 1178, 1.24)
