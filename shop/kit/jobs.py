"""Work that comes round: each job on a thread of its own, so that a slow one delays no other."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

log = logging.getLogger("shop.jobs")
GRACE = 5.0  # seconds that a job may go on after it was asked to stop


@dataclass(frozen=True)
class Job:
    name: str
    every: timedelta
    work: Callable[[], object]


def run_jobs(jobs: Sequence[Job], stop: threading.Event, grace: float = GRACE) -> None:
    """Do each job at once, and again at its interval, until *stop*. An error is logged under the
    job's name and the job comes round again. What still runs after *grace* is left to die with
    the process: every job must bear that.
    """
    threads = [
        threading.Thread(target=_come_round, args=(job, stop), name=job.name, daemon=True)
        for job in jobs
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    deadline = time.monotonic() + grace
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            log.warning("%s was still at work when the worker ended", thread.name)


def _come_round(job: Job, stop: threading.Event) -> None:
    while not stop.is_set():
        began = time.monotonic()
        try:
            job.work()
        except Exception:
            log.exception("%s failed; it is tried again", job.name)
        took = time.monotonic() - began
        stop.wait(max(0.0, job.every.total_seconds() - took))
