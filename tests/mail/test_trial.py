import pytest

from shop.kit.i18n import speaking
from shop.mail.errors import BadAddress, NoSender, Refused
from shop.mail.letters import read_head, text_of
from shop.mail.trial import send_trial
from shop.preferences.values import Preferences
from tests.mail.tools import BASE_URL, Recorder
from tests.support import NOON

SHOP = Preferences(shop_name="Dockor från Ek", email="butik@example.se")


def trial(sender: Recorder, to: str = "agare@example.se", shop: Preferences = SHOP) -> str:
    with speaking("en"):
        return send_trial(sender, to, shop, base_url=BASE_URL, locale="en", now=NOON)


def test_it_arrives(sender: Recorder) -> None:
    message_id = trial(sender)
    raw = sender.letters[0].raw
    head = read_head(raw)
    assert (head["To"], head["Message-ID"]) == ("agare@example.se", message_id)
    assert head["Subject"] == "A test e-mail from your shop"
    assert text_of(raw) == (
        "This is a test: e-mail from Dockor från Ek arrives.\n\nhttps://shop.example\n"
    )


def test_what_goes_wrong_is_told(sender: Recorder) -> None:
    with pytest.raises(BadAddress):
        trial(sender, "nobody")
    with pytest.raises(NoSender, match="no e-mail address of its own"):
        trial(sender, shop=Preferences())
    sender.failures = [Refused("550 no such user")]
    with pytest.raises(Refused, match="550 no such user"):
        trial(sender)
