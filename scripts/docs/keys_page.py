"""The reference of the keys of a file, from its schema."""

from __future__ import annotations

import json
from typing import Any

from kanpde.config.schema import file_schema

HEAD = """# Keys of a problem file

Every key that a file may hold: its type, what it is where it is left out, its rule and an example.
`kanpde schema` prints the same as JSON Schema, by which editors complete and check keys;
`kanpde show FILE.yaml --resolved` says with which values a file runs. Which keys go together is
checked when a file is read, and answered in one line. Numbers may be written as text (`"1e-9"`),
null stands for a key that is left out, and `${problem.parameters.k}` for another value of the file.

Written by `python -m scripts reference --write`.
"""
PARTS = {
    "": ("The file", "What stands at the top."),
    "problem": ("problem", "What is solved."),
    "shape": ("problem.domain", "Exactly one of these."),
    "mesh": ("problem.domain.mesh", ""),
    "equation": ("problem.equations", "Formulas `left = right`, or mappings:"),
    "boundary condition": ("problem.conditions: on parts", ""),
    "interface condition": ("problem.conditions: between regions", ""),
    "periodic condition": ("problem.conditions: periodic", ""),
    "mean condition": ("problem.conditions: the mean", ""),
    "integral condition": ("problem.conditions: an integral", ""),
    "statement of an integral": ("problem.conditions: an integral by a formula", ""),
    "point condition": ("problem.conditions: at a point", ""),
    "measured values": ("problem.conditions: measured values", "With `data` or `values`."),
    "coefficient": ("problem.definitions: from files", "Formulas are written as they are."),
    "unknown parameter": ("problem.unknown_parameters", "A start alone, or a mapping:"),
    "boundary energy": ("problem.boundary_energy", ""),
    "eigenvalues": ("problem.eigen", ""),
    "fit of a table": ("problem.fit", "Formulas by name, or a table:"),
    "search": ("problem.fit.search", ""),
    "trial": ("trial", ""),
    "patches": ("trial.patches", ""),
    "start": ("start: by unknown", "One of formula, run and table, or values in its place."),
    "stages": ("schedule", "A list of stages: an optimizer, or a change of grids or points."),
    "points": ("points of a stage, adapt_points", "A method alone, or a mapping:"),
    "adaptive weights": ("weights of a stage", "A method alone, or a mapping:"),
    "sparsify": ("sparsify of a stage", "Its weight alone, or a mapping:"),
    "sampler": ("sampler", ""),
    "weights": ("weights", ""),
    "slabs": ("slabs", "A number, a list of times, or a mapping:"),
    "output": ("output", ""),
    "compare": ("compare", ""),
}
"""Parts of the schema by name: heading and first line."""


def keys_page() -> str:
    """The whole page."""
    schema = file_schema()
    known = {"": schema, **schema["$defs"]}
    known["shape"] = {"properties": _properties(known["shape"]) | _properties(known["domain"])}
    known["stages"] = {"properties": _stages(schema["$defs"])}
    missing = sorted(name for name in _mappings(schema["$defs"]) if name not in PARTS)
    if missing:
        raise SystemExit(f"keys_page: PARTS lacks {', '.join(missing)}")
    sections = [HEAD]
    for name, (title, line) in PARTS.items():
        sections.append(f"## {title}\n")
        sections += [line + "\n"] if line else []
        sections += [_table(_properties(known[name])) + "\n"]
    return "\n".join(sections)


def _mappings(defs: dict[str, Any]) -> list[str]:
    """Names of what has keys of its own; stages are shown together."""
    stages = {option["$ref"].rpartition("/")[2] for option in defs["stage"]["anyOf"]}
    together = {*stages, "domain"}
    return [name for name in defs if name not in together and _properties(defs[name])]


def _stages(defs: dict[str, Any]) -> dict[str, Any]:
    """The keys of all stages, with the defaults of each optimizer."""
    keys: dict[str, Any] = {}
    names = [name for name in defs if name.startswith("stage ")]
    optimizers = [name.removeprefix("stage ") for name in names]
    for name in names:
        for key, schema in defs[name]["properties"].items():
            if key not in keys:
                keys[key] = {**schema, "of": {}}
            if "default" in schema:
                keys[key]["of"][name.removeprefix("stage ")] = schema["default"]
    choice = {"type": "string", "enum": optimizers, "description": "The method of the stage."}
    keys["optimizer"] = {**choice, "examples": ["least_squares"], "of": {}}
    for name in ("grid extension", "grid update", "change of points"):
        keys |= defs[name]["properties"]
    return keys


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    """The keys of a mapping, or of the mappings among several."""
    keys = dict(schema.get("properties", {}))
    for option in schema.get("anyOf", ()):
        keys |= _properties(option)
    return keys


def _table(keys: dict[str, Any]) -> str:
    rows = ["| key | type | default | rule | example |", "|---|---|---|---|---|"]
    for key, schema in keys.items():
        cells = (f"`{key}`", kind(schema), _default(schema), _rule(schema), _example(key, schema))
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows)


def kind(schema: dict[str, Any]) -> str:
    """The type of a value in words."""
    if "$ref" in schema:
        return _linked(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"] if word is not None)
    if "anyOf" in schema:
        options = [kind(option) for option in schema["anyOf"] if option != {"type": "null"}]
        return " or ".join(dict.fromkeys(options))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "array" in kinds:
        return f"list of {kind(schema['items'])}"
    if "object" in kinds:
        further = schema.get("additionalProperties")
        return f"mapping name: {kind(further)}" if isinstance(further, dict) else "mapping"
    if "pattern" in schema:
        return "integer" if "multipleOf" in schema else "number"
    if "boolean" in kinds:
        return "`true`, `false`"
    return "formula" if "number" in kinds else "text"


def _linked(name: str) -> str:
    if name not in PARTS or name == "":
        return {"domain": "shape or regions", "definition": "formula, file or by region"}.get(
            name, name
        )
    anchor = "".join(c for c in PARTS[name][0].lower() if c.isalnum() or c in " _-").replace(
        " ", "-"
    )
    return f"[{name}](#{anchor})"


def _default(schema: dict[str, Any]) -> str:
    by_optimizer = schema.get("of")
    if by_optimizer:
        values = dict.fromkeys(json.dumps(value) for value in by_optimizer.values())
        if len(values) == 1:
            return f"`{next(iter(values))}`" if by_optimizer and "null" not in values else "–"
        return ", ".join(f"{name} `{json.dumps(value)}`" for name, value in by_optimizer.items())
    if "default" not in schema or schema["default"] is None:
        return "–"
    default = schema["default"]
    if isinstance(default, str) and ("enum" not in schema):
        return default or "–"
    return f"`{json.dumps(default)}`"


def _rule(schema: dict[str, Any]) -> str:
    """The sentence of a key, and its bounds."""
    low, high, above = (schema.get(key) for key in ("minimum", "maximum", "exclusiveMinimum"))
    bounds = []
    if above is not None:
        bounds.append(f"> {above:g}")
    if low is not None and low > -1e12:
        bounds.append(f"≥ {low:g}")
    if high is not None and high < 1e9:
        bounds.append(f"≤ {high:g}")
    return " ".join(
        [schema.get("description", ""), *([f"({', '.join(bounds)})"] if bounds else [])]
    )


def _example(key: str, schema: dict[str, Any]) -> str:
    examples = schema.get("examples", ())
    return f"`{key}: {_flow(examples[0])}`" if examples else ""


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(entry) for entry in value) + "]"
    if isinstance(value, str):
        return value if value.replace("_", "a").replace(".", "a").isalnum() else json.dumps(value)
    return json.dumps(value)
