"""A product and a collection as the owner writes them: text in, values or messages out."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wtforms import BooleanField, Field, RadioField, SelectMultipleField, TextAreaField
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput

from shop.catalogue.actions import Details, Words
from shop.catalogue.models import Collection, CollectionText, Kind, Product, ProductText
from shop.kit.forms import AtMost, CountField, LineField, MoneyField, Needed, ShopForm, clean_lines
from shop.kit.i18n import format_number
from shop.kit.i18n import gettext as _
from shop.kit.i18n import lazy_gettext as lazy
from shop.preferences.forms import language_name

LONGEST_NAME = 120
LONGEST_TEXT = 5000
MOST_PIECES = 9999
HEAVIEST_G = 30_000
THICKEST_MM = 1500
HIGHEST_MM = 9999
LONGEST_LEAD_TIME = 365

# what a shop's first product is taken to be: a small thing in a padded envelope
WEIGHT_G = 20
THICKNESS_MM = 25
LEAD_TIME_DAYS = 14


def _text(label: str) -> TextAreaField:
    return TextAreaField(label, [AtMost(LONGEST_TEXT)], filters=[clean_lines])


class WordsForm(ShopForm):
    """What is said of a product in one language; its fields are named sv-story and so on."""

    name = LineField(lazy("Name"), [AtMost(LONGEST_NAME)])
    story = _text(lazy("Story"))
    materials = _text(lazy("Materials"))
    size = _text(lazy("Size"))
    care = _text(lazy("Care"))
    warning = _text(lazy("Warning"))

    def __init__(self, formdata: Any, language: str, text: ProductText | None) -> None:
        super().__init__(formdata, prefix=f"{language}-", obj=text)
        self.language = language
        self.language_name = language_name(language)

    def words(self, name: str) -> Words:
        """Return the words, under *name* if something is said but the product is not named."""
        said = {field.short_name: field.data or "" for field in self if field is not self.name}
        own_name = self.name.data or (name if any(said.values()) else "")
        return Words(own_name, **said)


class CentimetreField(Field):
    """A length as people write it, "9" or "9,5"; data is whole millimetres."""

    widget = TextInput()

    def __init__(self, label: Any, most: int, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.most = most

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else format_number(f"{self.data // 10}.{self.data % 10}")

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        self.data = None
        text = re.sub(r"(cm|\s)", "", str(valuelist[0]) if valuelist else "", flags=re.IGNORECASE)
        if not text:
            return
        written = re.fullmatch(r"(\d{1,3})(?:[.,](\d))?", text, flags=re.ASCII)
        millimetres = int(written[1]) * 10 + int(written[2] or 0) if written else 0
        if not 0 < millimetres <= self.most:
            raise ValueError(_("Write the height in centimetres, such as 9 or 9.5."))
        self.data = millimetres


class ProductForm(ShopForm):
    """The whole product. What is left out keeps the value it had, or a new product's default."""

    name = LineField(lazy("Name"), [Needed(lazy("Give it a name.")), AtMost(LONGEST_NAME)])
    price = MoneyField(lazy("Price"))
    kind = RadioField(lazy("What it is"), validate_choice=True)
    quantity = CountField(lazy("How many there are"), 0, MOST_PIECES)
    edition_size = CountField(lazy("Edition, if it is numbered"), 1, MOST_PIECES)
    lead_time_days = CountField(lazy("Days to make it"), 1, LONGEST_LEAD_TIME)
    weight_g = CountField(lazy("Weight in grams, packed"), 1, HEAVIEST_G)
    thickness_mm = CountField(lazy("Thickness in millimetres, packed"), 1, THICKEST_MM)
    height = CentimetreField(lazy("Height in centimetres, as it stands (optional)"), HIGHEST_MM)
    takes_personal_text = BooleanField(lazy("The buyer may have a few words put on it"))
    collections = SelectMultipleField(lazy("Collections"), coerce=int, validate_choice=False)

    def __init__(
        self,
        formdata: Any,
        *,
        languages: Sequence[str],
        collections: Sequence[Collection],
        product: Product | None = None,
        chosen: set[int] | None = None,
        like: Product | None = None,
    ) -> None:
        """Show *product* and the ids of the collections it is in, or a new one that weighs what
        *like* does.
        """
        self._new, model = product is None, product or like
        self.defaults: dict[str, Any] = {
            "kind": product.kind if product else Kind.UNIQUE,
            "quantity": 1,
            "edition_size": product.edition_size if product else None,
            "lead_time_days": (product and product.lead_time_days) or LEAD_TIME_DAYS,
            "weight_g": model.weight_g if model else WEIGHT_G,
            "thickness_mm": model.thickness_mm if model else THICKNESS_MM,
        }
        texts = {text.locale: text for text in product.texts} if product else {}
        first = languages[0]
        super().__init__(
            formdata,
            name=texts[first].name if first in texts else "",
            price=product.variants[0].price_amount if product else None,
            height=product.height_mm if product else None,
            takes_personal_text=product is not None and product.takes_personal_text,
            collections=list(chosen or ()),
            **self.defaults,
        )
        self.kind.choices = [
            (Kind.UNIQUE, _("One of a kind")),
            (Kind.BATCH, _("Several alike")),
            (Kind.MADE_TO_ORDER, _("Made to order")),
        ]
        self.collections.choices = [(one.id, one.text(first).name) for one in collections]
        self._known = {one.id for one in collections}
        self.words = [WordsForm(formdata, code, texts.get(code)) for code in languages]

    def validate_price(self, field: MoneyField) -> None:
        if field.data == 0:
            raise ValidationError(_("The price must be more than nothing."))

    def validate_edition_size(self, field: CountField) -> None:
        if self._new and field.data is not None and self.pieces > field.data:
            raise ValidationError(_("There are more pieces than the edition has."))

    def validate(self, extra_validators: Any = None) -> bool:
        valid = [super().validate(extra_validators), *(one.validate() for one in self.words)]
        return all(valid)  # each part has been looked at: all messages come at once

    @property
    def is_wrong(self) -> bool:
        return bool(self.errors) or any(one.errors for one in self.words)

    @property
    def more_is_wrong(self) -> bool:
        """Whether something is wrong in the part of the form that is folded away."""
        outside = {"name", "price"}
        return any(name not in outside for name in self.errors) or any(
            one.errors for one in self.words
        )

    def filled(self, name: str) -> Any:
        """Return what was written in a field, or its default if it was left empty."""
        written = self[name].data
        return self.defaults[name] if written is None else written

    @property
    def pieces(self) -> int:
        """How many lie on the shelf to begin with."""
        most = 1 if self.kind.data == Kind.UNIQUE else MOST_PIECES
        return min(int(self.filled("quantity")), most)

    def details(self) -> Details:
        kind = Kind(self.filled("kind"))
        first, *others = self.words
        words = {first.language: Words(**{**vars(first.words("")), "name": self.name.data or ""})}
        for one in others:
            words[one.language] = one.words(self.name.data or "")
        return Details(
            words=words,
            kind=kind,
            price_amount=self.price.data,
            weight_g=self.filled("weight_g"),
            thickness_mm=self.filled("thickness_mm"),
            height_mm=self.height.data,
            takes_personal_text=bool(self.takes_personal_text.data),
            lead_time_days=self.filled("lead_time_days") if kind == Kind.MADE_TO_ORDER else None,
            edition_size=self.edition_size.data if kind == Kind.BATCH else None,
            collection_ids=self._known & set(self.collections.data or ()),
        )


