import re
from html import unescape

import pytest

from shop.kit.db import Sessions
from shop.preferences.actions import write_starting_texts
from shop.preferences.queries import page_texts
from tests.support import Buyer

READ_ME = "Read me before opening"


@pytest.fixture(autouse=True)
def texts(sessions: Sessions) -> None:
    with sessions.begin() as db:
        write_starting_texts(db)


def typed(page: str) -> str:
    found = re.search(r'<textarea id="body".*?>\n?(.*?)</textarea>', page, re.DOTALL)
    assert found
    return unescape(found[1])


def test_the_list_marks_what_nobody_has_read(owner: Buyer) -> None:
    assert owner.get("/admin/texts").text.count(f">{READ_ME}<") == 10
    owner.post("/admin/texts/terms/sv", title="Köpvillkor", body="Mina egna.")
    assert owner.get("/admin/texts").text.count(f">{READ_ME}<") == 9


def test_saving_a_starting_text_as_it_is_does_not_make_it_read(owner: Buyer) -> None:
    page = owner.get("/admin/texts/contact/en").text
    assert READ_ME in page
    through_a_textarea = typed(page).replace("\n", "\r\n")
    owner.post("/admin/texts/contact/en", title="Contact", body=through_a_textarea)
    assert READ_ME in owner.get("/admin/texts/contact/en").text


def test_a_saved_text_is_shown_below_and_in_the_shop(owner: Buyer) -> None:
    answer = owner.post(
        "/admin/texts/contact/en", title="Write to me", body="At {email}.\r\n\r\nNot {this}."
    )
    assert answer.headers["location"] == "/admin/texts/contact/en?note=saved"
    page = owner.get("/admin/texts/contact/en").text
    assert READ_ME not in page
    assert typed(page) == "At {email}.\n\nNot {this}."
    shown = '<p>At <a href="mailto:butik@example.se">butik@example.se</a>.</p>\n<p>Not {this}.</p>'
    assert shown in page
    assert shown in owner.get("/en/pages/contact").text
    assert 'href="/en/pages/contact"' in page


def test_the_makers_text_stands_on_the_first_page(owner: Buyer) -> None:
    owner.post("/admin/texts/home/sv", title="Om mig", body="Jag bor i *{city}*.")
    assert "<p>Jag bor i <em>Hallstavik</em>.</p>" in owner.get("/").text


def test_the_preview_is_in_the_texts_language(owner: Buyer) -> None:
    owner.post("/admin/texts/contact/en", title="Contact", body="{country}")
    owner.post("/admin/texts/contact/sv", title="Kontakt", body="{country}")
    assert "<p>Sweden</p>" in owner.get("/admin/texts/contact/en").text
    assert "<p>Sverige</p>" in owner.get("/admin/texts/contact/sv").text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("title", "", "Enter a heading."),
        ("title", "x" * 101, "Too long: use at most 100 characters."),
        ("body", " \r\n ", "Enter the text."),
        ("body", "å" * 40_001, "Too long: use at most 40000 characters."),
    ],
)
def test_a_text_that_cannot_be_saved_stays_in_the_form(
    owner: Buyer, sessions: Sessions, field: str, value: str, words: str
) -> None:
    form = {"title": "A heading of mine", "body": "Words of mine."} | {field: value}
    page = owner.post("/admin/texts/terms/en", **form)
    assert page.status_code == 422
    assert words in page.text
    assert ("A heading of mine" in page.text) is (field == "body")
    assert typed(page.text) == form["body"].strip()
    with sessions.begin() as db:
        assert page_texts(db)["terms", "en"].title == "Terms of sale"


def test_a_long_text_of_swedish_letters_is_taken(owner: Buyer) -> None:
    assert owner.post("/admin/texts/terms/sv", title="V", body="å" * 40_000).status_code == 303


def test_markup_stays_inside_its_field(owner: Buyer) -> None:
    bad = "</textarea><script>alert(1)</script>"
    owner.post("/admin/texts/terms/sv", title='"><script>alert(2)</script>', body=bad)
    page = owner.get("/admin/texts/terms/sv").text
    assert "<script>alert" not in page
    assert typed(page) == bad


@pytest.mark.parametrize("path", ["nothing/sv", "terms/de", "terms/EN"])
def test_any_other_text_is_not_found(owner: Buyer, path: str) -> None:
    assert owner.get(f"/admin/texts/{path}").status_code == 404
    assert owner.post(f"/admin/texts/{path}", title="x", body="y").status_code == 404
