"""The four problems of `peers`: the file, the truth at points, source and given values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.cases.answers import FOLDER

Array = NDArray[np.float64]

POINTS = 1000


@dataclass(frozen=True)
class Compared:
    """A problem with what `kanpde` reads of it, -Δu = `source` and u = `given` (N,) at points
    (N, d), and the case of tests/cases with its answer, None where u is `given` everywhere.
    """

    file: str
    dimension: int
    source: Callable[[Array], Array]
    given: Callable[[Array], Array]
    case: str | None = None

    def truth(self) -> tuple[Array, Array, float]:
        """Points, u there, and the own error of that."""
        if self.case is None:
            x = np.random.default_rng(0).random((POINTS, self.dimension))
            return x, self.given(x), 1e-16
        with np.load(FOLDER / "answers" / f"{self.case}.npz") as stored:
            x = np.array(stored["x"], dtype=np.float64)
            return x, np.array(stored["u"], dtype=np.float64), float(stored["own_error"])


def _franke(at: Array) -> Array:
    x, y = at.T
    u = 0.75 * np.exp(-((9 * x - 2) ** 2 + (9 * y - 2) ** 2) / 4)
    u += 0.75 * np.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
    u += 0.5 * np.exp(-((9 * x - 7) ** 2 + (9 * y - 3) ** 2) / 4)
    return np.asarray(u - 0.2 * np.exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2))


def _franke_source(at: Array) -> Array:
    x, y = at.T

    def bump(a: float, b: Array, c: Array, p: float) -> Array:
        e = a * np.exp(-p * (b**2 + c**2))
        return np.asarray(e * 81 * (4 * p**2 * (b**2 + c**2) - 4 * p))

    total = bump(0.75, 9 * x - 2, 9 * y - 2, 0.25) + bump(0.5, 9 * x - 7, 9 * y - 3, 0.25)
    total += bump(-0.2, 9 * x - 4, 9 * y - 7, 1.0)
    slow = 0.75 * np.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
    slope = -18 * (9 * x + 1) / 49
    total += slow * (slope**2 - 162 / 49 + 0.81)
    return np.asarray(-total)


def _cube(at: Array) -> Array:
    x, y, z = at.T
    return np.asarray(np.exp(x) * np.sin(np.pi * y) * np.sin(np.pi * z))


def _zero(at: Array) -> Array:
    return np.zeros(len(at))


PROBLEMS: Mapping[str, Compared] = {
    "plate": Compared(str(FOLDER / "readme_plate.yaml"), 2, _zero, _zero, "readme_plate"),
    "lshape": Compared(
        str(FOLDER / "poisson_lshape_unit.yaml"),
        2,
        lambda x: np.ones(len(x)),
        _zero,
        "poisson_lshape_unit",
    ),
    "franke": Compared("poisson_franke", 2, _franke_source, _franke),
    "cube": Compared(
        str(FOLDER / "cube_exp.yaml"), 3, lambda x: (2 * np.pi**2 - 1) * _cube(x), _cube
    ),
}


def values_of(solution: Any, x: Array) -> Array:
    """Values (N,) of a solution of `kanpde` at points."""
    return np.asarray(solution(x), dtype=np.float64).reshape(len(x), -1)[:, 0]
