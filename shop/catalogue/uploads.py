"""Photos that came with a form. Those of a form that could not be saved ride along in it, so that
nobody has to choose them again; a signature says that it was we who took them in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shop.catalogue.errors import NotAPhoto, PhotoTooLarge, WrongFile
from shop.catalogue.photos import store_picture
from shop.kit.i18n import gettext as _
from shop.kit.ids import Signer
from shop.kit.media import MediaFolder

PURPOSE = "photo"


@dataclass
class Received:
    """The photos of one form: those that are kept, and what is wrong with the others."""

    hashes: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)  # the file's name, a sentence


def receive(
    media: MediaFolder, signer: Signer, tickets: Sequence[str], files: Iterable[tuple[str, bytes]]
) -> Received:
    """Return the photos that *tickets* name, and *files* (name, bytes) made into photos."""
    named = (_named(signer, text) for text in tickets)
    received = Received([name for name in named if name and media.use(name)])
    for filename, upload in files:
        try:
            received.hashes.append(store_picture(media, upload))
        except (NotAPhoto, PhotoTooLarge) as problem:
            received.problems.append((filename, why_refused(problem)))
    received.hashes = list(dict.fromkeys(received.hashes))
    return received


def ticket(signer: Signer, photo_hash: str) -> str:
    """Return what stands for a photo in a form: its hash and the proof that we took it in."""
    return f"{photo_hash}.{signer.sign(PURPOSE, photo_hash)}"


def _named(signer: Signer, text: str) -> str | None:
    photo_hash, _dot, signature = text.partition(".")
    return photo_hash if signer.verifies(PURPOSE, photo_hash, signature) else None


def why_refused(problem: NotAPhoto | PhotoTooLarge) -> str:
    """Say in a sentence why a file did not become a photo, and what to do."""
    if isinstance(problem, PhotoTooLarge):
        return _("It is larger than 64 megapixels or 40 MB. Choose a smaller one.")
    sentences = {
        WrongFile.EMPTY: _("The file is empty. Choose it once more."),
        WrongFile.GIF: _("A GIF has too few colours for a photo. Save it as JPEG or PNG."),
        WrongFile.SVG: _("An SVG is a drawing, not a photo. Save it as PNG."),
        WrongFile.UNKNOWN: _("This is not a photo. Choose a JPEG, PNG, WebP, AVIF or HEIC."),
        WrongFile.BROKEN: _("The photo is damaged and cannot be read. Choose another one."),
    }
    return sentences[problem.reason]