class CollectionWordsForm(ShopForm):
    name = LineField(lazy("Name"), [AtMost(LONGEST_NAME)])
    text = _text(lazy("A few words under the name (optional)"))

    def __init__(self, formdata: Any, language: str, text: CollectionText | None) -> None:
        super().__init__(formdata, prefix=f"{language}-", obj=text)
        self.language = language
        self.language_name = language_name(language)


class CollectionForm:
    """A collection's name and text, language by language; the first language needs a name."""

    def __init__(
        self, formdata: Any, *, languages: Sequence[str], collection: Collection | None = None
    ) -> None:
        texts = {text.locale: text for text in collection.texts} if collection else {}
        self.words = [CollectionWordsForm(formdata, code, texts.get(code)) for code in languages]

    def validate(self) -> bool:
        valid = [one.validate() for one in self.words]  # each of them, for all messages at once
        first = self.words[0].name
        if not first.data and not first.errors:
            first.errors = [_("Give it a name.")]
            return False
        return all(valid)

    def names(self) -> Mapping[str, str]:
        """Return the name by language, the first language first; only where there is one."""
        name = self.words[0].name.data or ""
        return {
            one.language: one.name.data or name
            for one in self.words
            if one.name.data or one.text.data
        }

    def texts(self) -> Mapping[str, str]:
        return {one.language: one.text.data or "" for one in self.words}
