"""Over real sockets, to a real mail server that does what its script says."""

import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from shop.kit.db import Sessions
from shop.mail.errors import PutOff, Refused, ServerUnreachable, Unclear
from shop.mail.letters import Letter
from shop.mail.senders import FileSender, SMTPSender, SMTPServer, make_sender
from shop.mail.worker import Outcome, PostOffice, send_due
from tests.mail.tools import (
    Script,
    dripping,
    mail_server,
    message,
    post_office,
    raw_server,
    taking_and_cursing,
)
from tests.support import NOON, FixedClock, free_socket

Put = Callable[..., None]
RAW = b"From: butik@example.se\r\nSubject: Hej\r\n\r\n.En punkt\r\nSlut\r\n"


def letter(recipient: str = "anna@example.se", sender: str = "butik@example.se") -> Letter:
    return Letter("note", "abc", NOON, sender, recipient, RAW)


def smtp(port: int, user: str = "", password: str = "", *, longest: float = 10) -> SMTPSender:
    return SMTPSender(SMTPServer("127.0.0.1", port, user, password), "shop.example", 5, longest)


@pytest.fixture
def server() -> Iterator[Script]:
    with mail_server() as script:
        yield script


@pytest.fixture
def office(sessions: Sessions, reads: Sessions, server: Script, clock: FixedClock) -> PostOffice:
    return post_office(sessions, reads, smtp(server.port), clock)


def test_a_mail_arrives_as_it_was_written(server: Script) -> None:
    smtp(server.port).send(letter())
    assert server.contents == [RAW]
    assert server.recipients == [["anna@example.se"]]
    assert server.senders == ["butik@example.se"]


@pytest.mark.parametrize(
    ("part", "answer", "error"),
    [
        ("to_recipient", "550 5.1.1 no such user", Refused),
        ("to_recipient", "451 4.7.1 greylisted", PutOff),
        ("to_recipient", "421 too many", PutOff),
        ("to_content", "554 5.7.1 looks like spam", Refused),
        ("to_content", "452 disk full", PutOff),
        ("to_sender", "530 sign in first", ServerUnreachable),
        ("to_sender", "451 not now", ServerUnreachable),
        ("to_sender", "552 too large", Refused),
    ],
)
def test_what_the_server_says_decides(
    server: Script, part: str, answer: str, error: type[Exception]
) -> None:
    setattr(server, part, [answer])
    with pytest.raises(error) as raised:
        smtp(server.port).send(letter())
    assert str(raised.value) == answer
    smtp(server.port).send(letter())
    assert server.contents == [RAW]


def test_one_refused_recipient_does_not_stop_the_next(
    office: PostOffice, server: Script, put: Put, sessions: Sessions
) -> None:
    put("no@example.se", "yes@example.se")
    server.to_recipient = ["550 no such user"]
    assert send_due(office) == Outcome(sent=1, failed=1)
    assert server.recipients == [["yes@example.se"]]
    assert message(sessions).last_error == "550 no such user"


def test_a_mail_that_was_taken_is_taken_whatever_comes_after(server: Script) -> None:
    server.rude = True
    smtp(server.port).send(letter())
    with raw_server(taking_and_cursing) as port:
        smtp(port).send(letter())


def test_a_server_that_is_not_there() -> None:
    with free_socket() as free:
        port = free.getsockname()[1]
    with pytest.raises(ServerUnreachable, match=rf"127.0.0.1:{port} does not answer"):
        smtp(port).send(letter())


def test_a_server_that_turns_everybody_away() -> None:
    with (
        raw_server(lambda connection: connection.sendall(b"421 closed today\r\n")) as port,
        pytest.raises(ServerUnreachable, match="421 closed today"),
    ):
        smtp(port).send(letter())


def test_a_server_that_drips_is_left_after_a_while() -> None:
    began = time.monotonic()
    with raw_server(dripping) as port, pytest.raises(ServerUnreachable):
        smtp(port, longest=0.5).send(letter())
    assert 0.4 < time.monotonic() - began < 60


