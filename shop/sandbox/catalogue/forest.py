"""Those who live in the forest behind the paper mill."""

from shop.sandbox.catalogue.doll import (
    STUB,
    Closeup,
    Doll,
    arms,
    back_seam,
    back_seam_of_head,
    ears,
    hem,
    scarf,
    scarf_behind,
    tube,
)
from shop.sandbox.catalogue.face import brows, cheeks, eyes, mouth, nose, ringed
from shop.sandbox.catalogue.felt import darker, lighter, patch, piece, snippet
from shop.sandbox.catalogue.geometry import both, ellipse, mirror
from shop.sandbox.catalogue.thread import jersey, knitted, overcast, plain, running, strands

RUST, CREAM, SOOT = "#bf5f2b", "#f6ebd8", "#4a3027"

FOX_TAIL = (
    "M60 -70 C150 -40 246 -92 262 -190 C270 -246 300 -270 288 -330 C246 -342 202 -310 180 -250"
    " C160 -196 130 -150 66 -146 Z"
)
FOX_TIP = (
    "M288 -330 C246 -342 206 -314 184 -262 L206 -276 L222 -244 L244 -262 L268 -226 C276 -262 "
    "298 -280 288 -330 Z"
)
FOX_HEAD = (
    "M0 -318 C-64 -326 -132 -372 -206 -436 C-198 -530 -172 -610 -106 -650 C-60 -674 60 "
    "-674 106 -650"
    " C172 -592 196 -520 206 -436 C132 -372 64 -326 0 -318 Z"
)
FOX_EAR = (
    "M-178 -540 C-196 -640 -196 -730 -186 -800 C-130 -770 -74 -710 -44 -636 C-80 -600 -130 "
    "-570 -178 -540 Z"
)
FOX_LINING = (
    "M-158 -612 C-168 -660 -170 -706 -166 -744 C-132 -722 -104 -690 -84 -648 C-106 -630 -130 "
    "-620 -158 -612 Z"
)
FOX_CHEEK = (
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
        _fox_tail(FOX_TAIL, FOX_TIP)
        + tube(112, 84, 390, RUST)
        + patch(chest, CREAM)
        + overcast(chest, "#cdb99c", 22, 11)
        + hem(112, CREAM)
        + arms(STUB, SOOT)
        + scarf(_fox_scarf)
        + ears(FOX_EAR, RUST, inner=FOX_LINING, lining=SOOT)
        + piece(FOX_HEAD, RUST)
        + overcast(FOX_HEAD, darker(RUST, 0.28), 24, 11)
        + patch(both(FOX_CHEEK), CREAM)
        + overcast(both(FOX_CHEEK), "#cdb99c", 22, 10)
        + running("M0 -664 L0 -540", darker(RUST, 0.25), 22, 4)
        + eyes(80, -490, tilt=5)
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
        + ears(FOX_EAR, RUST)
        + piece(FOX_HEAD, RUST)
        + overcast(FOX_HEAD, darker(RUST, 0.28), 24, 11)
        + scarf_behind(_fox_scarf)
        + _fox_tail(mirror(FOX_TAIL), mirror(FOX_TIP))
    )


BEAR, BEAR_PALE, PINE = "#7d5233", "#d7b58c", "#3d6650"

_BEAR_HEAD = (
    "M0 -316 C-96 -316 -196 -348 -200 -440 C-202 -540 -120 -612 0 -614"
    " C120 -612 202 -540 200 -440 C196 -348 96 -316 0 -316 Z"
)
_BEAR_JERSEY = (
    "M-118 -356 C-150 -270 -158 -170 -154 -70 Q0 -38 154 -70 C158 -170 150 -270 118 -356"
    " Q0 -318 -118 -356 Z"
)
_BEAR_SLEEVE = (
    "M-108 -330 C-160 -330 -206 -268 -212 -208 L-152 -190 C-140 -226 -120 -250 -96 -262 Z"
)
_BEAR_PAW = "M-214 -216 C-228 -168 -200 -146 -172 -156 C-154 -164 -150 -184 -152 -200 Z"
# the yoke from the neck down: c cream, r rust, anything else the jumper's own green
_YOKE = (
    *("......",) * 5,
    "c.c.c.",
    ".c.c.c",
    "cccccc",
    "c.rr.c",
    "crrrrc",
    "c.rr.c",
    "cccccc",
    ".c.c.c",
)


def _bear_wool(row: int, column: int) -> str:
    mark = _YOKE[row][column % 6] if row < len(_YOKE) else "."
    return {"c": "#efe6d4", "r": "#a2472f", ".": PINE}[mark]


