"""Assembly: problem × points × trial solution → residual rows, and what their derivatives by any
parameter need.

Every row is F(x, n, u, ∂u, …) of one equation or condition. A term's share of the objective
is  weight · mean(r²), so its rows enter a least-squares system multiplied by √(weight / N). A term
that is affine in the unknowns is kept as

    F = Σ_{α, o} a_{α, o}(x) ∂^α u_o + b(x),

with a and b evaluated once; only the jets depend on the parameters. Of any other term a = ∂F/∂(∂^α
u_o) is the linearisation at the present jets, by symbolic differentiation. A term with unknown
constants is one of those; ∂F/∂k likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kanpde.assembly.collocation import Collocation, Points
from kanpde.assembly.terms import Term as Term
from kanpde.assembly.terms import measured_terms, scaled
from kanpde.config import WeightsConfig
from kanpde.errors import NumericalError
from kanpde.expressions import (
    Constant,
    Derivative,
    Node,
    constants,
    is_linear,
    jets,
    linear_parts,
    partial,
    text,
)
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.jets import Jet, JetSpace
from kanpde.numerics.quadrature import per_axis
from kanpde.problem.conditions import Condition, MeanCondition, PointCondition
from kanpde.problem.problem import Problem
from kanpde.trial.constants import Constants
from kanpde.trial.piecewise import AnyTrial
from kanpde.trial.solution import Located, TrialSolution, join

CHUNK = 1 << 21
"""Numbers of the Jacobian that are assembled at a time (16 MiB in float64)."""

AVERAGED = 400
"""Points of an average over a part."""

INSTANTS = 4
"""At how many instants a point of space is pinned, per interior point along an axis."""


def terms(problem: Problem, points: Collocation, weights: WeightsConfig) -> list[Term]:
    """Every equation at the interior points and every condition on its part."""
    words = (problem.coordinates, problem.outputs)
    posed = [condition for condition in problem.conditions if condition.data is None]
    on_parts = [
        _condition_term(c, problem, points, weights.conditions * weights.terms.get(c.label, 1.0))
        for c in posed
    ]
    every = [
        *equation_terms(problem, points.interior.x, weights.equations),
        *(replace(term, words=words) for term in on_parts),
    ]
    every += measured_terms(problem, points.interior.x)
    return scaled(every, problem, weights.equations) if weights.scaled else every


def equation_terms(
    problem: Problem, x: Tensor, weight: float = 1.0, region: Tensor | None = None
) -> list[Term]:
    """Every equation at those of the points x (N, d) that lie in its region, by default in the
    `region_of` each.
    """
    words = (problem.coordinates, problem.outputs)
    places = problem.places(problem.region_of(x) if region is None else region)
    return [
        Term(name, True, node, x[place], None, weight * share, words=words)
        for name, share, node, place in zip(
            problem.names, problem.weights, problem.equations, places, strict=True
        )
    ]


def _condition_term(
    condition: Condition, problem: Problem, points: Collocation, weight: float
) -> Term:
    weight *= condition.weight
    if isinstance(condition, MeanCondition):
        over = points.average or points.interior
        if condition.over is not None:  # the points of a part may be random, an average is not
            over = Points.of(condition.rule(problem.domain, AVERAGED), over.x.dtype)
        average = over.w / over.w.sum()
        return Term("mean", False, condition.node, over.x, over.normal, weight, average=average)
    if isinstance(condition, PointCondition):
        inside = points.interior.x
        x = condition.at(problem.domain, INSTANTS * per_axis(len(inside), inside.shape[1]))
        return Term("point", False, condition.node, inside.new_tensor(x), None, weight)
    at: Points = points.parts[condition.part or ""]
    shift = None if condition.shift is None else at.x.new_tensor(condition.shift)
    return Term(condition.name, False, condition.node, at.x, at.normal, weight, shift=shift)


class Assembly:
    """The residual of a problem at fixed points, for any parameters of one trial solution's kind.

    Raises NumericalError when a coefficient or source is not finite at a point.
    """

    def __init__(self, terms: Sequence[Term], trial: AnyTrial) -> None:
        self.terms = tuple(terms)
        self.bound = [Bound.of(term, trial) for term in terms]
        self._groups = _group(self.bound)

    def reweighed(self, terms: Sequence[Term]) -> Assembly:
        """The same rows with other weights: `found` are its terms with nothing but `weight` and
        `emphasis` changed.
        """
        other = copy(self)  # rows have no weights, so the groups may stay
        other.terms = tuple(terms)
        other.bound = [
            replace(bound, term=term) for bound, term in zip(self.bound, terms, strict=True)
        ]
        return other

    @property
    def residual(self) -> Assembly:
        """Itself: its objective is the sum of the squares of its rows."""
        return self

    @property
    def points(self) -> Tensor:
        """The points of the first term, (N, d)."""
        return self.terms[0].x

    @property
    def linear(self) -> bool:
        """Whether every term is affine in the unknowns."""
        return all(bound.linear for bound in self.bound)

    @property
    def rows(self) -> int:
        """R, all rows."""
        return sum(term.rows for term in self.terms)

    @property
    def positions(self) -> Tensor:
        """The first coordinate of every row's point, (R,), in the order of `weighted`; an average
        stands at its centre.
        """
        return torch.cat(
            [
                x[:, 0] if a is None else a @ x[:, :1]
                for x, a in ((t.x, t.average) for t in self.terms)
            ]
        )

    def residuals(self, trial: AnyTrial) -> list[Tensor]:
        """The unweighted rows of every term, in the order of `terms`."""
        return self.rows_of(self.jets(trial), trial)

    def jets(self, trial: AnyTrial) -> list[list[Jet]]:
        """For every term the jet at its points, and with a shift that at the shifted ones."""
        sides: dict[int, list[Jet]] = {}
        for group in self._groups:
            jet = trial.jet(group.at)
            for number, bound, start in group.members:
                n, count = len(bound.term.x), len(bound.at.x)
                sides[number] = [jet.points(at, at + n) for at in range(start, start + count, n)]
        return [sides[number] for number in range(len(self.bound))]

    def rows_of(self, jets: Sequence[Sequence[Jet]], trial: AnyTrial) -> list[Tensor]:
        """The unweighted rows of every term from their `jets`."""
        values = trial.constants.values
        return [
            bound.residual(sides, 0, len(bound.term.x), values)
            for bound, sides in zip(self.bound, jets, strict=True)
        ]

    def objective(self, trial: TrialSolution) -> Tensor:
        """Σ_terms weight · mean(r²), a scalar that autograd follows to the parameters."""
        total = self.terms[0].x.new_zeros(())
        for term, rows in zip(self.terms, self.residuals(trial), strict=True):
            if rows.shape != (term.rows,):
                raise NumericalError(
                    f"residual of '{term.name}': needs shape ({term.rows},), found"
                    f" {tuple(rows.shape)}"
                )
            rows = rows if term.emphasis is None else term.emphasis * rows
            total = total + term.weight * rows.square().mean()
        return total

    def jacobian(self, trial: TrialSolution) -> Tensor:
        """The derivatives of the weighted rows by the inner parameters and the constants (R, P +
        q), stored by columns.
        """
        count = sum(p.numel() for p in trial.net.inner) + trial.constants.count
        matrix, row = self.terms[0].x.new_zeros(count, self.rows), 0
        for bound in self.bound:
            step = max(1, CHUNK // (count + 1))
            for start in range(0, len(bound.term.x), step):
                bound.fill_inner(trial, matrix[:, row : row + bound.term.rows], start, start + step)
            row += bound.term.rows
        return matrix.T

    def weighted(self, trial: TrialSolution) -> Tensor:
        """All rows times √(weight / N), (R,): the objective is the sum of their squares."""
        return torch.cat(
            [
                term.factors() * rows
                for term, rows in zip(self.terms, self.residuals(trial), strict=True)
            ]
        )


@dataclass(frozen=True)
class Bound:
    """A term with everything that does not depend on the parameters."""

    term: Term
    at: Located
    coefficients: Tensor | None
    remainder: Tensor
    partials: tuple[tuple[Derivative, Node], ...] = ()
    by_constants: tuple[tuple[Constant, Node], ...] = ()

    @classmethod
    def of(cls, term: Term, trial: AnyTrial) -> Bound:
        """The term at its points, for trial solutions of this kind."""
        present = sorted(jets(term.node), key=lambda jet: (jet.unknown, jet.index))
        space = JetSpace.closure((jet.index for jet in present), term.x.shape[1])
        x = term.x if term.shift is None else torch.cat([term.x, term.x + term.shift])
        at = trial.locate(x, space)
        if not is_linear(term.node):
            partials = tuple((jet, partial(term.node, jet)) for jet in present)
            by_constants = tuple(
                (constant, partial(term.node, constant)) for constant in constants(term.node)
            )
            return cls(term, at, None, x.new_zeros(len(term.x)), partials, by_constants)
        factors, rest = linear_parts(term.node)
        normal = term.normal
        remainder, *values = evaluate([rest, *factors.values()], term.known, normal)
        names = ("source", *(f"factor of {text(jet, *term.words)}" for jet in factors))
        for name, value in zip(names, (remainder, *values), strict=True):
            if not bool(value.isfinite().all()):
                where = term.x[~value.isfinite()][0].tolist()
                raise NumericalError(
                    f"{term.name}: its {name} is not finite at {where}; change the formula or the"
                    f" domain"
                )
        coefficients = term.x.new_zeros(len(space.indices), trial.outputs, len(term.x))
        for jet, value in zip(factors, values, strict=True):
            coefficients[space.position[jet.index], jet.unknown] = value
        return cls(term, at, coefficients, remainder)

    @property
    def linear(self) -> bool:
        """Whether it is affine in the unknowns."""
        return self.coefficients is not None

    @property
    def unknowns(self) -> list[int]:
        """The numbers of the unknowns that the term holds."""
        return sorted({jet.unknown for jet in jets(self.term.node)})

    def sides(self, start: int, stop: int, step: int = 1) -> list[Located]:
        """The points number start, start + step, … below stop, and those that a shift compares them
        with.
        """
        n, last = len(self.term.x), min(stop, len(self.term.x))
        return [
            self.at.rows(first + start, first + last, step) for first in range(0, len(self.at.x), n)
        ]

    def residual(
        self, sides: Sequence[Jet], start: int, stop: int, values: Tensor | None = None
    ) -> Tensor:
        """The rows of the points start … stop - 1 from the jets at `sides`; of an average what
        these points give to it.

        `values` (q,) are those of the unknown constants.
        """
        rows = self.formula(sides[0], start, stop, values)
        if self.term.shift is not None:
            rows = rows - self.formula(sides[1], start, stop, values)
        if self.term.data is not None:
            rows = rows - self.term.data[start:stop]
        return (
            rows
            if self.term.average is None
            else (self.term.average[start:stop] * rows).sum()[None]
        )

    def formula(self, jet: Jet, start: int, stop: int, values: Tensor | None) -> Tensor:
        """F at a jet of the points start … stop - 1, (N,), measured values not taken off."""
        if self.coefficients is not None:
            return (self.coefficients[:, :, start:stop] * jet.data).sum((0, 1)) + self.remainder[
                start:stop
            ]
        known = self.term.known[start:stop]
        return evaluate([self.term.node], known, self._normal(start, stop), reader(jet, values))[0]

    def _normal(self, start: int, stop: int) -> Tensor | None:
        return None if self.term.normal is None else self.term.normal[start:stop]

    def weights(self, start: int, stop: int) -> list[Tensor | float]:
        """What the rows of each side are multiplied by: the term's scale and emphasis, its sign,
        the share in an average (N,).
        """
        average = 1.0 if self.term.average is None else self.term.average[start:stop]
        factor = self.term.factors(start, stop)
        return [factor * average, -factor * average][: len(self.at.x) // len(self.term.x)]

    def fill_inner(self, trial: TrialSolution, matrix: Tensor, start: int, stop: int) -> None:
        """Write the derivatives by the inner parameters and the constants of the rows of the points
        start … stop - 1 into this term's columns.
        """
        for at, weight in zip(self.sides(start, stop), self.weights(start, stop), strict=True):
            with torch.no_grad():
                jet = None if self.linear else trial.jet(at)
                slopes = self.slopes(jet, start, stop, trial.constants.values)
                border = self.border(jet, start, stop, trial.constants) * weight
            derivatives = torch.cat([trial.inner_rows(at, slopes * weight).T, border])
            if self.term.average is None:
                matrix[:, start:stop] += derivatives
            else:
                matrix[:, 0] += derivatives.sum(1)

    def border(self, jet: Jet | None, start: int, stop: int, trained: Constants) -> Tensor:
        """∂F/∂s of the unknown constants at a jet of the points start … stop - 1, (q, N)."""
        slopes = self.term.x.new_zeros(trained.count, len(self.term.x[start:stop]))
        if self.by_constants:
            assert jet is not None
            nodes, known = [node for _, node in self.by_constants], self.term.known[start:stop]
            values = evaluate(
                nodes, known, self._normal(start, stop), reader(jet, trained.values.detach())
            )
            for (constant, _), value in zip(self.by_constants, values, strict=True):
                slopes[constant.index] = value * trained.slopes[constant.index]
        return slopes

    def slopes(
        self, jet: Jet | None, start: int, stop: int, values: Tensor | None = None
    ) -> Tensor:
        """∂F/∂(∂^α u_o) at a jet of the points start … stop - 1, (A, m, N); where the term is
        linear no jet is needed.
        """
        if self.coefficients is not None:
            return self.coefficients[:, :, start:stop]
        assert jet is not None
        nodes = [node for _, node in self.partials]
        values_of_slopes = evaluate(
            nodes, self.term.known[start:stop], self._normal(start, stop), reader(jet, values)
        )
        slopes = torch.zeros_like(jet.data)
        for (unknown, _), value in zip(self.partials, values_of_slopes, strict=True):
            slopes[jet.space.position[unknown.index], unknown.unknown] = value
        return slopes


def reader(jet: Jet, values: Tensor | None) -> Callable[[Derivative | Constant], Tensor]:
    """Where a formula reads ∂^α u_o and the unknown constants."""

    def read(leaf: Derivative | Constant) -> Tensor:
        if isinstance(leaf, Derivative):
            return jet.derivative(leaf.index)[leaf.unknown]
        assert values is not None
        return values[leaf.index]

    return read


@dataclass(frozen=True)
class _Group:
    """Terms whose jets are taken together, since they need the same derivatives."""

    at: Located
    members: tuple[tuple[int, Bound, int], ...]


def _group(bound_terms: Iterable[Bound]) -> list[_Group]:
    by_space: dict[JetSpace, list[tuple[int, Bound]]] = {}
    for number, bound in enumerate(bound_terms):
        by_space.setdefault(bound.at.space, []).append((number, bound))
    groups = []
    for members in by_space.values():
        starts = [0]
        for _, bound in members:
            starts.append(starts[-1] + len(bound.at.x))
        placed = tuple(
            (number, bound, start) for (number, bound), start in zip(members, starts, strict=False)
        )
        groups.append(_Group(join([bound.at for _, bound in members]), placed))
    return groups
