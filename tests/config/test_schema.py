"""The schema of a file agrees with what reads it: every file that is read fits it, its closed
mappings know the reader's keys, its defaults are the reader's, and mistakes are mistakes to both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from schema_helpers import mistakes

from kanpde.config import shipped, validate, yaml_file
from kanpde.config.problem import condition_reader
from kanpde.config.problem.fits import _DATA_KEYS as FIT_KEYS
from kanpde.config.problem.searches import Search
from kanpde.config.problem.shapes import _KINDS as SHAPES
from kanpde.config.problem.statement import PROBLEM_KEYS
from kanpde.config.schema import file_schema
from kanpde.config.schema.nodes import plain
from kanpde.config.solve import adaptive, defaults, optimizers, patches, trial
from kanpde.config.validate import _KEYS as TOP_KEYS
from kanpde.errors import KanpdeError

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = file_schema()
DEFS = SCHEMA["$defs"]
FILES = sorted([*(ROOT / "tests/cases").glob("*.yaml"), *(ROOT / "docs/examples").rglob("*.yaml")])
"""Users' problems; those with meshes are left out, which another process reads."""


def keys(name: str) -> set[str]:
    """The keys of what stands in the schema under a name."""
    return set(DEFS[name]["properties"])


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_problems_fit_the_schema(name: str) -> None:
    tree = {"problem": yaml_file.load(shipped.problem_yaml(name))}
    assert list(mistakes(SCHEMA, plain(tree), SCHEMA)) == []


def test_files_that_are_read_fit_the_schema_as_written_and_as_resolved() -> None:
    count = 0
    for path in FILES:
        if ".msh" in path.read_text(encoding="utf-8"):
            continue
        try:
            tree = yaml_file.load(path)
            config = validate(tree, source=path.name, base=path.parent)
        except KanpdeError:
            continue
        count += 1
        assert list(mistakes(SCHEMA, plain(tree), SCHEMA)) == [], path.name
        if config.problem.fit is None:
            resolved = plain(config.as_tree())
            assert list(mistakes(SCHEMA, resolved, SCHEMA)) == [], path.name
    assert count > 80


def test_closed_mappings_have_the_keys_of_their_readers() -> None:
    assert set(SCHEMA["properties"]) == set(TOP_KEYS)
    assert keys("problem") == set(PROBLEM_KEYS)
    assert keys("trial") == set(trial.KEYS)
    assert keys("shape") == set(SHAPES)
    assert keys("fit of a table") == set(FIT_KEYS)
    assert keys("search") == set(vars(Search()))
    assert keys("patches") == set(vars(patches.PatchesConfig()))
    of_conditions = {
        "boundary condition": "equation",
        "interface condition": "interface",
        "periodic condition": "periodic",
        "point condition": "point",
    }
    for name, kind in of_conditions.items():
        assert keys(name) == set(condition_reader._KEYS[kind]), name
    means = keys("mean condition") | keys("integral condition")
    assert means == set(condition_reader._KEYS["mean"])
    of_data = [set(option["properties"]) for option in DEFS["measured values"]["anyOf"]]
    assert set().union(*of_data) == set(condition_reader._KEYS["data"])
    for name, row in optimizers.OPTIMIZERS.items():
        assert set(row.defaults) <= keys(f"stage {name}"), name
    for name, table in (
        ("points", defaults.POINTS),
        ("adaptive weights", defaults.ADAPTIVE_WEIGHTS),
    ):
        assert keys(name) == {"method", *(key for method in table.values() for key in method)}
    assert DEFS["adaptive weights"]["properties"]["bins"]["maximum"] == adaptive.MOST_BINS


def test_defaults_are_those_of_the_reader() -> None:
    tree = {
        "problem": {
            "unknowns": "u",
            "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
            "equations": "laplacian(u) = 1",
            "conditions": [{"part": "boundary", "equation": "u = 0"}],
        },
        "trial": {},
    }
    resolved = plain(validate(tree, source="test").as_tree())
    for node in ("trial", "sampler", "weights", "output"):
        for key, value in resolved[node].items():
            told = DEFS[node]["properties"][key]["default"]
            assert told == value or [told] * 2 == value, (node, key)
    (stage,) = resolved["schedule"]
    for key in stage.keys() - {"optimizer"}:
        assert DEFS["stage least_squares"]["properties"][key]["default"] == stage[key], key


def examples(schema: Any, place: str = "") -> list[tuple[str, Any, Any]]:
    """Every key with an example: place, schema, example."""
    told = [(place, schema, example) for example in schema.get("examples", ())]
    for key, entry in schema.get("properties", {}).items():
        told += examples(entry, f"{place}.{key}")
    for option in schema.get("anyOf", ()):
        told += examples(option, place)
    return told


def test_every_key_has_a_rule_and_its_example_fits() -> None:
    for name, schema in {"": SCHEMA, **DEFS}.items():
        for place, node, example in examples(schema, name):
            if place.removeprefix(name) in ("", ".problem"):
                continue
            assert list(mistakes(node, example, SCHEMA)) == [], place
        for key, entry in schema.get("properties", {}).items():
            needs = name not in ("shape", "mesh", "coefficient") and "interval" not in key
            assert not needs or entry.get("description", "").endswith("."), f"{name}.{key}"


PLATE: dict[str, Any] = {
    "problem": {
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "equations": ["laplacian(u) = 1"],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"problm": 1},
        {"trial": {"widht": [4]}},
        {"trial": {"kind": "fem"}},
        {"trial": {"degree": 99}},
        {"trial": {"width": [4.5]}},
        {"tolerance": 0},
        {"tolerance": "small"},
        {"schedule": [{"optimizer": "sgd"}]},
        {"schedule": [{"optimizer": "adam", "regularisation": 1e-9}]},
        {"schedule": []},
        {"sampler": {"kind": "random"}},
        {"output": {"vtu": "yes"}},
        {"slabs": {"eror": 1e-6}},
        {"seed": -1},
        {"compare": {"modes": ["fair"]}},
    ],
    ids=str,
)
def test_what_the_reader_refuses_the_schema_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(KanpdeError):
        validate({**PLATE, **wrong}, source="test")
    assert list(mistakes(SCHEMA, {**PLATE, **wrong}, SCHEMA))


def test_what_is_missing_or_misspelt_in_a_problem_is_a_mistake() -> None:
    assert list(mistakes(SCHEMA, PLATE, SCHEMA)) == []
    for key in PLATE["problem"]:
        less = {name: value for name, value in PLATE["problem"].items() if name != key}
        assert list(mistakes(SCHEMA, {"problem": less}, SCHEMA)), key
        other = {**less, key + "s": PLATE["problem"][key]}
        assert list(mistakes(SCHEMA, {"problem": other}, SCHEMA)), key
