"""A linear problem at one degree: conditions first, then the equation by repeated correction.

    u = w + v,   w meets the conditions,   (Σ_k A_k + B) v = f - L w  on polynomials that meet them with zero data

Where B = 0, v ← v + E (f - L u) with the exponential sum E ends after two or three steps; else a
flexible GMRES method with E as its preconditioner, restarted, on chains whose ranks are reduced.
Source: Dolgov, TT-GMRES: solution to a linear system in the structured tensor format, Russ. J.
Numer. Anal. Math. Model. 28 (2013), 149–172.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kanpde.expressions import Node, is_zero
from kanpde.products.chains import (
    Array,
    Chain,
    added,
    inner,
    mapped,
    norm,
    rounded,
    scaled,
    total,
    zero,
)
from kanpde.products.factors import Values
from kanpde.products.operators import Inverse, Operator, Term
from kanpde.products.statement import Statement, own_coordinate
from kanpde.products.sweeps import NotConvergedError
from kanpde.products.univariate import Axis

CORRECTIONS = 8
"""Most corrections by the exponential sum."""

CYCLE, CYCLES = 12, 6
"""Steps of GMRES between restarts, and restarts."""

COARSEST = 0.01
"""Largest share to which corrections are rounded."""

FINEST = 1e-13
"""Errors below this share of the solution are rounding errors."""

LEAST = 3e-15
"""Ranks are never reduced to less than rounding errors."""


@dataclass(frozen=True)
class Solved:
    """A solution by coefficients on `axes`, with the relative size of the last correction."""

    axes: tuple[Axis, ...]
    chain: Chain
    correction: float


@dataclass(frozen=True, eq=False)
class Discrete:
    """A statement on polynomials of one degree.

    Raises NotProductsError where a formula is no sum of few products, NoInverseError where the
    sum of one-coordinate operators cannot be inverted by exponentials.
    """

    statement: Statement
    degree: int
    relative: float

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The polynomials of every coordinate, the same ones for equal coordinates."""
        domain = self.statement.problem.domain
        known: dict[tuple[object, ...], Axis] = {}
        for k, (low, high) in enumerate(zip(domain.lower, domain.upper, strict=True)):
            given = float(low), float(high), self.statement.functionals(k)
            if given not in known:
                known[given] = Axis(given[0], given[1], self.degree, given[2])
            known[k,] = known[given]
        return tuple(known[k,] for k in range(domain.dimension))

    @cached_property
    def values(self) -> Values:
        """Formulas at the Gauss points."""
        return Values(self.axes, self.relative)

    @cached_property
    def operator(self) -> Operator:
        """The whole operator: terms of one coordinate each, and the others."""
        singles = [np.zeros_like(axis.nodal()) for axis in self.axes]
        terms = []
        for index, coefficient in self.statement.coefficients.items():
            k = own_coordinate(index, coefficient)
            if k is None:
                terms.append(Term(self.values.of(coefficient), index))
                continue
            along = self.values.along(k, coefficient)
            singles[k] = singles[k] + along[:, None] * self.axes[k].nodal(index[k])
        return Operator(self.axes, tuple(singles), tuple(terms))

    @cached_property
    def inverse(self) -> Inverse:
        """Of the part of one-coordinate operators, other coefficients by their means over all
        other coordinates.
        """
        singles = list(self.operator.singles)
        for term in self.operator.terms:
            derived = [k for k, m in enumerate(term.index) if m]
            if len(derived) > 1:
                continue  # mixed derivatives have no one-coordinate part
            k = derived[0] if derived else 0
            along = self._mean_along(term.coefficient, k)
            singles[k] = singles[k] + along[:, None] * self.axes[k].nodal(term.index[k])
        return Inverse(Operator(self.axes, tuple(singles)))

    def _mean_along(self, chain: Chain, axis: int) -> Array:
        """The mean over all other coordinates, (q,)."""
        left, right = np.ones((1, 1)), np.ones((1, 1))
        for core, other in zip(chain[:axis], self.axes[:axis], strict=True):
            left = left @ np.tensordot(other.weights, core, axes=(0, 1))
        for core, other in zip(chain[:axis:-1], self.axes[:axis:-1], strict=True):
            right = np.tensordot(other.weights, core, axes=(0, 1)) @ right
        return np.asarray(np.einsum("ai,inj,jb->n", left, chain[axis], right))

    @cached_property
    def lifted(self) -> Chain:
        """Coefficients of a function that meets the conditions: coordinate after coordinate what is
        missing of them is added, times the lowest polynomials that give it.

        The data of faces that meet must agree there; each step then leaves the earlier ones as
        they are.
        """
        result = zero([self.degree + 1] * len(self.axes))
        if all(is_zero(face.data) for face in self.statement.faces):
            return result
        for k, axis in enumerate(self.axes):
            faces = [face for face in self.statement.faces if face.axis == k]
            missing = []
            for number, face in enumerate(faces):
                column = axis.extensions[:, number]
                traced = [np.eye(self.degree + 1) for _ in self.axes]
                traced[k] = -np.outer(column, axis.traces[number])
                missing.append(mapped(result, traced))
                if not is_zero(face.data):
                    missing.append(self.extended(face.data, k, column))
            if missing:
                result = total([result, *missing], self.relative)
        return result

    def extended(self, data: Node, axis: int, column: Array) -> Chain:
        """Data that do not depend on one coordinate, times a polynomial of it."""
        projections = [other.projection for other in self.axes]
        projections[axis] = np.outer(column, self.axes[axis].weights)
        return mapped(self.values.of(data), projections)

    def residual(self, chain: Chain) -> tuple[Chain, float]:
        """f - L u at the Gauss points, and the rounding errors in it as a share of its norm: 1 where
        it is nothing else.
        """
        source = self.values.of(self.statement.source)
        applied = self.operator.apply(chain, self.relative)
        weights = [axis.weights for axis in self.axes]
        roots = [np.sqrt(w) for w in weights]
        sizes = [
            norm([core * root[:, None] for core, root in zip(part, roots, strict=True)])
            for part in (source, applied)
        ]
        rest = added(source, scaled(applied, -1.0))
        size = norm([core * root[:, None] for core, root in zip(rest, roots, strict=True)])
        if size <= self.relative * max(sizes):
            return rest, 1.0
        share = min(COARSEST, self.relative * max(sizes) / size)
        return rounded(rest, share, weights), share

    def solved(self, start: Chain | None = None) -> Solved:
        """The solution; `start` are coefficients to begin with."""
        if start is None:
            start = self.lifted
        if self.operator.terms:
            return self._krylov(start)
        chain, before, error = start, np.inf, 1.0
        wanted = max(self.relative, FINEST)
        for _ in range(CORRECTIONS):
            rest, share = self.residual(chain)
            if share == 1.0:
                error = self.relative
                break
            step, accuracy = self._step(rest, max(LEAST, min(COARSEST, wanted / error)), share)
            chain = rounded(added(chain, step), self.relative)
            correction = norm(step) / (norm(chain) or 1.0)
            error = correction * accuracy
            if error <= 2 * wanted or correction > 0.1 * before:
                break
            before = correction
        return Solved(self.axes, chain, error)

    def _step(self, rest: Chain, wanted: float, share: float) -> tuple[Chain, float]:
        """A correction, and the share of it that it may be wrong by."""
        try:
            step, change = self.inverse.swept(rest, wanted)
        except NotConvergedError:
            return self._expanded(self.inverse.summed(rest, share)), 1.0
        return self._expanded(step), max(wanted, change)

    def _expanded(self, reduced: Chain) -> Chain:
        return mapped(reduced, [axis.homogeneous for axis in self.axes])

    def _krylov(self, start: Chain) -> Solved:
        """Restarted GMRES for the preconditioned equation E L v = E (f - L u)."""
        chain, correction = start, np.inf
        for _ in range(CYCLES):
            rest, share = self.residual(chain)
            if share == 1.0:
                correction = self.relative
                break
            right = self.inverse.apply(rest, share)
            size, known = norm(right), norm(chain)
            before, correction = correction, size / known if known else np.inf
            if correction <= 10 * self.relative or correction > 0.5 * before:
                break
            wanted = self.relative * known / size
            step = gmres(self._preconditioned, right, max(wanted, share))
            chain = rounded(added(chain, self._expanded(step)), self.relative)
        return Solved(self.axes, chain, correction)

    def _preconditioned(self, reduced: Chain, relative: float) -> Chain:
        applied = self.operator.apply(self._expanded(reduced), relative)
        return self.inverse.apply(applied, relative)