def test_a_server_that_drips_is_left_also_when_it_took_long_to_find(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first hanging up finds nobody to hang up on."""
    connect = socket.create_connection

    def slowly(*given: Any, **named: Any) -> socket.socket:
        time.sleep(0.4)
        return connect(*given, **named)

    def drip_for_a_while(connection: socket.socket) -> None:
        connection.sendall(b"220 ")
        for _ in range(2000):
            connection.sendall(b"x")
            time.sleep(0.05)

    monkeypatch.setattr(socket, "create_connection", slowly)
    began = time.monotonic()
    with raw_server(drip_for_a_while) as port, pytest.raises(ServerUnreachable):
        smtp(port, longest=0.3).send(letter())
    assert 0.4 < time.monotonic() - began < 60


def test_a_server_that_thinks_long_before_it_says_taken_is_waited_for(server: Script) -> None:
    server.to_content = ["think"]
    patient = SMTPSender(SMTPServer("127.0.0.1", server.port), "shop.example", 0.5, 10)
    patient.send(letter())
    assert server.contents == [RAW]


@pytest.mark.parametrize(
    ("answer", "error"),
    [("drop", Unclear), ("drip", Unclear), ("odd", Unclear), ("451 4.3.0 later", PutOff)],
)
def test_who_may_have_been_taken_is_told_apart(
    server: Script, answer: str, error: type[Exception]
) -> None:
    server.to_content = [answer]
    with pytest.raises(PutOff) as raised:
        smtp(server.port, longest=0.5).send(letter())
    assert type(raised.value) is error


def test_a_line_that_breaks_before_the_content_is_no_copy() -> None:
    def name_and_leave(connection: socket.socket) -> None:
        for answer in (b"220 hi", b"250 hello", b"250 ok"):
            connection.sendall(answer + b"\r\n")
            connection.recv(1000)

    with raw_server(name_and_leave) as port, pytest.raises(PutOff) as raised:
        smtp(port).send(letter())
    assert type(raised.value) is PutOff


def test_a_slow_server_costs_the_others_a_pause_and_no_more(
    sessions: Sessions, reads: Sessions, server: Script, put: Put, clock: FixedClock
) -> None:
    put("a@example.se", "b@example.se")
    with raw_server(dripping) as port:
        slow = post_office(sessions, reads, smtp(port, longest=0.3), clock)
        assert send_due(slow) == Outcome(failed=1)
    clock.advance(minutes=1)
    quick = post_office(sessions, reads, smtp(server.port), clock)
    assert send_due(quick) == Outcome(sent=2)
    assert server.recipients == [["a@example.se"], ["b@example.se"]]


def test_the_whole_time_for_one_mail_is_far_below_its_lease() -> None:
    from shop.mail.senders import LONGEST, PATIENCE
    from shop.mail.worker import LEASE

    assert timedelta(seconds=2 * (LONGEST + PATIENCE)) < LEASE


# --- signing in -----------------------------------------------------------------------------------


def authenticator(*args: object) -> AuthResult:
    login = args[-1]
    known = isinstance(login, LoginPassword) and login.password == b"p@ss/word"
    return AuthResult(success=known, handled=False)


@pytest.fixture
def guarded() -> Iterator[Script]:
    with mail_server(
        authenticator=authenticator, auth_required=True, auth_require_tls=False
    ) as script:
        yield script


unencrypted = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@unencrypted
def test_it_signs_in_on_this_machine_without_encryption(guarded: Script) -> None:
    server = SMTPServer.from_url(f"smtp://butik:p%40ss%2Fword@127.0.0.1:{guarded.port}")
    SMTPSender(server, "shop.example").send(letter())
    assert guarded.contents == [RAW]


@unencrypted
def test_a_wrong_password_is_no_mails_fault(guarded: Script) -> None:
    with pytest.raises(ServerUnreachable, match="535"):
        smtp(guarded.port, user="butik", password="wrong").send(letter())


@unencrypted
def test_a_password_never_goes_unencrypted_to_another_machine(
    guarded: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SMTPServer, "on_this_machine", False)
    with pytest.raises(ServerUnreachable, match="offers no encryption"):
        smtp(guarded.port, user="butik", password="p@ss/word").send(letter())


@pytest.mark.parametrize(("near", "said"), [(True, b"mail FROM"), (False, b"STARTTLS")])
def test_encryption_begins_when_it_is_offered_but_not_within_this_machine(
    monkeypatch: pytest.MonkeyPatch, near: bool, said: bytes
) -> None:
    heard = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"220 hello\r\n")
        heard.append(connection.recv(1000))
        connection.sendall(b"250-hello\r\n250 STARTTLS\r\n")
        heard.append(connection.recv(1000))

    monkeypatch.setattr(SMTPServer, "on_this_machine", near)
    with raw_server(talk) as port, pytest.raises(PutOff if near else ServerUnreachable):
        smtp(port).send(letter())
    assert heard[0] == b"ehlo shop.example\r\n"
    assert heard[1].startswith(said)


def test_smtps_speaks_nothing_but_tls() -> None:
    with mail_server() as plain:
        sender = SMTPSender(SMTPServer("127.0.0.1", plain.port, smtps=True), "shop.example", 2)
        with pytest.raises(ServerUnreachable):
            sender.send(letter())


# --- addresses ------------------------------------------------------------------------------------


def test_letters_outside_ascii_need_a_server_that_knows_them(server: Script) -> None:
    smtp(server.port).send(letter("åsa@example.se"))
    assert server.recipients == [["åsa@example.se"]]
    with (
        mail_server(enable_SMTPUTF8=False) as old,
        pytest.raises(Refused, match=r"åsa@example\.se"),
    ):
        smtp(old.port).send(letter("åsa@example.se"))


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SMTPServer("mail.example", 25)),
        ("smtp://a:b@mail.example", SMTPServer("mail.example", 587, "a", "b")),
        ("smtp://a%40b:c%3Ad@mail.example:25", SMTPServer("mail.example", 25, "a@b", "c:d")),
        ("smtps://a:b@mail.example", SMTPServer("mail.example", 465, "a", "b", smtps=True)),
        ("smtp://[::1]:2525", SMTPServer("::1", 2525)),
    ],
)
def test_the_address_of_a_server(url: str, server: SMTPServer) -> None:
    assert SMTPServer.from_url(url) == server


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://x:y"])
def test_what_is_no_address_of_a_server(url: str) -> None:
    with pytest.raises(ValueError, match=r"SHOP_SMTP_URL|[Pp]ort"):
        SMTPServer.from_url(url)


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://shop.example", "shop.example"),
        ("http://127.0.0.1:8000", "[127.0.0.1]"),
        ("http://[::1]:8000", "[IPv6:::1]"),
    ],
)
def test_how_the_shop_greets(base_url: str, name: str) -> None:
    made = make_sender("smtp://mail.example", Path("unused"), base_url)
    assert isinstance(made, SMTPSender)
    assert made.our_name == name
    assert isinstance(make_sender("", Path("unused"), base_url), FileSender)
