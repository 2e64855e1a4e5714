"""Terms of a residual: one equation or condition with its points, its weight, and the size that its
weight is relative to.

Measured values with noise σ enter as rows (F - measured)/σ, all of which count the same. Beside
equations scaled to size one
they get the weight  DATA_SHARE / s²,  s the size of F/σ: a field that bends the equations by δ to follow the noise pays
‖δ‖²/DATA_SHARE for it, so that equations and boundary conditions count as constraints, while a
factor of 100 between rows costs the QR no digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kanpde.expressions import Constant, Derivative, Node, jets, partial
from kanpde.expressions.evaluate import evaluate
from kanpde.problem.conditions import matrix
from kanpde.problem.problem import Problem

DATA_SHARE = 1e-4
"""Weight of the mean square of all measured rows beside that of an equation, all of them scaled: so
small that the field meets the equations and not the noise (to about this share of the misfit), and
large enough to cost the constants no digits.
"""


@dataclass(frozen=True)
class Term:
    """Rows of one equation or condition: F at x, minus F at x + shift if periodic, averaged if
    `average` (N,) is given, minus `data` (N,) if measured or computed values are to be met.

    `emphasis` (N,) are factors of the rows of single points, by default one; an average has none. F
    may hold `columns` (N, c), values known at the points alone. `words` are the names of the
    coordinates and unknowns, for messages.
    """

    name: str
    interior: bool
    node: Node
    x: Tensor
    normal: Tensor | None
    weight: float
    average: Tensor | None = None
    shift: Tensor | None = None
    data: Tensor | None = None
    words: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    columns: Tensor | None = None
    emphasis: Tensor | None = None

    @property
    def known(self) -> Tensor:
        """What F reads at the points: the coordinates and the columns (N, d + c)."""
        return self.x if self.columns is None else torch.cat([self.x, self.columns], dim=1)

    @property
    def rows(self) -> int:
        """R of this term."""
        return 1 if self.average is not None else len(self.x)

    @property
    def scale(self) -> float:
        """What every row is multiplied by in a least-squares system, √(weight / R)."""
        return math.sqrt(self.weight / self.rows)

    def factors(self, start: int = 0, stop: int | None = None) -> Tensor | float:
        """The same times the emphasis of the points start … stop - 1."""
        return self.scale if self.emphasis is None else self.scale * self.emphasis[start:stop]


def scaled(terms: Sequence[Term], problem: Problem, equations: float) -> list[Term]:
    """The terms with weights relative to the sizes of their coefficients; measured values beside
    the weight of `equations`.

    Where nothing but a table is fitted weights are relative to the variance of each column.
    """
    if not problem.equations:
        return [replace(term, weight=term.weight / _spread(term) ** 2) for term in terms]
    size = Size.of(problem, terms[0].x)
    measured = [size(term) for term in terms if term.columns is not None]
    share = DATA_SHARE * equations / max(measured, default=1.0) ** 2
    return [
        replace(
            term,
            weight=term.weight / size(term) ** 2 if term.columns is None else term.weight * share,
        )
        for term in terms
    ]


def measured_terms(problem: Problem, like: Tensor) -> list[Term]:
    """The conditions on measured values as tensors `like` these; every row of all of them counts
    the same (in units of its noise).

    A term's weight is that of its condition times its share of all rows.
    """
    measured = [
        (condition, condition.data)
        for condition in problem.conditions
        if condition.data is not None
    ]
    tables = [like.new_tensor(matrix(data)) for _, data in measured]
    total, d = sum(map(len, tables)), problem.domain.dimension
    terms = []
    for (condition, data), table in zip(measured, tables, strict=True):
        words = ((*problem.coordinates, *data.columns[d:]), problem.outputs)
        weight = condition.weight * len(table) / total
        x, columns = table[:, :d], table[:, d:]
        terms.append(
            Term("data", False, condition.node, x, None, weight, words=words, columns=columns)
        )
    return terms


def _spread(term: Term) -> float:
    """The standard deviation over the points of F for u = 0; one if that is constant."""
    values = evaluate(
        [term.node], term.known.double(), jet=lambda jet: torch.zeros_like(term.x[:, 0]).double()
    )[0]
    spread, size = float(values.std(correction=0)), float(values.abs().max())
    return spread if math.isfinite(spread) and spread > 1e-12 * size else 1.0


@dataclass(frozen=True)
class Size:
    """The largest root mean square of a coefficient of a term, in coordinates in which the domain
    is as long as [-1, 1]^d.

    The coefficients are those of the linearisation at zero and at the start of unknown constants;
    one if they vanish or are not finite.
    """

    half: Tensor
    start: tuple[float, ...]

    @classmethod
    def of(cls, problem: Problem, x: Tensor) -> Size:
        """For the terms of a problem, on the device of x."""
        half = x.new_tensor((problem.domain.upper - problem.domain.lower) / 2, dtype=torch.float64)
        return cls(
            half, tuple(parameter.start for parameter in problem.config.unknown_parameters.values())
        )

    def __call__(self, term: Term) -> float:
        """The size of one term."""
        derivatives = sorted(jets(term.node), key=lambda jet: (jet.unknown, jet.index))
        normal = None if term.normal is None else term.normal.double()
        x, half = term.known.double(), self.half

        def at_start(leaf: Derivative | Constant) -> Tensor:
            return (
                x.new_tensor(self.start[leaf.index])
                if isinstance(leaf, Constant)
                else torch.zeros_like(x[:, 0])
            )

        values = evaluate([partial(term.node, jet) for jet in derivatives], x, normal, at_start)
        sizes = [
            float(value.square().mean().sqrt() / torch.prod(half ** half.new_tensor(jet.index)))
            for jet, value in zip(derivatives, values, strict=True)
        ]
        size = max(sizes, default=0.0)
        return size if math.isfinite(size) and size > 0 else 1.0
