"""The compose file is one that Docker takes, checked without Docker."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCHEMA = Path("/usr/lib/python3/dist-packages/compose/config/compose_spec.json")
SETTINGS = {"POSTGRES_PASSWORD": "secret", "SHOP_DOMAIN": "shop.example"}


def compose_file() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return read


def left_out(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not installed, and nothing may be left out here")
    pytest.skip(f"{what} is not installed")


def test_it_follows_the_compose_specification() -> None:
    if not SCHEMA.exists():
        left_out("docker-compose")
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft201909Validator(schema).validate(compose_file())


def test_docker_compose_accepts_it(tmp_path: Path) -> None:
    program = shutil.which("docker-compose")
    if program is None:
        left_out("docker-compose")
        return
    for name in ("docker-compose.yml", "Dockerfile"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy/shop.env.example", tmp_path / "deploy/shop.env")
    config = subprocess.run(
        [program, "config"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert config.returncode == 0, config.stderr
    services = yaml.safe_load(config.stdout)["services"]
    assert sorted(services) == ["caddy", "database", "web", "worker"]
    assert services["worker"]["command"] == ["shop", "worker"]
    url = services["web"]["environment"]["SHOP_DATABASE_URL"]
    assert url == "postgresql://shop:secret@database/shop"


def test_it_copies_what_the_shop_needs() -> None:
    copied = (ROOT / "Dockerfile").read_text()
    for folder in ("shop", "templates", "static", "alembic"):
        assert f"COPY {folder} {folder}" in copied
