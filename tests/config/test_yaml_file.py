"""The data door reads YAML 1.2 scalars and nothing but data."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanpde.config import yaml_file
from kanpde.errors import BudgetError, ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-9", 1e-9),
        ("1.0e-9", 1e-9),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("+12", 12),
        ("0", 0),
        ("1E3", 1000.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        ("nan", "nan"),
        ("1e999", "1e999"),
        ("1e", "1e"),
        (".", "."),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    loaded = yaml_file.loads(f"a: {text}", source="my.yaml")["a"]
    assert loaded == value
    assert type(loaded) is type(value)


def test_nan_is_read_as_a_number_for_the_validator_to_refuse() -> None:
    assert math.isnan(yaml_file.loads("a: .nan", source="my.yaml")["a"])


def test_quoted_scalars_and_keys_are_text() -> None:
    tree = yaml_file.loads('a: \'1\'\n"b": "true"\non: 1\n1: x\nnull: y\n', source="my.yaml")
    assert tree == {"a": "1", "b": "true", "on": 1, "1": "x", "null": "y"}


@pytest.mark.parametrize(
    "encoded",
    ["a: [1, é]".encode(), b"\xef\xbb\xbf" + "a: [1, é]".encode(), "a:\r\n- 1\r\n- é\r\n".encode()],
)
def test_utf_8_with_any_newline_is_read(encoded: bytes, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes(encoded)
    assert yaml_file.load(path) == {"a": [1, "é"]}
    assert yaml_file.load(str(path)) == {"a": [1, "é"]}


def test_references_are_replaced_by_values() -> None:
    text = "a: {b: 2.0, c: [x, 7], d: true}\ne: ${a.b}\nf: sin(${a.b}*${a.c.0}) + ${g}\ng: ${a.c.1}\nh: 'is ${a.d}'\n"
    tree = yaml_file.loads(text, source="my.yaml")
    assert tree["e"] == 2.0
    assert tree["f"] == "sin(2.0*x) + 7"
    assert tree["g"] == 7
    assert tree["h"] == "is true"


def test_a_dollar_alone_is_text() -> None:
    assert yaml_file.loads("a: 5 $ {x}", source="my.yaml") == {"a": "5 $ {x}"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: ${b}\nb: ${c}\nc: ${a}", "the references b -> c -> a -> b go in a circle"),
        ("a: ${a.b}", "${a.b} names nothing in this file ('b' not found)"),
        ("a: [1]\nb: ${a.1}", "${a.1} names nothing in this file ('1' not found)"),
        ("a: [1]\nb: ${a}", "${a} must name a text or a number, found a list of 1"),
        ("a: ${oc.env:HOME}", "${...} may only name a key of this file"),
        ("a: ${.b}\nb: 1", "${...} may only name a key of this file"),
        ("a: ${a[0]}", "${...} may only name a key of this file"),
        ("a: ${ b }\nb: 1", "${...} may only name a key of this file"),
        (
            "\n".join(f"k{i}: ${{k{i + 1}}}" for i in range(50)) + "\nk50: 1",
            "a chain of more than 20 references",
        ),
        ("a: '${b}${b}'\nb: '${c}${c}'\nc: " + "x" * 1500, "becomes longer than 4000 characters"),
    ],
)
def test_other_references_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        yaml_file.loads(text, source="my.yaml")
    assert message in str(caught.value)


def test_references_cannot_multiply_a_file() -> None:
    lines = ["k0: " + "x" * 40, *(f"k{i}: '{f'${{k{i - 1}}}' * 10}'" for i in range(1, 12))]
    with pytest.raises(ConfigError, match="becomes longer than 4000 characters"):
        yaml_file.loads("\n".join(lines), source="my.yaml")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.yaml", "absent.yaml: no such file"),
        ("folder", "folder: is not a regular file"),
        ("a\0b", "no such file"),
        ("a" * 5000, "cannot be read (File name too long)"),
    ],
)
def test_what_is_no_file_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError) as caught:
        yaml_file.load(tmp_path / name)
    assert message in str(caught.value)


def test_a_file_name_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J\n.yaml"
    path.write_text("a: *b", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        yaml_file.load(path)
    assert str(caught.value).isprintable()


def test_limits_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("a: 1\n#" + "x" * (yaml_file.MOST_BYTES - 6), encoding="utf-8")
    assert yaml_file.load(path) == {"a": 1}
    path.write_text("a: 1\n#" + "x" * (yaml_file.MOST_BYTES - 5), encoding="utf-8")
    with pytest.raises(BudgetError, match="larger than 1000000 bytes"):
        yaml_file.load(path)

    items = yaml_file.MOST_NODES - 3  # the mapping, its key and the list are nodes too
    assert len(yaml_file.loads(f"a: [{'1, ' * items}]", source="my.yaml")["a"]) == items
    with pytest.raises(BudgetError, match="more than 10000 nodes"):
        yaml_file.loads(f"a: [{'1, ' * (items + 1)}]", source="my.yaml")

    inner = yaml_file.DEEPEST - 2  # the mapping and the number are levels too
    assert yaml_file.loads(f"a: {'[' * inner}1{']' * inner}", source="my.yaml")
    with pytest.raises(ConfigError, match="nested more than 20 levels"):
        yaml_file.loads(f"a: {'[' * (inner + 1)}1{']' * (inner + 1)}", source="my.yaml")


PRINTABLE = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufeff$"
    )
)
TEXTS = PRINTABLE | st.sampled_from(
    ["1e-9", "yes", "010", "1:30", "null", "", "~", ".nan", "a: b", "- a", "a\nb\n", "1e999"]
)
KEYS = st.text(st.sampled_from("abcXYZ019 -:#'\"{}[],&*!|>%@`?~."), max_size=8).filter(
    lambda key: not key.startswith("_")
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_what_is_written_reads_back(tree: dict[str, Any]) -> None:
    loaded = yaml_file.loads(yaml_file.dumps(tree), source="my.yaml")
    assert loaded == tree
    assert repr(loaded) == repr(tree), "1 stays 1, 1.0 stays 1.0, true stays true"


def test_shared_data_is_written_without_anchors() -> None:
    shared = [1, 2]
    assert yaml_file.loads(yaml_file.dumps({"a": shared, "b": shared}), source="my.yaml") == {
        "a": [1, 2],
        "b": [1, 2],
    }
