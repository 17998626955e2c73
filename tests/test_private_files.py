"""What the shop writes down about people is for who runs it, and nobody else on the machine."""

import os
import subprocess
import sys
from pathlib import Path


def test_no_other_user_of_the_machine_reads_the_database(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environ = {**os.environ, "SHOP_ENV": "demo", "SHOP_DATA": str(data)}
    before = os.umask(0o022)
    try:
        subprocess.run([sys.executable, "-m", "shop.cli", "migrate"], env=environ, check=True)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (data, *data.iterdir())}
    assert modes == {"data": 0o700, "shop.db": 0o600, "secret-key": 0o600}
