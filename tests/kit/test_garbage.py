"""Dead cycles go away between requests, and by nothing else."""

import subprocess
import sys

PROGRAM = """
import gc, weakref
from shop.kit.garbage import YOUNG, collect_between_requests, collect_if_due

class Link: pass

def cycle():
    link = Link()
    link.me = link
    return weakref.ref(link)

collect_between_requests()
dead = cycle()
kept = [[] for _ in range(YOUNG // 2)]
collect_if_due()
assert dead() is not None, "too few objects are not worth a look"
kept += [[] for _ in range(YOUNG * 3)]
assert dead() is not None, "nothing is collected by itself"
collect_if_due()
assert dead() is None, "it is collected when it is due"

old = Link()
old.me = old
dead = weakref.ref(old)
for turn in range(300):
    kept += [[] for _ in range(YOUNG * 2)]
    collect_if_due()
    if turn == 20:
        del old
    kept.clear()
assert dead() is None, "what has grown old is collected as well"
print("collected")
"""


def test_only_when_it_is_due() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("collected\n", "")
