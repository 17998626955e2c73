"""Where mails go: into a folder, or to an SMTP server."""

import os
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from shop.mail.errors import MailError, PutOff, Refused, ServerUnreachable, Unclear
from shop.mail.letters import Letter

PATIENCE = 20.0  # seconds for each answer
LONGEST = 60.0  # seconds for one mail in all, well below the lease
PERMANENT = 500
TOO_LARGE = 552
READY = 220
YES = range(200, 300)
NO = range(400, 600)
IPV4 = 4


class Sender(Protocol):
    def send(self, letter: Letter) -> None:
        """Hand *letter* over, or raise ServerUnreachable, PutOff or Refused."""


def make_sender(smtp_url: str, folder: Path, base_url: str) -> Sender:
    """Return the sender that the environment asks for; ValueError if its address is none."""
    if not smtp_url:
        return FileSender(folder)
    return SMTPSender(SMTPServer.from_url(smtp_url), _our_name(base_url))


def _our_name(base_url: str) -> str:
    """Return how the shop greets a mail server: its host, an address in brackets."""
    host = urlsplit(base_url).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == IPV4 else f"[IPv6:{address}]"


# --- files ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FileSender:
    """One file per mail, whole or not there, in the order in which they were written. Sending
    the same mail again writes the same file.
    """

    folder: Path

    def send(self, letter: Letter) -> None:
        written = f"{letter.queued_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
        path = self.folder / f"{written}-{letter.kind}-{letter.message_id}.eml"
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(letter.raw)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            _make_lasting(self.folder)
        except OSError as error:
            raise ServerUnreachable(f"{self.folder} cannot be written: {error.strerror}") from error


def _make_lasting(folder: Path) -> None:
    """Let the names in *folder* outlive a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- SMTP -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SMTPServer:
    """Where it is and who we are there. ``smtps`` speaks TLS from the first byte; otherwise TLS
    begins when the server offers it.
    """

    host: str
    port: int
    user: str = ""
    password: str = ""
    smtps: bool = False

    @classmethod
    def from_url(cls, url: str) -> "SMTPServer":
        """Read ``smtp://user:password@host:port`` or ``smtps://…``; ValueError if it is neither."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("SHOP_SMTP_URL must look like smtp://user:password@host:587.")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        smtps = parts.scheme == "smtps"
        port = parts.port or (465 if smtps else 587 if user else 25)
        return cls(parts.hostname, port, user, password, smtps)

    @property
    def on_this_machine(self) -> bool:
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True)
class SMTPSender:
    """One connection per mail, so that one that hangs takes no other with it."""

    server: SMTPServer
    our_name: str
    patience: float = PATIENCE
    longest: float = LONGEST

    def send(self, letter: Letter) -> None:
        smtp = self._unconnected()
        # each answer has its own time; a server that sends a byte now and then needs this too
        over = threading.Event()
        watch = threading.Thread(
            target=_hang_up_after, args=(self.longest, smtp, over), daemon=True
        )
        watch.start()
        try:
            self._connect(smtp)
            self._hand_over(smtp, letter)
            _say_goodbye(smtp)
        finally:
            over.set()
            smtp.close()

    def _unconnected(self) -> smtplib.SMTP:
        if self.server.smtps:
            return smtplib.SMTP_SSL(
                local_hostname=self.our_name,
                timeout=self.patience,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(local_hostname=self.our_name, timeout=self.patience)

    def _connect(self, smtp: smtplib.SMTP) -> None:
        """Come as far as the server listens to us; whatever goes wrong is no mail's fault."""
        server = self.server
        smtp._host = server.host  # type: ignore[attr-defined] # noqa: SLF001 - TLS asks for it, only the constructor sets it
        try:
            code, said = smtp.connect(server.host, server.port)
            if code != READY:
                raise ServerUnreachable(_answer(code, said))
            smtp.ehlo_or_helo_if_needed()
            if not server.smtps and not server.on_this_machine and smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo_or_helo_if_needed()
            if server.user:
                self._sign_in(smtp)
        except smtplib.SMTPResponseException as error:
            raise ServerUnreachable(_answer(error.smtp_code, error.smtp_error)) from error
        except OSError as error:
            where = f"{server.host}:{server.port}"
            raise ServerUnreachable(f"{where} does not answer as it should: {error}") from error

    def _sign_in(self, smtp: smtplib.SMTP) -> None:
        encrypted = isinstance(smtp.sock, ssl.SSLSocket)
        if not encrypted and not self.server.on_this_machine:
            raise ServerUnreachable(
                f"{self.server.host} offers no encryption, so the password was not sent to it"
            )
        smtp.login(self.server.user, self.server.password)

    def _hand_over(self, smtp: smtplib.SMTP, letter: Letter) -> None:
        try:
            _name_sender(smtp, letter)
            code, said = smtp.rcpt(letter.recipient)
            if code not in YES:
                raise _refusal(code, said)
            # To look through a mail takes some servers long. Who leaves too early makes a copy.
            smtp.sock.settimeout(self.longest)  # type: ignore[union-attr]
        except OSError as error:
            raise PutOff(f"the connection broke: {error}") from error
        try:
            code, said = smtp.data(letter.raw)
        except smtplib.SMTPDataError as error:
            raise _refusal(error.smtp_code, error.smtp_error) from error
        except OSError as error:
            raise Unclear(f"the connection broke: {error}") from error
        if code not in YES:
            raise _refusal(code, said) if code in NO else Unclear(_answer(code, said))


def _name_sender(smtp: smtplib.SMTP, letter: Letter) -> None:
    """Begin a mail. Who sends is the same in every mail, so a no is between the server and us,
    unless this mail asks for something special.
    """
    ascii_only = letter.recipient.isascii() and letter.sender.isascii()
    if not ascii_only and not smtp.has_extn("smtputf8"):
        raise Refused(f"the mail server cannot write to {letter.recipient}")
    options = [] if ascii_only else ["SMTPUTF8", "BODY=8BITMIME"]
    if smtp.has_extn("size"):
        options.append(f"size={len(letter.raw)}")
    code, said = smtp.mail(letter.sender, options)
    if code in YES:
        return
    if code == TOO_LARGE or not ascii_only:
        raise _refusal(code, said)
    raise ServerUnreachable(_answer(code, said))


def _refusal(code: int, said: bytes | str) -> MailError:
    return (Refused if code >= PERMANENT else PutOff)(_answer(code, said))


def _answer(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())}"


def _say_goodbye(smtp: smtplib.SMTP) -> None:
    """The mail has been taken: whatever happens now does not matter any more."""
    with suppress(OSError):
        smtp.quit()


def _hang_up_after(seconds: float, smtp: smtplib.SMTP, over: threading.Event) -> None:
    """Hang up, and again: what was still looking for its server may be talking to it by then."""
    while not over.wait(seconds):
        if isinstance(smtp.sock, socket.socket):
            with suppress(OSError):
                smtp.sock.shutdown(socket.SHUT_RDWR)
