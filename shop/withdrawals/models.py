from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base, reference


class Withdrawal(Base):
    """A buyer's statement of withdrawal, word for word as it was confirmed, and when.

    It is never changed and never refused: whether it is in time, and whether the right exists for
    what was bought, is judged afterwards. Only ``handled_at`` is filled in.
    """

    __tablename__ = "withdrawals"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int | None] = reference("orders.id")  # none when no order fits
    order_given: Mapped[str]  # the number, or what the buyer wrote in its place
    name: Mapped[str]
    email: Mapped[str]  # where the receipt goes
    items: Mapped[str] = mapped_column(default="")  # empty is the whole order
    message: Mapped[str] = mapped_column(default="")
    locale: Mapped[str]
    at: Mapped[datetime]
    fingerprint: Mapped[str] = mapped_column(unique=True)  # the same thing said twice counts once
    handled_at: Mapped[datetime | None] = mapped_column(index=True)
