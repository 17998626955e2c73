from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base, reference


class Commission(Base):
    """Somebody asks for one like a doll that is sold. No order and no promise: the owner answers
    by mail.
    """

    __tablename__ = "commissions"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = reference("products.id")
    name: Mapped[str]
    email: Mapped[str]
    wish: Mapped[str]
    locale: Mapped[str]
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
