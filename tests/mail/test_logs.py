"""What a mail server says names people: it stands with the mail, for the owner, and in no log."""

from collections.abc import Callable

import pytest

from shop.kit.db import Sessions
from shop.mail.errors import PutOff, Refused
from shop.mail.worker import PostOffice, send_due
from tests.mail.tools import Recorder, message


@pytest.mark.parametrize("failure", [PutOff, Refused])
def test_a_log_says_what_kind_of_trouble_and_not_whose(
    failure: type[PutOff | Refused],
    office: PostOffice,
    sender: Recorder,
    put: Callable[..., None],
    sessions: Sessions,
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = "550 <anna@example.se>: no such mailbox"
    sender.failures.append(failure(said))
    put("anna@example.se")
    assert send_due(office).failed == 1
    assert "anna" not in caplog.text
    assert str(failure.trouble) in caplog.text
    assert message(sessions).last_error == said


def test_an_address_that_is_none_stays_out_of_the_log(
    office: PostOffice, put: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    put("anna ek@example.se")
    assert send_due(office).failed == 1
    assert "anna" not in caplog.text
    assert "address" in caplog.text
