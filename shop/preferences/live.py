"""The preferences as every request needs them: in memory, a second old at most."""

from shop.kit.db import Sessions
from shop.kit.public_version import public_version
from shop.kit.urls import Urls
from shop.preferences.queries import preferences
from shop.preferences.values import Preferences


class LivePreferences:
    """Read at start, after each change made here, and once a second for changes made elsewhere."""

    def __init__(self, reads: Sessions, base_url: str) -> None:
        self._reads = reads
        self._base_url = base_url
        self.current = Preferences()

    def refresh(self) -> int:
        """Read them again; return the version of all that buyers read."""
        with self._reads.begin() as db:
            read, version = preferences(db), public_version(db)
        if read != self.current:  # as long as they are the same, they are the same object
            self.current = read
        return version

    @property
    def urls(self) -> Urls:
        return Urls(self._base_url, self.current.default_language)
