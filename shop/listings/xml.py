"""XML by hand, a few elements at a time: nothing is held in memory but the piece in the making."""

import re
from html import escape

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
# what no XML may have, whatever a text has in it
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(name: str, text: object = "", **attributes: str) -> str:
    """Return <name>text</name>, with the text escaped."""
    return elements(name, [written(text)], **attributes)


def elements(name: str, inside: list[str], **attributes: str) -> str:
    """Return an element around others that are written already."""
    told = "".join(f' {key}="{written(value)}"' for key, value in attributes.items())
    content = "".join(inside)
    return f"<{name}{told}>{content}</{name}>" if content else f"<{name}{told}/>"


def written(text: object) -> str:
    return escape(FORBIDDEN.sub("", str(text)))
