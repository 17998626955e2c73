"""Stripe's specification: its operations, and its schemas as JSON Schema.

The document is OpenAPI 3.0. JSON Schema has no `nullable`, so that is turned into a null type; and
Stripe leaves nested objects open, so that a misspelt nested field would pass: every object schema
that lists its properties is closed here. Maps such as metadata list none and stay open.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from shop.sandbox.stand_in.errors import Json

DOCUMENT = Path(__file__).parent / "openapi" / "openapi-checkout.endive.json"
FORM = "application/x-www-form-urlencoded"
# Nullable in the document, yet really left out unless it is asked for with `expand`.
ONLY_WHEN_EXPANDED = frozenset({("charge", "refunds")})
_KEPT = (
    "type",
    "enum",
    "maxLength",
    "minLength",
    "pattern",
    "required",
    "minimum",
    "maximum",
)


@dataclass(frozen=True)
class Operation:
    """One method on one path. *params* is the raw schema of the query or of the form."""

    id: str
    method: str
    path: str
    pattern: re.Pattern[str]
    params: Json
    answer: Json


class Spec:
    """The document, read once."""

    def __init__(self, document: Json) -> None:
        self.version = cast("str", document["info"]["version"])
        self.schemas = cast("dict[str, Json]", document["components"]["schemas"])
        self.operations = list(_operations(document["paths"]))

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation that serves *path*, with the ids in the path; None when there is none."""
        for operation in self.operations:
            match = operation.pattern.fullmatch(path) if operation.method == method else None
            if match:
                return operation, match.groupdict()
        return None

    def blank(self, schema: str, **values: Any) -> Json:
        """An object of *schema* with every nullable field null, as Stripe sends them."""
        fields = self.schemas[schema]["properties"]
        nulls = {
            name: None
            for name, field in fields.items()
            if field.get("nullable") and (schema, name) not in ONLY_WHEN_EXPANDED
        }
        return nulls | values

    def expandable(self, schema: str) -> list[str]:
        return cast("list[str]", self.schemas[schema].get("x-expandableFields", []))

    def components(self) -> Json:
        """Every component as JSON Schema, in one document that `#/components/schemas/…` fits."""
        converted = {name: convert(schema, name) for name, schema in self.schemas.items()}
        return {"components": {"schemas": converted}}


def convert(schema: Json, name: str = "", *, nulls_required: bool = True) -> Json:
    """One schema of the document as JSON Schema 2020-12, closed.

    *nulls_required*: a nullable field must be there, as null; true for what Stripe sends.
    """
    if "$ref" in schema:
        out: Json = {"$ref": schema["$ref"]}
    else:
        out = {key: schema[key] for key in _KEPT if key in schema}
    for key in ("anyOf", "oneOf"):
        if key in schema:
            out["anyOf"] = [convert(s, nulls_required=nulls_required) for s in schema[key]]
    if "items" in schema:
        out["items"] = convert(schema["items"], nulls_required=nulls_required)
    if isinstance(schema.get("additionalProperties"), dict):
        out["additionalProperties"] = convert(
            schema["additionalProperties"], nulls_required=nulls_required
        )
    if "properties" in schema:
        _close(out, schema, name, nulls_required=nulls_required)
    return {"anyOf": [out, {"type": "null"}]} if schema.get("nullable") else out


def _close(out: Json, schema: Json, name: str, *, nulls_required: bool) -> None:
    fields = schema["properties"]
    out["properties"] = {
        key: convert(field, nulls_required=nulls_required) for key, field in fields.items()
    }
    out["additionalProperties"] = False
    if nulls_required:
        nullable = {key for key, field in fields.items() if field.get("nullable")}
        always = {key for key in nullable if (name, key) not in ONLY_WHEN_EXPANDED}
        out["required"] = sorted(always.union(schema.get("required", [])))


def _operations(paths: Json) -> Iterable[Operation]:
    for path, methods in paths.items():
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
        for method, details in methods.items():
            yield Operation(
                id=details["operationId"],
                method=method.upper(),
                path=path,
                pattern=pattern,
                params=_params(method, details),
                answer=details["responses"]["200"]["content"]["application/json"]["schema"],
            )


def _params(method: str, details: Json) -> Json:
    if method == "post":
        return cast("Json", details["requestBody"]["content"][FORM]["schema"])
    query = [p for p in details.get("parameters", []) if p["in"] == "query"]
    return {
        "type": "object",
        "properties": {p["name"]: p["schema"] for p in query},
        "required": [p["name"] for p in query if p.get("required")],
    }


@cache
def the_spec() -> Spec:
    """The specification that lies beside the code."""
    return Spec(json.loads(DOCUMENT.read_text(encoding="utf-8")))
