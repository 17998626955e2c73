from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base
from shop.kit.public_version import read_by_buyers


@read_by_buyers
class Preference(Base):
    """One thing that the owner has set; what was never set has its default in ``values.py``."""

    __tablename__ = "preferences"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]  # JSON


@read_by_buyers
class PageText(Base):
    """A text page in the owner's words, as Markdown: contact, delivery, terms, privacy, home."""

    __tablename__ = "page_texts"

    slug: Mapped[str] = mapped_column(primary_key=True)
    locale: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str]
