from datetime import datetime


class AlreadyReceived(Exception):
    """The same statement, about the same order and items, has come before."""


class TooManyStatements(Exception):
    """So many have come from one place that the next one has to wait."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"wait until {until}")
        self.until = until
