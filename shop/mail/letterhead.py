"""What every mail is written on: the templates, and what may be asked for in all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from shop.kit.ids import Signer
from shop.kit.urls import Urls
from shop.mail.letters import Mail
from shop.preferences.values import Preferences

Fill = Callable[[str, Mapping[str, Any]], str]  # a template's name and its context -> text


@dataclass(frozen=True)
class Stationery:
    """What stays the same from mail to mail: the templates, and what links are made of."""

    html: Fill
    text: Fill
    base_url: str
    signer: Signer


@dataclass(frozen=True)
class Letterhead:
    stationery: Stationery
    preferences: Preferences

    @property
    def urls(self) -> Urls:
        return Urls(self.stationery.base_url, self.preferences.default_language)

    @property
    def signer(self) -> Signer:
        return self.stationery.signer

    def write(
        self,
        kind: str,
        locale: str,
        *,
        reply_to: str = "",
        follows: tuple[str, int] | None = None,
        **facts: Any,
    ) -> Mail:
        """Return the mail that ``templates/messages/<kind>/`` makes of *facts*, in the language
        of the moment, which must be *locale*.
        """
        urls = self.urls
        context = {
            "shop": self.preferences,
            "locale": locale,
            "base_url": urls.base,
            "absolute": lambda path: urls.absolute(path, locale),
            **facts,
        }
        folder = f"messages/{kind}"
        return Mail(
            subject=self.stationery.text(f"{folder}/subject.txt", context),
            text=self.stationery.text(f"{folder}/body.txt", context),
            html=_styles_inline(self.stationery.html(f"{folder}/body.html", context)),
            reply_to=reply_to,
            follows=follows,
        )


# A room's ``messages.py`` has one for each mail it sends: (db, subject id, locale, letterhead)
Writer = Callable[[Session, int, str, Letterhead], Mail]


def _styles_inline(html: str) -> str:
    """Put the styles on the elements: several mail programs read them nowhere else."""
    from css_inline import CSSInliner

    return CSSInliner(load_remote_stylesheets=False).inline(html)
