"""From a saved solution to a formula: discover, fit, name the constants, put it into the equations,
say what holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy

from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array
from kanpde.results.solution import Solution
from kanpde.symbolic.search.axis_spaces import inner_box
from kanpde.symbolic.search.discover import candidates
from kanpde.symbolic.search.fit import Fit, fit, minimise, name_constants
from kanpde.symbolic.search.models import Model, spent, values
from kanpde.symbolic.search.numbers import exact, recognise, recognise_sum
from kanpde.symbolic.search.separable import Target
from kanpde.symbolic.verify import regression as data
from kanpde.symbolic.verify.statement import Statement
from kanpde.symbolic.verify.supports import Place, factors, places
from kanpde.symbolic.verify.translate import coordinates
from kanpde.symbolic.verify.verify import Check, Verdict, check, weakest

FITS = 1e-4  # relative misfit at which a candidate is worth putting into the equations
POINTS = 700
CONSTANTS = 60  # of a candidate; more are an expansion, no formula
SHARP = 1e-6  # relative misfit at which no other candidate is asked for


@dataclass(frozen=True)
class Formula:
    """Formulas of the unknowns (sympy expressions of `coordinates`), how they were found, their
    misfit to the field (relative, root mean square) and what every equation and condition says, or
    the data of a regression. `seconds` are those of the processor; `constants` are the parameters
    that an inverse problem estimates, as they were put in. Call it at points (N, d) to get (N, m).
    """

    problem: str
    coordinates: tuple[str, ...]
    expressions: Mapping[str, Any]
    how: Mapping[str, str]
    misfit: Mapping[str, float]
    checks: tuple[Check, ...]
    unchecked: tuple[str, ...]
    seconds: float
    constants: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The weakest verdict of all checks."""
        return weakest(self.checks).verdict if self.checks else Verdict.NOTHING

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return weakest(self.checks).sentence if self.checks else Verdict.NOTHING.value

    @property
    def verified(self) -> bool:
        """Whether every check holds, exactly or numerically."""
        return self.verdict in (Verdict.EXACT, Verdict.NUMERIC)

    @property
    def holds(self) -> bool:
        """Whether it is verified or, of a regression, fits the data: what exit code 0 says."""
        return self.verified or self.verdict is Verdict.FITS

    @property
    def text(self) -> dict[str, str]:
        """The formulas as text, by unknown."""
        return {name: str(one) for name, one in self.expressions.items()}

    def __call__(self, points: Array) -> Array:
        """The values (N, m) at points (N, d); ConfigError where no formula was found or for points
        of another shape.
        """
        if not self.expressions:
            raise ConfigError(
                f"formula of '{self.problem}': none was found; use the solution itself"
            )
        if points.ndim != 2 or points.shape[1] != len(self.coordinates):
            raise ConfigError(
                f"formula of '{self.problem}': needs points of shape (N, {len(self.coordinates)}),"
                f" found {points.shape}"
            )
        at = dict(zip(coordinates(self.coordinates), np.asarray(points, float).T, strict=True))
        columns = [
            np.broadcast_to(np.asarray(values(e, at), float), len(points))
            for e in self.expressions.values()
        ]
        return np.stack(columns, 1)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "problem": self.problem,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "formulas": self.text,
            "latex": {name: sympy.latex(one) for name, one in self.expressions.items()},
            "how": dict(self.how),
            "misfit": dict(self.misfit),
            "constants": dict(self.constants),
            "checks": [
                {"what": c.what, "verdict": c.verdict.value, "residual": c.residual}
                for c in self.checks
            ],
            "unchecked": list(self.unchecked),
            "seconds": self.seconds,
        }


