from datetime import date


class CodeRefused(Exception):
    """The code takes nothing off this order; which of those below says why."""


class UnknownCode(CodeRefused):
    """There is no such code, or the owner has ended it."""


class NotYet(CodeRefused):
    """The code's first day is still to come."""

    def __init__(self, starts_on: date) -> None:
        super().__init__(f"from {starts_on} on")
        self.starts_on = starts_on


class Over(CodeRefused):
    """The code's last day has passed."""


class BelowMinimum(CodeRefused):
    """The goods come to less than the code asks for."""

    def __init__(self, minimum_amount: int) -> None:
        super().__init__(f"from {minimum_amount} on")
        self.minimum_amount = minimum_amount


class UsedUp(CodeRefused):
    """The code has been used as often as it may be."""


class CodeTaken(Exception):
    """There is a discount with this code already."""
