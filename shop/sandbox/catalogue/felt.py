"""Felt, paper and light, as SVG.

Felt is fractal noise lit from the upper left and laid over the colour; its edge is
pushed about twice, coarsely as if cut by hand and finely as if fibres stuck out.
A lit and a shaded rim give it thickness, a soft shadow lifts it off what lies below.
"""

from typing import NamedTuple

PAPER = "#f5ebdc"


class Felt(NamedTuple):
    """How thick and how ragged a piece is."""

    name: str
    wobble: float
    fuzz: float
    rim: float
    drop: float
    margin: int


_FELTS = (
    Felt("body", wobble=11, fuzz=7, rim=26, drop=7, margin=12),
    Felt("patch", wobble=8, fuzz=6, rim=10, drop=5, margin=22),
    Felt("small", wobble=4, fuzz=5, rim=5, drop=3, margin=60),
)


def _felt_filter(felt: Felt, seed: int, relief: float) -> str:
    edge = 100 + 2 * felt.margin
    return f"""
<filter id="{felt.name}" x="-{felt.margin}%" y="-{felt.margin}%" width="{edge}%" height="{edge}%"
 color-interpolation-filters="sRGB">
 <feTurbulence type="fractalNoise" baseFrequency=".011" numOctaves="2" seed="{seed}" result="wave"/>
 <feDisplacementMap in="SourceGraphic" in2="wave" scale="{felt.wobble}" xChannelSelector="R"
  yChannelSelector="G" result="cut"/>
 <feTurbulence type="fractalNoise" baseFrequency=".21 .25" numOctaves="3" seed="{seed + 3}"
  result="fibre"/>
 <feDisplacementMap in="cut" in2="fibre" scale="{felt.fuzz}" xChannelSelector="R"
  yChannelSelector="B" result="shape"/>
 <feDisplacementMap in="cut" in2="fibre" scale="{felt.fuzz * 3.6}" xChannelSelector="B"
  yChannelSelector="R" result="stray"/>
 <feComponentTransfer in="stray" result="halo"><feFuncA type="linear" slope=".34"/>
 </feComponentTransfer>
 <feColorMatrix in="fibre" values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 .8 .3 0 0 0" result="bump"/>
 <feDiffuseLighting in="bump" surfaceScale="{relief}" diffuseConstant="1.2" lighting-color="#fffaf2"
  result="light"><feDistantLight azimuth="235" elevation="57"/></feDiffuseLighting>
 <feComposite in="light" in2="shape" operator="in" result="lit"/>
 <feBlend in="lit" in2="shape" mode="multiply" result="grain"/>
 <feTurbulence type="fractalNoise" baseFrequency=".02 .028" numOctaves="2" seed="{seed + 8}"/>
 <feColorMatrix values="0 0 0 0 .16 0 0 0 0 .08 0 0 0 0 .03 .42 0 0 0 -.18" result="cloud"/>
 <feComposite in="cloud" in2="shape" operator="in" result="mottle"/>
 <feGaussianBlur in="shape" stdDeviation="{felt.rim}" result="soft"/>
 <feOffset in="soft" dx="-{felt.rim * 0.8}" dy="-{felt.rim * 0.9}"/>
 <feComposite in="shape" operator="out" in2="soft"/>
 <feOffset in="soft" dx="-{felt.rim * 0.8}" dy="-{felt.rim * 0.9}" result="up"/>
 <feComposite in="shape" in2="up" operator="out" result="lower"/>
 <feFlood flood-color="#2c1408" flood-opacity=".40"/>
 <feComposite in2="lower" operator="in" result="shade"/>
 <feOffset in="soft" dx="{felt.rim * 0.7}" dy="{felt.rim * 0.8}" result="down"/>
 <feComposite in="shape" in2="down" operator="out" result="upper"/>
 <feFlood flood-color="#fff3df" flood-opacity=".26"/>
 <feComposite in2="upper" operator="in" result="shine"/>
 <feGaussianBlur in="shape" stdDeviation="{felt.drop}"/>
 <feOffset dx="{felt.drop * 0.6}" dy="{felt.drop * 0.9}"/>
 <feColorMatrix values="0 0 0 0 .17 0 0 0 0 .09 0 0 0 0 .04 0 0 0 .42 0" result="cast"/>
 <feMerge><feMergeNode in="cast"/><feMergeNode in="halo"/><feMergeNode in="grain"/>
  <feMergeNode in="mottle"/><feMergeNode in="shade"/><feMergeNode in="shine"/></feMerge>
</filter>"""


