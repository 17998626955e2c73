"""The environment: what is missing or wrong is said in words, all of it at once."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from shop.config import ConfigError, read_config

PRODUCTION = {
    "SHOP_BASE_URL": "https://shop.example",
    "SHOP_SECRET_KEY": "k" * 32,
    "SHOP_STRIPE_SECRET_KEY": "sk_test_1",
    "SHOP_STRIPE_WEBHOOK_SECRET": "whsec_1, whsec_2",
}


def problems(**environ: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read_config(PRODUCTION | environ)
    return error.value.problems


def test_production_needs_little(tmp_path: Path) -> None:
    config = read_config(PRODUCTION | {"SHOP_DATA": str(tmp_path)})
    assert config.env == "production"
    assert config.database_url == f"sqlite:///{tmp_path}/shop.db"
    assert config.media == tmp_path / "media"
    assert config.stripe_webhook_secrets == ("whsec_1", "whsec_2")
    assert config.payment_page_origin == "https://checkout.stripe.com"
    assert (config.https, config.worker, config.takes_real_money) == (True, True, False)


def test_the_demo_needs_nothing_and_keeps_its_secret(tmp_path: Path) -> None:
    environ = {"SHOP_ENV": "demo", "SHOP_DATA": str(tmp_path / "demo")}
    config = read_config(environ)
    assert read_config(environ).secret_keys == config.secret_keys
    assert len(config.secret_keys[0]) >= 32
    assert (tmp_path / "demo/secret-key").stat().st_mode & 0o077 == 0


def test_a_value_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("q" * 40 + "\n")
    config = read_config(PRODUCTION | {"SHOP_SECRET_KEY_FILE": str(tmp_path / "key")})
    assert config.secret_keys == ("q" * 40,)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"SHOP_ENV": "test"}, "SHOP_ENV is 'test'; it must be demo or production."),
        (
            {"SHOP_BASE_URL": "http://shop.example"},
            "SHOP_BASE_URL must begin with https:// (http is for 127.0.0.1 only).",
        ),
        (
            {"SHOP_BASE_URL": "https://shop.example/shop"},
            "SHOP_BASE_URL must be the shop's address, such as https://shop.example.",
        ),
        (
            {"SHOP_SECRET_KEY": "short"},
            "SHOP_SECRET_KEY is too short: each key needs at least 32 characters.",
        ),
        (
            {"SHOP_DATABASE_URL": "mysql://x/y"},
            "SHOP_DATABASE_URL must begin with sqlite:// or postgresql://.",
        ),
        (
            {"SHOP_MEDIA": "s3://photos"},
            "SHOP_MEDIA is an s3 address; this version keeps photos in a folder.",
        ),
        (
            {"SHOP_TRUSTED_PROXIES": "10.0.0.0/8, proxy"},
            "SHOP_TRUSTED_PROXIES: 'proxy' is no address or network.",
        ),
        (
            {"SHOP_SMTP_URL_FILE": "/nowhere"},
            "SHOP_SMTP_URL_FILE names /nowhere, which cannot be read: No such file or directory.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(environ: dict[str, str], said: str) -> None:
    assert problems(**environ) == [said]


def test_the_demo_never_takes_real_money(tmp_path: Path) -> None:
    environ = {"SHOP_ENV": "demo", "SHOP_DATA": str(tmp_path)}
    assert problems(**environ, SHOP_STRIPE_SECRET_KEY="sk_live_1") == [
        "SHOP_ENV is demo, but the Stripe key is a live one: the demo refuses it."
    ]
    with pytest.raises(ConfigError, match="must be set with it"):
        read_config(environ | {"SHOP_STRIPE_API_BASE": "http://127.0.0.1:1"})


def test_proxies_are_networks() -> None:
    config = read_config(PRODUCTION | {"SHOP_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8"})
    assert config.trusted_proxies == (ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"))
