"""A mail as its room writes it, as it is put in its envelope, and as it is handed to a server."""

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime
from unicodedata import category
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from shop.kit.clock import LOCAL
from shop.mail.errors import BadAddress, NoSender
from shop.preferences.values import Preferences

LONGEST_HEADER = 400  # characters; 998 are allowed
LONGEST_SUBJECT, LONGEST_NAME = 250, 100  # characters; Python's email folds longer words wrongly
NO_LETTERS = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of letters, line ends


@dataclass(frozen=True)
class Mail:
    """What one mail says. ``text`` is complete on its own; ``html``, if any, says the same."""

    subject: str
    text: str
    html: str
    reply_to: str = ""  # empty means the shop
    follows: tuple[str, int] | None = None  # kind and subject of an earlier mail: one thread


@dataclass(frozen=True)
class Letter:
    """A finished mail, to the byte, with what its envelope says."""

    kind: str
    message_id: str  # without its host
    queued_at: datetime
    sender: str
    recipient: str
    raw: bytes


@dataclass(frozen=True)
class Heading:
    """What a mail's head says beside its subject."""

    recipient: str
    locale: str
    message_id: str
    follows: str | None  # the Message-ID of an earlier mail in the thread
    date: datetime


def compose(mail: Mail, heading: Heading, shop: Preferences) -> bytes:
    """Return the mail as it goes out: one recipient, the text first, then the HTML.

    Raises BadAddress or NoSender.
    """
    recipient = checked_address(heading.recipient)
    ascii_only = all(map(str.isascii, [recipient, shop.sender, shop.email, mail.reply_to]))
    email = EmailMessage(policy.SMTP if ascii_only else policy.SMTPUTF8)
    email["From"] = _from(shop)
    email["To"] = _address("", recipient)
    email["Reply-To"] = _address("", _reply_to(mail, shop))
    email["Subject"] = _in_one_line(mail.subject, LONGEST_SUBJECT)
    email["Date"] = format_datetime(heading.date.astimezone(LOCAL))
    email["Message-ID"] = heading.message_id
    if heading.follows is not None:
        email["In-Reply-To"] = heading.follows
        email["References"] = heading.follows
    email["Auto-Submitted"] = "auto-generated"  # so that no holiday notice answers it
    email["X-Auto-Response-Suppress"] = "All"
    email.set_content(mail.text, cte="quoted-printable")
    if mail.html:
        email.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    email["Content-Language"] = heading.locale  # last: setting the content clears it
    # long lines in the head are allowed, and some programs lose a Message-ID that is folded
    return email.as_bytes(policy=email.policy.clone(max_line_length=LONGEST_HEADER))


def _from(shop: Preferences) -> Address:
    try:
        address = checked_address(shop.sender or shop.email)
    except BadAddress:
        raise NoSender from None
    return _address(_in_one_line(shop.shop_name, LONGEST_NAME), address)


def _address(name: str, checked: str) -> Address:
    local_part, _at, domain = checked.rpartition("@")
    return Address(name, local_part, domain)


def _in_one_line(text: str, longest: int) -> str:
    """Return *text* fit for a head: without what ends a line, or is no letter at all, and without
    what looks like an encoded word, which Python's email decodes, line ends and all.
    """
    letters = "".join(" " if category(c) in NO_LETTERS else c for c in text)
    return " ".join(letters.replace("=?", "= ?").split())[:longest].rstrip()


def _reply_to(mail: Mail, shop: Preferences) -> str:
    for address in (mail.reply_to, shop.email):
        try:
            return checked_address(address)
        except BadAddress:
            continue  # a reply must not be lost to somebody's odd address
    return checked_address(shop.sender)


def checked_address(address: str) -> str:
    """Return *address*, its domain in ASCII; BadAddress unless it is one address and no more."""
    try:
        found = validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise BadAddress(f"{address!r}: {error}") from None
    return f"{found.local_part}@{found.ascii_domain}"


def whole_message_id(message_id: str, base_url: str) -> str:
    """Return the Message-ID header's value: ours, at the shop's own host."""
    host = urlsplit(base_url).hostname or "localhost"
    return f"<{message_id}@{'localhost' if ':' in host else host}>"


def read_head(raw: bytes) -> EmailMessage:
    """Return the head of a composed mail."""
    return BytesParser(policy=policy.default).parsebytes(raw, headersonly=True)


def sender_of(raw: bytes) -> str:
    """Return the address a composed mail is from."""
    return str(read_head(raw)["From"].addresses[0].addr_spec)


def text_of(raw: bytes) -> str:
    """Return the plain text of a composed mail."""
    email = BytesParser(policy=policy.default).parsebytes(raw)
    body = email.get_body(("plain",))
    return str(body.get_content()).replace("\r\n", "\n") if body is not None else ""
