"""Finite elements for references, the only door to scikit-fem: weak form of a formula, curved
cells, p-version, time steps; systems on triangles.
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
from kanpde.references.fem.triangles import Triangles
from kanpde.references.fem.weak import WeakForm, weak_form

Array = NDArray[np.float64]

__all__ = ["FiniteElements", "Triangles", "radau"]

FIRST_DEGREE, MOST_DEGREE, DEGREES, LAYERS = 3, 11, 2, 4
"""The coarsest degree, the highest, and by how much degree and layers grow at a time."""

RESOLUTION = {1: 8, 2: 6}
"""Intervals per side of the coarsest mesh, by dimension."""

POINTS, TIMES = 3000, 12
"""Points of a reference in space, and its times."""

State = tuple[int, ...]


@dataclass
class FiniteElements:
    """Values at quadrature points for a state (resolution, degree, layers towards corners, time
    steps): a `Method` of `references.compute`.

    Attributes:
        problem: what is solved.
        form: its weak form.
        x: points (N, d), time last.
        w: their weights (N,).
        times: (T,), increasing; empty without time.
    """

    problem: Problem
    form: WeakForm
    x: Array
    w: Array
    times: Array
    # Meshes with the points located in them; only those of the last resolution are kept.
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
            return cls(problem, form, points.x, points.w, times=np.zeros(0))
        nodes, _, weights = radau(TIMES)
        length = domain.end - domain.start
        points = domain.space.quadrature(POINTS // (TIMES if domain.dimension == 2 else 2))
        times = domain.start + length * nodes
        x = np.column_stack([np.tile(points.x, (TIMES, 1)), np.repeat(times, len(points.x))])
        w = np.outer(length * weights, points.w).ravel()
        return cls(problem, form, x, w, times=times)

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
        higher = (resolution, degree + DEGREES)
        if degree >= MOST_DEGREE:
            higher = (2 * resolution, degree - 2 * DEGREES)
        finer: list[State] = [(*higher, layers, *steps)]
        if not self.form.periodic and self._cornered(resolution):
            finer.append((resolution, degree, layers + LAYERS, *steps))
        finer += [(resolution, degree, layers, 2 * count) for count in steps]
        return tuple(finer)

    def values(self, state: State) -> Array:
        """u at the points (N,); NumericalError when the equations cannot be solved."""
        resolution, degree, layers, *steps = state
        cells, where, xi = self._mesh(resolution, layers)
        space = Space(cells, degree)
        if not steps:
            return space.sample(solve(self.form, space), where, xi)
        domain = self.problem.domain
        begin, end = float(domain.lower[-1]), float(domain.upper[-1])
        evolution = Evolution(
            form=self.form,
            space=space,
            initial=initial_value(self.form, begin),
            start=begin,
            end=end,
        )
        (count,) = steps
        states = evolution.solve(count, self.times)
        return np.concatenate([space.sample(u, where, xi) for u in states])

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
            self._meshes = {
                (of, graded): mesh
                for (of, graded), mesh in self._meshes.items()
                if of == resolution
            }
            self._meshes[resolution, layers] = (cells, *cells.locate(points))
        return self._meshes[resolution, layers]

    def _cornered(self, resolution: int) -> bool:
        """Whether layers change anything."""
        coarse, graded = (fill(self.space, resolution, layers).mesh.t for layers in (0, 1))
        return bool(graded.shape[1] > coarse.shape[1])
