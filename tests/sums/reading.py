"""What a person reads on the pages and in the mails of an order: amounts in öre, by their words."""

import re
from collections.abc import Mapping
from html import unescape

from shop.kit.i18n import gettext, speaking
from tests.sums.baskets import Bill

WRITTEN = {
    "sv": re.compile(r"(−?)([\d\xa0]+)(?:,(\d\d))?\xa0kr"),
    "en": re.compile(r"(−?)SEK\xa0([\d,]+)(?:\.(\d\d))?"),
}
GOODS = re.compile(
    r'<div class="row"><span[^>]*>(?:(\d+) × )?[^<]*</span> <span class="price">([^<]*)</span>'
)
IN_CART = re.compile(
    r'</h2> <span class="price">([^<]*)</span>.*?name="quantity"[^>]* value="(\d+)"', re.DOTALL
)
SUMS = re.compile(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", re.DOTALL)
MAIL_LINE = re.compile(r'<tr class="line".*?</tr>', re.DOTALL)
MAIL_SUM = re.compile(r'<tr class="sum.*?</tr>', re.DOTALL)
CELL = re.compile(r"<td[^>]*>(.*?)</td>", re.DOTALL)
TEXT_LINE = re.compile(r"^(\d+) × .*\n +(\S.*)$", re.MULTILINE)


def amount(written: str, locale: str) -> int:
    """Return the one amount that *written* is; postage may be free."""
    if written == words("Free", locale):
        return 0
    found = WRITTEN[locale].fullmatch(written)
    assert found is not None, written
    minus, whole, rest = found.groups()
    ore = int(re.sub(r"\D", "", whole)) * 100 + int(rest or 0)
    return -ore if minus else ore


def first_amount(text: str, locale: str) -> int:
    """Return the first amount in a text, or in HTML."""
    found = WRITTEN[locale].search(text.replace("&nbsp;", "\xa0"))
    assert found is not None, text
    return amount(found[0], locale)


def words(msgid: str, locale: str, **facts: str) -> str:
    with speaking(locale):
        return gettext(msgid) % facts if facts else gettext(msgid)


def plain(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html)).strip()


# --- pages ----------------------------------------------------------------------------------------


def sums_on(page: str) -> list[tuple[str, str]]:
    return [(plain(label), plain(value)) for label, value in SUMS.findall(page)]


def in_cart(page: str, locale: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(n), amount(unescape(price), locale)) for price, n in IN_CART.findall(page))


def goods_on(page: str, locale: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(n or 1), amount(unescape(price), locale)) for n, price in GOODS.findall(page))


def bill_on(page: str, locale: str, *, method: str, code: str, total: str) -> Bill:
    """Return what the checkout or the order page says; *total* is how it calls the sum."""
    sums = dict(sums_on(page))
    return _bill(
        goods_on(page, locale),
        sums,
        locale,
        postage=words("Postage: %(method)s", locale, method=method),
        code=code,
        total=total,
    )


def paid_back_on(page: str, locale: str) -> list[int]:
    label = words("Paid back", locale)
    return [-amount(value, locale) for words_, value in sums_on(page) if words_ == label]


# --- mails ----------------------------------------------------------------------------------------


def rows_in(html: str, kind: re.Pattern[str]) -> list[list[str]]:
    return [[plain(cell) for cell in CELL.findall(row)] for row in kind.findall(html)]


def bill_in_html(html: str, locale: str, *, code: str) -> tuple[Bill, int]:
    """Return what the confirmation says it comes to, and its VAT."""
    lines = [
        (int(about.partition(" × ")[0]), amount(price, locale))
        for _photo, about, price in rows_in(html, MAIL_LINE)
    ]
    sums = {row[0]: row[1] for row in rows_in(html, MAIL_SUM) if len(row) > 1}
    return _mailed(tuple(lines), sums, locale, code)


def bill_in_text(text: str, locale: str, *, code: str) -> tuple[Bill, int]:
    lines = tuple((int(n), first_amount(rest, locale)) for n, rest in TEXT_LINE.findall(text))
    return _mailed(lines, dict(_labelled(text)), locale, code)


def parts_in_html(html: str) -> list[str]:
    return [price for _about, price in rows_in(html, MAIL_LINE)]


def parts_in_text(text: str, locale: str) -> list[str]:
    return [price for _about, price in _labelled(text) if WRITTEN[locale].fullmatch(price)]


def _labelled(text: str) -> list[tuple[str, str]]:
    return [
        (label, value)
        for label, found, value in (line.rpartition(": ") for line in text.splitlines())
        if found
    ]


def _mailed(
    lines: tuple[tuple[int, int], ...], sums: Mapping[str, str], locale: str, code: str
) -> tuple[Bill, int]:
    postage, total = words("Postage", locale), words("Total", locale)
    vat = sums.get(words("of which VAT", locale))
    bill = _bill(lines, sums, locale, postage=postage, code=code, total=total)
    return bill, amount(vat, locale) if vat is not None else 0


def _bill(
    lines: tuple[tuple[int, int], ...],
    sums: Mapping[str, str],
    locale: str,
    *,
    postage: str,
    code: str,
    total: str,
) -> Bill:
    off = sums.get(words("Discount (%(code)s)", locale, code=code))
    return Bill(
        lines,
        subtotal=amount(sums[words("Subtotal", locale)], locale),
        discount=-amount(off, locale) if off is not None else 0,
        shipping=amount(sums[postage], locale),
        total=amount(sums[total], locale),
    )
