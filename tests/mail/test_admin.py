"""The owner sees what waits and what failed, and can send it again."""

from collections.abc import Callable

import pytest

from shop.kit.db import Sessions
from shop.mail.errors import PutOff, Refused, ServerUnreachable
from shop.mail.worker import PostOffice, send_due
from tests.mail.tools import Recorder, message, shown
from tests.support import NOON, Buyer, FixedClock

Put = Callable[..., None]


pytestmark = pytest.mark.usefixtures("in_english")


def test_an_empty_page_says_what_will_stand_there(owner: Buyer) -> None:
    page = owner.get("/admin/mail")
    assert page.status_code == 200
    assert "No mail yet. When somebody buys, the confirmation appears here" in shown(page.text)


def test_only_the_owner_may_look_and_send(
    buyer: Buyer, put: Put, sessions: Sessions, office: PostOffice
) -> None:
    put("a@example.se")
    send_due(office)
    for path in ("/admin/mail", "/admin/mail/1"):
        assert "a@example.se" not in buyer.get(path).text
    buyer.post("/admin/mail/1/send")
    assert message(sessions).status == "sent"


@pytest.mark.parametrize(
    ("failure", "badge", "words"),
    [
        (Refused("550 no such user"), "Not delivered", "It was refused for good."),
        (PutOff("451 later"), "Trying again", "It was not accepted at the last attempt."),
        (ServerUnreachable("no answer"), "Trying again", "All mail waits, and goes out by itself"),
    ],
)
def test_a_failure_is_told_in_words_and_word_for_word(
    owner: Buyer,
    office: PostOffice,
    sender: Recorder,
    put: Put,
    failure: Exception,
    badge: str,
    words: str,
) -> None:
    put("a@example.se")
    sender.failures = [failure]
    send_due(office)
    for path in ("/admin/mail", "/admin/mail/1"):
        text = shown(owner.get(path).text)
        assert badge in text
        assert words in text
    assert str(failure) in shown(owner.get("/admin/mail/1").text)


def test_a_parked_mail_is_sent_again_by_its_button(
    owner: Buyer, office: PostOffice, sender: Recorder, put: Put, sessions: Sessions
) -> None:
    put("a@example.se")
    sender.failures = [Refused("550")]
    send_due(office)
    answer = owner.post("/admin/mail/1/send")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/admin/mail/1?note=mail-on-its-way",
    )
    assert "It goes out in a moment." in owner.get(answer.headers["location"]).text
    again = owner.post("/admin/mail/1/send")
    assert again.headers["location"] == "/admin/mail/1?note=mail-waits-already"
    send_due(office)
    send_due(office)
    assert sender.recipients == ["a@example.se"]
    assert message(sessions).status == "sent"


def test_the_text_is_shown_as_it_is_and_nothing_in_it_counts_as_html(
    owner: Buyer, office: PostOffice, put: Put
) -> None:
    from shop.mail.letters import Mail

    office.writers = {"note": lambda *_: Mail("<b>Hej</b>", "<script>alert(1)</script>\n\nHej", "")}
    put("a@example.se")
    send_due(office)
    page = owner.get("/admin/mail/1").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\n\nHej" in page
    assert "<script>alert" not in page
    assert "<b>Hej" not in page + owner.get("/admin/mail").text


def test_a_mail_not_written_yet_says_so_and_has_no_button(owner: Buyer, put: Put) -> None:
    put("a@example.se")
    page = owner.get("/admin/mail/1").text
    assert "The text is written when it is sent." in page
    assert "/admin/mail/1/send" not in page


@pytest.mark.parametrize("id_", ["0", "2", "x", "-1", "9" * 30, "1.0"])
def test_a_mail_that_is_not_there(owner: Buyer, put: Put, id_: str) -> None:
    put("a@example.se")
    assert owner.get(f"/admin/mail/{id_}").status_code == 404
    assert owner.post(f"/admin/mail/{id_}/send").status_code == 404


def test_parked_comes_first_then_waiting_then_sent(
    owner: Buyer, office: PostOffice, sender: Recorder, put: Put, clock: FixedClock
) -> None:
    put("sent@example.se")
    send_due(office)
    put("parked@example.se", "waits@example.se")
    sender.failures = [Refused("550"), PutOff("451")]
    send_due(office)
    text = shown(owner.get("/admin/mail").text)
    order = [text.index(f"{name}@example.se") for name in ("parked", "waits", "sent")]
    assert order == sorted(order)
    assert clock() == NOON
