"""Why a mail did not leave. What the mail server said stands in the error's text."""

from typing import ClassVar

from shop.mail.models import Trouble


class MailError(Exception):
    trouble: ClassVar[Trouble]


class ServerUnreachable(MailError):
    """Our own mail server did not get as far as looking at the mail: every mail has to wait."""

    trouble = Trouble.UNREACHABLE


class NoSender(MailError):
    """The owner has not said yet which address the shop writes from: every mail has to wait."""

    trouble = Trouble.NO_SENDER

    def __init__(self) -> None:
        super().__init__("The shop has no e-mail address of its own yet.")


class PutOff(MailError):
    """One mail was not taken for now: try again later."""

    trouble = Trouble.PUT_OFF


class Unclear(PutOff):
    """Nobody knows whether one mail was taken, and each further try may be one more copy of it."""


class Refused(MailError):
    """One mail will never be taken."""

    trouble = Trouble.REFUSED


class BadAddress(MailError):
    """What should be one recipient's address is not."""

    trouble = Trouble.ADDRESS


class CannotBeWritten(MailError):
    """The mail's text could not be made."""

    trouble = Trouble.RENDERING
