"""The search for the formulas of a solution: candidates, fits, names of constants, verdicts.

Per unknown the candidates of `search.discover` are fitted to the field; the best is refined until
the residuals of equations and conditions are least, its constants are read as numbers with names,
and both forms are put into every equation and condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import sympy

from kanpde.numerics.quadrature import Array
from kanpde.results.solution import Solution
from kanpde.symbolic.search.axis_spaces import inner_box
from kanpde.symbolic.search.discover import candidates
from kanpde.symbolic.search.fit import Fit, fit, minimise, name_constants
from kanpde.symbolic.search.models import Model, spent, values
from kanpde.symbolic.search.numbers import exact, recognise, recognise_sum
from kanpde.symbolic.search.separable import Candidate, Target
from kanpde.symbolic.verify import regression
from kanpde.symbolic.verify.statement import Statement
from kanpde.symbolic.verify.supports import Place, factors
from kanpde.symbolic.verify.translate import coordinates
from kanpde.symbolic.verify.verify import Check, Verdict, check, rank, weakest

FITS = 1e-4
"""Relative misfit up to which a candidate is put into the equations."""

SHARP = 1e-6
"""Relative misfit at which no further candidate is tried."""

POINTS = 700
"""Points at which candidates are fitted."""

CONSTANTS = 60
"""Constants of a candidate; one with more is an expansion, not a formula."""


class Found(NamedTuple):
    """The structure of a formula in words, and its fit to the field."""

    how: str
    fit: Fit


class Verified(NamedTuple):
    """The formulas of the unknowns (sympy), and the verdicts on them."""

    expressions: list[Any]
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class FormulaSearch:
    """What every step of the search needs.

    Attributes:
        solution: whose formula is sought.
        where: where its equations and conditions hold.
        x: the coordinates as symbols.
        points: (N, d), where candidates are fitted; of a regression those of its data.
        field: the values there, (N, m).
        known: numbers of the problem (sympy).
        constants: the values of unknown constants, by number.
        deadline: in processor seconds.
        worst: relative misfit up to which a candidate counts.
        edges: formulas by unknown that the edges of a simplified network make.
    """

    solution: Solution
    where: Sequence[Place]
    x: tuple[Any, ...]
    points: Array
    field: Array
    known: tuple[Any, ...]
    constants: Mapping[int, Any]
    deadline: float
    worst: float = FITS
    edges: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls, solution: Solution, where: Sequence[Place], statement: Statement, deadline: float
    ) -> FormulaSearch:
        """The search for a solution, which ends after the processor time `deadline`."""
        problem = solution.problem
        points = problem.domain.interior(POINTS, "sobol", np.random.default_rng(11)).x
        x = coordinates(problem.coordinates)
        worst = FITS
        if problem.config.fit is None:
            y = solution(points, outside="allow")
        else:  # the formula is to fit the data as well as the solution does
            _, points, y = regression.sets(problem, x, points)[0]
            apart = solution(points, outside="allow") - y
            shares = np.linalg.norm(apart, axis=0) / np.linalg.norm(y, axis=0)
            worst = FITS + float(shares.max())
        return cls(
            solution=solution,
            where=where,
            x=x,
            points=points,
            field=y,
            known=statement.numbers,
            constants=statement.constants,
            deadline=deadline,
            worst=worst,
        )

    def unknown(self, k: int) -> Found | None:
        """The first candidate that fits unknown k to SHARP, else the best of those that fit at all;
        the formula of the edges where none fits as well.
        """
        y = self.field[:, k]
        if np.ptp(y) <= 1e-13 * max(1e-300, float(np.abs(y).max())):
            constant = Model(exact(float(y.mean())), (), np.zeros(0))
            return Found("constant", Fit(constant, 0.0, np.zeros(0)))
        best = self._best_candidate(k)
        edges = self._edges(k)
        if edges is None:
            return best
        if best is not None and best.fit.misfit <= max(SHARP, edges.fit.misfit):
            return best
        return edges

    def _best_candidate(self, k: int) -> Found | None:
        y = self.field[:, k]

        def refit(model: Model) -> Fit | None:
            return fit(model, self.x, self.points, y)

        best: Found | None = None
        for candidate in self._candidates(k):
            if len(candidate.model.theta) > CONSTANTS:
                continue
            fitted = refit(candidate.model)
            # A later candidate is less simple, so it has to be ten times as near.
            enough = self.worst if best is None else min(self.worst, 0.1 * best.fit.misfit)
            if fitted is not None and fitted.misfit <= enough:
                named = name_constants(fitted, refit, self.known, candidate.angles)
                best = Found(candidate.how, named)
                if named.misfit < SHARP:
                    break
            if spent() > self.deadline:
                break
        return best

    def _edges(self, k: int) -> Found | None:
        """The formula that the edges of a simplified network make, however far from the field: its
        verdict shows that.
        """
        expression = (self.edges or {}).get(self.solution.problem.unknowns[k])
        if expression is None:
            return None
        model = Model.freed(expression)
        return Found(
            "edges of the simplified network",
            Fit(model, self.misfit(k, expression), np.zeros(model.start.size)),
        )

    def _candidates(self, k: int) -> Iterator[Candidate]:
        domain, rng = self.solution.problem.domain, np.random.default_rng(5)

        def field_of(points: Array) -> Array:
            return self.solution(points, outside="allow")[:, k]

        target = Target(
            field=field_of,
            x=self.x,
            contains=domain.contains,
            box=inner_box(domain.contains, domain.lower, domain.upper, rng),
            rng=rng,
            plane=len(self.x) == 2 and self.solution.problem.config.time is None,
        )
        centres = [place.centre for place in self.where]
        unique = dict.fromkeys(centre for centre in centres if centre is not None)
        arrays = [np.array(centre) for centre in unique]
        return candidates(target, factors(self.where, self.x, k), arrays)

    def misfit(self, k: int, expression: Any) -> float:
        """Root mean square of formula minus field, relative to that of the field."""
        at = dict(zip(self.x, self.points.T, strict=True))
        y = self.field[:, k]
        with np.errstate(all="ignore"):
            apart = np.asarray(values(expression, at), float) - y
        return float(np.linalg.norm(apart) / (np.linalg.norm(y) or 1.0))

    def verified(self, models: Sequence[Model]) -> Verified:
        """The formulas with constants refined by the equations, and their checks; the better of
        refined and not.
        """
        plain, problem = [model.filled for model in models], self.solution.problem
        if problem.config.fit is not None:
            rows = regression.sets(problem, self.x, self.points)
            checks = regression.checks(rows, self.x, plain, problem.unknowns)
            return Verified(list(map(_tidy, plain)), checks)
        checks = check(self.where, plain, self.known, self.constants)
        constant = not any(model.theta for model in models)
        if weakest(checks).verdict is Verdict.EXACT or constant:
            return Verified(list(map(_tidy, plain)), checks)
        refined = self._refine(models)
        for tried in (refined, self._named(refined)):
            filled = [model.filled for model in tried]
            again = check(self.where, filled, self.known, self.constants)
            if rank(again) >= rank(checks):
                plain, checks = filled, again
        return Verified(list(map(_tidy, plain)), checks)

    def estimated(self) -> FormulaSearch:
        """The same with the estimated parameters of an inverse problem read as numbers with names
        where they are near one.
        """
        constants = dict(self.constants)
        for k, value in self.constants.items():
            if value.is_Float:
                named = recognise(float(value), 1e-8 * abs(float(value)), self.known)
                constants[k] = value if named is None else named
        return replace(self, constants=constants)

    def _refine(self, models: Sequence[Model]) -> list[Model]:
        """All constants without names moved to where the residuals of equations and conditions are
        least.
        """
        theta = [symbol for model in models for symbol in model.theta]
        start = np.concatenate([model.start for model in models])
        expressions = [model.expression for model in models]
        puts = [place.put(expressions, self.known, self.constants) for place in self.where]

        def rows(v: Array) -> Array:
            env = dict(zip(theta, map(float, v), strict=True))
            of_places = [place.rows(put, env) for place, put in zip(self.where, puts, strict=True)]
            residual = np.concatenate(of_places)
            return np.where(np.isfinite(residual), residual, 1e3)

        def jacobian(v: Array) -> Array:
            columns = []
            for step in np.diag(np.maximum(np.abs(v), 1e-2) * 1e-6):
                columns.append((rows(v + step) - rows(v - step)) / (2 * step.sum()))
            return np.stack(columns, 1)

        moved = minimise(rows, jacobian, start, 12)
        ends = np.cumsum([len(model.theta) for model in models])
        parts = np.split(moved, ends[:-1])
        return [replace(model, start=part) for model, part in zip(models, parts, strict=True)]

    def _named(self, models: Sequence[Model]) -> list[Model]:
        """The models with those constants replaced that, known to twelve digits now, are numbers of
        the problem or have names.
        """
        return [self._with_names(model) for model in models]

    def _with_names(self, model: Model) -> Model:
        numbers = {}
        for symbol, value in zip(model.theta, map(float, model.start), strict=True):
            error = 1e-12 * max(1.0, abs(value))
            named = recognise(value, error, self.known)
            named = recognise_sum(value, error) if named is None else named
            if named is not None:
                numbers[symbol] = named
        return model.with_numbers(numbers)


def _tidy(expression: Any) -> Any:
    """The shorter of the formula and its factored form."""
    if expression.has(sympy.Float):
        return expression
    factored = sympy.factor(expression)
    return min((expression, factored), key=lambda e: (sympy.count_ops(e), len(str(e))))
