"""Metadata: Stripe's limits, and how an update merges."""

from shop.sandbox.stand_in.errors import Json, invalid

MOST_KEYS, LONGEST_KEY, LONGEST_VALUE = 50, 40, 500


def check_metadata(metadata: Json, param: str) -> None:
    """Raise StripeError(400) when there is too much of it."""
    if len(metadata) > MOST_KEYS:
        raise invalid(f"You can have at most {MOST_KEYS} metadata keys.", param)
    for key, value in metadata.items():
        if len(key) > LONGEST_KEY:
            raise invalid(f"Metadata keys can have at most {LONGEST_KEY} characters: {key}", param)
        if len(value) > LONGEST_VALUE:
            raise invalid(
                f"Metadata values can have up to {LONGEST_VALUE} characters, but you passed in a "
                f"value of {len(value)} characters.",
                f"{param}[{key}]",
            )


def merge(metadata: Json, change: Json | str) -> Json:
    """An update: keys given with an empty value go; an empty string for all clears them."""
    if isinstance(change, str):
        return {}
    merged = metadata | change
    check_metadata(merged, "metadata")
    return {key: value for key, value in merged.items() if value != ""}
