"""Words as they are looked up: what is alike for who reads, and what is not.

Case and accents make no difference, but å, ä and ö are letters of their own: räv is not rav.
"""

import re
import unicodedata
from functools import cache, lru_cache
from itertools import combinations
from threading import Lock
from typing import Any

from babel import Locale

OWN_LETTERS = "åäö"
LONGEST = 40  # letters of a word that count
COMPARED = 7  # letters at a word's beginning by which misspelt ones are found
MISSPELT_FROM = 4  # letters; shorter words are too much like others
TWICE_FROM = 8
# in every text, so that they tell nothing apart
COMMON = {
    *("och", "en", "ett", "den", "det", "i", "på", "av", "med", "för", "till", "som", "är"),
    *("the", "a", "an", "and", "of", "in", "on", "with", "for", "to", "is"),
}
_one_word_at_a_time = Lock()  # a stemmer has the word that it works on in itself
ALPHABET = {ord("å"): "{a", ord("ä"): "{b", ord("ö"): "{c"}  # behind z, in the order of Swedish


def words_of(text: str) -> list[str]:
    """Return the words of *text* as they are looked up, one after the other."""
    return [word[:LONGEST] for word in re.findall(r"[^\W_]+", _alike(text))]


@lru_cache(50_000)
def stem(word: str, locale: str) -> str:
    """Return what *word* has in common with its other forms in *locale*: räv for rävarna."""
    of_language = _stemmer(locale)
    if of_language is None:
        return word
    with _one_word_at_a_time:
        return str(of_language.stemWord(word))


def spellings(word: str) -> set[str]:
    """Return *word*'s beginning with as many letters left out as may be wrong in it.

    Two words that are so many edits apart have one of these in common: a letter that is missing
    here is left out there, and a wrong one in both. A word that is looked up may be longer than
    the one that was meant, and has more edits then: those are left out here already.
    """
    beginning = word[:COMPARED]
    edits = 2 if len(word) >= TWICE_FROM - 2 else int(len(word) >= MISSPELT_FROM - 1)
    return {
        "".join(letters)
        for left_out in range(edits + 1)
        for letters in combinations(beginning, len(beginning) - left_out)
    }


def edits_forgiven(word: str) -> int:
    if len(word) < MISSPELT_FROM:
        return 0
    return 1 if len(word) < TWICE_FROM else 2


def distance(one: str, other: str) -> int:
    """Return in how many edits *one* becomes *other*: a letter more, less, another, or two that
    have changed places.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        earlier, before, row = before, row, [i]
        for j, its in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def sort_key(name: str, locale: str) -> str:
    """Return by what *name* is sorted: where å, ä and ö are letters of the alphabet, behind z."""
    swedish = locale.partition("_")[0] in ("sv", "fi")
    key = " ".join(words_of(name))
    return key.translate(ALPHABET) if swedish else _bare(key)


def _alike(text: str) -> str:
    lowered = unicodedata.normalize("NFC", text).casefold()
    return "".join(sign if sign in OWN_LETTERS else _bare(sign) for sign in lowered)


def _bare(text: str) -> str:
    """Return *text* without its accents."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text)
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


@cache
def _stemmer(locale: str) -> Any:
    from snowballstemmer import (
        algorithms,
        stemmer,
    )  # all its languages, which a start need not wait for

    language = (Locale.parse(locale).get_language_name("en") or "").lower()
    return stemmer(language) if language in algorithms() else None
