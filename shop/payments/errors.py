class PaymentError(Exception):
    """Stripe could not do what was asked."""


class PaymentUnknown(PaymentError):
    """No answer, or one that leaves open whether it was done: the same again, later."""


class PaymentRefused(PaymentError):
    """Stripe will never do this: the request or the state is wrong."""


class NoSuchSession(PaymentRefused):
    """Stripe does not know this session, or this payment."""


class PaymentMisconfigured(PaymentError):
    """The key is wrong or may not do this: no order can be taken until a person has seen to it."""


class InvalidSignature(Exception):
    """The webhook was not signed by Stripe, or too long ago."""


class RefundImpossible(Exception):
    """The order is not paid, all of it has gone back, or the buyer's bank disputes the payment."""


class RefundTooLarge(Exception):
    """More than is left of the payment, or nothing."""


class RefundChanged(Exception):
    """Something has gone back since the owner looked."""
