"""Logs go to standard error, one line an event, without anybody's name in them."""

import logging


def configure_logs() -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    for name in ("stripe", "alembic", "urllib3"):  # stripe's would show session ids in addresses
        logging.getLogger(name).setLevel(logging.WARNING)
