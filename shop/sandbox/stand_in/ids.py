"""Identifiers that look like Stripe's."""

import secrets
import string

_LETTERS = string.ascii_letters + string.digits
_PREFIXES = {
    "checkout.session": ("cs_test_", 58),
    "payment_intent": ("pi_3", 23),
    "charge": ("ch_3", 23),
    "refund": ("re_3", 23),
    "dispute": ("dp_1", 23),
    "payout": ("po_1", 23),
    "event": ("evt_1", 23),
    "webhook_endpoint": ("we_1", 23),
    "balance_transaction": ("txn_3", 23),
    "payment_method": ("pm_1", 23),
    "mandate": ("mandate_1", 23),
    "coupon": ("", 8),
    "product": ("prod_", 14),
    "price": ("price_1", 23),
    "item": ("li_1", 23),
    "shipping_rate": ("shr_1", 23),
    "request": ("req_", 14),
    "secret": ("whsec_", 32),
}


def new_id(kind: str) -> str:
    """A fresh identifier of *kind*, which is a Stripe object name, `request` or `secret`."""
    prefix, length = _PREFIXES[kind]
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(length))
