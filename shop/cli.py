"""The command `shop`: thin, and the only one that knows the sandbox."""

import os
import signal
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from shop.config import Config, ConfigError, kept_secret, read_config
from shop.kit.clock import system_clock
from shop.kit.logs import configure_logs
from shop.kit.processes import CannotStart, Processes, need_free_port

if TYPE_CHECKING:
    from shop.kit.db import Sessions

app = typer.Typer(
    help="A small, exact shop for one maker.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
DEMO_EMAIL = "owner@shop.example"


def main() -> None:
    os.umask(0o077)  # addresses, mails and keys: nobody else on this machine reads what we write
    try:
        app()
    except (ConfigError, CannotStart) as error:
        _give_up(str(error))


def _give_up(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise SystemExit(2)


# The database's library takes as long to load as the command has until the shop should answer.


def migrate_database(url: str) -> None:
    from shop.kit.migrations import migrate

    migrate(url)


def has_newest_schema(url: str) -> bool:
    from shop.kit import schema

    return schema.has_newest_schema(url)


def read_sessions(url: str) -> "Sessions":
    from shop.kit import db

    return db.read_sessions(url)


def write_sessions(url: str) -> "Sessions":
    from shop.kit import db

    return db.write_sessions(url)


def _config(environ: Mapping[str, str] | None = None) -> Config:
    return read_config(os.environ if environ is None else environ)


@app.command()
def demo(
    port: Annotated[int, typer.Option(envvar="PORT", help="Payments take the next one.")] = 8000,
) -> None:
    """Start a complete demo shop: shop, worker and a stand-in for Stripe, with dolls in it."""
    from shop.sandbox.demo import load_demo

    environ = {"SHOP_ENV": "demo", "SHOP_BASE_URL": f"http://127.0.0.1:{port}"}
    config = _config({**os.environ, **environ})
    need_free_port(port)
    if not config.stripe_api_base:
        need_free_port(port + 1)
    migrate_database(config.database_url)
    typer.echo("Getting the demo ready; the first time takes half a minute, for the photos.")
    load_demo(config)
    processes = Processes()
    try:
        _start_demo(processes, config, environ, port)
        raise SystemExit(processes.wait())
    finally:
        processes.end()


def _start_demo(processes: Processes, config: Config, environ: dict[str, str], port: int) -> None:
    stands_in = not config.stripe_api_base
    payments = config.stripe_api_base or f"http://127.0.0.1:{port + 1}"
    if stands_in:
        environ |= _start_stand_in(processes, config, payments, port + 1)
    processes.start(_web_command("127.0.0.1", port, 1), environ | _trusted(config))
    processes.start(["shop.cli", "worker"], environ)
    processes.wait_for(f"{config.base_url}/readyz")
    token = _new_owner_link(config, DEMO_EMAIL, timedelta(hours=24))
    note = "stand-in for Stripe; card 4242 4242 4242 4242"
    typer.echo(f"Shop      {config.base_url}/")
    typer.echo(f"Owner     {config.base_url}/admin/sign-in/{token}")
    typer.echo(f"Payments  {payments}/  ({note})")
    typer.echo(f"Mail      {config.mail_folder}/   (one .eml per message)")


def _start_stand_in(processes: Processes, config: Config, url: str, port: int) -> dict[str, str]:
    """Start the stand-in, register the shop's webhook with it, return what the shop must know."""
    from shop.payments.gateway import StripeGateway

    key = "sk_test_" + kept_secret(config.data / "stripe-stand-in-key").replace("-", "")
    database = str(config.data / "stripe-stand-in.db")
    processes.start(["shop.sandbox.stand_in", "--port", str(port), "--db", database], {})
    processes.wait_for(url)
    secret = StripeGateway(key, (), url).renew_webhook_endpoint(
        f"{config.base_url}/webhooks/stripe"
    )
    return {
        "SHOP_STRIPE_API_BASE": url,
        "SHOP_STRIPE_SECRET_KEY": key,
        "SHOP_STRIPE_WEBHOOK_SECRET": secret,
    }


def _trusted(config: Config) -> dict[str, str]:
    """Return whom the web server believes about where a request comes from: nobody, if not told."""
    return {"FORWARDED_ALLOW_IPS": ",".join(str(network) for network in config.trusted_proxies)}


def _web_command(host: str, port: int, processes: int) -> list[str]:
    return [
        *("uvicorn", "shop.asgi:application", "--factory"),
        *("--host", host, "--port", str(port), "--workers", str(processes)),
        *("--no-server-header", "--no-access-log", "--log-level", "warning"),
        *("--timeout-graceful-shutdown", "5"),
    ]


@app.command()
def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT")] = 8000,
    processes: Annotated[int, typer.Option(help="Web processes.", min=1, max=32)] = 1,
) -> None:
    """Serve the shop, with its worker beside it unless SHOP_WORKER=off."""
    config = _config()
    group = Processes()
    environ = _trusted(config)
    # it waits for its tables, and has enough to do until we have looked after them
    group.start(_web_command(host, port, processes), environ)
    try:
        if not has_newest_schema(config.database_url):
            migrate_database(config.database_url)
    except BaseException:
        group.end()
        raise
    if config.worker:
        group.start(["shop.cli", "worker"], environ)
    raise SystemExit(group.wait())


@app.command()
def worker() -> None:
    """Send mail, ask Stripe what became of payments, and give back what nobody paid for."""
    from shop.worker import run_worker

    configure_logs()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run_worker(_config(), stop)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    migrate_database(_config().database_url)
    typer.echo("The database has the newest schema.")


@app.command()
def init(email: str, name: Annotated[str, typer.Option(help="The shop's name.")] = "") -> None:
    """Prepare a new shop: texts, Swedish postage and VAT to start from, and EMAIL as its owner."""
    from shop.kit.clock import local_day
    from shop.preferences.actions import set_preferences, write_starting_texts
    from shop.shipping.actions import start_with_swedish_postage
    from shop.shipping.queries import zones
    from shop.tax.actions import start_with_swedish_vat

    config = _config()
    migrate_database(config.database_url)
    with write_sessions(config.database_url).begin() as db:
        write_starting_texts(db)
        if not zones(db):
            start_with_swedish_postage(db, local_day(system_clock()))
            start_with_swedish_vat(db)
            set_preferences(db, email=email, **({"shop_name": name} if name else {}))
    invite_owner(email)


@app.command()
def mail_test(address: str) -> None:
    """Send a short e-mail to ADDRESS, to see that mail works; exit 1 with what is wrong if not."""
    from shop.kit.i18n import speaking
    from shop.mail.errors import MailError
    from shop.mail.senders import make_sender
    from shop.mail.trial import send_trial
    from shop.preferences.queries import preferences

    config = _config()
    with read_sessions(config.database_url).begin() as db:
        wishes = preferences(db)
    sender = make_sender(config.smtp_url, config.mail_folder, config.base_url)
    locale = wishes.owner_language
    try:
        with speaking(locale):
            send_trial(
                sender,
                address,
                wishes,
                base_url=config.base_url,
                locale=locale,
                now=system_clock(),
            )
    except MailError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(1) from error
    typer.echo("Sent." if config.smtp_url else f"Written to {config.mail_folder}/.")


@app.command()
def invite_owner(email: str) -> None:
    """Print a one-time link with which EMAIL signs in: the first time, or when locked out."""
    config = _config()
    token = _new_owner_link(config, email, timedelta(hours=1))
    typer.echo(f"{config.base_url}/admin/sign-in/{token}")
    typer.echo("The link works once, within the hour.")


def _new_owner_link(config: Config, email: str, valid_for: timedelta) -> str:
    from shop.owner.actions import invite_owner
    from shop.owner.errors import NotAnAddress

    try:
        with write_sessions(config.database_url).begin() as db:
            return invite_owner(db, email, now=system_clock(), valid_for=valid_for)
    except NotAnAddress:
        _give_up(f"{email!r} is not an e-mail address.")


@app.command()
def verify() -> None:
    """Check that stock, money, mail and photos are right; the shop may sell. Exit 1 if not."""
    from shop.kit.i18n import speaking
    from shop.kit.media import MediaFolder
    from shop.preferences.queries import preferences
    from shop.reports.photos import check_photos
    from shop.reports.verify import report
    from shop.reports.verify import verify as findings

    config = _config()
    reads = read_sessions(config.database_url)
    with reads.begin() as db:
        language = preferences(db).owner_language
        found = findings(db)
    with reads.begin() as db:  # anew: a photo on the disk may belong to what was saved since
        found += check_photos(db, MediaFolder(config.media), now=system_clock())
    with speaking(language):
        for line in report(found):
            typer.echo(line)
    raise SystemExit(0 if all(finding.holds for finding in found) else 1)


@app.command()
def check() -> None:
    """Say whether real money can be taken, and what is left to do; exit 1 if something is."""
    from shop.checks import ask_stripe, checks
    from shop.kit.clock import local_day
    from shop.kit.i18n import speaking
    from shop.preferences.queries import preferences
    from shop.worker import make_till

    config = _config()
    stripe = ask_stripe(make_till(config).gateway)
    with read_sessions(config.database_url).begin() as db:
        wishes = preferences(db)
        with speaking(wishes.owner_language):
            found = checks(config, wishes, db, stripe, today=local_day(system_clock()))
    for line in found:
        typer.echo(f"{'ok   ' if line.ok else 'TO DO'} {line.name}: {line.sentence}")
    raise SystemExit(0 if all(line.ok for line in found) else 1)


@app.command()
def reconcile() -> None:
    """Ask Stripe about everything, once. Exit 1 if something failed, or is left to look at."""
    from shop.payments.findings import open_findings
    from shop.payments.reconciler import everything
    from shop.worker import make_till

    till = make_till(_config())
    done = everything(till)
    for name, outcome in done.items():
        typer.echo(f"{name:14} {outcome.done} done, {outcome.failed} failed")
    with till.sessions.begin() as db:
        left = open_findings(db)
    for finding in left:
        typer.echo(f"FOUND {finding.kind} {finding.subject} {finding.detail}")
    failed = any(outcome.failed for outcome in done.values())
    raise SystemExit(1 if left or failed else 0)


@app.command()
def version() -> None:
    """Print the shop's version."""
    from importlib.metadata import version as installed

    typer.echo(installed("shop"))


if __name__ == "__main__":
    main()
