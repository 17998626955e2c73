from shop.kit.i18n import gettext as _
from shop.shipping.models import Method


def method_name(method: str) -> str:
    """Return what *method* is called in the language of the moment."""
    names = {
        Method.LETTER: _("Letter"),
        Method.TRACKED_PARCEL: _("Tracked parcel"),
    }
    return names[Method(method)]
