"""The shop as others build it: it looks whether there is enough, and takes it afterwards.

The control of the big race. Everything else is the real shop; whoever comes alone is served right.
"""

import pytest
from starlette.types import ASGIApp

from shop import asgi
from tests.races import without


def application() -> ASGIApp:
    """Return the shop without its guards, for a server that starts it by name."""
    patch = pytest.MonkeyPatch()  # never undone: the process ends with the race
    without.second_look(patch, seconds=0.1)  # so that others look meanwhile, however fast it is
    without.turn(patch)
    without.stock_guard(patch)
    return asgi.application()
