"""The application for a server that starts it by name, with its settings from the environment."""

import gc
import os

from starlette.types import ASGIApp

from shop.config import ConfigError, read_config
from shop.kit.garbage import collect_between_requests
from shop.kit.logs import configure_logs
from shop.kit.processes import CannotStart


def application() -> ASGIApp:
    """Return the shop, once its database is as this release needs it."""
    gc.disable()  # what is loaded stays: to look through it time and again is a tenth of a start
    from shop.app import create_app
    from shop.kit.schema import wait_until_current

    configure_logs()
    try:
        config = read_config(os.environ)
        wait_until_current(config.database_url)
    except (ConfigError, CannotStart) as error:
        raise SystemExit(str(error)) from error
    app = create_app(config)
    collect_between_requests()
    return app
