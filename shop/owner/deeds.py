"""What the audit trail says: a sentence for each action that ``write_audit`` notes. A room that
notes something new adds its sentence here.
"""

from shop.kit.i18n import lazy_gettext as lazy

DEEDS = {
    "invited": lazy("A one-time link was made"),
    "signed-in": lazy("Signed in"),
    "signed-in-by-link": lazy("Signed in by a one-time link"),
    "signed-out": lazy("A device was signed out"),
    "signed-out-elsewhere": lazy("Every other device was signed out"),
    "recovery-code-used": lazy("A recovery code was used"),
    "recovery-codes-made": lazy("New recovery codes were made"),
    "password-set": lazy("The password was changed"),
    "totp-set": lazy("An authenticator app was set up"),
    "settings-changed": lazy("Settings were changed"),
    "text-changed": lazy("A text was changed"),
    "mail-sent-again": lazy("An e-mail was sent again"),
    "finding-seen-to": lazy("Something found at Stripe was seen to"),
    "money-paid-back": lazy("Money was paid back"),
    "withdrawal-seen-to": lazy("A withdrawal was seen to"),
    "postage-changed": lazy("Postage was changed"),
    "discount-made": lazy("A discount was made"),
    "discount-ended": lazy("A discount was ended"),
    "item-publish": lazy("An item was put on sale"),
    "item-unpublish": lazy("An item was taken out of the shop"),
    "item-archive": lazy("An item was put away"),
    "item-restore": lazy("An item was made a draft again"),
    "collection-deleted": lazy("A collection was deleted"),
}


def deed(action: str) -> str:
    """Return the sentence for *action*, or the action itself if nobody wrote one."""
    return str(DEEDS.get(action, action))
