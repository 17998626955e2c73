"""The shop's environment, read once at start into one frozen value.

What the owner decides while the shop runs are *preferences*, and live in the database.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

STRIPE_CHECKOUT_ORIGIN = "https://checkout.stripe.com"


class ConfigError(Exception):
    """The environment cannot run a shop; every problem is listed, in words."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Config:
    env: Literal["demo", "production"]
    data: Path
    base_url: str
    secret_keys: tuple[str, ...]
    database_url: str
    media: Path
    stripe_secret_key: str
    stripe_webhook_secrets: tuple[str, ...]
    stripe_api_base: str
    smtp_url: str
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    worker: bool
    page_cache: bool = True  # off to measure what a page costs

    @property
    def demo(self) -> bool:
        return self.env == "demo"

    @property
    def https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def mail_folder(self) -> Path:
        return self.data / "mail"

    @property
    def payment_page_origin(self) -> str:
        """Where the buyer is sent to pay: Stripe's checkout, or the stand-in's pages."""
        return origin_of(self.stripe_api_base) if self.stripe_api_base else STRIPE_CHECKOUT_ORIGIN

    @property
    def takes_real_money(self) -> bool:
        return "_live_" in self.stripe_secret_key


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def read_config(environ: Mapping[str, str]) -> Config:
    """Build the config from *environ*, or raise ConfigError with all that is wrong.

    Each variable can also come as ``…_FILE``, the path of a file that holds the value.
    """
    problems: list[str] = []

    def value(name: str, default: str = "") -> str:
        path = environ.get(f"{name}_FILE")
        if path is None:
            return environ.get(name, default).strip()
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            problems.append(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.")
            return default

    env = value("SHOP_ENV", "production")
    if env not in ("demo", "production"):
        problems.append(f"SHOP_ENV is {env!r}; it must be demo or production.")
    demo = env == "demo"
    data = Path(value("SHOP_DATA", "var/demo" if demo else "var"))
    base_url = value("SHOP_BASE_URL", "http://127.0.0.1:8000" if demo else "").rstrip("/")
    secret_keys = _list(value("SHOP_SECRET_KEY"))
    if demo and not secret_keys:
        secret_keys = (kept_secret(data / "secret-key"),)
    media = value("SHOP_MEDIA", str(data / "media"))
    config = Config(
        env="demo" if demo else "production",
        data=data,
        base_url=base_url,
        secret_keys=secret_keys,
        database_url=value("SHOP_DATABASE_URL", f"sqlite:///{data / 'shop.db'}"),
        media=Path(media),
        stripe_secret_key=value("SHOP_STRIPE_SECRET_KEY"),
        stripe_webhook_secrets=_list(value("SHOP_STRIPE_WEBHOOK_SECRET")),
        stripe_api_base=value("SHOP_STRIPE_API_BASE").rstrip("/"),
        smtp_url=value("SHOP_SMTP_URL"),
        trusted_proxies=_networks(value("SHOP_TRUSTED_PROXIES"), problems),
        worker=value("SHOP_WORKER", "on") != "off",
        page_cache=value("SHOP_PAGE_CACHE", "on") != "off",
    )
    problems += _problems(config)
    if media.startswith("s3:"):
        problems.append("SHOP_MEDIA is an s3 address; this version keeps photos in a folder.")
    if problems:
        raise ConfigError(problems)
    return config


def _problems(config: Config) -> list[str]:
    problems = []
    base = urlsplit(config.base_url)
    if not base.hostname or base.scheme not in ("http", "https") or base.path:
        problems.append("SHOP_BASE_URL must be the shop's address, such as https://shop.example.")
    elif base.scheme == "http" and base.hostname not in ("127.0.0.1", "localhost", "::1"):
        problems.append("SHOP_BASE_URL must begin with https:// (http is for 127.0.0.1 only).")
    if not config.secret_keys:
        problems.append("SHOP_SECRET_KEY is missing: a random text of at least 32 characters.")
    if any(len(key) < 32 for key in config.secret_keys):  # noqa: PLR2004 - said in the message
        problems.append("SHOP_SECRET_KEY is too short: each key needs at least 32 characters.")
    if not re.match(r"(sqlite|postgresql)(\+\w+)?://", config.database_url):
        problems.append("SHOP_DATABASE_URL must begin with sqlite:// or postgresql://.")
    return problems + _problems_with_stripe(config)


def _problems_with_stripe(config: Config) -> list[str]:
    problems = []
    if not config.demo:
        if not config.stripe_secret_key:
            problems.append("SHOP_STRIPE_SECRET_KEY is missing: Stripe's Developers page has it.")
        if not config.stripe_webhook_secrets:
            problems.append("SHOP_STRIPE_WEBHOOK_SECRET is missing: it begins with whsec_.")
    keys = config.stripe_secret_key and config.stripe_webhook_secrets
    if config.demo and config.stripe_api_base and not keys:
        problems.append(
            "SHOP_STRIPE_API_BASE names a server; SHOP_STRIPE_SECRET_KEY and "
            "SHOP_STRIPE_WEBHOOK_SECRET must be set with it."
        )
    if config.demo and config.takes_real_money:
        problems.append("SHOP_ENV is demo, but the Stripe key is a live one: the demo refuses it.")
    return problems


def kept_secret(path: Path) -> str:
    """Return the secret kept in *path*, made on the first call, readable by its owner alone."""
    if path.exists():
        return path.read_text(encoding="utf-8").strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(48)
    path.touch(mode=0o600)
    path.write_text(secret + "\n", encoding="utf-8")
    return secret


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _networks(text: str, problems: list[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    networks = []
    for part in _list(text):
        try:
            networks.append(ip_network(part))
        except ValueError:
            problems.append(f"SHOP_TRUSTED_PROXIES: {part!r} is no address or network.")
    return tuple(networks)
