"""Every request and every object sent is held against Stripe's specification."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from shop.sandbox.stand_in.errors import GuardBreach, Json, invalid
from shop.sandbox.stand_in.spec import Operation, Spec, convert

_URN = "urn:stripe"


class Guard:
    """Validators, compiled on first use and kept."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        resource: Resource[Any] = DRAFT202012.create_resource(spec.components())
        self._registry: Registry[Any] = Registry().with_resource(_URN, resource)
        self._validators: dict[str, Draft202012Validator] = {}

    def check_params(self, operation: Operation, params: Json) -> None:
        """Raise StripeError(400) when *params* break the operation's schema."""
        key = f"params {operation.id}"
        if key not in self._validators:
            schema = convert(operation.params, nulls_required=False)
            self._validators[key] = Draft202012Validator(schema, registry=self._registry)
        problem = best_match(self._validators[key].iter_errors(params))
        if problem:
            raise invalid(problem.message, _param_name(problem.absolute_path))

    def check_object(self, schema: str, value: Json) -> None:
        """Raise GuardBreach when *value* is not what the document calls *schema*."""
        self._check(f"object {schema}", {"$ref": f"#/components/schemas/{schema}"}, value)

    def check_answer(self, operation: Operation, value: Json) -> None:
        """Raise GuardBreach when *value* may not be the operation's answer."""
        self._check(f"answer {operation.id}", operation.answer, value)

    def _check(self, key: str, schema: Json, value: Json) -> None:
        if key not in self._validators:
            ready = _absolute(convert(schema))
            self._validators[key] = Draft202012Validator(ready, registry=self._registry)
        problems = [_sentence(error) for error in self._validators[key].iter_errors(value)]
        if problems:
            raise GuardBreach(key, problems)


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
