"""What Stripe is answered, to the word, and what stands in the log when something is left over."""

import time

import pytest

from shop.config import Config
from shop.kit.db import Sessions
from shop.payments.pages import WEBHOOK_LIMIT
from shop.payments.till import Till
from shop.sandbox.stand_in.server import StandInServer
from tests.payments.tools import deliver, event, opened, read
from tests.support import Shelf


def test_each_answer_says_what_became_of_it(shop: Config) -> None:
    answers = {
        "kept": deliver(shop, event()),
        "again": deliver(shop, event()),
        "forged": deliver(shop, event(), secret="whsec_of_somebody_else"),
        "unsigned": deliver(shop, event(), signed=""),
        "of the other mode": deliver(shop, event(id="evt_2", livemode=True)),
    }
    assert {name: (a.status_code, a.text) for name, a in answers.items()} == {
        "kept": (200, "kept\n"),
        "again": (200, "kept\n"),
        "forged": (400, "The signature is not Stripe's.\n"),
        "unsigned": (400, "The signature is not Stripe's.\n"),
        "of the other mode": (400, "This event is of the other mode.\n"),
    }
    for answer in answers.values():
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(("age", "status"), [(0, 200), (295, 200), (310, 400)])
def test_a_signature_is_good_for_five_minutes(age: int, status: int, shop: Config) -> None:
    assert deliver(shop, event(), at=time.time() - age).status_code == status


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
def test_half_a_megabyte_is_taken_and_not_a_byte_more(more: int, status: int, shop: Config) -> None:
    assert WEBHOOK_LIMIT == 524_288
    short = event(padding="")
    body = event(padding="x" * (WEBHOOK_LIMIT - len(short) + more))
    assert len(body) == WEBHOOK_LIMIT + more
    assert deliver(shop, body).status_code == status


@pytest.mark.parametrize("kind", ["500", "401"])
def test_what_cannot_be_asked_now_is_left_for_later_and_logged(
    kind: str,
    shop: Config,
    shelf: Shelf,
    sessions: Sessions,
    till: Till,
    stand_in: StandInServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempt = opened(sessions, till, shelf.add())
    stand_in.control(f"sessions/{attempt.session_id}/pay")
    stand_in.control("faults", kind=kind, path="/v1/checkout/sessions/.*", times=3)
    answer = deliver(shop, event(str(attempt.session_id)))
    assert (answer.status_code, answer.text) == (200, "kept\n")
    assert read(sessions, attempt.id).status == "open"
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said[-1] == "event evt_1 waits for the reconciler"
    assert deliver(shop, event(str(attempt.session_id))).text == "kept\n"
    assert read(sessions, attempt.id).status == "open"  # once is enough: the reconciler goes on