def gmres(apply: Callable[[Chain, float], Chain], right: Chain, relative: float) -> Chain:
    """x with apply(x) = right up to `relative` times the norm of `right`, or after CYCLE steps the
    best there is.

    A vector is computed as accurately as its share of the solution asks for: the residual so far
    over the wanted one.
    """
    size = norm(right)
    basis = [scaled(right, 1 / size)]
    table = np.zeros((CYCLE + 1, CYCLE))
    wanted = np.zeros(CYCLE + 1)
    wanted[0] = size
    combination: Array = np.zeros(0)
    remaining = 1.0
    for step in range(CYCLE):
        accuracy = min(0.1, max(LEAST, 0.1 * relative / remaining))
        image = apply(basis[step], accuracy)
        for row, vector in enumerate(basis):
            table[row, step] = inner(vector, image).real
            image = added(image, scaled(vector, -table[row, step]))
        image = rounded(image, accuracy)
        table[step + 1, step] = norm(image)
        block = table[: step + 2, : step + 1]
        combination = np.linalg.lstsq(block, wanted[: step + 2], rcond=None)[0]
        misfit = wanted[: step + 2] - block @ combination
        remaining = float(np.linalg.norm(misfit)) / size
        if remaining <= relative or table[step + 1, step] <= LEAST * size:
            break
        basis.append(scaled(image, 1 / table[step + 1, step]))
    parts = [scaled(vector, c) for vector, c in zip(basis, combination, strict=False)]
    return total(parts, max(LEAST, 0.1 * relative))