def _bear_body() -> str:
    return (
        tube(144, 112, 390, BEAR, belly=6)
        + hem(144, BEAR_PALE, 30)
        + snippet(both(_BEAR_PAW), BEAR)
        + jersey(_BEAR_SLEEVE, 34, plain(PINE))
        + jersey(mirror(_BEAR_SLEEVE), 34, plain(PINE))
        + jersey(_BEAR_JERSEY, 24, _bear_wool)
    )


def _bear_ears(lining: str) -> str:
    ear = ellipse(-146, -572, 58, 56, -20)
    inner = ellipse(-142, -566, 31, 29, -20)
    return ears(ear, BEAR, inner=inner, lining=lining)


def _bear_collar() -> str:
    return knitted("M-112 -338 C-60 -292 60 -290 112 -336", 2, plain(lighter(PINE, 0.1)), 15)


def bear() -> str:
    muzzle = ellipse(0, -410, 88, 66)
    return (
        _bear_body()
        + _bear_ears(BEAR_PALE)
        + piece(_BEAR_HEAD, BEAR)
        + overcast(_BEAR_HEAD, darker(BEAR, 0.4), 24, 11)
        + patch(muzzle, BEAR_PALE)
        + overcast(muzzle, "#a98458", 21, 10)
        + cheeks(132, -428)
        + eyes(84, -492, 14)
        + brows(86, -526, darker(BEAR, 0.5), 6, 30)
        + nose(0, -440, 1.05)
        + mouth(0, -420, 30, 20)
        + _bear_collar()
    )


def bear_back() -> str:
    tail = ellipse(0, -96, 40, 34)
    return (
        _bear_body()
        + _bear_ears(darker(BEAR, 0.1))
        + piece(_BEAR_HEAD, BEAR)
        + overcast(_BEAR_HEAD, darker(BEAR, 0.4), 24, 11)
        + back_seam_of_head(-600, -340, darker(BEAR, 0.4))
        + _bear_collar()
        + patch(tail, BEAR)
        + overcast(tail, darker(BEAR, 0.45), 18, 12)
    )


BARK, MUZZLE, ANTLER = "#5e4434", "#8b6b54", "#d8c09a"

_MOOSE_HEAD = (
    "M0 -352 C-76 -352 -134 -384 -134 -446 C-134 -500 -100 -540 -96 -590 C-94 -650 -66 -690 0 -692"
    " C66 -690 94 -650 96 -590 C100 -540 134 -500 134 -446 C134 -384 76 -352 0 -352 Z"
)
_MOOSE_MUZZLE = (
    "M0 -346 C-80 -346 -142 -380 -140 -444 C-138 -498 -84 -520 0 -520 C84 -520 138 -498 140 -444"
    " C142 -380 80 -346 0 -346 Z"
)
_MOOSE_EAR = "M-78 -640 C-120 -668 -190 -650 -226 -590 C-180 -566 -116 -570 -84 -598 Z"
_MOOSE_EAR_LINING = "M-100 -628 C-136 -642 -176 -630 -200 -596 C-170 -586 -130 -588 -104 -606 Z"
_MOOSE_ANTLER = (
    "M-40 -664 C-84 -672 -120 -688 -150 -716 C-210 -700 -280 -712 -316 -760 C-326 -774 -316 -788"
    " -300 -780 C-288 -772 -276 -768 -264 -772 C-284 -800 -302 -830 -302 -868 C-300 -884 -282 -886"
    " -276 -870 C-266 -842 -250 -822 -230 -810 C-236 -842 -234 -882 -216 -906 C-206 -918 -190 -910"
    " -192 -894 C-196 -862 -188 -836 -170 -818 C-160 -848 -142 -868 -120 -876 C-106 -880 -98 -866"
    " -108 -854 C-130 -826 -134 -790 -122 -764 C-104 -740 -70 -730 -30 -716 Z"
)


def _moose_scarf(row: int, column: int) -> str:
    return "#efe3d0" if row % 8 == 0 and column % 2 else "#9c3a2c"


def _moose_head(colour: str) -> str:
    antlers = piece(both(_MOOSE_ANTLER), ANTLER) + overcast(both(_MOOSE_ANTLER), "#9d8258", 22, 10)
    return (
        antlers
        + piece(both(_MOOSE_EAR), BARK)
        + patch(both(_MOOSE_EAR_LINING), colour)
        + piece(_MOOSE_HEAD, BARK)
        + overcast(_MOOSE_HEAD, darker(BARK, 0.5), 24, 11)
    )


