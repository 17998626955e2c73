"""`python -m shop.sandbox.stand_in --port 8001 --db FILE`: the stand-in as a process."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from shop.sandbox.stand_in.deliveries import SCHEDULES
from shop.sandbox.stand_in.server import create_app, listening_socket, make_server


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 2 when the options cannot be served."""
    options = _options(arguments)
    if options.key and not options.key.startswith(("sk_test_", "rk_test_")):
        return _refuse("A live key was given. The stand-in for Stripe takes test keys only.")
    try:
        sock = listening_socket(options.host, options.port)
    except (ValueError, OSError) as problem:
        return _refuse(f"Cannot serve {options.host}:{options.port}: {problem}")
    port = sock.getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    logging.basicConfig(level=logging.WARNING, format="stand-in %(levelname)s %(message)s")
    app = create_app(
        options.db,
        base_url=f"http://{host}:{port}",
        wait_for_webhook=options.wait_for_webhook,
        schedule=options.schedule,
    )
    sys.stdout.write(f"Stand-in for Stripe: http://{host}:{port}/\n")
    sys.stdout.flush()
    make_server(app).run(sockets=[sock])
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m shop.sandbox.stand_in", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="loopback only")
    parser.add_argument("--port", type=int, default=8001, help="0 takes a free one")
    parser.add_argument("--db", type=Path, required=True, help="the SQLite file that keeps all")
    parser.add_argument("--key", default="", help="the key the shop will use; only checked")
    parser.add_argument("--wait-for-webhook", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--schedule", choices=sorted(SCHEDULES), default="sandbox")
    return parser.parse_args(arguments)


def _refuse(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
