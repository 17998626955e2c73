"""The till: what it takes to sell, handed as one thing."""

from dataclasses import dataclass

from shop.kit.clock import Clock
from shop.kit.db import Sessions
from shop.payments.provider import PaymentGateway


@dataclass(frozen=True)
class Till:
    sessions: Sessions
    gateway: PaymentGateway
    now: Clock
