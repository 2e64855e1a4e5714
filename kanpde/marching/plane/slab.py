"""One slab of an evolution: polynomials of t between its start and its Radau points,
whose coefficients are polynomials of space on patches.

    U_i = u(t + h c_i),    ∂_t^q U = E^q U - Σ_{l<q} E^{q-l} 1 ∂_t^l u_0,    E = A⁻¹/h

Of the formulas the linear part at the start of the slab is solved for, all stages at once (see
`radau`); what is left of them, where they are not linear or change with time, follows in further
steps with the same factors, which may be those of an earlier slab.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kanpde.expressions import Derivative
from kanpde.marching.plane.deadline import NEVER, Deadline
from kanpde.marching.plane.elimination import Factored
from kanpde.marching.plane.radau import Shifts
from kanpde.marching.plane.rows import Known, PatchPoints, PatchRows, lengths_of, rows_of, system_of
from kanpde.marching.plane.statement import TIME, Evolution, Formula, values
from kanpde.numerics.polynomials import Index, size
from kanpde.patches.cells import Cover
from kanpde.patches.layout import Patch
from kanpde.patches.linearisation import Pieces

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

STEPS = 12
"""Steps at most where formulas are not linear."""

GROWS = 2.0
"""An iteration whose change grows by this factor goes nowhere."""


class Start(Protocol):
    """The unknowns and their derivatives by t at the start of a slab."""

    def at(self, x: Array, wanted: Sequence[Derivative], normal: Array | None) -> list[Array]:
        """The values (N,) of jets ∂_x^α ∂_t^l u_i, l < q_i, at places (N, d)."""


@dataclass(frozen=True)
class Given:
    """The formulas of the start."""

    evolution: Evolution

    def at(self, x: Array, wanted: Sequence[Derivative], normal: Array | None) -> list[Array]:
        """By differentiation."""
        return [self.evolution.start(jet, x) for jet in wanted]


@dataclass(frozen=True)
class Ended:
    """Where the slab before ended: by the derivatives by t, one after the other, m unknowns."""

    pieces: Pieces
    unknowns: int

    def at(self, x: Array, wanted: Sequence[Derivative], normal: Array | None) -> list[Array]:
        """From the polynomials of the patches of that slab."""
        numbered = [
            Derivative(jet.unknown + self.unknowns * jet.index[TIME], jet.index[:TIME])
            for jet in wanted
        ]
        return self.pieces.at(x, numbered, normal)


@dataclass(frozen=True)
class Operator:
    """Everything that slabs of one length on the same patches share."""

    evolution: Evolution
    radau: Shifts
    h: float
    rows: Sequence[PatchRows]
    factored: Factored

    @classmethod
    def of(
        cls,
        evolution: Evolution,
        radau: Shifts,
        instant: tuple[float, float],
        cells: tuple[Cover, Sequence[Patch]],
        known: Known,
        before: Operator | None = None,
        deadline: Deadline = NEVER,
    ) -> Operator:
        """Of an `instant` and a length, with the values of jets that slopes are taken at; OutOfTime
        where the `deadline` is over.

        What an operator `before` has of the same patches is used again; it is one of the same
        length.
        """
        (t, h), (cover, patches) = instant, cells
        system = system_of(evolution, t, radau.size / h, known, lengths_of(evolution))
        of_patch = {} if before is None else {rows.patch.key: rows for rows in before.rows}
        new = [patch for patch in patches if patch.key not in of_patch]
        of_patch |= {rows.patch.key: rows for rows in rows_of(evolution, system, cover, new)}
        rows = [of_patch[patch.key] for patch in patches]
        kept = None if before is None else before.factored.kept(before.rows)
        factored = Factored.of(rows, radau.shifts / h, cover.counts, kept, deadline)
        return cls(evolution, radau, h, rows, factored)

    @cached_property
    def parts(self) -> Mapping[str, list[int]]:
        """The patches on every part with conditions."""
        return {
            part: [k for k, rows in enumerate(self.rows) if part in rows.rims]
            for part in self.evolution.conditions
        }

    @property
    def bytes(self) -> int:
        """Memory of the factors."""
        return self.factored.bytes

    @cached_property
    def inside(self) -> Array:
        """All points inside (N, d)."""
        return np.concatenate([rows.inside.x for rows in self.rows])

    @cached_property
    def weights(self) -> Array:
        """Their weights (N,)."""
        return np.concatenate([rows.inside.w for rows in self.rows])


@dataclass(frozen=True)
class Solved:
    """A slab from t over h: of each patch coefficients (s + 1, n, m) at its start and its stages;
    `left` is what Newton's method may leave, relative to u, after so many `steps`.
    """

    operator: Operator
    t: float
    states: list[Array]
    left: float
    steps: int

    @property
    def h(self) -> float:
        """Length."""
        return self.operator.h

    @property
    def patches(self) -> list[Patch]:
        """Its patches."""
        return [rows.patch for rows in self.operator.rows]

    def series(self) -> list[Array]:
        """Legendre coefficients in time (s + 1, n, m) of each patch."""
        return [np.tensordot(self.operator.radau.series, of, axes=1) for of in self.states]

    def ends(self) -> list[Array]:
        """Of each patch the unknowns and their derivatives by t at the end, (n, m·max q)."""
        inverse, highest = self.operator.radau.inverse / self.h, max(self.operator.evolution.orders)
        ends = []
        for states in self.states:
            columns, stages = [states[-1]], states[1:]
            start = states[0]
            for _ in range(highest - 1):
                stages = np.tensordot(inverse, stages - start, axes=1)
                columns.append(stages[-1])
                start = np.zeros_like(start)
            ends.append(np.concatenate(columns, axis=1))
        return ends


def solve(operator: Operator, t: float, start: Start, first: list[Array], allowed: float) -> Solved:
    """Solve a slab.

    Args:
        operator: the linear part with its factors.
        t: where the slab begins.
        start: the values there.
        first: the same by polynomials (n, m) on each patch.
        allowed: share of u that may be left where formulas are not linear.
    """
    stages, m = operator.radau.stages, operator.evolution.unknowns
    linear = operator.evolution.problem.is_linear and operator.evolution.is_steady
    states = [np.repeat(of_patch[None], stages, axis=0) for of_patch in first]
    if linear:
        states = [np.zeros_like(of_patch) for of_patch in states]
    rest = _Rest(operator, t, start)
    before, left, steps = np.inf, np.inf, 0
    for _ in range(STEPS):
        steps += 1
        new = [
            _shaped(flat, m, operator.radau)
            for flat in operator.factored.solve(rest.rights(states))
        ]
        change, states = _change(new, states), new
        if not math.isfinite(change):
            left = np.inf
            break
        if linear:
            left = 0.0
            break
        ratio = change / before
        known = math.isfinite(before) and ratio < 1
        left = change * ratio / (1 - ratio) if known else change
        if left <= allowed or ratio > GROWS:
            break
        before = change
    if not np.isfinite(left):
        left = np.inf
    full = [
        np.concatenate([of_start[None], of_stages])
        for of_start, of_stages in zip(first, states, strict=True)
    ]
    return Solved(operator, t, full, left, steps)


def _change(new: list[Array], old: list[Array]) -> float:
    """The change relative to the size; infinite where values are lost."""
    away = sum(float(np.sum((a - b) ** 2)) for a, b in zip(new, old, strict=True))
    largest = sum(float(np.sum(a**2)) for a in new)
    if not (math.isfinite(away) and math.isfinite(largest)):
        return math.inf
    return math.sqrt(away / largest) if largest > 0 else 0.0


def _shaped(flat: Complex, unknowns: int, radau: Shifts) -> Array:
    """Coefficients (s, n, m) of the stages from those of the shifts (K, m·n)."""
    stages = np.real(radau.back @ flat)
    return np.ascontiguousarray(stages.reshape(len(stages), unknowns, -1).swapaxes(1, 2))


@dataclass
class _Rest:
    """Right sides: the linear part at a state minus the formulas there."""

    operator: Operator
    t: float
    start: Start

    def __post_init__(self) -> None:
        operator = self.operator
        self.powers = [np.eye(operator.radau.stages)]
        for _ in range(max(operator.evolution.orders)):
            self.powers.append(operator.radau.inverse @ self.powers[-1] / operator.h)
        self.times = self.t + operator.h * operator.radau.nodes
        of_inside = [rows.inside.x for rows in operator.rows]
        self.known_inside = self._known(operator.evolution.equations, of_inside, None)
        self.known_rims: dict[str, dict[Derivative, Array]] = {}
        for part, numbers in operator.parts.items():
            rims = [operator.rows[k].rims[part][0] for k in numbers]
            if rims:
                normal = np.concatenate([rim.normal for rim in rims])
                formulas = operator.evolution.conditions[part]
                self.known_rims[part] = self._known(formulas, [rim.x for rim in rims], normal)

    def _known(
        self, formulas: Sequence[Formula], x: list[Array], normal: Array | None
    ) -> dict[Derivative, Array]:
        """Σ_{l<q} E^{q-l} 1 ∂_t^l u_0 at all points, (N, s), for each jet with derivatives by t."""
        present = {jet for formula in formulas for jet in formula.jets if jet.index[TIME]}
        places, known = np.concatenate(x), {}
        for jet in sorted(present, key=lambda jet: (jet.unknown, jet.index)):
            total = np.zeros((len(places), len(self.times)))
            for lower in range(jet.index[TIME]):
                given = Derivative(jet.unknown, (*jet.index[:TIME], lower))
                (at_start,) = self.start.at(places, [given], normal)
                total += np.outer(at_start, self.powers[jet.index[TIME] - lower].sum(axis=1))
            known[jet] = total
        return known

    def rights(self, states: list[Array]) -> list[Complex]:
        """The right sides (K, R) of each patch at a state."""
        operator = self.operator
        turned = [[np.tensordot(power, of, axes=1) for power in self.powers] for of in states]
        tables = [(rows.table, turned[k]) for k, rows in enumerate(operator.rows)]
        left: list[list[Array]] = [[] for _ in operator.rows]
        formulas = operator.evolution.equations
        for k, of_patch in enumerate(self._values(formulas, tables, self.known_inside, None)):
            left[k] += of_patch
        for part, known in self.known_rims.items():
            numbers = operator.parts[part]
            rims = [operator.rows[k].rims[part] for k in numbers]
            normal = np.concatenate([rim.normal for rim, _ in rims])
            tables = [(table, turned[k]) for k, (_, table) in zip(numbers, rims, strict=True)]
            formulas = operator.evolution.conditions[part]
            found = self._values(
                formulas, tables, known, (np.concatenate([r.x for r, _ in rims]), normal)
            )
            for k, of_patch in zip(numbers, found, strict=True):
                left[k] += of_patch
        rights = []
        for rows, of_patch, powers in zip(operator.rows, left, turned, strict=True):
            right = rows.right(of_patch)
            for matrix, state in zip(rows.matrices, powers, strict=True):
                flat = state.swapaxes(1, 2).reshape(len(state), -1)
                right += matrix @ flat.T
            rights.append(np.ascontiguousarray((right @ operator.radau.into.T).T))
        return rights

    def _values(
        self,
        formulas: Sequence[Formula],
        tables: list[tuple[Mapping[Index, Array], list[Array]]],
        known: Mapping[Derivative, Array],
        rim: tuple[Array, Array] | None,
    ) -> list[list[Array]]:
        """The values (N, s) of every formula at the points of every patch."""
        x, normal = (self.operator.inside, None) if rim is None else rim
        present = {jet for formula in formulas for jet in formula.jets}
        at_stages: dict[Derivative, Array] = {}
        for jet in present:
            alpha, power = jet.index[:TIME], jet.index[TIME]
            column = np.concatenate(
                [table[alpha] @ turned[power][:, :, jet.unknown].T for table, turned in tables]
            )
            at_stages[jet] = column - known[jet] if power else column
        nodes = [formula.node for formula in formulas]
        found = np.empty((len(nodes), len(x), len(self.times)))
        for stage, t in enumerate(self.times):
            of_stage = {jet: column[:, stage] for jet, column in at_stages.items()}
            found[:, :, stage] = values(nodes, x, float(t), normal, of_stage)
        ends = np.cumsum([len(next(iter(table.values()))) for table, _ in tables])[:-1]
        by_formula = [np.split(of_formula, ends) for of_formula in found]
        return [[column[k] for column in by_formula] for k in range(len(tables))]


def projected(rows: PatchRows | PatchPoints, at_points: Array) -> Array:
    """The polynomials (n, m) of a patch nearest to values (N, m) at its points inside."""
    patch, w = rows.patch, rows.inside.w
    table = rows.table[(0,) * patch.dimension]
    extent = float(np.prod(patch.upper - patch.lower))
    if len(patch.cells) == 1 and abs(w.sum() / extent - 1) < 1e-12:
        return np.asarray(table.T @ (at_points * (w / extent)[:, None]))
    root = np.sqrt(w / extent)[:, None]
    n = size(patch.degree, patch.dimension)
    small = np.concatenate([table * root, 1e-11 * np.eye(n)])
    right = np.concatenate([at_points * root, np.zeros((n, at_points.shape[1]))])
    return np.asarray(np.linalg.lstsq(small, right, rcond=None)[0])
