"""The owner's texts can neither script nor style, whatever is pasted into them."""

import pytest

from shop.kit.markdown import as_markdown, markdown


def test_what_markdown_is_for() -> None:
    text = "# Hello\n\nI **sew** [dolls](https://example.se/).\n\n- one\n- two"
    assert markdown(text) == (
        '<h1>Hello</h1>\n<p>I <strong>sew</strong> <a href="https://example.se/">dolls</a>.</p>\n'
        "<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<p onclick='alert(1)' style='position:fixed'>x</p>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](java\nscript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](vbscript:msgbox(1))",
        "<javascript:alert(1)>",
        "![x](https://elsewhere.example/pixel.gif)",
        "<svg><script>alert(1)</script></svg>",
        "<iframe src=https://elsewhere.example></iframe>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    ],
)
def test_nothing_that_runs_or_loads_comes_through(text: str) -> None:
    html = markdown(text).lower()
    for forbidden in ("<script", "<img", "<svg", "<iframe", "<style", "<math", "<p "):
        assert forbidden not in html
    for scheme in ("javascript:", "data:", "vbscript:"):
        assert f'href="{scheme}' not in html


def test_an_instruction_to_the_template_stays_text() -> None:
    assert markdown("{{ 7 * 7 }}") == "<p>{{ 7 * 7 }}</p>\n"


def test_a_plain_text_keeps_its_characters() -> None:
    text = "2 * 3 | a_b [x](y) <b> `c` ~d~ #1 & co"
    html = markdown(as_markdown(text))
    assert html == "<p>2 * 3 | a_b [x](y) &lt;b&gt; `c` ~d~ #1 &amp; co</p>\n"