def formula(
    solution: Solution, seconds: float = 120.0, own: Mapping[str, Any] | None = None
) -> Formula:
    """The formula of a solution, with its verdict; `seconds` (of the processor) bound the search,
    not the verification.

    `own` are formulas by unknown that the edges of a simplified network make (`plain.read`),
    candidates as others are. The search sees values of the trial solution and the problem's
    equations, conditions and parameters, never `exact`. Raises ConfigError for a problem on several
    regions.
    """
    began = spent()
    problem = solution.problem
    if problem.regions:
        raise ConfigError(
            f"formula of '{problem.name}': has the regions {', '.join(problem.regions)}; one"
            f" formula per region is not sought"
        )
    said = Statement.of(problem, {name: one.value for name, one in solution.parameters.items()})
    where, unchecked = places(problem, said) if problem.config.fit is None else ([], [])
    search = replace(_Search.of(solution, where, said, began + seconds), own=own)
    fits = [search.unknown(k) for k in range(len(problem.unknowns))]
    found = [one for one in fits if one is not None]
    if len(found) < len(fits):
        missing = [
            f"{name}: no structure found"
            for name, one in zip(problem.unknowns, fits, strict=True)
            if one is None
        ]
        return Formula(
            problem.name,
            problem.coordinates,
            {},
            {},
            {},
            (),
            (*unchecked, *missing),
            spent() - began,
        )
    models = [one.fit.model for one in found]
    expressions, checks = search.verified(models)
    if (sharper := search.estimated()).constants != search.constants:
        other = sharper.verified(models)
        if _rank(other[1]) > _rank(checks):
            search, (expressions, checks) = sharper, other
    named = dict(zip(problem.unknowns, expressions, strict=True))
    how = {name: one.how for name, one in zip(problem.unknowns, found, strict=True)}
    misfit = {name: search.misfit(k, e) for k, (name, e) in enumerate(named.items())}
    constants = {name: str(search.constants[k]) for k, name in enumerate(problem.constants)}
    took = spent() - began
    return Formula(
        problem.name,
        problem.coordinates,
        named,
        how,
        misfit,
        checks,
        tuple(unchecked),
        took,
        constants,
    )


def rows(found: Formula) -> list[tuple[str, str]]:
    """The formula, how it was found and what every check says, for a table of two columns."""
    table = [(name, text) for name, text in found.text.items()]
    table += [
        (f"{name} found as", f"{how}, {found.misfit[name]:.1e} from the field")
        for name, how in found.how.items()
    ]
    table += list(found.constants.items())
    table += [(one.what, one.sentence) for one in found.checks]
    return (
        table
        + [("not checked", text) for text in found.unchecked]
        + [("processor seconds", f"{found.seconds:.1f}")]
    )


@dataclass(frozen=True)
class _Found:
    how: str
    fit: Fit


