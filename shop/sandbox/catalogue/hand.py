"""The maker's hand, one finger up: it shows how large a doll is.

Palm towards us, three fingers folded under the thumb, a knitted cuff below.
"""

from collections.abc import Callable

from shop.sandbox.catalogue.felt import darker, lighter, mixed
from shop.sandbox.catalogue.geometry import ellipse, mirror, moved, smooth
from shop.sandbox.catalogue.thread import Pattern, knitted

SKIN = "#d9a582"
FINGER_Y = 700
_FINGER_X = 668
_WIDTH = 1200

_PALM = (
    "M418 1230 C420 1150 348 1080 322 980 C302 880 322 800 380 770 C480 736 640 742 730 742"
    " C780 772 824 850 814 950 C800 1050 764 1130 768 1230 Z"
)
_INDEX = "M604 840 L602 420 C604 360 736 360 736 420 L738 760 C746 800 752 860 730 900 L620 900 Z"
_FOLDED = (
    smooth(
        [(356, 768), (398, 790), (404, 860), (398, 930), (360, 950), (318, 930), (310, 850),
         (318, 790)],
        closed=True,
    ),
    smooth(
        [(448, 728), (496, 752), (502, 840), (498, 926), (452, 950), (404, 930), (394, 840),
         (402, 754)],
        closed=True,
    ),
    smooth(
        [(556, 706), (608, 734), (614, 830), (608, 920), (556, 946), (506, 924), (496, 830),
         (504, 734)],
        closed=True,
    ),
)  # fmt: skip
_THUMB = (
    "M822 884 C798 842 748 820 690 826 C620 834 560 838 500 834 C454 830 430 856 432 886"
    " C434 916 462 930 506 932 C570 936 610 946 626 976 C650 1030 622 1110 634 1240 L770 1240"
    " C768 1130 804 1050 815 960 C816 934 826 908 822 884 Z"
)
_NAIL = (
    "M450 858 C470 838 512 840 524 850 C534 864 528 886 512 892 C486 900 456 898 447 884 C444 "
    "874 444 864 450 858 Z"
)
_CREASES = (
    "M604 776 Q668 792 736 772 M330 812 Q356 822 388 810 M416 784 Q448 796 486 782"
    " M520 766 Q556 780 598 764 M604 850 Q616 836 640 830 M716 836 Q736 842 752 858"
    ""
)


def finger_x(*, left: bool) -> int:
    return _WIDTH - _FINGER_X if left else _FINGER_X


def hand(cuff: Pattern, *, left: bool) -> str:
    """The hand on a 1200 x 1200 ground; the doll's hem belongs at finger_x and FINGER_Y."""

    def side(path: str) -> str:
        return moved(mirror(path), _WIDTH, 0) if left else path

    def flesh(path: str, tone: str = SKIN) -> str:
        return f'<path d="{side(path)}" fill="{tone}" filter="url(#skin)"/>'

    lines = f'fill="none" stroke="{darker(SKIN, 0.4)}" stroke-linecap="round"'
    nail = mixed(SKIN, "#f6d8cb", 0.62)
    return (
        f'<path d="{side(_PALM)}" transform="translate(38 26)" fill="#4a2d18" opacity=".26"'
        ' filter="url(#blur)"/>'
        + flesh(_PALM)
        + flesh(_INDEX)
        + "".join(flesh(finger) for finger in _FOLDED)
        + f'<path d="{side(_CREASES)}" {lines} stroke-width="4" opacity=".38"/>'
        + flesh(_THUMB, lighter(SKIN, 0.05))
        + f'<path d="{side(_NAIL)}" fill="{nail}" stroke="{darker(SKIN, 0.16)}" stroke-width="2"/>'
        + f'<path d="{side(ellipse(478, 858, 20, 6, -4))}" fill="#fff6ee" opacity=".6"/>'
        + _cuff(side, cuff)
    )


def _cuff(side: Callable[[str], str], pattern: Pattern) -> str:
    body = knitted(side("M596 1140 L596 1250"), 29, pattern, 15)
    ribs = knitted(side("M598 1092 L598 1150"), 28, lambda r, c: pattern(r, c // 2 % 2), 15)
    return body + ribs
