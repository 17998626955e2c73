from datetime import datetime


class EmptyCart(Exception):
    """There is nothing to order."""


class CannotBeOrdered(Exception):
    """Something in the cart can no longer be had, or not in that number."""


class PriceChanged(Exception):
    """What was shown is not what it costs now: nothing is charged that was not seen."""


class DiscountChanged(PriceChanged):
    """The code takes off something else than what was shown, or nothing any more."""


class CannotBePaid(Exception):
    """It comes to less, or to more, than one payment can be."""


class DeliveryUnavailable(Exception):
    """The chosen way of delivery does not go to that country with this parcel."""


class TooManyHolds(Exception):
    """So many payments are open with the same e-mail, or from the same network, that no more can
    be begun until one of them has come to an end.
    """

    def __init__(self, until: datetime, *, by_email: bool) -> None:
        super().__init__(f"wait until {until}")
        self.until, self.by_email = until, by_email


class HoldInTheWay(Exception):
    """The same cart has an unpaid order of another content; its page must be closed first."""

    def __init__(self, attempt_id: str, order_id: int) -> None:
        super().__init__(attempt_id)
        self.attempt_id, self.order_id = attempt_id, order_id
