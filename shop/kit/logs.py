"""Logs go to standard error, one line an event, without anybody's name in them."""

import logging

PREFIX = "%(asctime)s %(levelname)s %(name)s "


class EachLine(logging.Formatter):
    """Begins every line with when it was written and by whom, also of several in one message."""

    def __init__(self) -> None:
        super().__init__(f"{PREFIX}%(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        first, *others = super().formatMessage(record).split("\n")
        if not others:
            return first
        prefix = PREFIX % record.__dict__
        return "\n".join([first, *(prefix + line for line in others)])


def configure_logs() -> None:
    to_standard_error = logging.StreamHandler()
    to_standard_error.setFormatter(EachLine())
    logging.basicConfig(handlers=[to_standard_error], level=logging.INFO)
    for name in ("stripe", "alembic", "urllib3"):  # stripe's would show session ids in addresses
        logging.getLogger(name).setLevel(logging.WARNING)
