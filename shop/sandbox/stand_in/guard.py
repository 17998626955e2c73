"""Every request and every object sent is held against Stripe's specification."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from shop.sandbox.stand_in.errors import GuardBreach, Json, invalid
from shop.sandbox.stand_in.quick import Check, Quick
from shop.sandbox.stand_in.spec import Operation, Spec, convert, the_spec

_URN = "urn:stripe"


class Guard:
    """Validators, compiled on first use and kept.

    What fits is found out quickly; the slow validator has the last word about the rest, and the
    words for it.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        components = spec.components()
        resource: Resource[Any] = DRAFT202012.create_resource(components)
        self._registry: Registry[Any] = Registry().with_resource(_URN, resource)
        self._quick = Quick(components["components"]["schemas"])
        self._checkers: dict[str, _Checker] = {}

    def check_params(self, operation: Operation, params: Json) -> None:
        """Raise StripeError(400) when *params* break the operation's schema."""
        checker = self._checker(
            f"params {operation.id}", lambda: convert(operation.params, nulls_required=False)
        )
        if checker.fits(params):
            return
        problem = best_match(checker.validator.iter_errors(params))
        if problem:
            raise invalid(problem.message, _param_name(problem.absolute_path))

    def check_object(self, schema: str, value: Json) -> None:
        """Raise GuardBreach when *value* is not what the document calls *schema*."""
        self._check(f"object {schema}", lambda: {"$ref": f"#/components/schemas/{schema}"}, value)

    def check_answer(self, operation: Operation, value: Json) -> None:
        """Raise GuardBreach when *value* may not be the operation's answer."""
        self._check(f"answer {operation.id}", lambda: convert(operation.answer), value)

    def _check(self, key: str, schema: Callable[[], Json], value: Json) -> None:
        checker = self._checker(key, schema)
        if checker.fits(value):
            return
        problems = [_sentence(error) for error in checker.validator.iter_errors(value)]
        if problems:
            raise GuardBreach(key, problems)

    def _checker(self, key: str, schema: Callable[[], Json]) -> "_Checker":
        if key not in self._checkers:
            ready = _absolute(schema())
            validator = Draft202012Validator(ready, registry=self._registry)
            self._checkers[key] = _Checker(self._quick.compile(ready), validator)
        return self._checkers[key]


@dataclass(frozen=True)
class _Checker:
    fits: Check
    validator: Draft202012Validator


@cache
def the_guard() -> Guard:
    """The guard over the specification that lies beside the code."""
    return Guard(the_spec())


def _absolute(schema: Any) -> Any:
    """Point the references of a lone schema into the document with all components."""
    if isinstance(schema, list):
        return [_absolute(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"{_URN}{value}" if key == "$ref" else _absolute(value)
        for key, value in schema.items()
    }


def _sentence(error: ValidationError) -> str:
    deepest = max(_leaves(error), key=lambda leaf: len(leaf.absolute_path))
    return f"{deepest.json_path} {deepest.message[:300]}"


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    if not error.context:
        yield error
    for child in error.context or []:
        yield from _leaves(child)


def _param_name(path: Any) -> str:
    first, *rest = [str(part) for part in path] or [""]
    return first + "".join(f"[{part}]" for part in rest)
