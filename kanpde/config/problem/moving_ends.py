"""Intervals whose ends are formulas, as the fixed interval of shares ξ from 0 to 1.

    x = A + L ξ,   L = B - A:     ∂_x = ∂_ξ/L,     ∂_t at x = ∂_t - (A_t + ξ L_t)/L ∂_ξ,     ∂_n = ∂_n/L

The ends hold parameters (with ranges too), t, and unknowns of time alone, `unknowns: [u, {s: time}]`:
an end that moves as the solution says. The coordinate is `x_share`; x is written as `x_place`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from kanpde.config.problem.formula_trees import (
    TreeError,
    called,
    parsed,
    value_of,
    with_values,
    written,
)
from kanpde.config.problem.texts import listed, mapping, replaced
from kanpde.config.reader import Reader

X, SHARE, PLACE, TIME = "x", "x_share", "x_place", "time"
INITIAL = "initial"
FORM = "{interval: {lower: 0, upper: s}} with unknowns: [u, {s: time}]"
_NOT_BESIDE = (
    "eigen", "energy", "boundary_energy", "fit", "reference", "metric", "parts", "vectors", "history",
)  # fmt: skip
_CONDITIONS = ("part", "equation", "mean", "weight", "name")
"""What a condition may hold beside moved ends: no other place can be told from a share."""
_REFUSED = ("integral", "mean", "at", "dirac", "dot", "curl", "sum", "prod", "jump")
_EQUALS = re.compile(r"(?<![<>=!])=(?!=)")


def with_fixed_ends(node: Reader) -> Reader:
    """The problem node on an interval of fixed ends; ConfigError where it cannot be put there."""
    if not isinstance(node.value, Mapping):
        return node
    tree = {key: value for key, value in node.value.items() if value is not None}
    unknowns = listed(tree.get("unknowns"))
    of_time = [next(iter(each)) for each in unknowns if _is_of_time(each)]
    interval = mapping(tree, "domain").get("interval")
    ends = _ends(interval)
    numbers = _numbers(ends, mapping(tree, "parameters"))
    if numbers or not ends:
        if of_time:
            raise node.child("unknowns", None).error(
                f"{of_time[0]!r} is of time alone, so an end of the interval, as in {FORM}"
            )
        if not any(isinstance(end, str) for end in ends):
            return node
        tree["domain"] = {"interval": _between(interval, *numbers)}
        return Reader(tree, node.source, node.path, node.folders)
    for key in _NOT_BESIDE:
        if key in tree:
            reason = "does not go with ends that are formulas; leave it out, or give numbers"
            raise node.child(key, None).error(reason)
    try:
        moved = _moved(tree, interval, [str(end) for end in ends], of_time)
    except TreeError as error:
        raise node.error(str(error)) from None
    return Reader(moved, node.source, node.path, node.folders)


def _is_of_time(unknown: Any) -> bool:
    return isinstance(unknown, Mapping) and list(unknown.values()) == [TIME]


def _ends(interval: Any) -> list[Any]:
    """The two ends of an interval, numbers or texts; none where it is something else."""
    if isinstance(interval, Mapping):
        pairs = (("lower", "from"), ("upper", "to"))
        interval = [interval.get(first, interval.get(second)) for first, second in pairs]
    whole = isinstance(interval, list | tuple) and len(interval) == 2
    plain = whole and not any(isinstance(end, bool) for end in interval)
    return (
        list(interval) if plain and all(isinstance(e, str | int | float) for e in interval) else []
    )


def _numbers(ends: list[Any], parameters: Mapping[str, Any]) -> list[float]:
    """Ends that parameters say, none where they are no numbers."""
    try:
        return [value_of(parsed(str(end)), {}, parameters) for end in ends]
    except TreeError:
        return []


def _between(interval: Any, lower: float, upper: float) -> dict[str, Any]:
    name = mapping({"interval": interval}, "interval").get("name")
    return {"lower": lower, "upper": upper} | ({} if name is None else {"name": name})


def _moved(
    tree: dict[str, Any], interval: Any, ends: list[str], of_time: list[str]
) -> dict[str, Any]:
    """A problem in shares."""
    if mapping({"interval": interval}, "interval").get("name") is not None:
        raise TreeError(
            "an interval whose ends are formulas has no name; its parts are left and right"
        )
    fields = [each for each in listed(tree["unknowns"]) if not _is_of_time(each)]
    if not all(isinstance(each, str) for each in fields):
        raise TreeError("ends that are formulas take real unknowns; write the parts as unknowns")
    held = {name for end in ends for name in _names(parsed(end))}
    may = {*of_time, *mapping(tree, "parameters"), *mapping(tree, "parameter_ranges"), "pi"}
    for name in sorted(held - may - ({"t"} if "time" in tree else set())):
        hint = f"; for an end that is solved for write {{{name}: time}}" if name in fields else ""
        raise TreeError(
            f"an end holds parameters, t and unknowns of time alone, found {name!r}{hint}, as in {FORM}"
        )
    for name in of_time:
        if name not in held or "time" not in tree:
            raise TreeError(f"{name!r} is of time alone, so an end beside time, as in {FORM}")
    put = _Shares(
        lower=f"({ends[0]})",
        length=f"(({ends[1]}) - ({ends[0]}))"
        if _numbers(ends[:1], {}) != [0.0]
        else f"({ends[1]})",
        moves=bool(held & {"t", *of_time}),
        fixed=frozenset({*of_time, *mapping(tree, "parameters"), "t", "pi"}),
    )
    moved = dict(tree)
    moved["unknowns"] = [*fields, *of_time]
    moved["domain"] = {"box": {"lower": [0], "upper": [1], "inputs": [SHARE]}}
    equations = [
        {key: text if key == "name" else replaced(text, put.formula) for key, text in each.items()}
        if isinstance(each, Mapping)
        else replaced(each, put.formula)
        for each in listed(tree.get("equations"))
    ]
    moved["equations"] = [*equations, *(f"d({name}, {SHARE}) = 0" for name in of_time)]
    conditions = listed(tree.get("conditions"))
    at_start = _at_start(conditions, of_time)
    moved["conditions"] = [_condition(each, put, at_start) for each in conditions]
    for key in ("definitions", "quantities"):
        if key in tree:
            moved[key] = replaced(tree[key], put.formula)
    if isinstance(solution := tree.get("exact"), Mapping):
        exact_ends = {name: str(solution[name]) for name in of_time if name in solution}
        moved["exact"] = {
            name: text if name in of_time else _known(put.formula(str(text)), exact_ends)
            for name, text in solution.items()
        }
    moved["quantities"] = {PLACE: put.place, **mapping(moved, "quantities")}
    return moved


def _condition(condition: Any, put: _Shares, at_start: Mapping[str, str]) -> Any:
    if not isinstance(condition, Mapping):
        return condition
    others = sorted(key for key in map(str, condition) if key not in _CONDITIONS)
    if others:
        raise TreeError(f"a condition with {others[0]!r} does not go with ends that are formulas")
    start = at_start if condition.get("part") == INITIAL else {}

    def formula(text: str) -> str:
        sides = put.formula(text).split(" = ")
        if set(sides) & set(start):  # says where the end is
            return " = ".join(sides)
        return " = ".join(_known(side, start) for side in sides)

    formulas = ("equation", "mean")
    return {k: replaced(v, formula) if k in formulas else v for k, v in condition.items()}


def _at_start(conditions: list[Any], of_time: list[str]) -> dict[str, str]:
    """Where ends begin, so that initial values are known formulas of the share."""
    found = {}
    for condition in conditions:
        if isinstance(condition, Mapping) and condition.get("part") == INITIAL:
            for text in listed(condition.get("equation")):
                sides = [side.strip() for side in str(text).split("=")]
                for name, value in (sides, sides[::-1]) if len(sides) == 2 else ():
                    if name in of_time:
                        found[name] = value
    return found


def _known(text: str, values: Mapping[str, str]) -> str:
    """A formula with known formulas for the names of ends."""
    return written(with_values(parsed(text), {k: parsed(v) for k, v in values.items()}))


@dataclass
class _Shares(ast.NodeTransformer):
    """Turns formulas of x into formulas of the share; `fixed` are names that do not hold x."""

    lower: str
    length: str
    moves: bool
    fixed: frozenset[str]

    @property
    def place(self) -> str:
        """x."""
        start = "" if self.lower == "(0)" else f"{self.lower} + "
        return f"({start}{self.length}*{SHARE})"

    def formula(self, text: str) -> str:
        """A formula, or an equation of two, in shares."""
        if text.strip() == "manufactured":
            raise TreeError("'manufactured' does not go with ends that are formulas; write it out")
        sides = _EQUALS.split(text.replace("^", "**"))
        return " = ".join(written(self.visit(parsed(side))) for side in sides)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return parsed(self.place) if node.id == X else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name, inside = called(node), [written(self.visit(each)) for each in node.args]
        if name in _REFUSED:
            raise TreeError(f"{name}(...) does not go with ends that are formulas")
        if name == "dn":
            return parsed(f"dn({inside[0]})/{self.length}")
        along = self._along(name, node.args)
        if along is None:
            return ast.Call(node.func, [parsed(each) for each in inside], [])
        text = inside[0]
        for coordinate, times in groupby(along):
            text = self._derivative(text, coordinate, len(list(times)))
        return parsed(text)

    def _along(self, name: str, given: list[ast.expr]) -> list[str] | None:
        """The coordinates that a call takes derivatives by, None where it is something else."""
        if name in ("grad", "div"):
            return [X]
        if name == "laplacian":
            return [X, X]
        if name == "d" and len(given) > 1:
            return [written(each) for each in given[1:]]
        return list(name[1:]) if name[:1] == "d" and name[1:] and {*name[1:]} <= {X, "t"} else None

    def _derivative(self, text: str, coordinate: str, times: int) -> str:
        if coordinate == X:  # at once, since the length does not depend on x
            return f"(d({text}, {', '.join([SHARE] * times)})/{self.length}**{times})"
        if coordinate != "t" or not self.moves or _names(parsed(text)) <= self.fixed:
            return f"d({text}, {', '.join([coordinate] * times)})"
        speed = f"({SHARE}*d({self.length}, t) + d({self.lower}, t))"
        for _ in range(times):
            text = f"(d({text}, t) - {speed}*d({text}, {SHARE})/{self.length})"
        return text


def _names(tree: ast.expr) -> set[str]:
    """Names in a formula that are no functions."""
    functions = {id(part.func) for part in ast.walk(tree) if isinstance(part, ast.Call)}
    return {
        part.id
        for part in ast.walk(tree)
        if isinstance(part, ast.Name) and id(part) not in functions
    }
