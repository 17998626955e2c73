"""A mail's head says what it should, whatever anybody typed."""

from dataclasses import replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from shop.mail.errors import BadAddress, NoSender
from shop.mail.letters import Heading, Mail, checked_address, compose, text_of, whole_message_id
from shop.preferences.values import Preferences
from tests.support import NOON

SHOP = Preferences(shop_name="Dockor från Ek", email="butik@example.se")
HEADING = Heading("anna@example.se", "sv", "<abc@shop.example>", None, NOON)
MAIL = Mail("Beställning 1042 – tack", "Hej åäö\n.punkt\nFrom rad\n", "<p>Hej åäö</p>")


def parsed(raw: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(raw)


def test_the_head_in_full() -> None:
    raw = compose(MAIL, replace(HEADING, follows="<first@shop.example>"), SHOP)
    assert [
        (name, str(value)) for name, value in parsed(raw).items() if name != "Content-Type"
    ] == [
        ("From", "Dockor från Ek <butik@example.se>"),
        ("To", "anna@example.se"),
        ("Reply-To", "butik@example.se"),
        ("Subject", "Beställning 1042 – tack"),
        ("Date", "Mon, 23 Nov 2026 12:00:00 +0100"),
        ("Message-ID", "<abc@shop.example>"),
        ("In-Reply-To", "<first@shop.example>"),
        ("References", "<first@shop.example>"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("MIME-Version", "1.0"),
        ("Content-Language", "sv"),
    ]
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 90
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_the_text_comes_first_and_says_all() -> None:
    mail = parsed(compose(MAIL, HEADING, SHOP))
    assert mail.get_content_type() == "multipart/alternative"
    parts = [part.get_content_type() for part in mail.iter_parts()]
    assert parts == ["text/plain", "text/html"]
    assert text_of(compose(MAIL, HEADING, SHOP)) == MAIL.text


def test_who_sends_and_who_is_answered() -> None:
    own = replace(SHOP, sender="order@example.se")
    mail = parsed(compose(replace(MAIL, reply_to="kund@example.org"), HEADING, own))
    assert (mail["From"], mail["Reply-To"]) == (
        "Dockor från Ek <order@example.se>",
        "kund@example.org",
    )
    mail = parsed(compose(replace(MAIL, reply_to="odd\r\nBcc: x@y.se"), HEADING, own))
    assert mail["Reply-To"] == "butik@example.se"
    with pytest.raises(NoSender):
        compose(MAIL, HEADING, replace(SHOP, email=""))


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00"])
def test_nobody_writes_a_header_of_their_own(line_end: str) -> None:
    evil = f"x{line_end}Bcc: all@example.org{line_end}{line_end}Body"
    mail = parsed(compose(MAIL, HEADING, replace(SHOP, shop_name=evil)))
    assert (mail["To"], mail["Bcc"], mail["Subject"]) == ("anna@example.se", None, MAIL.subject)
    with pytest.raises(BadAddress):
        compose(MAIL, replace(HEADING, recipient=f"a@example.se{line_end}Bcc: b@example.se"), SHOP)
    try:
        raw = compose(replace(MAIL, subject=evil), HEADING, SHOP)
    except ValueError:
        return  # refused: as good
    assert parsed(raw)["Bcc"] is None


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("anna@example.se", "anna@example.se"),
        ("anna+docka@example.se", "anna+docka@example.se"),
        ("anna@åkersberga.se", "anna@xn--kersberga-42a.se"),
        ("anna@EXAMPLE.se", "anna@example.se"),
        ("åsa@example.se", "åsa@example.se"),
    ],
)
def test_an_address_as_it_goes_out(typed: str, written: str) -> None:
    assert checked_address(typed) == written


def test_letters_outside_ascii_in_an_address_stay_as_they_are() -> None:
    raw = compose(MAIL, replace(HEADING, recipient="åsa@example.se"), SHOP)
    assert "To: åsa@example.se\r\n".encode() in raw


def test_a_message_id_is_at_the_shops_own_host_however_long() -> None:
    host = f"{'long-' * 11}name.example"
    message_id = whole_message_id("a" * 26, f"https://{host}:8443")
    assert message_id == f"<{'a' * 26}@{host}>"
    raw = compose(MAIL, replace(HEADING, message_id=message_id, follows=message_id), SHOP)
    assert raw.count(message_id.encode()) == 3
    assert whole_message_id("a", "http://[::1]:8000") == "<a@localhost>"
