"""The functions of the KAN paper's regression tables, from tests/data/paper_*.csv, with its best
test errors.

The paper gives no ranges; those of the files are this project's, so its figures were measured on
other data. Formulas are read by a closed grammar: numbers, names, + - * / **, the functions below,
an index and `.real`.
"""

from __future__ import annotations

import ast
import csv
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "data"

Array = np.ndarray[Any, Any]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "asin": np.arcsin, "log": np.log, "jv": special.jv,
    "ellipj": special.ellipj, "ellipkinc": special.ellipkinc, "ellipeinc": special.ellipeinc, "yv": special.yv,
    "kv": special.kv, "iv": special.iv, "lpmv": special.lpmv, "sph_harm_y": special.sph_harm_y,
}  # fmt: skip

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One function with its ranges, the paper's best KAN shape (None where it gives none) and its
    two errors (RMSE).
    """

    name: str
    formula: str
    variables: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    shape: tuple[int, ...] | None
    kan: float
    mlp: float

    @property
    def goal(self) -> float:
        """A tenth of the better of the paper's two errors."""
        return min(self.kan, self.mlp) / 10

    def values(self, u: Array) -> Array:
        """The function (N,) at points u (N, d) of the unit cube, which is mapped to the ranges."""
        lower, upper = np.array(self.ranges).T
        names = dict(zip(self.variables, (lower + (upper - lower) * u).T, strict=True))
        values: Array = np.asarray(
            value(ast.parse(self.formula, mode="eval").body, names), dtype=np.float64
        )
        return values


def value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of a parsed formula; ValueError for anything outside the grammar."""
    match node:
        case ast.Constant(value=float() | int() as number):
            return number
        case ast.Name(id="pi"):
            return np.pi
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value(operand, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](value(left, names), value(right, names))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](*(value(arg, names) for arg in args))
        case ast.Subscript(value=inner, slice=ast.Constant(value=int() as index)):
            return value(inner, names)[index]
        case ast.Attribute(value=inner, attr="real"):
            return value(inner, names).real
    raise ValueError(
        f"formula: {ast.unparse(node)!r} is outside the grammar; use {', '.join(sorted(FUNCTIONS))}"
    )


def special_functions() -> list[Row]:
    """The 15 special functions, x and y in this order."""
    return [
        Row(
            line["name"],
            line["scipy.special call"],
            ("x", "y"),
            (_pair(line["x_range"]), _pair(line["y_range"])),
            tuple(ast.literal_eval(line["kan_best_shape"])),
            float(line["kan_best_rmse"]),
            float(line["mlp_rmse"]),
        )
        for line in _lines("paper_special_functions.csv")
    ]


def feynman() -> list[Row]:
    """The 27 dimensionless formulas from Feynman's lectures."""
    return [
        Row(
            line["equation"],
            line["dimensionless formula"],
            tuple(name.strip() for name in line["variables"].split(",")),
            tuple(_pair(pair) for pair in line["ranges"].split()),
            None,
            float(line["kan_best_rmse"]),
            float(line["mlp_rmse"]),
        )
        for line in _lines("paper_feynman.csv")
    ]


def _pair(text: str) -> tuple[float, float]:
    low, high = ast.literal_eval(text)
    return float(low), float(high)


def _lines(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
