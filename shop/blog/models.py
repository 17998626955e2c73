from datetime import date, datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Base, reference
from shop.kit.public_version import read_by_buyers


class VisitCount(Base):
    """How many came from one source to one doll on one day, and how many put it in the basket.

    Numbers, and nobody: what is not in here cannot be asked for.
    """

    __tablename__ = "visit_counts"
    __table_args__ = (CheckConstraint("visits >= 0 AND carts >= 0", name="counts_not_negative"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    # 0 for a page that is no one doll's, so that it can be a part of the key
    product_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    visits: Mapped[int]
    carts: Mapped[int]


@read_by_buyers
class BlogPost(Base):
    """A post of the owner's blog that was read, and links to something in the shop."""

    __tablename__ = "blog_posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(unique=True)  # its own, canonical address
    title: Mapped[str]
    found_at: Mapped[datetime]


@read_by_buyers
class Mention(Base):
    __tablename__ = "mentions"
    __table_args__ = (UniqueConstraint("post_id", "product_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = reference("blog_posts.id")
    product_id: Mapped[int] = reference("products.id")
    label: Mapped[str]  # that the post's link carries; "" for none
    found_at: Mapped[datetime]


class Ping(Base):
    """Somebody says that a post links here; the worker goes and looks."""

    __tablename__ = "pings"

    url: Mapped[str] = mapped_column(primary_key=True)  # of the post, as it was told
    due_at: Mapped[datetime] = mapped_column(index=True)
    tries: Mapped[int]
