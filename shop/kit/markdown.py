"""The owner's texts: Markdown without raw HTML, cleaned once more on the way out."""

import re

import nh3
from markdown_it import MarkdownIt

_parser = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable("table")
_TAGS = {"p", "br", "h1", "h2", "h3", "h4", "ul", "ol", "li", "strong", "em", "a", "blockquote"} | {
    *("hr", "code", "pre", "table", "thead", "tbody", "tr", "th", "td")
}
_SPECIAL = re.compile(r"[\\`*\[\]<>~|&#]|(?<![^\W_])_|_(?![^\W_])")


def markdown(text: str) -> str:
    """Return *text* as HTML that can neither script nor style."""
    return nh3.clean(_parser.render(text), tags=_TAGS, attributes={"a": {"href"}}, link_rel=None)


def as_markdown(text: str) -> str:
    """Return *text* in one line, as Markdown that says just that: "*" is a star, "|" a stroke."""
    return _SPECIAL.sub(r"\\\g<0>", re.sub(r"[ \t\r\n]+", " ", text).strip())
