"""What the SDK sends, `line_items[0][price_data][currency]=sek`, as typed values."""

import re
from typing import Any
from urllib.parse import parse_qsl

from shop.sandbox.stand_in.errors import Json, StripeError, invalid

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


def decode(encoded: str) -> Json:
    """Nested dictionaries of strings; arrays are still dictionaries with numbers as keys."""
    tree: Json = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True, max_num_fields=5000):
        match = _KEY.fullmatch(key)
        if not match:
            raise invalid(f"Received unknown parameter: {key}", key, "parameter_unknown")
        parts = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        _put(tree, parts, value, key)
    return tree


def _put(tree: Json, parts: list[str], value: str, key: str) -> None:
    node = tree
    for part in parts[:-1]:
        node = node.setdefault(part or str(len(node)), {})
        if not isinstance(node, dict):
            raise invalid(f"Invalid parameter: {key} is given both as a value and a hash.", key)
    last = parts[-1] or str(len(node))
    if last in node:
        raise invalid(f"Invalid parameter: {key} is given twice.", key)
    node[last] = value


def coerce(schema: Json, value: Any, path: str = "") -> Any:
    """*value* as the types of *schema* want it; StripeError(400) as Stripe words it."""
    if "anyOf" in schema:
        return _first_that_fits(schema["anyOf"], value, path)
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, value, path)
    if kind == "array":
        return _array(schema, value, path)
    if isinstance(value, dict):
        raise invalid(f"Invalid {kind}: {path} is a hash.", path)
    if value == "" and "" not in schema.get("enum", []):
        raise invalid(
            f"You passed an empty string for '{path}'. We assume empty values are an attempt to "
            f"unset a parameter; however '{path}' cannot be unset. You should remove '{path}' "
            "from your request or supply a non-empty value.",
            path,
            "parameter_invalid_empty",
        )
    return _scalar(schema, kind, value, path)


def _scalar(schema: Json, kind: Any, value: str, path: str) -> Any:
    if kind == "integer":
        if not _INTEGER.fullmatch(value):
            raise invalid(f"Invalid integer: {value}", path, "parameter_invalid_integer")
        return int(value)
    if kind == "number":
        try:
            return float(value)
        except ValueError:
            raise invalid(f"Invalid decimal: {value}", path) from None
    if kind == "boolean":
        if value not in {"true", "false"}:
            raise invalid(f"Invalid boolean: {value}", path)
        return value == "true"
    if "enum" in schema and value not in schema["enum"]:
        names = [name for name in schema["enum"] if name]
        raise invalid(f"Invalid {path}: must be one of {', '.join(names[:60])}", path)
    if len(value) > schema.get("maxLength", len(value)):
        raise invalid(
            f"Invalid string: {value[:5]}…{value[-5:]}; must be at most "
            f"{schema['maxLength']} characters",
            path,
        )
    return value


def _object(schema: Json, value: Any, path: str) -> Json:
    if not isinstance(value, dict):
        raise invalid("Invalid object", path)
    fields = schema.get("properties")
    if fields is None:
        inner = schema.get("additionalProperties")
        return {key: _map_value(inner, item, _inside(path, key)) for key, item in value.items()}
    for key in value:
        if key not in fields:
            name = _inside(path, key)
            raise invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")
    for key in schema.get("required", []):
        if key not in value:
            name = _inside(path, key)
            raise invalid(f"Missing required param: {name}.", name, "parameter_missing")
    return {key: coerce(fields[key], item, _inside(path, key)) for key, item in value.items()}


def _map_value(schema: Any, value: Any, path: str) -> Any:
    """A value of a map; an empty one is allowed and means: take the key away."""
    return value if value == "" or not isinstance(schema, dict) else coerce(schema, value, path)


def _array(schema: Json, value: Any, path: str) -> list[Any]:
    if not isinstance(value, dict) or not all(_INTEGER.fullmatch(key) for key in value):
        raise invalid("Invalid array", path)
    ordered = sorted(value.items(), key=lambda pair: int(pair[0]))
    return [coerce(schema["items"], item, f"{path}[{i}]") for i, (_, item) in enumerate(ordered)]


def _first_that_fits(branches: list[Json], value: Any, path: str) -> Any:
    problems: list[StripeError] = []
    for branch in sorted(
        branches, key=lambda b: (b.get("type") == "object") != isinstance(value, dict)
    ):
        try:
            return coerce(branch, value, path)
        except StripeError as problem:
            problems.append(problem)
    raise problems[0]


def _inside(path: str, key: str) -> str:
    return f"{path}[{key}]" if path else key
