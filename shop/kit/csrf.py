"""Refuse forms that another site sends, without a token in any page.

A browser says where a request comes from by Sec-Fetch-Site; an older one by Origin. A request
with neither is no browser's, so there is nobody whose cookies it could misuse.
"""

from collections.abc import Mapping


def comes_from_elsewhere(headers: Mapping[str, str]) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")
