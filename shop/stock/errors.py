from collections.abc import Sequence


class OutOfStock(Exception):
    """Fewer pieces than asked for; ``variant_ids`` says of what."""

    def __init__(self, variant_ids: Sequence[int]) -> None:
        super().__init__(f"variants {list(variant_ids)}")
        self.variant_ids = list(variant_ids)


class PromisedAlready(Exception):
    """The owner counted fewer pieces than are promised to buyers who are paying now."""

    def __init__(self, reserved: int) -> None:
        super().__init__(f"{reserved} promised")
        self.reserved = reserved


class MoreThanOne(Exception):
    """A piece that there is only one of, of which ``on_hand`` lie on the shelf."""

    def __init__(self, on_hand: int) -> None:
        super().__init__(f"{on_hand} on the shelf")
        self.on_hand = on_hand


class WaitsAlready(Exception):
    """The same address waits for the same thing already."""


class WaitsForTooMuch(Exception):
    """An address that waits for so many things that it need not be a person's own wish."""
