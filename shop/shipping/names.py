from shop.kit.i18n import gettext as _
from shop.shipping.models import PICKUP, Method


def method_name(method: str) -> str:
    """Return what *method* is called in the language of the moment."""
    names = {
        Method.LETTER.value: _("Letter"),
        Method.TRACKED_PARCEL.value: _("Tracked parcel"),
        PICKUP: _("Pick-up"),
    }
    return names[method]
