import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shop.mail.errors import ServerUnreachable
from shop.mail.letters import Letter
from shop.mail.senders import FileSender
from tests.support import NOON

LETTER = Letter("dispatch", "abc", NOON, "butik@example.se", "anna@example.se", b"Subject: x\r\n")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_file_per_mail_in_the_order_they_were_written(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    sender = FileSender(folder)
    later = replace(LETTER, message_id="aaa", queued_at=NOON + timedelta(microseconds=1))
    sender.send(later)
    sender.send(LETTER)
    sender.send(LETTER)  # sent again is the same file
    assert names(folder) == [
        "20261123T110000.000000Z-dispatch-abc.eml",
        "20261123T110000.000001Z-dispatch-aaa.eml",
    ]
    assert (folder / names(folder)[0]).read_bytes() == LETTER.raw


def test_half_a_file_is_never_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ServerUnreachable, match="No space left on device"):
        FileSender(tmp_path).send(LETTER)
    assert [name for name in names(tmp_path) if name.endswith(".eml")] == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(ServerUnreachable, match="cannot be written"):
        FileSender(tmp_path / "mail").send(LETTER)
