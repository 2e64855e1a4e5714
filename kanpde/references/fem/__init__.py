"""Finite elements for references, the only door to scikit-fem: weak form of a formula, curved
cells, p-version, time steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kanpde.domains import Domain, SpaceTime
from kanpde.problem.problem import Problem
from kanpde.references.fem.cells import Cells, Indices, fill
from kanpde.references.fem.evolve import Evolution, initial_value, radau
from kanpde.references.fem.solve import solve
from kanpde.references.fem.space import Space
from kanpde.references.fem.weak import WeakForm, weak_form

Array = NDArray[np.float64]

__all__ = ["FiniteElements", "radau"]

FIRST_DEGREE, MOST_DEGREE, DEGREES, LAYERS = 3, 11, 2, 4
RESOLUTION = {1: 8, 2: 6}
POINTS, TIMES = 3000, 12
State = tuple[int, ...]


@dataclass
class FiniteElements:
    """Values at quadrature points for a state (resolution, degree, layers towards corners, time
    steps); see `references`.

    Only the last mesh of a resolution and its point location are kept.
    """

    problem: Problem
    form: WeakForm
    x: Array
    w: Array
    times: Array
    _meshes: dict[tuple[int, int], tuple[Cells, Indices, Array]] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: Problem) -> FiniteElements:
        """The method for a problem; ConfigError when it is none for it."""
        form = weak_form(problem)
        if form.mass is not None:
            initial_value(form, float(problem.domain.lower[-1]))
        domain = problem.domain
        if not isinstance(domain, SpaceTime):
            points = domain.quadrature(POINTS)
            return cls(problem, form, points.x, points.w, np.zeros(0))
        nodes, _, weights = radau(TIMES)
        length = domain.end - domain.start
        points = domain.space.quadrature(POINTS // (TIMES if domain.dimension == 2 else 2))
        times = domain.start + length * nodes
        x = np.column_stack([np.tile(points.x, (TIMES, 1)), np.repeat(times, len(points.x))])
        return cls(problem, form, x, np.outer(length * weights, points.w).ravel(), times)

    @property
    def space(self) -> Domain:
        """The domain without time."""
        domain = self.problem.domain
        return domain.space if isinstance(domain, SpaceTime) else domain

    @property
    def start(self) -> State:
        """The coarsest state."""
        steps = (4,) if len(self.times) else ()
        return (RESOLUTION.get(self.space.dimension, 4), FIRST_DEGREE, 0, *steps)

    def finer(self, state: State) -> tuple[State, ...]:
        """A state for every way to refine: the degree (or the mesh), the corners, the time."""
        resolution, degree, layers, *steps = state
        higher = (
            (resolution, degree + DEGREES)
            if degree < MOST_DEGREE
            else (2 * resolution, degree - 2 * DEGREES)
        )
        found: list[State] = [(*higher, layers, *steps)]
        if not self.form.periodic and self._cornered(resolution):
            found.append((resolution, degree, layers + LAYERS, *steps))
        return (*found, *((resolution, degree, layers, 2 * n) for n in steps))

    def values(self, state: State) -> Array:
        """u at the points (N,); NumericalError when the equations cannot be solved."""
        resolution, degree, layers, *steps = state
        cells, where, xi = self._mesh(resolution, layers)
        space = Space(cells, degree)
        if not steps:
            return space.sample(solve(self.form, space), where, xi)
        domain = self.problem.domain
        begin, end = float(domain.lower[-1]), float(domain.upper[-1])
        found = Evolution(self.form, space, initial_value(self.form, begin), begin, end).solve(
            steps[0], self.times
        )
        return np.concatenate([space.sample(u, where, xi) for u in found])

    def describe(self, state: State) -> str:
        """A state in words."""
        resolution, degree, layers, *steps = state
        in_time = f", {steps[0]} time steps" if steps else ""
        return (
            f"{resolution} intervals per side, degree {degree}, {layers} layers at corners{in_time}"
        )

    def _mesh(self, resolution: int, layers: int) -> tuple[Cells, Indices, Array]:
        if (resolution, layers) not in self._meshes:
            cells = fill(self.space, resolution, layers)
            points = self.x[: len(self.x) // max(1, len(self.times)), : self.space.dimension]
            self._meshes = {key: mesh for key, mesh in self._meshes.items() if key[0] == resolution}
            self._meshes[resolution, layers] = (cells, *cells.locate(points))
        return self._meshes[resolution, layers]

    def _cornered(self, resolution: int) -> bool:
        """Whether layers change anything."""
        finer, coarse = (fill(self.space, resolution, layers).mesh.t.shape[1] for layers in (1, 0))
        return bool(finer > coarse)
