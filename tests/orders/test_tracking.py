import pytest

from shop.orders.tracking import tracking_address


@pytest.mark.parametrize(
    ("number", "id_"),
    [
        ("RR123456785SE", "RR123456785SE"),
        ("rr 123 456 785 se", "RR123456785SE"),
        ("373500301234567890", "373500301234567890"),
        ("00373500301234567890", "00373500301234567890"),
    ],
)
def test_a_number_of_postnord_has_a_page(number: str, id_: str) -> None:
    assert tracking_address(number, "sv") == f"https://tracking.postnord.com/se/tracking?id={id_}"
    assert tracking_address(number, "en") == f"https://tracking.postnord.com/en/tracking?id={id_}"


@pytest.mark.parametrize(
    "number",
    [
        "",
        "RR123456784SE",  # its check digit is wrong
        "RR123456785DE",
        "1Z999AA10123456784",
        "12345678",
        'RR123456785SE"><script>',
        "https://evil.example/",
        "١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨",
    ],
)
def test_any_other_number_has_none(number: str) -> None:
    assert tracking_address(number, "sv") is None