@dataclass(frozen=True)
class _Search:
    """What every step of the search needs: `points` (N, d) with values `field` (N, m), of a
    regression those of its data; `worst` is the relative misfit a candidate may have there.
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
    own: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls, solution: Solution, where: Sequence[Place], said: Statement, deadline: float
    ) -> _Search:
        problem = solution.problem
        points = problem.domain.interior(POINTS, "sobol", np.random.default_rng(11)).x
        x = coordinates(problem.coordinates)
        if problem.config.fit is not None:
            _, points, y = data.sets(problem, x, points)[0]
            apart = solution(points, outside="allow") - y
            worst = FITS + float((np.linalg.norm(apart, axis=0) / np.linalg.norm(y, axis=0)).max())
            return cls(solution, where, x, points, y, said.numbers, said.constants, deadline, worst)
        return cls(
            solution,
            where,
            x,
            points,
            solution(points, outside="allow"),
            said.numbers,
            said.constants,
            deadline,
        )

    def unknown(self, k: int) -> _Found | None:
        """The first candidate that fits unknown k to rounding of the field, else the best of those
        that fit at all.
        """
        best: _Found | None = None
        y = self.field[:, k]
        if np.ptp(y) <= 1e-13 * max(1e-300, float(np.abs(y).max())):
            return _Found(
                "constant", Fit(Model(exact(float(y.mean())), (), np.zeros(0)), 0.0, np.zeros(0))
            )
        for one in self._candidates(k):
            if len(one.model.theta) > CONSTANTS:
                continue
            done = fit(one.model, self.x, self.points, y)
            if (
                done is None
                or done.misfit > self.worst
                or (best is not None and done.misfit > 0.1 * best.fit.misfit)
            ):
                if spent() > self.deadline:
                    break
                continue
            named = name_constants(
                done, lambda m: fit(m, self.x, self.points, y), self.known, one.angles
            )
            best = _Found(one.how, named)
            if named.misfit < SHARP or spent() > self.deadline:
                break
        edges = self._edges(k)
        return (
            best
            if edges is None
            or (best is not None and best.fit.misfit <= max(SHARP, edges.fit.misfit))
            else edges
        )

    def _edges(self, k: int) -> _Found | None:
        """The formula that the edges of a simplified network make, however far from the field: its
        verdict will say so.
        """
        expression = (self.own or {}).get(self.solution.problem.unknowns[k])
        if expression is None:
            return None
        model = Model.freed(expression)
        return _Found(
            "edges of the simplified network",
            Fit(model, self.misfit(k, expression), np.zeros(model.start.size)),
        )

    def _candidates(self, k: int) -> Any:
        domain, rng = self.solution.problem.domain, np.random.default_rng(5)

        def values_of(points: Array) -> Array:
            return self.solution(points, outside="allow")[:, k]

        box = inner_box(domain.contains, domain.lower, domain.upper, rng)
        plane = len(self.x) == 2 and self.solution.problem.config.time is None
        target = Target(values_of, self.x, domain.contains, box, rng, plane)
        centres = [centre for place in self.where if (centre := place.centre) is not None]
        unique = [np.array(c) for c in dict.fromkeys(centres)]
        return candidates(target, factors(self.where, self.x, k), unique)

    def misfit(self, k: int, expression: Any) -> float:
        """Root mean square of formula minus field, relative to that of the field."""
        at = dict(zip(self.x, self.points.T, strict=True))
        y = self.field[:, k]
        with np.errstate(all="ignore"):
            apart = np.asarray(values(expression, at), float) - y
        return float(np.linalg.norm(apart) / (np.linalg.norm(y) or 1.0))

    def verified(self, models: Sequence[Model]) -> tuple[list[Any], tuple[Check, ...]]:
        """The formulas with constants refined by the equations, and their checks; the better of
        refined and not.
        """
        plain = [m.filled for m in models]
        if (problem := self.solution.problem).config.fit is not None:
            rows = data.sets(problem, self.x, self.points)
            return [_tidy(e) for e in plain], data.checks(rows, self.x, plain, problem.unknowns)
        checks = check(self.where, plain, self.known, self.constants)
        if weakest(checks).verdict is Verdict.EXACT or not any(m.theta for m in models):
            return [_tidy(e) for e in plain], checks
        refined = self._refine(models)
        for tried in (refined, self._named(refined)):
            filled = [m.filled for m in tried]
            again = check(self.where, filled, self.known, self.constants)
            if _rank(again) >= _rank(checks):
                plain, checks = filled, again
        return [_tidy(e) for e in plain], checks

    def estimated(self) -> _Search:
        """The same with the estimated parameters of an inverse problem read as numbers with names
        where they are near one.
        """
        floats = {k: float(v) for k, v in self.constants.items() if v.is_Float}
        near = {k: recognise(v, 1e-8 * abs(v), self.known) for k, v in floats.items()}
        return replace(
            self, constants={**self.constants, **{k: v for k, v in near.items() if v is not None}}
        )

    def _refine(self, models: Sequence[Model]) -> list[Model]:
        """All constants without names moved to where the residuals of equations and conditions are
        least.
        """
        theta = [s for m in models for s in m.theta]
        start = np.concatenate([m.start for m in models])
        puts = [
            place.put([m.expression for m in models], self.known, self.constants)
            for place in self.where
        ]

        def rows(v: Array) -> Array:
            env = dict(zip(theta, map(float, v), strict=True))
            found = np.concatenate(
                [place.rows(put, env) for place, put in zip(self.where, puts, strict=True)]
            )
            return np.where(np.isfinite(found), found, 1e3)

        def jacobian(v: Array) -> Array:
            step = np.maximum(np.abs(v), 1e-2) * 1e-6
            return np.stack(
                [
                    (rows(v + h * e) - rows(v - h * e)) / (2 * h)
                    for h, e in zip(step, np.eye(len(v)), strict=True)
                ],
                1,
            )

        moved = minimise(rows, jacobian, start, 12)
        left, made = list(moved), []
        for m in models:
            made.append(replace(m, start=np.array(left[: len(m.theta)])))
            left = left[len(m.theta) :]
        return made

    def _named(self, models: Sequence[Model]) -> list[Model]:
        """Refined constants that are numbers of the problem or have names, known to twelve digits
        now.
        """
        made = []
        for m in models:
            taken = {}
            for s, v in zip(m.theta, m.start, strict=True):
                error = 1e-12 * max(1.0, abs(float(v)))
                named = recognise(float(v), error, self.known)
                named = recognise_sum(float(v), error) if named is None else named
                if named is not None:
                    taken[s] = named
            left = [(s, v) for s, v in zip(m.theta, m.start, strict=True) if s not in taken]
            made.append(
                Model(
                    m.expression.xreplace(taken),
                    tuple(s for s, _ in left),
                    np.array([v for _, v in left]),
                )
            )
        return made


def _rank(checks: Sequence[Check]) -> tuple[int, float]:
    least = weakest(checks)
    return list(Verdict).index(least.verdict), -least.residual


def _tidy(expression: Any) -> Any:
    """The shorter of the formula and its factored form."""
    if expression.has(sympy.Float):
        return expression
    factored = sympy.factor(expression)
    return min((expression, factored), key=lambda e: (sympy.count_ops(e), len(str(e))))