def moose() -> str:
    nostril = "M-66 -452 C-62 -476 -34 -478 -32 -456"
    return (
        tube(116, 84, 400, BARK)
        + hem(116, ANTLER)
        + arms(STUB, darker(BARK, 0.25))
        + scarf(_moose_scarf, -352)
        + _moose_head("#8d6a58")
        + patch(_MOOSE_MUZZLE, MUZZLE)
        + overcast(_MOOSE_MUZZLE, darker(MUZZLE, 0.35), 22, 10)
        + eyes(58, -582, 14)
        + brows(60, -612, darker(BARK, 0.5), 7, 30)
        + strands(both(nostril), "#2f211a", 7)
        + strands("M-62 -398 Q-8 -374 66 -404", "#2f211a", 5)
        + strands("M-20 -676 L-10 -644 M0 -684 L2 -646 M22 -676 L14 -644", "#3f2c20", 5)
    )


def moose_back() -> str:
    tail = "M-26 -128 C-34 -90 -24 -58 0 -44 C24 -58 34 -90 26 -128 Z"
    return (
        tube(116, 84, 400, BARK)
        + back_seam(370, darker(BARK, 0.5))
        + hem(116, ANTLER)
        + arms(STUB, darker(BARK, 0.25))
        + _moose_head(darker(BARK, 0.1))
        + scarf_behind(_moose_scarf)
        + patch(tail, darker(BARK, 0.2))
        + overcast(tail, darker(BARK, 0.6), 18, 10)
    )


BADGER, BADGER_BLACK, BADGER_WHITE = "#83807a", "#33302e", "#f2ebdf"

_BADGER_HEAD = (
    "M0 -316 C-54 -316 -84 -344 -128 -376 C-186 -404 -204 -470 -182 -536 C-156 -606 -84 -640 0 -640"
    " C84 -640 156 -606 182 -536 C204 -470 186 -404 128 -376 C84 -344 54 -316 0 -316 Z"
)
_BADGER_STRIPE = (
    "M-66 -632 C-62 -560 -44 -460 -22 -398 C-30 -374 -54 -362 -78 -364 C-104 -420 -136 -510"
    " -150 -594 C-126 -616 -96 -628 -66 -632 Z"
)


def _badger_scarf(row: int, _column: int) -> str:
    return "#d2a23c" if row // 4 % 2 else "#46535c"


def _badger_ears() -> str:
    return "".join(
        patch(ellipse(x, -588, 42, 40), BADGER_BLACK)
        + snippet(ellipse(x * 1.03, -604, 25, 17, x * 0.2), BADGER_WHITE)
        for x in (-152, 152)
    )


def badger() -> str:
    bib = "M-70 -330 C-84 -240 -70 -150 0 -116 C70 -150 84 -240 70 -330 Z"
    return (
        tube(120, 90, 390, BADGER, belly=4)
        + patch(bib, BADGER_BLACK)
        + overcast(bib, "#6d6964", 22, 11)
        + hem(120, BADGER_WHITE)
        + arms(STUB, BADGER_BLACK)
        + scarf(_badger_scarf)
        + _badger_ears()
        + piece(_BADGER_HEAD, BADGER_WHITE)
        + overcast(_BADGER_HEAD, "#bdb19e", 24, 11)
        + patch(both(_BADGER_STRIPE), BADGER_BLACK)
        + overcast(both(_BADGER_STRIPE), BADGER_WHITE, 24, 10)
        + ringed(84, -484, 14, "#a39a8e")
        + nose(0, -372, 1.15)
        + mouth(0, -354, 24, 10)
    )


def badger_back() -> str:
    stripe = "M-118 -620 C-110 -540 -96 -440 -70 -340 L-30 -334 C-44 -440 -52 -540 -46 -636 Z"
    tail = "M-30 -130 C-52 -80 -40 -30 4 -6 C40 -36 44 -84 30 -130 Z"
    return (
        tube(120, 90, 390, BADGER, belly=4)
        + back_seam(370, darker(BADGER, 0.5))
        + hem(120, BADGER_WHITE)
        + arms(STUB, BADGER_BLACK)
        + _badger_ears()
        + piece(_BADGER_HEAD, BADGER_WHITE)
        + overcast(_BADGER_HEAD, "#bdb19e", 24, 11)
        + patch(both(stripe), BADGER_BLACK)
        + overcast(both(stripe), BADGER_WHITE, 24, 10)
        + scarf_behind(_badger_scarf)
        + patch(tail, "#d8d0c2")
        + overcast(tail, "#8f877a", 20, 11)
    )


DOLLS = (
    Doll("raven-ragnar", fox, fox_back, Closeup(0, -430, 430)),
    Doll("bjornen-bodil", bear, bear_back, Closeup(0, -290, 400), height=650, girth=310),
    Doll("algen-algot", moose, moose_back, Closeup(0, -500, 420), height=915),
    Doll("gravlingen-greta", badger, badger_back, height=650),
)
