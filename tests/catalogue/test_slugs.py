import pytest

from shop.catalogue.slugs import LONGEST, free_slug, slug_of


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Räven Ragnar", "raven-ragnar"),
        ("Åke Ärla & Öl", "ake-arla-ol"),
        ("ÅÄÖ åäö", "aao-aao"),
        ("Søren Ægir Łódź Straße", "soren-aegir-lodz-strasse"),
        ("Café crème", "cafe-creme"),
        ("  3 strömmingar!  ", "3-strommingar"),
        ("../../etc/passwd", "etc-passwd"),
        ("<script>alert(1)</script>", "script-alert-1-script"),
        ("ﬁn № 5", "fin-no-5"),
        ("狐", "item"),
        ("", "item"),
        ("---", "item"),
    ],
)
def test_an_address_is_made_from_the_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_a_long_name_is_cut_between_words() -> None:
    assert slug_of("en mycket lång berättelse om en docka som aldrig ville ta slut") == (
        "en-mycket-lang-berattelse-om-en-docka-som-aldrig-ville-ta"
    )
    assert slug_of("x" * 200) == "x" * LONGEST


def test_a_taken_address_gets_a_number() -> None:
    assert free_slug("Räven", set()) == "raven"
    assert free_slug("Räven", {"raven"}) == "raven-2"
    assert free_slug("Räven", {"raven", "raven-2", "raven-4"}) == "raven-3"
