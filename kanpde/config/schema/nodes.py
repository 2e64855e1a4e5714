"""The words of JSON Schema that the schema of a file is made of.

A schema is plain data. A `rule` is one sentence, an `example` a value that a file may hold there.
Numbers may stand as text, since `1e-9` without a point is text to YAML 1.1, and `${...}` refers to
another value of the file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

Schema = dict[str, Any]

_NUMBER = r"^\s*([-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|\$\{.*\})\s*$"
UNSET: Any = object()


def described(schema: Schema, rule: str, default: Any = UNSET, example: Any = UNSET) -> Schema:
    """A schema with what a reader wants to know: a rule, a default and an example."""
    known: Schema = {**schema, "description": rule}
    if default is not UNSET:
        known["default"] = plain(default)
    if example is not UNSET:
        known["examples"] = [example]
    return known


def number(
    least: float | None = None, most: float | None = None, above: float | None = None
) -> Schema:
    """A number, as a number or as text, with its bounds."""
    bounds = {"minimum": least, "maximum": most, "exclusiveMinimum": above}
    kept = {key: bound for key, bound in bounds.items() if bound is not None}
    return {"type": ["number", "string"], "pattern": _NUMBER, **kept}


def integer(least: int, most: int) -> Schema:
    """A whole number in a range; 1e3 and 1000.0 are whole numbers too."""
    return {**number(least, most), "multipleOf": 1}


def flag() -> Schema:
    """True or false."""
    return {"type": "boolean"}


def text() -> Schema:
    """A text."""
    return {"type": "string"}


def formula() -> Schema:
    """A formula, or a number."""
    return {"type": ["string", "number"]}


def choice(words: Collection[str]) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": list(words)}


def items(of: Schema, least: int = 0, most: int | None = None) -> Schema:
    """A list."""
    bounds = {"minItems": least} if most is None else {"minItems": least, "maxItems": most}
    return {"type": "array", "items": of, **bounds}


def one_or_more(of: Schema, least: int = 1, most: int | None = None) -> Schema:
    """A value, or a list of such values."""
    return {"anyOf": [of, items(of, least, most)]}


def either(*schemas: Schema) -> Schema:
    """One of several."""
    return {"anyOf": list(schemas)}


def entries(of: Schema) -> Schema:
    """A mapping whose keys are names of the user's choice."""
    return {"type": "object", "additionalProperties": of}


def mapping(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    """A mapping with these keys and no other; null stands for a key that is not given."""
    known = {
        key: schema if key in required else nullable(schema) for key, schema in properties.items()
    }
    closed: Schema = {"type": "object", "properties": known, "additionalProperties": False}
    return {**closed, "required": list(required)} if required else closed


def reference(name: str) -> Schema:
    """What stands under a name in `$defs`."""
    return {"$ref": f"#/$defs/{name}"}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    words = ("description", "default", "examples")
    listed: Schema = {key: schema[key] for key in words if key in schema}
    rest = {key: value for key, value in schema.items() if key not in listed}
    if "anyOf" in rest:
        return {"anyOf": [*rest["anyOf"], {"type": "null"}], **listed}
    if "type" not in rest:
        return {"anyOf": [rest, {"type": "null"}], **listed}
    kinds = rest["type"] if isinstance(rest["type"], list) else [rest["type"]]
    chosen = {"enum": [*rest["enum"], None]} if "enum" in rest else {}
    return {**rest, "type": [*kinds, "null"], **chosen, **listed}


def plain(value: Any) -> Any:
    """Tuples as lists and mappings as dictionaries, as JSON has them."""
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value
