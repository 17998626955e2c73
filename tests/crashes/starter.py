"""A process that has imported everything and starts shops by forking: in hundredths of a second,
where a new Python takes one. It reads what to start, a line of JSON each, and answers with the
process id.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from shop.kit.clock import system_clock

PR_SET_PDEATHSIG = 1
PR_SET_PTRACER, PR_SET_PTRACER_ANY = 0x59616D61, -1


@dataclass(frozen=True)
class Program:
    """What to start: the web process on *port*, the worker, or one round of the worker's *job*."""

    environ: dict[str, str]
    port: int = 0
    worker: bool = False
    job: str = ""
    ahead: float = 0  # seconds by which the worker's clock is ahead
    gate: str = ""  # a FIFO to wait at: until then nothing happens
    tally: str = ""  # a file that counts the named points
    sabotage: str = ""  # what to break first, by its name in sabotage.py
    errors: str = os.devnull


def main() -> None:
    import psycopg  # noqa: F401 - imported once for all that are forked
    import uvicorn.lifespan.on
    import uvicorn.protocols.http.httptools_impl  # noqa: F401
    import uvloop  # noqa: F401
    from sqlalchemy.dialects import postgresql, sqlite  # noqa: F401

    import shop.app
    import shop.worker  # noqa: F401
    from shop.kit.i18n import format_day, format_money, known_locales, speaking
    from shop.kit.money import Money

    for locale in known_locales():
        with speaking(locale):
            format_money(Money(100, "SEK"))
            format_day(system_clock().date())
    _may_be_traced()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed leave no zombies
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(Program(**json.loads(line)))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _may_be_traced() -> None:
    """Let strace in, which is no parent of ours: some systems forbid that unasked."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)


def _end_with_the_starter() -> None:
    """Outlive no test run, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _become(program: Program) -> None:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        errors = os.open(program.errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(errors, 1)
        os.dup2(errors, 2)
        _may_be_traced()
        _end_with_the_starter()
        os.environ.update(program.environ)
        if program.sabotage:
            getattr(importlib.import_module("tests.crashes.sabotage"), program.sabotage)()
        if program.tally:
            importlib.import_module("tests.crashes.named_points").install(Path(program.tally))
        if program.job:
            _do_one_job(program)
        elif program.worker:
            _work()
        else:
            _serve(program)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, a child must not go on as its parent
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _serve(program: Program) -> None:
    """Serve as `shop serve` does, with one web process."""
    import uvicorn

    from shop.asgi import application

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", program.port))
        config = uvicorn.Config(
            application(),
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        uvicorn.Server(config).run(sockets=[listening])


def _work() -> None:
    from shop.config import read_config
    from shop.worker import run_worker

    run_worker(read_config(os.environ), threading.Event())


def _do_one_job(program: Program) -> None:
    """Do what the worker does, but one job alone, and once: its calls can be counted."""
    from shop import worker
    from shop.kit.jobs import Job

    def one_round(jobs: list[Job], _stop: threading.Event) -> None:
        [job] = [job for job in jobs if job.name == program.job]
        Path(program.gate).read_text(encoding="utf-8")
        job.work()

    ahead = timedelta(seconds=program.ahead)
    setattr(worker, "system_clock", lambda: system_clock() + ahead)  # noqa: B010 - not ours to set
    setattr(worker, "run_jobs", one_round)  # noqa: B010
    _work()


if __name__ == "__main__":
    main()
