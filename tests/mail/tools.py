"""What the mail tests need: senders that fail on cue, and mail servers with a script."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller

from shop.kit.clock import Clock
from shop.kit.db import Sessions
from shop.kit.ids import Signer
from shop.kit.templating import filler, make_environment
from shop.mail.letterhead import Letterhead, Stationery, Writer
from shop.mail.letters import Letter, Mail
from shop.mail.models import Message
from shop.mail.senders import Sender
from shop.mail.worker import PostOffice
from tests.support import free_socket

BASE_URL = "https://shop.example"
STATIONERY = Stationery(
    html=filler(make_environment(html=True)),
    text=filler(make_environment(html=False)),
    base_url=BASE_URL,
    signer=Signer(("a secret key of the tests, long enough",)),
)


def note(_db: Any, subject_id: int, locale: str, _letterhead: Letterhead) -> Mail:
    """Write a mail about nothing."""
    return Mail(f"Subject {subject_id}", f"Text {subject_id} {locale}\n", f"<p>{subject_id}</p>")


@dataclass
class Recorder:
    """Takes every letter, unless the test has something to raise first."""

    letters: list[Letter] = field(default_factory=list)
    failures: list[BaseException | None] = field(default_factory=list)

    def send(self, letter: Letter) -> None:
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        self.letters.append(letter)

    @property
    def recipients(self) -> list[str]:
        return [letter.recipient for letter in self.letters]


def post_office(
    sessions: Sessions,
    reads: Sessions,
    sender: Sender,
    clock: Clock,
    writers: dict[str, Writer] | None = None,
) -> PostOffice:
    return PostOffice(
        sessions=sessions,
        reads=reads,
        sender=sender,
        writers=writers or {"note": note},
        stationery=STATIONERY,
        now=clock,
        chance=lambda: 0.0,
    )


def message(sessions: Sessions, message_id: int = 1) -> Message:
    with sessions.begin() as db:
        found = db.get(Message, message_id)
        assert found is not None
        return found


def shown(page: str) -> str:
    """Return what a page shows, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.split("<main", 1)[1]))


# --- mail servers ---------------------------------------------------------------------------------


@dataclass
class Script:
    """What the server answers: to each recipient and each content in turn, then "taken"."""

    port: int = 0
    to_sender: list[str] = field(default_factory=list)
    to_recipient: list[str] = field(default_factory=list)
    to_content: list[str] = field(default_factory=list)  # "drop" takes it and hangs up unsaid,
    # "drip" never comes to the end of its answer, "think" takes long, "odd" is no answer at all
    contents: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    rude: bool = False  # hangs up instead of saying goodbye
    closed: str = ""  # what every recipient hears, as long as it is set
    heard: int = 0  # how often somebody asked for a recipient

    async def handle_QUIT(self, server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802
        if self.rude:
            server.transport.abort()
        return "221 bye"

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if self.to_sender:
            return self.to_sender.pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        self.heard += 1
        if self.closed:
            return self.closed
        if self.to_recipient:
            return self.to_recipient.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.to_content.pop(0) if self.to_content else "250 taken"
        waited = 0
        if answer == "think":
            await asyncio.sleep(1)
            answer = "250 taken"
        if answer == "odd":
            return "3"
        if answer == "drip":
            while True:  # until the other end has had enough
                server.transport.write(b"250-" if waited == 0 else b"x")
                waited += 1
                await asyncio.sleep(0.05)
        if answer == "drop" or answer.startswith("250"):
            self.contents.append(envelope.content)
            self.recipients.append(list(envelope.rcpt_tos))
            self.senders.append(envelope.mail_from)
        if answer == "drop":
            server.transport.abort()
        return answer


def free_port() -> int:
    with free_socket() as free:
        return int(free.getsockname()[1])


@contextmanager
def mail_server(port: int = 0, **options: Any) -> Iterator[Script]:
    script = Script(port or free_port())
    controller = Controller(script, hostname="127.0.0.1", port=script.port, **options)
    controller.start()
    try:
        yield script
    finally:
        controller.stop()


@contextmanager
def raw_server(talk: Callable[[socket.socket], None], port: int = 0) -> Iterator[int]:
    """Serve on a port where *talk* has each connection to itself, on a thread of its own."""
    stopping = threading.Event()

    def hear(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            talk(connection)

    def serve(listening: socket.socket) -> None:
        while not stopping.is_set():
            with suppress(TimeoutError):
                connection, _ = listening.accept()
                threading.Thread(target=hear, args=(connection,), daemon=True).start()

    with free_socket(port) as listening:
        listening.settimeout(0.1)
        listening.listen()
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            stopping.set()
            thread.join(5)


def dripping(connection: socket.socket) -> None:
    """Greet for ever, a letter at a time, never finishing the line."""
    connection.sendall(b"220 ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def taking_and_cursing(connection: socket.socket) -> None:
    """Take one mail, and answer the goodbye with an error."""
    for answer in (b"220 hi", b"250 hello", b"250 ok", b"250 ok", b"354 go on", b"250 taken"):
        connection.sendall(answer + b"\r\n")
        while not connection.recv(10_000).endswith(b"\r\n"):
            pass
    connection.sendall(b"500 what?\r\n")


@dataclass
class Sink:
    """A mail server that takes everything, and tells *tell* of each step of each conversation:
    "called", "greeted", "named", "begun" (a line of the content is here), "read" (all of it is),
    "said" (taken, and said so), "left".
    """

    tell: Callable[[str], None] = lambda _: None
    taken: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    def talk(self, connection: socket.socket) -> None:
        self.tell("called")
        connection.sendall(b"220 hello\r\n")
        self.tell("greeted")
        with connection.makefile("rb") as lines:
            for line in lines:
                self._answer(connection, lines, line)

    def _answer(self, connection: socket.socket, lines: Any, line: bytes) -> None:
        match line[:4].upper():
            case b"DATA":
                connection.sendall(b"354 go on\r\n")
                self._take(lines)
                connection.sendall(b"250 taken\r\n")
                self.tell("said")
            case b"QUIT":
                self.tell("left")
                connection.sendall(b"221 bye\r\n")
            case b"RCPT":
                self.recipients.append(line.decode().partition("<")[2].partition(">")[0])
                connection.sendall(b"250 known\r\n")
                self.tell("named")
            case _:
                connection.sendall(b"250 yes\r\n")

    def _take(self, lines: Any) -> None:
        content = [lines.readline()]
        self.tell("begun")
        while (line := lines.readline()) != b".\r\n":
            if not line:
                raise ConnectionAbortedError
            content.append(line.removeprefix(b"."))
        self.taken.append(b"".join(content))
        self.tell("read")
