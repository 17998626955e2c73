"""Words as they are looked up: what is alike, what is not, and what is forgiven."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from shop.catalogue.words import (
    LONGEST,
    distance,
    edits_forgiven,
    sort_key,
    spellings,
    stem,
    words_of,
)

LETTERS = "abcåö"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Räven RAGNAR, 9 cm!", ["räven", "ragnar", "9", "cm"]),
        ("ra\u0308v", ["räv"]),  # an a and two dots
        ("crème_brûlée", ["creme", "brulee"]),
        ("Straße", ["strasse"]),
        ("don't stop", ["don", "t", "stop"]),
        ("%%% 🦊 \0 \"*-'", []),
        ("", []),
        ("x" * 1000, ["x" * LONGEST]),
    ],
)
def test_words_are_looked_up_without_case_and_accents(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_swedish_letters_are_letters_of_their_own() -> None:
    assert words_of("räv rav Åsa asa ö o") == ["räv", "rav", "åsa", "asa", "ö", "o"]


@pytest.mark.parametrize(
    ("word", "locale", "found"),
    [
        ("rävar", "sv", "räv"),
        ("rävarna", "sv", "räv"),
        ("björnens", "sv", "björn"),
        ("foxes", "en", "fox"),
        ("knitted", "en", "knit"),
        ("rävar", "nb", "rävar"),  # no stemmer of that name: the word as it is
    ],
)
def test_a_word_is_found_by_its_stem(word: str, locale: str, found: str) -> None:
    assert stem(word, locale) == found


def test_many_may_ask_for_stems_at_once() -> None:
    """A stemmer works on one word at a time: two threads in it would mix their words."""
    words = [f"räv{'ar' * n}na{letter}" for n in range(20) for letter in "abcdefghij"]
    stem.cache_clear()
    alone = [stem(word, "sv") for word in words]
    stem.cache_clear()
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns within a word
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda word: stem(word, "sv"), words)) == alone
    finally:
        sys.setswitchinterval(usual)


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [
        ("räven", "räven", 0),
        ("räven", "räve", 1),
        ("räven", "rävven", 1),
        ("räven", "raven", 1),
        ("räven", "rävne", 1),  # two letters have changed places
        ("räven", "nevär", 4),
        ("", "räv", 3),
    ],
)
def test_edits_are_counted(one: str, other: str, edits: int) -> None:
    assert distance(one, other) == distance(other, one) == edits


@pytest.mark.parametrize(("word", "edits"), [("räv", 0), ("rävn", 1), ("rävarna", 1), ("r" * 8, 2)])
def test_the_longer_the_word_the_more_is_forgiven(word: str, edits: int) -> None:
    assert edits_forgiven(word) == edits


def edited(word: str, edits: int, chance: random.Random) -> str:
    """Return *word* with so many edits, anywhere in it."""
    for _ in range(edits):
        at, letter = chance.randrange(len(word) + 1), chance.choice(LETTERS)
        word = chance.choice(
            [
                word[:at] + letter + word[at:],
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
            ]
        )
    return word


@pytest.mark.parametrize("length", range(3, 15))
def test_whatever_is_near_enough_has_a_spelling_in_common(length: int) -> None:
    chance, near = random.Random(length), 0
    for _ in range(400):
        word = "".join(chance.choices(LETTERS, k=length))
        typed = edited(word, chance.randrange(3), chance)
        if distance(typed, word) <= edits_forgiven(typed):
            near += 1
            assert spellings(typed) & spellings(word), (typed, word)
    assert near > (20 if length == 3 else 100)


def test_a_word_has_no_more_spellings_than_can_be_looked_up() -> None:
    assert spellings("räv") == {"räv", "rä", "rv", "äv"}
    assert len(spellings("abcdefghijklmnop")) == 1 + 7 + 21


def test_names_are_sorted_as_the_language_does() -> None:
    names = ["Östen", "Zäta", "Ärla", "Åke", "édith", "Adam"]
    by_swedish = sorted(names, key=lambda name: sort_key(name, "sv"))
    assert by_swedish == ["Adam", "édith", "Zäta", "Åke", "Ärla", "Östen"]
    by_english = sorted(names, key=lambda name: sort_key(name, "en"))
    assert by_english == ["Adam", "Åke", "Ärla", "édith", "Östen", "Zäta"]
