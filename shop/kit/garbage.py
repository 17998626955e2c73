"""Dead cycles of objects are collected between requests, and not in the middle of one.

Python 3.11 begins a collection inside of whatever allocation is one too many. With several threads
making pages from the database it crashes there within seconds, the whole process with all its
requests; 3.12 begins one only between two instructions. Asked for by name a collection does the
same on every version, and nobody waits for it but the event loop.
"""

import gc

YOUNG = 5_000  # new objects that are worth a look: what they hold on to is a few megabytes
OLDER = 10  # so many looks at one generation, and the next is looked at too


def collect_between_requests() -> None:
    """Collect from now on only by ``collect_if_due``. What is there now stays for good."""
    gc.collect()
    gc.freeze()
    gc.disable()


def collect_if_due() -> None:
    """Collect where there is enough of it, unless it still happens by itself."""
    young, middle, old = gc.get_count()
    if young > YOUNG and not gc.isenabled():
        gc.collect(2 if old > OLDER else 1 if middle > OLDER else 0)
