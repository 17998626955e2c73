"""A PostgreSQL server of the tests' own: started on loopback, thrown away at the end."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import free_socket


def server_programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, newest first; None if not installed."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: int(f.parent.name), reverse=True
    )
    on_path = shutil.which("initdb")
    return next(
        (f for f in folders if (f / "initdb").exists()), Path(on_path).parent if on_path else None
    )


@contextmanager
def postgresql(programs: Path, *, durable: bool = False) -> Iterator[str]:
    """Run a server for the length of the block and yield its URL, without a database's name.

    Unless it is to be *durable* it waits for no disk.
    """
    folder = Path(tempfile.mkdtemp(prefix="shop-postgresql-"))
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    if user:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    with free_socket() as listening:
        port = listening.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(
            command, check=True, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )

    run("initdb", "--username=shop", "--auth=trust", "--encoding=UTF8", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    options += f" -c max_connections=200 -c fsync={'on' if durable else 'off'}"
    run("pg_ctl", "start", "-w", "-o", options, "-l", str(folder / "log"))
    try:
        yield f"postgresql://shop@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "stop", "-m", "immediate")
        shutil.rmtree(folder)
