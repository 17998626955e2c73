from collections.abc import Sequence
from enum import StrEnum


class WrongFile(StrEnum):
    """Why a file cannot become a photo."""

    EMPTY = "empty"
    GIF = "gif"
    SVG = "svg"
    UNKNOWN = "unknown"  # no picture, or a kind of picture that we do not take
    BROKEN = "broken"  # begins like a picture and ends too early, or makes no sense inside


class NotAPhoto(Exception):
    """The bytes are no photo that can be shown; ``reason`` says what they are."""

    def __init__(self, reason: WrongFile) -> None:
        super().__init__(reason.value)
        self.reason = reason


class PhotoTooLarge(Exception):
    """More pixels, or more bytes, than we decode; nothing of it has been decoded."""


class TooManyPhotos(Exception):
    """The product would have more photos than a page can show; ``most`` says how many it may."""

    def __init__(self, most: int) -> None:
        super().__init__(f"at most {most}")
        self.most = most


class Lacking(StrEnum):
    PHOTO = "photo"
    PRICE = "price"


class NotReady(Exception):
    """The product cannot be on the shelf yet; ``lacking`` names what is missing."""

    def __init__(self, lacking: Sequence[Lacking]) -> None:
        super().__init__(", ".join(lacking))
        self.lacking = tuple(lacking)
