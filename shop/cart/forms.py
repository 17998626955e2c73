"""The few words that a buyer has put on a thing: text in, one line out."""

import unicodedata

from shop.cart.errors import TextTooLong
from shop.kit.forms import stripped

LONGEST_TEXT = 60  # characters
JOINERS = "\u200c\u200d"  # they hold letters and signs together, and are seen by what they do
KEPT = f"{JOINERS}\n"
COMMANDS = ("Cc", "Cf", "Cs", "Co")


def one_line(typed: object) -> str:
    """Return what was typed as one line of what a hand can write, each letter in its one form."""
    text = unicodedata.normalize("NFC", stripped(typed) if isinstance(typed, str) else "")
    line = stripped(without_commands(text))
    return line if line.strip(f"{JOINERS} ") else ""


def without_commands(text: str) -> str:
    """Return *text* without the signs that are commands: to the direction of the line, to a
    program, to nobody. Line breaks stay.
    """
    return "".join(
        sign for sign in text if sign in KEPT or unicodedata.category(sign) not in COMMANDS
    )


def personal_text(typed: object) -> str:
    """Return the words to be put on a thing, "" for none; TextTooLong if they do not fit."""
    text = one_line(typed)
    if len(text) > LONGEST_TEXT:
        raise TextTooLong
    return text
