"""The limit: the same server and framework, answering a constant of the same size.

Run by uvicorn with the size in bytes, and the headers it should have, in its environment.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.benchmarks.ours import Served, started
from tests.support import free_socket

ROOT = Path(__file__).parents[2]
SIZE, HEADERS = "BENCH_SIZE", "BENCH_HEADERS"


def create_app() -> Starlette:
    headers = json.loads(os.environ[HEADERS])
    told = sum(len(f"{name}: {value}\r\n") for name, value in headers.items())
    body = b"x" * (int(os.environ[SIZE]) - told)

    async def constant(_request: Request) -> Response:
        return Response(body, headers=headers, media_type="text/html")

    return Starlette(routes=[Route("/", constant)])


@contextmanager
def constant_served(
    size: int, folder: Path, *, processes: int, headers: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serve *size* bytes, of which *headers* are some, by as many processes."""
    with free_socket() as listening:
        port = listening.getsockname()[1]
    command = [
        *(sys.executable, "-m", "uvicorn", "tests.benchmarks.limit:create_app", "--factory"),
        *("--port", str(port), "--workers", str(processes), "--no-server-header"),
        *("--no-access-log", "--log-level", "warning"),
    ]
    environ = {SIZE: str(size), HEADERS: json.dumps(dict(headers or {})), "PYTHONPATH": str(ROOT)}
    with started(command, environ, f"http://127.0.0.1:{port}", folder) as server:
        yield server


NGINX = """
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
daemon off;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  sendfile on;
  keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{port}; root {folder}/pages; }}
}}
"""


def nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def nginx_version() -> str:
    said = subprocess.run([str(nginx()), "-v"], check=True, capture_output=True, text=True)
    return said.stderr.strip().partition(": ")[2]


@contextmanager
def file_served(size: int) -> Iterator[Served]:
    """Serve as many bytes from a file, by nginx with two processes."""
    program = nginx()
    assert program is not None
    with (
        tempfile.TemporaryDirectory(prefix="shop-nginx-") as name,
        free_socket() as listening,
    ):
        folder, port = Path(name), listening.getsockname()[1]
        listening.close()
        folder.chmod(0o755)  # its processes are nobody's
        (folder / "pages").mkdir()
        (folder / "pages/index.html").write_bytes(b"x" * size)
        settings = folder / "nginx.conf"
        settings.write_text(NGINX.format(folder=folder, port=port))
        command = [program, "-c", str(settings), "-p", str(folder)]
        with started(command, {}, f"http://127.0.0.1:{port}", folder) as server:
            yield server
