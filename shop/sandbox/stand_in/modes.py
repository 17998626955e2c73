"""Rules of tests about webhook deliveries: what is to go wrong with which."""

import re
from dataclasses import dataclass, field
from random import Random

from shop.sandbox.stand_in.errors import Json

MODES = ("hold", "drop", "duplicate", "shuffle", "delay", "second_event", "wrong_secret",
         "bad_signature", "old_timestamp")  # fmt: skip


@dataclass
class Mode:
    """A rule of a test about deliveries whose event type matches *types*; several may apply.

    - `hold`: kept back until released
    - `drop`: never sent; the event stays undelivered
    - `duplicate`: sent *n* times
    - `shuffle`: collected; each flush sends what was collected, one delivery after the other, in an
      order that *seed* decides
    - `delay`: not before *seconds* of the stand-in's clock
    - `second_event`: another event with an id of its own tells of the same change
    - `wrong_secret`: signed with another secret
    - `bad_signature`: signed with the right secret, over another body
    - `old_timestamp`: signed as if it were *seconds* ago

    *times*: how many deliveries it touches, None: all; it does not count for `hold` and `shuffle`.
    """

    mode: str
    types: str = ".*"
    n: int = 2
    times: int | None = None
    seed: int = 0
    seconds: float = 0.0
    flushed: int = field(default=0)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"There is no webhook mode {self.mode!r}.")
        re.compile(self.types)

    def matches(self, kind: str) -> bool:
        return self.times != 0 and re.fullmatch(self.types, kind) is not None

    def use(self) -> None:
        if self.times is not None:
            self.times -= 1

    def shuffled(self, rows: list[Json]) -> list[Json]:
        """*rows* in the order of this flush: another each time, the same for the same seed."""
        order = Random(f"{self.seed}/{self.flushed}")  # noqa: S311 - not for secrets
        self.flushed += 1
        return order.sample(rows, len(rows))
