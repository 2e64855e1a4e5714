"""The doors of Python: arguments as literals."""

from __future__ import annotations

import ast
import contextlib
import functools
from pathlib import Path
from typing import Any
from unittest import mock

import kanpde
from kanpde.api.solving import configure
from scripts.fuzz.door import KEYS, LETTERS, Door
from scripts.fuzz.run_doors import run_of_kind

FITS = (
    b"{'x': [0, 1, 2], 'y': [1, 2.5, 3], 'names': (['s'], ['T']), 'test': 0.3}",
    b"{'x': [[0, 1], [1, 1]], 'y': [1, 2], 'test': ([[0.5, 1]], [1.5]), 'search': {'seconds': 1}}",
    b"{'x': [0, 1], 'y': [1, 2], 'domain': {'interval': [0, 2]}, 'trial': {'width': [2]}, 'seed': 1}",
)
STATED = (
    b"{'unknowns': ['u', 'v'], 'domain': {'interval': [0, 1]}, 'equations': ['dxx(u) = v', 'v = k'],"
    b" 'conditions': {'left': 'u = 0', 'right': ['u = 1']}, 'parameters': {'k': 2.0}}",
    b"{'unknowns': 'u', 'equations': 'dt(u) = -u', 'time': [0, 1], 'conditions': {'initial': 'u = 1'}}",
)
POINTS = (b"{'a': [[0.5, 0.5], [0.1, 0.2]], 'b': [(0, 1)]}", b"{'a': []}")


def _literal(data: bytes) -> dict[str, Any]:
    """Arguments of a Python function as a literal of a mapping; none where it is no such thing."""
    with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        tree = ast.literal_eval(data.decode("utf-8", "replace"))
        if isinstance(tree, dict) and all(isinstance(key, str) for key in tree):
            return tree
    return {}


def _fit(data: bytes, folder: Path) -> int:
    """Arrays and names of a fit, up to its config."""
    known = ("x", "y", "names", "test", "search", "domain", "trial", "seed", "name")
    given = {key: value for key, value in _literal(data).items() if key in known}
    arguments = {"x": [0.0], "y": [1.0], **given}
    with mock.patch("kanpde.api.fitting.api.solve", configure):
        kanpde.fit(**arguments)
    return 0


def _stated(data: bytes, folder: Path) -> int:
    """A problem stated in Python."""
    kanpde.Problem(**{"unknowns": "u", "equations": "laplacian(u) = 1", **_literal(data)})
    return 0


def _points(data: bytes, folder: Path) -> int:
    """Points at which a solution is asked for."""
    solution = _solution()
    for points in _literal(data).values():
        solution(points)
        solution.fields(points)
        solution.grad(points)
    return 0


@functools.cache
def _solution() -> Any:
    return kanpde.load(run_of_kind("network"))


PYTHON_DOORS = {
    "fit": Door(_fit, lambda: FITS, (*KEYS, b"None", b"True", b"()", b"1j", b"b''"), 2.0),
    "stated": Door(_stated, lambda: STATED, (*KEYS, *LETTERS, b"None", b"()", b"1j"), 2.0),
    "points": Door(_points, lambda: POINTS, (*KEYS, b"None", b"()", b"1j", b"'x'", b"True"), 10.0),
}
