"""A mail that only shows that mail works: for who sets the shop up."""

from datetime import datetime

from shop.kit.i18n import gettext as _
from shop.kit.ids import random_token
from shop.mail.letters import (
    Heading,
    Letter,
    Mail,
    checked_address,
    compose,
    sender_of,
    whole_message_id,
)
from shop.mail.senders import Sender
from shop.preferences.values import Preferences


def send_trial(
    sender: Sender, recipient: str, shop: Preferences, *, base_url: str, locale: str, now: datetime
) -> str:
    """Send a short mail to *recipient*, in the language of the moment, which must be *locale*;
    return its Message-ID. Raises MailError, whose text says in the server's words what happened.
    """
    token = random_token()
    message_id = whole_message_id(token, base_url)
    words = _("This is a test: e-mail from %(shop)s arrives.") % {"shop": shop.shop_name}
    mail = Mail(
        subject=_("A test e-mail from your shop"),
        text=f"{words}\n\n{base_url}\n",
        html="",
    )
    heading = Heading(recipient, locale, message_id, None, now)
    raw = compose(mail, heading, shop)
    letter = Letter("trial", token, now, sender_of(raw), checked_address(recipient), raw)
    sender.send(letter)
    return message_id
