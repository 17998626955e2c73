"""The worker: everything that happens without anybody asking for a page."""

import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial

from shop.blog.mentions import read_pinged
from shop.commissions import messages as commissions
from shop.commissions.forgetting import forget_old_wishes
from shop.config import Config
from shop.kit.clock import system_clock
from shop.kit.db import read_sessions, write_sessions
from shop.kit.ids import Signer
from shop.kit.jobs import Job, run_jobs
from shop.kit.media import MediaFolder
from shop.kit.templating import filler, make_environment
from shop.mail.letterhead import Stationery
from shop.mail.senders import make_sender
from shop.mail.worker import PostOffice, send_due
from shop.orders.messages import confirmation, dispatch, notice
from shop.payments import messages as payments
from shop.payments.gateway import StripeGateway
from shop.payments.reconciler import (
    catch_up,
    compare_everything,
    reconcile,
    release_changed_carts,
    send_refunds,
)
from shop.payments.till import Till
from shop.reports.photos import remove_unused_photos
from shop.stock import messages as stock
from shop.stock.alerts import tell_and_forget
from shop.withdrawals import messages as withdrawals

WRITERS = {
    "order_confirmation": confirmation,
    "order_notice": notice,
    "dispatch": dispatch,
    "refund": payments.refund,
    "dispute_notice": payments.dispute_notice,
    "withdrawal_receipt": withdrawals.receipt,
    "withdrawal_notice": withdrawals.notice,
    "stock_alert": stock.back,
    "commission_notice": commissions.notice,
}


def make_till(config: Config) -> Till:
    return Till(
        sessions=write_sessions(config.database_url),
        gateway=StripeGateway(
            config.stripe_secret_key, config.stripe_webhook_secrets, config.stripe_api_base
        ),
        now=system_clock,
    )


def make_post_office(config: Config) -> PostOffice:
    return PostOffice(
        sessions=write_sessions(config.database_url),
        reads=read_sessions(config.database_url),
        sender=make_sender(config.smtp_url, config.mail_folder, config.base_url),
        writers=WRITERS,
        stationery=Stationery(
            html=filler(make_environment(html=True)),
            text=filler(make_environment(html=False)),
            base_url=config.base_url,
            signer=Signer(config.secret_keys),
        ),
        now=system_clock,
    )


def run_worker(config: Config, stop: threading.Event) -> None:
    """Work until *stop* is set."""
    till = make_till(config)
    office = replace(make_post_office(config), stopping=stop.is_set)
    unused_photos = partial(
        remove_unused_photos,
        office.reads,
        MediaFolder(config.media),
        till.now,
        started=till.now(),
    )
    pinged = partial(
        read_pinged,
        office.reads,
        office.sessions,
        office.now,
        base_url=config.base_url,
        demo=config.demo,
    )
    run_jobs(
        [
            Job("mail", timedelta(seconds=1), lambda: send_due(office)),
            Job("changed carts", timedelta(seconds=2), lambda: release_changed_carts(till)),
            Job("refunds", timedelta(seconds=5), lambda: send_refunds(till)),
            Job(
                "those who wait",
                timedelta(seconds=15),
                lambda: tell_and_forget(office.reads, till.sessions, till.now),
            ),
            Job("pings", timedelta(seconds=2), pinged),
            Job("reconciler", timedelta(minutes=1), lambda: reconcile(till)),
            Job("news and ledger", timedelta(minutes=1), lambda: catch_up(till)),
            Job("comparison", timedelta(minutes=10), lambda: compare_everything(till)),
            Job("unused photos", timedelta(hours=1), unused_photos),
            Job(
                "old wishes",
                timedelta(hours=1),
                lambda: forget_old_wishes(office.reads, till.sessions, till.now),
            ),
        ],
        stop,
    )
