"""One case of PDEAgent-Bench: its problem file, its domain and its solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.pde_agent_bench import solutions
from scripts.pde_agent_bench.domains import Place
from scripts.pde_agent_bench.equations import LETTERS
from scripts.pde_agent_bench.solutions import Expression

SEED, CHECKED = 20, 200
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A case and its problem file.

    Attributes:
        name: its id in the suite.
        kind: of its equation.
        domain: of its domain.
        place: the domain.
        problem: the node `problem` of the file.
        times: beginning and end, where it depends on time.
        solution: formulas of its unknowns; empty where none is known.
        linear: whether the equation is.
        notes: what was replaced.
    """

    name: str
    kind: str
    domain: str
    place: Place
    problem: dict[str, Any]
    times: tuple[float, float] | None
    solution: tuple[Expression, ...]
    linear: bool
    notes: tuple[str, ...]

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Their names, time last."""
        return (*LETTERS[: len(self.place.lower)], *(("t",) if self.times else ()))

    def points(self, count: int, seed: int) -> Array:
        """Random points (count, d) of the domain, and of time."""
        x = self.place.points(count, seed)
        if self.times is None:
            return x
        return np.column_stack([x, np.random.default_rng(seed + 1).uniform(*self.times, count)])

    def exact(self, points: Array) -> Array:
        """Values of the solution (N, m)."""
        columns = [solutions.values(u, points, self.coordinates) for u in self.solution]
        return np.column_stack(columns)


def agree(case: Case, first: Expression, second: Expression, points: Array | None = None) -> bool:
    """Whether two formulas are the same at points of the domain, up to rounding of their digits."""
    points = case.points(CHECKED, SEED) if points is None else points
    a, b = (solutions.values(form, points, case.coordinates) for form in (first, second))
    return bool(np.abs(a - b).max() <= 1e-9 * max(1.0, np.abs(b).max()))


def on_faces(case: Case, side: str) -> Array:
    """Points on a face of a box, x0 as an example, or on all of them; of other domains inside."""
    points = case.points(CHECKED, SEED)
    if not case.place.is_box:
        return points
    faces = []
    for axis, letter in enumerate(LETTERS[: len(case.place.lower)]):
        for name, end in ((f"{letter}0", case.place.lower), (f"{letter}1", case.place.upper)):
            if side in ("all", name):
                face = points.copy()
                face[:, axis] = end[axis]
                faces.append(face)
    return np.vstack(faces)


def order_of(case: Case) -> Sequence[int]:
    """Steady cases with a solution come first, those in the plane before those in space."""
    return (not case.solution, case.times is not None, len(case.place.lower))
