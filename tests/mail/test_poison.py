"""Whatever anybody types as a name, a subject or an address: one mail goes to one recipient, under
the headers that we write and no other, or to nobody; and it keeps no other mail back.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from shop.kit.db import Sessions
from shop.mail.errors import BadAddress
from shop.mail.letterhead import Letterhead
from shop.mail.letters import Heading, Letter, Mail, checked_address, compose, sender_of
from shop.mail.models import Message
from shop.mail.senders import SMTPSender, SMTPServer
from shop.mail.worker import Outcome, send_due
from shop.preferences.values import Preferences
from tests.mail.tools import Script, mail_server, message, note, post_office
from tests.support import NOON, FixedClock

Put = Callable[..., None]
ROUNDS = 2000
SHOP = Preferences(shop_name="Dockor från Ek", email="butik@example.se")
MAIL = Mail("Tack", "Hej\n", "<p>Hej</p>")
HEADERS = [
    *("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("X-Auto-Response-Suppress", "MIME-Version", "Content-Type", "Content-Language"),
]
POISON = [
    *("\r", "\n", "\r\n", "\r\n\r\n", "\r\n.\r\n", "\n.\n", "\x0b", "\0", "\x85"),
    *("Bcc: all@example.org", "To: x@y.se", "\r\nBcc: b@example.org\r\n", "\n\tx", ">", "<", '"'),
    *(",", ";", ":", "@", "(", ")", "\\", "=?utf-8?q?=0ABcc=3A_x=40y.se?=", "åäö", "😀", "\u202e"),
    *(
        "x" * 1200,
        "å" * 500,
        " " * 1000,
        "a b " * 300,
        "RCPT TO:<b@example.org>",
        "\u2028",
        "\u2029",
    ),
]
words = st.lists(st.one_of(st.sampled_from(POISON), st.text(max_size=12)), max_size=6).map("".join)
NASTY_ADDRESSES = [
    *("a@b.se,c@d.se", "a@b.se>\nBcc:<c@d.se", "a@b>\nBcc:", "a@b,c@d", "<a@b.se>", "a@b.se>", ""),
    *('"a b"@b.se', "a@[127.0.0.1]", "a@b.se\0", "a@b.se\u2028c", "a@b.se NOTIFY=NEVER", "a@@b.se"),
    *("a@b.se\r\nRCPT TO:<c@d.se>", "@d.se:a@b.se", "a b@c.se", f"{'a' * 255}@b.se", "a\x85@b.se"),
    *("a@b.se;c@d.se", "a%c@d.se@b.se", "A <a@b.se>", "a@xn--.se", "a@-b.se", ".a@b.se", "a@b.se."),
]
addresses = st.one_of(
    st.sampled_from(NASTY_ADDRESSES),
    st.builds(lambda name, poison: f"{name}{poison}@example.se", st.sampled_from("aå"), words),
    st.builds(lambda poison: f"anna@example.se{poison}", words),
    st.just("anna@example.se"),
    st.emails(),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Script]:
    with mail_server() as script:
        yield script


@settings(max_examples=ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=words, subject=words, text=words, address=addresses, answer_to=addresses)
def test_one_recipient_and_no_header_but_ours(
    server: Script, name: str, subject: str, text: str, address: str, answer_to: str
) -> None:
    for seen in (server.contents, server.recipients, server.senders):
        seen.clear()
    mail = Mail(subject, text, f"<p>{text}</p>", reply_to=answer_to)
    heading = Heading(address, "sv", "<abc@shop.example>", None, NOON)
    try:
        raw = compose(mail, heading, replace(SHOP, shop_name=name))
    except BadAddress:
        return
    SMTPSender(SMTPServer("127.0.0.1", server.port), "shop.example").send(
        Letter("note", "abc", NOON, sender_of(raw), checked_address(address), raw)
    )
    [content] = server.contents
    assert server.senders == ["butik@example.se"]
    assert server.recipients == [[checked_address(address)]]
    head = checked_head(content)
    if content.isascii():  # or Python's own parser cannot read it
        assert str(head["Subject"]) == in_one_line(subject, 250)
        assert head["From"].addresses[0].display_name == in_one_line(name, 100)


def checked_head(content: bytes) -> EmailMessage:
    """Check the head as bytes, as a mail server reads it, and as Python's parser does."""
    assert b"\0" not in content
    assert not set(content.replace(b"\r\n", b"")) & set(b"\r\n"), "a line ends in half an end"
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    head = lines[: lines.index(b"")]
    assert [line.split(b":")[0].decode() for line in head if line[:1] not in b" \t"] == HEADERS
    parsed = BytesParser(policy=policy.default).parsebytes(content)
    assert parsed.keys() == HEADERS
    for header in ("From", "To", "Reply-To"):
        assert len(parsed[header].addresses) == 1
    return parsed


def in_one_line(text: str, longest: int) -> str:
    """Return what of *text* can stand in a head."""
    letters = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).replace("=?", "= ?")
    return " ".join(letters.split())[:longest].rstrip()


@pytest.mark.parametrize("address", NASTY_ADDRESSES)
def test_a_poisoned_address_gets_nothing(server: Script, address: str) -> None:
    with pytest.raises(BadAddress):
        compose(MAIL, Heading(address, "sv", "<abc@shop.example>", None, NOON), SHOP)


def test_the_outbox_lets_no_poison_keep_the_next_mail_back(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    def poisoned(_db: Any, subject_id: int, _locale: str, _letterhead: Letterhead) -> Mail:
        return replace(MAIL, subject=POISON[subject_id % len(POISON)])

    for n, address in enumerate(NASTY_ADDRESSES):
        put(address)
        put(f"good{n}@example.se", kind="poisoned")
        put(f"next{n}@example.se")
    with mail_server() as server:
        sender = SMTPSender(SMTPServer("127.0.0.1", server.port), "shop.example")
        office = post_office(sessions, reads, sender, clock, {"note": note, "poisoned": poisoned})
        outcome = send_due(office)  # all of it in one round
    count = len(NASTY_ADDRESSES)
    assert outcome == Outcome(sent=2 * count, failed=count)
    assert server.recipients == [
        [f"{who}{n}@example.se"] for n in range(count) for who in ("good", "next")
    ]
    for content in server.contents:
        checked_head(content)
    with sessions.begin() as db:
        parked = db.execute(
            select(Message.recipient, Message.trouble).where(Message.status == "parked")
        ).all()
    assert parked == [(address, "address") for address in NASTY_ADDRESSES]


def test_a_server_that_cannot_bear_one_address_keeps_nobody_else_waiting(
    sessions: Sessions, reads: Sessions, put: Put, clock: FixedClock
) -> None:
    """It says that it knows such addresses, and then does not, before it has heard of whom."""
    put("åsa@example.se", "anna@example.se")
    with mail_server() as server:
        server.to_sender = ["553 5.6.7 not here"]
        sender = SMTPSender(SMTPServer("127.0.0.1", server.port), "shop.example")
        assert send_due(post_office(sessions, reads, sender, clock)) == Outcome(sent=1, failed=1)
    assert server.recipients == [["anna@example.se"]]
    assert message(sessions).trouble == "refused"
