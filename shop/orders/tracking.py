"""Where a parcel can be followed, as far as its number tells who carries it."""

import re

# a letter or parcel of the Universal Postal Union (RR123456785SE), or of PostNord in Sweden
UNIVERSAL = re.compile(r"[A-Z]{2}([0-9]{8})([0-9])SE")
PARCEL = re.compile(r"(00)?[0-9]{18}")
WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


def tracking_address(tracking: str, locale: str) -> str | None:
    """Return PostNord's page about the parcel, or None if the number does not look like theirs."""
    number = re.sub(r"[\s-]", "", tracking).upper()
    if not (_is_universal(number) or PARCEL.fullmatch(number)):
        return None
    return f"https://tracking.postnord.com/{'se' if locale == 'sv' else 'en'}/tracking?id={number}"


def _is_universal(number: str) -> bool:
    """Say whether *number* is a postal item's from Sweden, down to its check digit."""
    found = UNIVERSAL.fullmatch(number)
    if found is None:
        return False
    rest = 11 - sum(int(n) * weight for n, weight in zip(found[1], WEIGHTS, strict=True)) % 11
    return int(found[2]) == {10: 0, 11: 5}.get(rest, rest)
