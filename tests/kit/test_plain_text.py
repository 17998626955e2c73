import pytest

from shop.kit.plain_text import plain_text


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("# Terms\n\n## Of sale", "Terms\n=====\n\nOf sale\n-------"),
        ("One\\\ntwo\nthree", "One\ntwo three"),
        ("*Soft* and **strong** and `code`", "Soft and strong and code"),
        ("[arn](https://www.arn.se/)", "arn (https://www.arn.se/)"),
        ("<https://www.arn.se/>", "https://www.arn.se/"),
        ("<butik@example.se>", "butik@example.se"),
        ("- a\n- b\n  - c", "- a\n- b\n  - c"),
        ("3. a\n4. b\n\n   more", "3. a\n4. b\n   more"),
        ("> (\\*) Stryk\n>\n> Datum:", "> (*) Stryk\n>\n> Datum:"),
        ("| Till | Pris |\n|---|---|\n| Sverige | 36 kr |", "Till | Pris\nSverige | 36 kr"),
        ("a\n\n---\n\nb", "a\n\n* * *\n\nb"),
        ("```\nx = 1\n```", "x = 1"),
        ("a <b>c</b> & d", "a <b>c</b> & d"),
        ("", ""),
    ],
)
def test_markdown_without_its_marks(markdown: str, text: str) -> None:
    assert plain_text(markdown) == text
