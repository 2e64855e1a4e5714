"""As much of JSON Schema as the schema of a problem file uses, as an editor would read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

WORDS = {
    *("$schema", "$defs", "$ref", "title", "description", "default", "examples", "type", "enum"),
    *("const", "pattern", "minimum", "maximum", "exclusiveMinimum", "multipleOf", "anyOf", "not"),
    *("properties", "additionalProperties", "required", "minProperties", "maxProperties"),
    *("propertyNames", "items", "minItems", "maxItems"),
}
KINDS: Mapping[str, Any] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
BOUNDS: Mapping[str, Any] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "multipleOf": lambda value, bound: value % bound == 0,
}
SIZES: Mapping[str, Any] = {
    "minItems": lambda value, bound: len(value) >= bound,
    "maxItems": lambda value, bound: len(value) <= bound,
    "minProperties": lambda value, bound: len(value) >= bound,
    "maxProperties": lambda value, bound: len(value) <= bound,
}


def mistakes(schema: Any, value: Any, root: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """What is wrong with a value, each with its place; nothing where it fits."""
    unknown = set(schema) - WORDS
    assert not unknown, unknown
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        yield from mistakes(root["$defs"][name], value, root, place)
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(KINDS[kind](value) for kind in kinds):
            yield f"{place}: no {' or '.join(kinds)}"
            return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: not among {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{place}: not {schema['const']}"
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        yield f"{place}: {value!r} is no number"
    if "not" in schema and not list(mistakes(schema["not"], value, root, place)):
        yield f"{place}: is what it must not be"
    if KINDS["number"](value):
        yield from (
            f"{place}: {key}"
            for key in BOUNDS
            if key in schema and not BOUNDS[key](value, schema[key])
        )
    if isinstance(value, list | dict):
        sizes = [
            key for key in SIZES if key in schema and ("Items" in key) == isinstance(value, list)
        ]
        yield from (f"{place}: {key}" for key in sizes if not SIZES[key](value, schema[key]))
    if "anyOf" in schema:
        tried = [list(mistakes(option, value, root, place)) for option in schema["anyOf"]]
        if all(tried):
            yield from min(tried, key=len)
    if isinstance(value, list) and "items" in schema:
        for index, entry in enumerate(value):
            yield from mistakes(schema["items"], entry, root, f"{place}[{index}]")
    if isinstance(value, dict):
        yield from _of_object(schema, value, root, place)


def _of_object(schema: Any, value: dict[str, Any], root: Any, place: str) -> Iterator[str]:
    known = schema.get("properties", {})
    further = schema.get("additionalProperties", True)
    yield from (f"{place}: lacks {key}" for key in schema.get("required", ()) if key not in value)
    for key, entry in value.items():
        if "propertyNames" in schema:
            yield from mistakes(schema["propertyNames"], key, root, f"{place}.{key}")
        if key in known:
            yield from mistakes(known[key], entry, root, f"{place}.{key}")
        elif further is False:
            yield f"{place}.{key}: unknown key"
        elif further is not True:
            yield from mistakes(further, entry, root, f"{place}.{key}")