_SMOOTH = """
<filter id="yarn" x="-12%" y="-12%" width="124%" height="124%" color-interpolation-filters="sRGB">
 <feTurbulence type="fractalNoise" baseFrequency=".24" numOctaves="2" seed="5" result="fibre"/>
 <feDisplacementMap in="SourceGraphic" in2="fibre" scale="5" xChannelSelector="R"
  yChannelSelector="G" result="shape"/>
 <feGaussianBlur in="shape" stdDeviation="9" result="soft"/>
 <feOffset in="soft" dx="-7" dy="-9" result="up"/>
 <feComposite in="shape" in2="up" operator="out" result="lower"/>
 <feFlood flood-color="#20100a" flood-opacity=".42"/>
 <feComposite in2="lower" operator="in" result="shade"/>
 <feGaussianBlur in="shape" stdDeviation="7"/><feOffset dx="4" dy="8"/>
 <feColorMatrix values="0 0 0 0 .17 0 0 0 0 .09 0 0 0 0 .04 0 0 0 .5 0" result="cast"/>
 <feMerge><feMergeNode in="cast"/><feMergeNode in="shape"/><feMergeNode in="shade"/></feMerge>
</filter>
<filter id="skin" x="-12%" y="-12%" width="124%" height="124%" color-interpolation-filters="sRGB">
 <feGaussianBlur in="SourceGraphic" stdDeviation="26" result="soft"/>
 <feOffset in="soft" dx="-20" dy="-16" result="up"/>
 <feComposite in="SourceGraphic" in2="up" operator="out" result="lower"/>
 <feFlood flood-color="#8a3f22" flood-opacity=".46"/>
 <feComposite in2="lower" operator="in" result="shade"/>
 <feOffset in="soft" dx="18" dy="16" result="down"/>
 <feComposite in="SourceGraphic" in2="down" operator="out" result="upper"/>
 <feFlood flood-color="#fff0dc" flood-opacity=".34"/>
 <feComposite in2="upper" operator="in" result="shine"/>
 <feGaussianBlur in="SourceAlpha" stdDeviation="9"/><feOffset dx="5" dy="7"/>
 <feColorMatrix values="0 0 0 0 .42 0 0 0 0 .18 0 0 0 0 .08 0 0 0 .42 0" result="cast"/>
 <feMerge><feMergeNode in="cast"/><feMergeNode in="SourceGraphic"/><feMergeNode in="shade"/>
  <feMergeNode in="shine"/></feMerge>
</filter>
<filter id="lift" x="-20%" y="-20%" width="150%" height="150%" color-interpolation-filters="sRGB">
 <feGaussianBlur in="SourceAlpha" stdDeviation="9"/><feOffset dx="9" dy="13"/>
 <feColorMatrix values="0 0 0 0 .2 0 0 0 0 .11 0 0 0 0 .05 0 0 0 .42 0" result="cast"/>
 <feMerge><feMergeNode in="cast"/><feMergeNode in="SourceGraphic"/></feMerge>
</filter>
<filter id="wood" x="0" y="0" width="100%" height="100%" color-interpolation-filters="sRGB">
 <feTurbulence type="fractalNoise" baseFrequency=".0028 .07" numOctaves="3" seed="12"/>
 <feColorMatrix values="0 0 0 0 .45 0 0 0 0 .28 0 0 0 0 .13 .8 0 0 0 -.3"/>
 <feComposite operator="in" in2="SourceGraphic" result="grain"/>
 <feMerge><feMergeNode in="SourceGraphic"/><feMergeNode in="grain"/></feMerge>
</filter>
<linearGradient id="steel" x1="0" y1="0" x2="1" y2="0">
 <stop offset="0" stop-color="#f3f4f3"/><stop offset=".5" stop-color="#b9bec0"/>
 <stop offset="1" stop-color="#868d90"/></linearGradient>
<filter id="blur" x="-40%" y="-60%" width="180%" height="220%"><feGaussianBlur stdDeviation="20"/>
</filter>
<filter id="haze" x="-40%" y="-60%" width="180%" height="220%"><feGaussianBlur stdDeviation="7"/>
</filter>
<filter id="paper" x="0" y="0" width="100%" height="100%">
 <feTurbulence type="fractalNoise" baseFrequency=".5" numOctaves="2" seed="4"/>
 <feColorMatrix values="0 0 0 0 .45 0 0 0 0 .36 0 0 0 0 .26 0 0 0 .085 0"/></filter>
<radialGradient id="table" cx=".4" cy=".3" r=".95">
 <stop offset="0" stop-color="#fbf5ea"/><stop offset=".6" stop-color="#f2e6d3"/>
 <stop offset="1" stop-color="#dfcdb2"/></radialGradient>
<radialGradient id="bead" cx=".36" cy=".32" r=".8">
 <stop offset="0" stop-color="#5a4a42"/><stop offset=".45" stop-color="#241a16"/>
 <stop offset="1" stop-color="#0d0908"/></radialGradient>
<radialGradient id="brass" cx=".36" cy=".32" r=".8">
 <stop offset="0" stop-color="#fbe6a6"/><stop offset=".5" stop-color="#c79a3f"/>
 <stop offset="1" stop-color="#7a5518"/></radialGradient>"""


