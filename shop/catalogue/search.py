"""Search: by the words of names, collections, materials and stories, in every language of the shop.

The index is two tables of our own and not the full-text search of each database: so both find the
same in the same order, and the cost of a search does not grow with the shop. Each word is read from
its best entries on, and no more of them than are shown.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from shop.catalogue.models import (
    CollectionProduct,
    CollectionText,
    Product,
    ProductText,
    SearchEntry,
    SearchSpelling,
    Status,
)
from shop.catalogue.shelf import in_stock
from shop.catalogue.words import COMMON, distance, edits_forgiven, spellings, stem, words_of
from shop.kit.db import inlined, inlined_parameter, insert_into, rows_of
from shop.kit.i18n import known_locales

MOST_HITS = 200
MOST_LETTERS = 100  # of what is looked for
MOST_WORDS = 6
MOST_READ = 1000  # entries of the rarest word, where several have to be in the same product
MOST_NEAR = 5  # words that are taken for a misspelt one
IN_TEXT, IN_COLLECTION, IN_NAME = 0, 1, 2  # weights: a name tells more than a story
AT_ONCE = 500  # products, when all are put in the index
# what a hit loses: for another language than the reader's, for each weight less, for the word's
# beginning alone
FOREIGN, LIGHTER, BEGINNING = 1000, 10, 1

Item = TypeVar("Item")


# --- looking ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    product_ids: Sequence[int]  # the best first
    exact: bool = True  # else the words were taken for others that are written much the same


class Word(NamedTuple):
    """What a word is looked up by: whole entries, and beginnings of entries."""

    terms: tuple[str, ...]
    beginnings: tuple[str, ...]


def find(db: Session, text: str, locale: str) -> Found:
    """Return what is published and has all words of *text*, or words that begin with them."""
    typed = _typed(text)
    words = [_word(word) for word in typed]
    hits = _hits(db, words, locale) if words else []
    if hits or not words:
        return Found(hits)
    meant = [
        word if _count(db, word) else _word(*_near(db, said))
        for said, word in zip(typed, words, strict=True)
    ]
    if meant == words or not all(word.terms for word in meant):
        return Found([])
    return Found(_hits(db, meant, locale), exact=False)


def _typed(text: str) -> list[str]:
    words = list(dict.fromkeys(words_of(text[:MOST_LETTERS])))
    return ([word for word in words if word not in COMMON] or words)[:MOST_WORDS]


def _word(*words: str) -> Word:
    terms = {form for word in words for form in _forms(word)}
    return Word(tuple(sorted(terms)), tuple(word for word in words if len(word) > 1))


def _forms(word: str) -> set[str]:
    return {word, *(stem(word, locale) for locale in known_locales())}


def _hits(db: Session, words: Sequence[Word], locale: str) -> list[int]:
    """Return the products that have all *words*: the reader's language before others, the name
    before the story, what there is before what is sold, the newest first.
    """
    if len(words) > 1:
        words = sorted(words, key=lambda word: _count(db, word))
    languages = (locale, *(code for code in known_locales() if code != locale))
    most = MOST_HITS if len(words) == 1 else MOST_READ
    values: dict[str, Any] = {"most": most, **_named("language", languages)}
    for number, word in enumerate(words):
        values |= _values(number, word)
    shapes = tuple((len(word.terms), len(word.beginnings)) for word in words)
    return [row.product_id for row in rows_of(db, _statement(shapes, len(languages)), values)]


def _values(number: int, word: Word) -> dict[str, Any]:
    ends = tuple(f"{beginning}\U0010ffff" for beginning in word.beginnings)
    return {
        f"terms{number}": word.terms,
        **_named(f"term{number}_", word.terms),
        **_named(f"beginning{number}_", word.beginnings),
        **_named(f"end{number}_", ends),
    }


def _named(name: str, values: Sequence[str]) -> dict[str, str]:
    return {f"{name}{i}": value for i, value in enumerate(values)}


@lru_cache(256)
def _statement(shapes: tuple[tuple[int, int], ...], languages: int) -> Select[Any]:
    """Return the statement for words of so many terms and beginnings each: the first is read, the
    others must be there.
    """
    parts = union_all(*_parts(0, *shapes[0], languages)).subquery()
    first = (
        select(parts.c.product_id, func.min(parts.c.loss).label("loss"))
        .group_by(parts.c.product_id)
        .order_by(func.min(parts.c.loss), parts.c.product_id.desc())
        .limit(inlined_parameter("most"))
        .subquery()
    )
    hits = _with_others(first, shapes) if len(shapes) > 1 else first
    its = Product.id == hits.c.product_id  # looked up for each: not a join, which may read them all
    there = select(in_stock()).where(its).scalar_subquery()
    published_at = select(Product.published_at).where(its).scalar_subquery()
    return select(hits.c.product_id).order_by(
        hits.c.loss // LIGHTER,
        there.desc(),
        hits.c.loss,
        published_at.desc(),
        hits.c.product_id.desc(),
    )


def _with_others(first: Subquery, shapes: Sequence[tuple[int, int]]) -> Subquery:
    """Return those of *first* that have the other words as well."""
    losses = [_other_loss(number, shapes[number], first) for number in range(1, len(shapes))]
    # the limit lets each loss be looked up once: without it, wherever it is used
    looked_up = (
        select(
            first.c.product_id,
            first.c.loss,
            *(loss.label(f"loss{number}") for number, loss in enumerate(losses, start=1)),
        )
        .limit(inlined_parameter("most"))
        .subquery()
    )
    others = [looked_up.c[f"loss{number}"] for number in range(1, len(shapes))]
    total = sum(others, start=looked_up.c.loss).label("loss")
    return (
        select(looked_up.c.product_id, total)
        .where(*(loss.is_not(None) for loss in others))
        .order_by(total, looked_up.c.product_id.desc())
        .limit(inlined(MOST_HITS))
        .subquery()
    )


def _parts(number: int, terms: int, beginnings: int, languages: int) -> Iterator[Select[Any]]:
    """Yield what reads the entries of one word, each part from the best on and no further than it
    has to: an index gives them in this order.
    """
    entry = SearchEntry
    order = (entry.term, entry.locale, entry.weight, entry.product_id)
    for term in range(terms):
        for language in range(languages):
            yield _best(
                select(entry.product_id, _loss().label("loss"))
                .where(
                    entry.term == bindparam(f"term{number}_{term}"),
                    entry.locale == bindparam(f"language{language}"),
                )
                .order_by(*(column.desc() for column in order[2:]))
            )
    for beginning in range(beginnings):
        yield _best(
            select(entry.product_id, (_loss() + BEGINNING).label("loss"))
            .where(_begins(entry, number, beginning))
            .order_by(*(column.desc() for column in order))
        )


def _best(entries: Select[int, int]) -> Select[Any]:
    return select(entries.limit(inlined_parameter("most")).subquery())


def _begins(entry: Any, number: int, beginning: int) -> ColumnElement[bool]:
    return and_(
        entry.term > bindparam(f"beginning{number}_{beginning}"),
        entry.term < bindparam(f"end{number}_{beginning}"),
    )


def _loss(entry: Any = SearchEntry) -> ColumnElement[int]:
    foreign = case((entry.locale == bindparam("language0"), 0), else_=FOREIGN)
    lighter: ColumnElement[int] = (IN_NAME - entry.weight) * LIGHTER
    return foreign + lighter


def _other_loss(number: int, shape: tuple[int, int], hits: Subquery) -> Any:
    entry, (_terms, beginnings) = aliased(SearchEntry), shape
    whole = entry.term.in_(bindparam(f"terms{number}", expanding=True))
    begun = [_begins(entry, number, beginning) for beginning in range(beginnings)]
    loss = _loss(entry) + case((whole, 0), else_=BEGINNING)
    return (
        select(func.min(loss))
        .where(entry.product_id == hits.c.product_id, or_(whole, *begun))
        .scalar_subquery()
    )


def _count(db: Session, word: Word) -> int:
    """Return how many entries a word has, as far as it matters."""
    if not word.terms:
        return 0
    one: list[ColumnElement[bool]] = [SearchEntry.term.in_(word.terms)]
    one += [
        and_(SearchEntry.term > beginning, SearchEntry.term < f"{beginning}\U0010ffff")
        for beginning in word.beginnings
    ]
    parts = [
        select(SearchEntry.term).where(part).limit(inlined(MOST_READ)).subquery() for part in one
    ]
    counts = [select(func.count()).select_from(part).scalar_subquery() for part in parts]
    return sum(db.execute(select(*counts)).one())


def _near(db: Session, word: str) -> list[str]:
    """Return the words of the shop that are nearest to a misspelt one, if any is near enough."""
    edits = edits_forgiven(word)
    if not edits:
        return []
    known = select(SearchEntry.term).where(SearchEntry.term == SearchSpelling.word).exists()
    candidates = db.scalars(
        select(SearchSpelling.word)
        .where(SearchSpelling.spelling.in_(spellings(word)), known)
        .distinct()
        .order_by(SearchSpelling.word)
        .limit(inlined(MOST_READ))
    ).all()
    far = {candidate: distance(word, candidate) for candidate in candidates}
    nearest = min(far.values(), default=edits + 1)
    near = [candidate for candidate in candidates if far[candidate] == nearest <= edits]
    return near[:MOST_NEAR]


# --- the index ----------------------------------------------------------------------------------


def keep_findable(db: Session, product_ids: Collection[int]) -> None:
    """Let *product_ids* be found by what is said of them now, if they are published, else not.

    Every action that changes what is said of a product, or whether it is on the shelf, ends so.
    """
    db.flush()  # what was changed is read back below
    for some in _batches(sorted(set(product_ids))):
        # whoever changes the same product waits here, and then reads what we have written
        db.execute(
            select(Product.id).where(Product.id.in_(some)).order_by(Product.id).with_for_update()
        )
        db.execute(delete(SearchEntry).where(SearchEntry.product_id.in_(some)))
        _add(db, some)


def index_everything(db: Session) -> None:
    """Make the whole index anew."""
    db.execute(delete(SearchEntry))
    db.execute(delete(SearchSpelling))
    for some in _batches(db.scalars(select(Product.id).order_by(Product.id)).all()):
        _add(db, some)


def _add(db: Session, product_ids: Sequence[int]) -> None:
    entries = _entries(db, product_ids)
    if not entries:
        return
    db.execute(
        insert(SearchEntry),
        [
            {"term": term, "locale": locale, "weight": weight, "product_id": product_id}
            for (product_id, locale, term), weight in sorted(entries.items())
        ],
    )
    _add_spellings(db, {term for _, _, term in entries})


def _entries(db: Session, product_ids: Sequence[int]) -> dict[tuple[int, str, str], int]:
    """Return the weight of each word of what is published, by product, language and word."""
    published = (Product.id.in_(product_ids), Product.status == Status.PUBLISHED)
    told = db.execute(
        select(
            ProductText.product_id,
            ProductText.locale,
            ProductText.name,
            ProductText.materials,
            ProductText.story,
        )
        .join(Product, Product.id == ProductText.product_id)
        .where(*published)
    )
    inside = db.execute(
        select(CollectionProduct.product_id, CollectionText.locale, CollectionText.name)
        .join(Product, Product.id == CollectionProduct.product_id)
        .join(CollectionText, CollectionText.collection_id == CollectionProduct.collection_id)
        .where(*published)
    )
    texts = [
        (row.product_id, row.locale, text, weight)
        for row in told
        for text, weight in ((row.name, IN_NAME), (f"{row.materials} {row.story}", IN_TEXT))
    ] + [(row.product_id, row.locale, row.name, IN_COLLECTION) for row in inside]
    entries: dict[tuple[int, str, str], int] = {}
    for product_id, locale, text, weight in texts:
        for word in set(words_of(text)):
            for form in (word, stem(word, locale)):
                key = (product_id, locale, form)
                entries[key] = max(weight, entries.get(key, IN_TEXT))
    return entries


def _add_spellings(db: Session, words: Iterable[str]) -> None:
    """Note how *words* may be misspelt, for those that are new. A word of a product that is gone
    is never suggested: it has no entries.
    """
    for some in _batches(sorted(word for word in words if word.isalpha())):
        there = set(
            db.scalars(select(SearchSpelling.word).where(SearchSpelling.word.in_(some)).distinct())
        )
        new = [
            {"spelling": spelling, "word": word}
            for word in some
            if word not in there
            for spelling in sorted(spellings(word))
        ]
        if new:  # two who publish at once may bring the same word
            db.execute(insert_into(db, SearchSpelling).on_conflict_do_nothing(), new)


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]
