"""`make prove` runs what has not passed, and all of it after a change."""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.prove import PARTS, ROOT

PYPROJECT = """
[tool.pytest.ini_options]
pythonpath = ["."]
markers = ["slow: a long proof"]
"""
TESTS = """
import os, pathlib, pytest

def ran(name):
    with pathlib.Path("ran").open("a") as file:
        file.write(name + " ")

@pytest.mark.slow
def test_good(record_property):
    ran("good")
    record_property("kills", 12)

@pytest.mark.slow
def test_doubtful():
    ran("doubtful")
    if os.environ["DOUBT"] == "skip":
        pytest.skip("nothing to run it with")
    assert os.environ["DOUBT"] == "none"

def test_quick():
    ran("quick")
"""


FIGURES = """| `make prove PART=races` | none |
| `make prove PART=mail` | none |
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with two long proofs and a quick test, in git, but for what it writes."""
    (tmp_path / "tests/mail").mkdir(parents=True)
    (tmp_path / "tests/__init__.py").touch()
    shutil.copy(ROOT / "tests/prove.py", tmp_path / "tests/prove.py")
    (tmp_path / "tests/mail/test_mail.py").write_text(TESTS)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/proof.md").write_text(FIGURES)
    (tmp_path / ".gitignore").write_text("ran\nvar/\n__pycache__/\n.pytest_cache/\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def prove(project: Path, doubt: str, *arguments: str) -> tuple[int, list[str], str]:
    """Run the proof; return its exit code, which tests ran, and its last line."""
    (project / "ran").unlink(missing_ok=True)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.prove", "--processes", "0", "mail", *arguments],
        cwd=project,
        env={k: v for k, v in os.environ.items() if "PYTEST" not in k} | {"DOUBT": doubt},
        capture_output=True,
        text=True,
        check=False,
    )
    ran = (project / "ran").read_text().split() if (project / "ran").exists() else []
    return ended.returncode, sorted(ran), re.sub(r"\d+\.\d", "…", ended.stdout.splitlines()[-1])


def test_what_has_passed_is_not_run_again_until_something_changes(project: Path) -> None:
    failed = (1, ["doubtful", "good"], line("NOT PROVEN", 1))
    assert prove(project, "fail") == failed
    assert (project / "docs/proof.md").read_text() == FIGURES
    assert prove(project, "none") == (0, ["doubtful"], line("proven", 2))
    written = re.sub(r"\d+\.\d", "…", (project / "docs/proof.md").read_text())
    seen = f"2 tests, 12 kills have passed in … minutes of one process, {datetime.now(UTC).date()}"
    assert written == FIGURES.replace("mail` | none", f"mail` | {seen}")
    assert prove(project, "none") == (0, [], line("proven", 2))
    assert prove(project, "none", "--again")[:2] == (0, ["doubtful", "good"])
    (project / "tests/mail/new.py").write_text("new = True\n")
    assert prove(project, "fail") == failed


def test_when_its_time_is_over_it_begins_nothing_more(project: Path) -> None:
    assert prove(project, "none", "--minutes", "0") == (1, [], line("NOT PROVEN", 0))


def test_what_was_skipped_is_not_proven(project: Path) -> None:
    assert prove(project, "skip") == (1, ["doubtful", "good"], line("NOT PROVEN", 1))


def line(said: str, passed: int) -> str:
    kills = ", 12 kills" if passed else ""
    return (
        f"mail: {said}, {passed} tests{kills} have passed in … minutes of one process; … just now"
    )


def test_a_change_meanwhile_is_no_proof(project: Path) -> None:
    tests = project / "tests/mail/test_mail.py"
    tests.write_text(TESTS + CHANGES)
    code, _, said = prove(project, "none")
    assert code == 1
    assert said.startswith("NOT PROVEN: something was changed meanwhile")
    assert list((project / "var/proof").iterdir()) == []


CHANGES = """
@pytest.mark.slow
def test_changes():
    pathlib.Path("tests/new.py").touch()
"""


def test_every_long_proof_belongs_to_a_part() -> None:
    here = Path(__file__)
    slow = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path != here and "mark.slow" in path.read_text()
    ]
    places = tuple(PARTS.values())
    assert [path for path in slow if not path.startswith(places)] == []
    assert all((ROOT / place).exists() for place in places)
