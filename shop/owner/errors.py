from datetime import datetime


class NotAnAddress(ValueError):
    """An owner needs an e-mail address."""


class LinkProblem(Exception):
    """A one-time link that signs nobody in."""


class LinkUnknown(LinkProblem):
    pass


class LinkUsed(LinkProblem):
    pass


class LinkExpired(LinkProblem):
    pass


class WrongSignIn(Exception):
    """The e-mail address, the password or the code is wrong; which of them is not said."""


class WrongPassword(Exception):
    pass


class WrongCode(Exception):
    """The code is wrong, too old, or was used before."""


class WrongStep(Exception):
    """The session is not at this step of the way in, or no longer."""


class TooManyAttempts(Exception):
    def __init__(self, until: datetime) -> None:
        super().__init__(f"too many attempts; again from {until:%H:%M} UTC")
        self.until = until
