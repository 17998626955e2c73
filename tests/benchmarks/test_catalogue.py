"""What is measured must be a shop: whole, open, and as large as asked for."""

from shop.catalogue.search import find
from shop.kit.db import Sessions, read_sessions, write_sessions
from shop.reports.verify import verify
from shop.stock.models import StockLevel
from tests.benchmarks.catalogue import PIECES, fill, slug
from tests.support import on_both_databases, product_by_slug


@on_both_databases
def test_it_is_a_shop_with_that_many_products(db_url: str) -> None:
    sessions, reads = write_sessions(db_url), read_sessions(db_url)
    fill(sessions, 30)
    with reads.begin() as db:
        assert [finding for finding in verify(db) if not finding.holds] == []
        assert db.query(StockLevel).filter_by(on_hand=PIECES, reserved=0).count() == 30
        last = product_by_slug(db, slug(30))
        assert last is not None
        assert last.text("sv").name.split()[1] == "räven"
        assert product_by_slug(db, slug(31)) is None
        # every tenth is a fox, every tenth an owl; the reader's own words come first
        assert sorted(find(db, "räv", "sv").product_ids) == [10, 20, 30]
        assert sorted(find(db, "owl", "en").product_ids) == [3, 13, 23]
    _dispose(sessions, reads)


@on_both_databases
def test_the_same_number_gives_the_same_shop(db_url: str) -> None:
    sessions, reads = write_sessions(db_url), read_sessions(db_url)
    fill(sessions, 3)
    with reads.begin() as db:
        found = [product_by_slug(db, slug(n)) for n in (1, 2, 3)]
        assert [one.text("en").name for one in found if one] == NAMES_OF_SEED_1
    _dispose(sessions, reads)


NAMES_OF_SEED_1 = ["brave hare Selma 1", "calm badger Selma 2", "happy owl Maj 3"]


def _dispose(*opened: Sessions) -> None:
    for sessions in opened:
        sessions.engine.dispose()