def definitions(seed: int, relief: float = 1.7) -> str:
    """Every filter and gradient that the drawings name; close by, felt needs less *relief*."""
    felts = "".join(_felt_filter(felt, seed + 13 * i, relief) for i, felt in enumerate(_FELTS))
    return f"<defs>{felts}{_SMOOTH}</defs>"


def piece(path: str, colour: str, felt: str = "body") -> str:
    """A piece of felt."""
    return f'<path d="{path}" fill="{colour}" fill-rule="nonzero" filter="url(#{felt})"/>'


def patch(path: str, colour: str) -> str:
    """A thinner piece, sewn on top of another."""
    return piece(path, colour, "patch")


def snippet(path: str, colour: str) -> str:
    """A piece so small that only its edge shows what it is made of."""
    return piece(path, colour, "small")


def lifted(content: str) -> str:
    """Something that lies on the table and throws a shadow there."""
    return f'<g filter="url(#lift)">{content}</g>'


def ground_shadow(x: float, y: float, width: float) -> str:
    """What a standing thing throws on the table: a wide soft pool and a dark line of contact."""
    return (
        f'<ellipse cx="{x + width * 0.14}" cy="{y - 6}" rx="{width * 0.72}" ry="{width * 0.14}"'
        ' fill="#5b3a1e" opacity=".30" filter="url(#blur)"/>'
        f'<ellipse cx="{x + width * 0.03}" cy="{y}" rx="{width * 0.5}" ry="{width * 0.045}"'
        ' fill="#3c2412" opacity=".42" filter="url(#haze)"/>'
    )


def group(content: str, x: float, y: float, scale: float = 1, turn: float = 0) -> str:
    return f'<g transform="translate({x} {y}) rotate({turn}) scale({scale})">{content}</g>'


def mixed(colour: str, other: str, share: float) -> str:
    """*colour* with *share* of *other* stirred in."""
    pairs = [(int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def darker(colour: str, share: float = 0.3) -> str:
    return mixed(colour, "#1c0f08", share)


def lighter(colour: str, share: float = 0.3) -> str:
    return mixed(colour, "#fff8ec", share)
