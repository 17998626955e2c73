"""What the owner decides, with what a new shop starts from."""

from dataclasses import dataclass, fields
from functools import cached_property
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Preferences:
    shop_name: str = "My shop"
    tagline: dict[str, str] | None = None  # by language
    languages: tuple[str, ...] = ("sv", "en")  # the first is the default, at /
    owner_language: str = "sv"
    currency: str = "SEK"

    # who sells: shown in the footer, on the contact page and in every mail
    legal_name: str = ""
    org_number: str = ""
    vat_number: str = ""
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = "SE"
    email: str = ""
    phone: str = ""
    blog_url: str = ""
    more_blogs: tuple[str, ...] = ()  # that may tell of their posts as well
    portrait_hash: str = ""  # a picture in the media folder
    workshop_hash: str = ""

    # how the shop works
    vat_registered: bool = True
    dispatch_days: int = 2  # working days until what lies on the shelf is sent
    pickup_offered: bool = False
    pickup: dict[str, str] | None = None  # where and when to fetch it, by language
    mail_per_order: bool = True
    holds_per_email: int = 3  # unpaid orders at a time, so that nobody can hold the whole shelf
    holds_per_network: int = 20  # an IPv4 address, or an IPv6 /64
    sources_counted: bool = True  # by labels and by the blog: what each post has led to
    sender: str = ""  # the From address; empty means the shop's own e-mail

    @property
    def default_language(self) -> str:
        return self.languages[0]

    def tagline_in(self, locale: str) -> str:
        lines = self.tagline or {}
        return lines.get(locale) or lines.get(self.default_language, "")

    def pickup_in(self, locale: str) -> str:
        """Return where and when an order can be fetched, in *locale* if it is written in it."""
        texts = self.pickup or {}
        others = (texts.get(code, "") for code in (locale, *self.languages))
        return next(filter(None, others), "")

    @property
    def blogs(self) -> tuple[str, ...]:
        """The owner's blogs: whose posts are read, and whose readers are counted."""
        return tuple(filter(None, (self.blog_url, *self.more_blogs)))

    @cached_property
    def blog_hosts(self) -> frozenset[str]:
        return frozenset(urlsplit(url).netloc.lower().removeprefix("www.") for url in self.blogs)

    @property
    def identity_complete(self) -> bool:
        """Whether the law's minimum about the seller is there: name, address, e-mail."""
        return all([self.legal_name, self.street, self.postal_code, self.city, self.email])


NAMES = frozenset(field.name for field in fields(Preferences))
