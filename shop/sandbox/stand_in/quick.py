"""JSON Schema as plain functions: whether a value fits, and nothing about why not.

Nearly everything that is checked fits, and then this is enough; it is many times faster than a
validator that can explain itself. It knows the keywords that `spec.convert` leaves, and refuses to
compile any other, so that none can be passed over in silence.
"""

import re
from collections.abc import Callable
from typing import Any

from shop.sandbox.stand_in.errors import Json

Check = Callable[[Any], bool]
REFERENCE = re.compile(r".*#/components/schemas/([\w.]+)")
_TYPES: dict[str, Check] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: value is True or value is False,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}


class Quick:
    """Checks compiled from schemas that may refer to *components* by name."""

    def __init__(self, components: Json) -> None:
        self._components = components
        self._named: dict[str, Check] = {}
        self._keywords: dict[str, Callable[[Any], Check]] = {
            "$ref": self._ref,
            "type": _TYPES.__getitem__,
            "enum": _enum,
            "maxLength": lambda most: _text(lambda value: len(value) <= most),
            "minLength": lambda least: _text(lambda value: len(value) >= least),
            "pattern": lambda pattern: _text(lambda value: re.search(pattern, value) is not None),
            "minimum": lambda least: _number(lambda value: value >= least),
            "maximum": lambda most: _number(lambda value: value <= most),
            "anyOf": self._any_of,
            "items": self._items,
        }

    def compile(self, schema: Json) -> Check:
        """A function that says whether a value fits. Raises KeyError for an unknown keyword."""
        together = {"properties", "required", "additionalProperties"}
        checks = [
            self._keywords[keyword](value)
            for keyword, value in schema.items()
            if keyword not in together
        ]
        if together & schema.keys():
            checks.append(self._object(schema))
        if len(checks) == 1:
            return checks[0]
        return lambda value: all(check(value) for check in checks)

    def _ref(self, address: str) -> Check:
        match = REFERENCE.fullmatch(address)
        if match is None:
            raise KeyError(address)
        name = match[1]

        def check(value: Any) -> bool:
            if name not in self._named:  # compiled when it is met: most of the document never is
                self._named[name] = self.compile(self._components[name])
            return self._named[name](value)

        return check

    def _any_of(self, schemas: list[Json]) -> Check:
        checks = [self.compile(schema) for schema in schemas]
        if len(checks) == 2:  # noqa: PLR2004 - as nearly all: a null or an expanded object
            first, second = checks
            return lambda value: first(value) or second(value)
        return lambda value: any(check(value) for check in checks)

    def _items(self, schema: Json) -> Check:
        check = self.compile(schema)
        return lambda value: not isinstance(value, list) or all(map(check, value))

    def _object(self, schema: Json) -> Check:
        fields = {key: self.compile(field) for key, field in schema.get("properties", {}).items()}
        required = frozenset(schema.get("required", ()))
        others = schema.get("additionalProperties")
        other: Check = (
            (lambda _: others is not False) if others in (None, False, True)
            else self.compile(others)
        )  # fmt: skip

        def check(value: Any) -> bool:
            if not isinstance(value, dict):
                return True
            if not required <= value.keys():
                return False
            return all(fields.get(key, other)(item) for key, item in value.items())

        return check


def _enum(values: list[Any]) -> Check:
    if not all(isinstance(value, str | bool) for value in values):
        raise KeyError("enum")
    kinds = {(type(value), value) for value in values}
    return lambda value: isinstance(value, str | bool) and (type(value), value) in kinds


def _text(check: Check) -> Check:
    """What is no text, such a keyword does not judge."""
    return lambda value: not isinstance(value, str) or check(value)


def _number(check: Check) -> Check:
    is_number = _TYPES["number"]
    return lambda value: not is_number(value) or check(value)
