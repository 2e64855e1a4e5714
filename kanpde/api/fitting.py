"""Regression from arrays: u(x; θ) ≈ y by the solver, schedule and report of a PDE.

solution = kanpde.fit(x, y, test=(x_test, y_test), trial={"width": [5], "start": "paper"})
solution.rmse["u"], solution(points)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kanpde import api
from kanpde.config.problem.coordinate_names import usual
from kanpde.config.problem.tables import MOST_NUMBERS, Table
from kanpde.errors import BudgetError, ConfigError
from kanpde.numerics.array_likes import plain_array
from kanpde.results.solution import Solution

Array = NDArray[np.float64]


def fit(
    x: ArrayLike,
    y: ArrayLike,
    *,
    test: float | tuple[ArrayLike, ArrayLike] | None = None,
    names: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
    domain: Mapping[str, Any] | None = None,
    name: str = "fit",
    search: Mapping[str, Any] | bool = False,
    **keys: Any,
) -> Solution:
    """Fit values y (N, m), or (N,), at points x (N, d), or (N,).

    `test` are points and values that serve errors only, or the share of the rows that is drawn for
    that (always the same rows). `names` are those of the d inputs (x | x, y | x, y, z | x1, ...,
    xd) and of the m outputs (u | u1, ..., um). `domain` is that of a file; by default it is the
    bounding box of all points. `search` looks for a small network: its keys are those of a file, or
    True for all defaults. Further keywords are those of `kanpde.solve`: trial, schedule,
    weights, seed, dtype, out, ... Raises ConfigError for arrays of other shapes or with numbers
    that are not finite.
    """
    train = _rows(x, y, "")
    inputs, outputs = _names(names, train[0].shape[1], train[1].shape[1])
    node: dict[str, Any] = {
        "values": _table(*train, inputs, outputs),
        "columns": outputs,
        "inputs": inputs,
    }
    if isinstance(test, tuple):
        given = _rows(*test, "test: ") if len(test) == 2 else None
        if given is None or (given[0].shape[1], given[1].shape[1]) != (len(inputs), len(outputs)):
            raise ConfigError(
                f"fit: test: must be (x, y) with {len(inputs)} inputs and {len(outputs)} outputs"
                f" as in x and y"
            )
        node["test"] = {"values": _table(*given, inputs, outputs)}
    elif test is not None:
        node["test"] = test
    if search is not False:
        node["search"] = {} if search is True else search
    problem: dict[str, Any] = {
        "name": name,
        "fit": node,
        "domain": domain,
    }
    return api.solve({"problem": problem}, **keys)


def _rows(x: ArrayLike, y: ArrayLike, which: str) -> tuple[Array, Array]:
    """x (N, d) and y (N, m) as float64."""
    arrays = []
    for what, given in (("x", x), ("y", y)):
        array = plain_array(given, f"fit: {which}{what}")
        if array.ndim not in (1, 2) or 0 in array.shape:
            raise ConfigError(
                f"fit: {which}{what} must have the shape (N, columns), found {array.shape}"
            )
        array = array[:, None] if array.ndim == 1 else array
        if not np.isfinite(array).all():
            row = int((~np.isfinite(array)).any(axis=1).argmax())
            raise ConfigError(
                f"fit: {which}{what} must hold finite numbers, found {array[row].tolist()} in row"
                f" {row + 1}"
            )
        arrays.append(array)
    if len(arrays[0]) != len(arrays[1]):
        raise ConfigError(
            f"fit: {which}y must have as many rows as x ({len(arrays[0])}), found {len(arrays[1])}"
        )
    return arrays[0], arrays[1]


def _names(
    names: tuple[Sequence[str] | None, Sequence[str] | None], d: int, m: int
) -> tuple[list[str], list[str]]:
    if not (isinstance(names, tuple | list) and len(names) == 2 and all(map(_is_listed, names))):
        raise ConfigError(
            f"fit: names: must be two lists, of the inputs and of the outputs, found {names!r:.80}"
        )
    inputs = list(usual(d) if names[0] is None else names[0])
    outputs = list(
        (["u"] if m == 1 else [f"u{k}" for k in range(1, m + 1)]) if names[1] is None else names[1]
    )
    if (len(inputs), len(outputs)) != (d, m):
        raise ConfigError(
            f"fit: names: needs {d} inputs and {m} outputs, found {len(inputs)} and {len(outputs)}"
        )
    return inputs, outputs


def _is_listed(names: Any) -> bool:
    """Whether names are a list of text, or left to the program."""
    if names is None:
        return True
    return isinstance(names, Sequence) and all(isinstance(name, str) for name in names)


def _table(x: Array, y: Array, inputs: Sequence[str], outputs: Sequence[str]) -> Table:
    numbers = np.concatenate([x, y], axis=1)
    if numbers.size > MOST_NUMBERS:
        raise BudgetError(
            f"fit: {numbers.size} numbers are more than {MOST_NUMBERS}; leave out points"
        )
    return Table((*inputs, *outputs), numbers.astype("<f8").tobytes())
