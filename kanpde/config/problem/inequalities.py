"""Inequalities beside equations and conditions: what holds where one of both is an equality.

    {equation: "-laplacian(u) = f", inequality: "u >= g"}          ->  min(-laplacian(u) - f, u - g) = 0
    {equation: "-laplacian(u) = f", inequality: "u <= h"}          ->  max(-laplacian(u) - f, u - h) = 0
    {equation: "-laplacian(u) = f", inequality: "g <= u <= h"}     ->  max(min(-laplacian(u) - f, u - g), u - h) = 0
    {part: bottom, equation: "dn(u) = 0", inequality: "u >= 0"}    ->  min(dn(u), u) = 0 there

Where u > g the equation holds, and where u = g its left side is not below its right one. What is
read is the equation with min and max, which may be typed as well.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kanpde.config.problem.formula_trees import TreeError, called, parsed, written
from kanpde.config.problem.texts import listed
from kanpde.config.reader import Reader

INEQUALITY = "inequality"
FORM = '{equation: "-laplacian(u) = f", inequality: "u >= g"}'


@dataclass(frozen=True)
class Complementarity:
    """An equation A = 0 with what is not below 0 (`lower`) and not above 0 (`upper`) beside it."""

    equation: str
    lower: str | None = None
    upper: str | None = None


def with_least_and_largest(node: Reader) -> Reader:
    """The problem node with equations in place of inequalities; ConfigError where one cannot be
    read.
    """
    if not isinstance(node.value, Mapping):
        return node
    tree, unknowns = dict(node.value), _unknowns(node.value)
    for key in ("equations", "conditions"):
        entries = listed(tree.get(key))
        if any(isinstance(entry, Mapping) and INEQUALITY in entry for entry in entries):
            place = node.child(key, tree[key])
            tree[key] = [_entry(place.child(k, entry), unknowns) for k, entry in enumerate(entries)]
    same = all(tree[key] is node.value[key] for key in tree)
    return node if same else Reader(tree, node.source, node.path, node.folders)


def _unknowns(tree: Mapping[str, Any]) -> frozenset[str]:
    """The names of unknowns, those of components among them."""
    names: set[str] = set()
    for item in listed(tree.get("unknowns")):
        for name in item if isinstance(item, Mapping) else [item]:
            names |= {str(name), *(f"{name}{axis}" for axis in "xyz")}
    return frozenset(names)


def _entry(place: Reader, unknowns: Collection[str]) -> Any:
    """An entry of equations or conditions without an inequality."""
    entry = place.value
    if not isinstance(entry, Mapping) or INEQUALITY not in entry:
        return entry
    if "equation" not in entry or not {"part", "equation"} >= {*entry} - {
        INEQUALITY,
        "name",
        "weight",
    }:
        raise place.error(
            f"an {INEQUALITY} stands beside an equation, in the domain or on a part, as in {FORM}"
        )
    rest = {key: value for key, value in entry.items() if key != INEQUALITY}
    text = place.child(INEQUALITY, entry[INEQUALITY]).formula()
    equation = place.child("equation", entry["equation"]).formula()
    try:
        rest["equation"] = f"{_joined(_residual(equation), text, unknowns)} = 0"
    except TreeError as error:
        raise place.child(INEQUALITY, text).error(str(error)) from None
    return rest


def _residual(equation: str) -> str:
    sides = equation.split("=")
    if len(sides) != 2 or not all(side.strip() for side in sides):
        raise TreeError(f"an equation needs exactly one '=', found {equation[:60]!r}")
    left, right = (side.strip() for side in sides)
    return left if right == "0" else f"{left} - ({right})"


def _joined(residual: str, inequality: str, unknowns: Collection[str]) -> str:
    """The left side of the equation with min and max."""
    wrong = TreeError(
        f"must be u >= g, u <= h or g <= u <= h with one unknown between them, found"
        f" {inequality[:60]!r}"
    )
    try:
        tree = parsed(inequality.replace("^", "**"))
    except TreeError:
        raise wrong from None
    if not isinstance(tree, ast.Compare) or len(tree.ops) > 2:
        raise wrong
    sides = [tree.left, *tree.comparators]
    if all(isinstance(operation, ast.GtE | ast.Gt) for operation in tree.ops):
        sides.reverse()
    elif not all(isinstance(operation, ast.LtE | ast.Lt) for operation in tree.ops):
        raise wrong
    if len(sides) == 3:
        below, middle, above = map(written, sides)
        return f"max(min({residual}, {middle} - ({below})), {middle} - ({above}))"
    low, high = sides
    if not (isinstance(low, ast.Name) and low.id in unknowns):
        return f"min({residual}, {written(high)} - ({written(low)}))"
    return f"max({residual}, {written(low)} - ({written(high)}))"


def complementarity(text: str) -> Complementarity | None:
    """What an equation min(A, B) = 0 says, by its text, B after A; None for any other."""
    sides = text.split("=")
    if len(sides) != 2 or sides[1].strip() not in ("0", "0.0"):
        return None
    try:
        return _read(parsed(sides[0].replace("^", "**")))
    except TreeError:
        return None


def _read(tree: ast.expr) -> Complementarity | None:
    word = called(tree)
    if word not in ("min", "max") or not isinstance(tree, ast.Call) or len(tree.args) != 2:
        return None
    first, second = tree.args
    if called(second) in ("min", "max"):
        first, second = second, first
    inner = _read(first) or Complementarity(written(first))
    if word == "min" and inner.lower is None:
        return replace(inner, lower=written(second))
    if word == "max" and inner.upper is None:
        return replace(inner, upper=written(second))
    return None
