"""Errors as norms on a quadrature that training never saw, and residuals at the same points.

    relative L2 = (∫ (u - u*)² / ∫ u*²)^{1/2},    max error = max |u - u*|

over Gauss points of the domain and, for the maximum, of its conditioned parts too; against a
reference, over the points of the reference. Dimensionless (or in units of u).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from kanpde.assembly.collocation import COUNT, MANY, Collocation, Points, held_out, samples
from kanpde.assembly.energy import integral
from kanpde.assembly.relative_residuals import share, sizes
from kanpde.assembly.residual import Assembly, Term, terms
from kanpde.config import WeightsConfig
from kanpde.numerics.quadrature import Array
from kanpde.problem.conditions import Condition
from kanpde.problem.problem import Problem
from kanpde.trial.piecewise import AnyTrial

TRIES = 8
"""How often other held-out points are asked for; those of a mesh of few cells may stay the same."""

NOISY = 3.0
"""Root mean square of a misfit, in standard deviations of the noise, that is no misfit."""


@dataclass(frozen=True)
class Metrics:
    """Errors per unknown, held-out residual, worst condition, inputs outside a grid, largest
    residual by name of condition.

    Errors are None without an exact solution or a reference; `reference` is the name and the own
    error of the latter, or None. `energy` holds J at the points of the solve (`trained`) and at
    `held_out` ones, where the problem is in energy form. `fit` holds the agreement with what was
    fitted: `train` at the points of the solve, `test` at others, or None. `lifted` is the largest
    violation of each condition that the trial solution meets by construction, `lifting_note` a
    warning. `relative_residuals` are those of the `equations`, the `conditions` and of measured
    values (`data`) by name (see `kanpde.assembly.relative_residuals`), `worst_point` is where that
    of an equation is largest.
    """

    relative_l2: dict[str, float | None]
    max_error: dict[str, float | None]
    residual_rms: float
    boundary_max: float
    outside_share: float
    reference: dict[str, str | float] | None = None
    conditions: dict[str, float] = field(default_factory=dict)
    lifted: dict[str, float] | None = None
    lifting_note: str = ""
    energy: dict[str, float] | None = None
    fit: dict[str, dict[str, Any] | None] | None = None
    relative_residuals: dict[str, dict[str, float]] = field(default_factory=dict)
    worst_point: list[float] | None = None


def measure(problem: Problem, trial: AnyTrial, trained: Collocation) -> Metrics:
    """Everything a report says about a trial solution; reads `problem.exact` and
    `problem.reference` and changes nothing.

    A fit of a table is measured on its test rows, and its residual is that on the rows that were
    fitted. Held-out points that happen to be the trained ones (a Gauss sampler of the same size)
    are replaced by more.
    """
    if problem.data is not None:
        return _of_data(problem, trial, problem.data)
    dimension = problem.domain.dimension
    count = COUNT.get(dimension, 20_000 * MANY // max(MANY, dimension))
    points = held_out(problem.domain, problem.parts, count, trial.scale.dtype)
    for _ in range(TRIES):
        if not _same(points, trained):
            break
        count = round(1.3 * count)
        points = held_out(problem.domain, problem.parts, count, trial.scale.dtype)
    relative, worst = _errors(problem, trial, points)
    residual, violations, judged = _residuals(problem, trial, points)
    conditions: dict[str, float] = {}
    for condition, violation in violations:
        conditions[condition.label] = _larger(violation, conditions.get(condition.label, 0.0))
    boundary = reduce(_larger, conditions.values(), 0.0)
    known = problem.reference
    against: dict[str, str | float] | None = (
        None if known is None else {"name": known.name, "error": known.error}
    )
    energy = None
    if problem.energy is not None and not trial.slab_ends:
        energy = {
            "trained": integral(problem, trial, trained),
            "held_out": integral(problem, trial, points),
        }
    outside = trial.outside_share(points.interior.x)
    fit: dict[str, dict[str, Any] | None] | None = None
    if problem.config.fit is not None:
        fit = {
            "train": _agreement(problem, trial, trained.interior),
            "test": _agreement(problem, trial, points.interior),
        }
    metrics = Metrics(
        relative,
        worst,
        residual,
        boundary,
        outside,
        against,
        conditions,
        energy=energy,
        fit=fit,
        relative_residuals=judged.shares,
        worst_point=judged.worst_point,
    )
    met = trial.met
    if not met:
        return metrics
    lifted: dict[str, float] = {}
    for condition, violation in violations:
        if (condition.name, condition.node) in met:
            lifted[condition.name] = _larger(violation, lifted.get(condition.name, 0.0))
    return replace(metrics, lifted=lifted, lifting_note=trial.note)


def _of_data(
    problem: Problem, trial: AnyTrial, data: tuple[Array, Array, Array | None, Array | None]
) -> Metrics:
    """The metrics of a fit of a table; errors are None without test rows."""
    (x, y, x_test, y_test), dtype = data, trial.scale.dtype
    points = samples(x, dtype).interior
    train, test = _agreement(problem, trial, points, torch.tensor(y)), None
    if x_test is not None and y_test is not None:
        test = _agreement(problem, trial, samples(x_test, dtype).interior, torch.tensor(y_test))
    nothing: dict[str, float | None] = dict.fromkeys(problem.unknowns)
    relative, worst = (
        dict(nothing) if test is None else test[key] for key in ("relative_l2", "max_error")
    )
    residual = math.sqrt(sum(value**2 for value in train["rmse"].values()))
    outside = trial.outside_share(points.x)
    return Metrics(relative, worst, residual, 0.0, outside, fit={"train": train, "test": test})


def _agreement(
    problem: Problem, trial: AnyTrial, points: Points, known: Tensor | None = None
) -> dict[str, Any]:
    """Root mean square, relative L2 and largest error per unknown at points, against values (N, m)
    or else `exact`.
    """
    if known is None:
        known = problem.exact_at(points.x.double(), None)
        assert known is not None
    error, w = trial.evaluate(points.x).double() - known, (points.w / points.w.sum()).double()
    mean, size = w @ error.square(), w @ known.square()
    columns = zip(
        problem.unknowns,
        mean.tolist(),
        size.tolist(),
        error.abs().amax(dim=0).tolist(),
        strict=True,
    )
    agreement: dict[str, Any] = {"points": len(w), "rmse": {}, "relative_l2": {}, "max_error": {}}
    for name, square, of, largest in columns:
        agreement["rmse"][name], agreement["max_error"][name] = math.sqrt(square), largest
        agreement["relative_l2"][name] = math.sqrt(square / of) if of > 0 else None
    return agreement


def _larger(a: float, b: float) -> float:
    """The larger number; what is not a number stays, as `max` does not promise."""
    return b if not a >= b and not math.isnan(a) else a


def _same(ours: Collocation, theirs: Collocation) -> bool:
    """Whether any point set with more than a point is the same in both."""
    pairs = [
        (ours.interior, theirs.interior),
        *((ours.parts[part], theirs.parts[part]) for part in theirs.parts),
    ]
    return any(len(a.x) > 1 and a.x.shape == b.x.shape and torch.equal(a.x, b.x) for a, b in pairs)


def _errors(
    problem: Problem, trial: AnyTrial, points: Collocation
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    dtype = points.interior.x.dtype
    if problem.exact is not None:
        x, w = (
            torch.cat([points.interior.x, *(part.x for part in points.parts.values())]),
            points.interior.w,
        )
        exact_values = problem.exact_at(x.double(), problem.region_of(x))
        assert exact_values is not None
        exact = exact_values.to(dtype)
    elif problem.reference is not None:
        known = problem.reference
        x, w, exact = (torch.tensor(array).to(dtype) for array in (known.x, known.w, known.values))
    else:
        nothing: dict[str, float | None] = dict.fromkeys(problem.unknowns)
        return nothing, dict(nothing)
    error = problem.choose(trial.evaluate(x), problem.region_of(x)) - exact
    n = len(w)
    relative: dict[str, float | None] = {}
    worst: dict[str, float | None] = {}
    for o, name in enumerate(problem.unknowns):
        size = float((w * exact[:n, o].square()).sum())
        relative[name] = (
            math.sqrt(float((w * error[:n, o].square()).sum()) / size) if size > 0 else None
        )
        worst[name] = float(error[:, o].abs().max())
    return relative, worst


@dataclass
class _Judged:
    """Relative residuals by kind and name, the largest where several terms have one name, and the
    point of the largest of an equation.
    """

    shares: dict[str, dict[str, float]] = field(
        default_factory=lambda: {"equations": {}, "conditions": {}, "data": {}}
    )
    worst_point: list[float] | None = None
    _worst: float = 0.0

    def add(self, term: Term, label: str, rows: Tensor, size: Tensor, w: Tensor | None) -> None:
        """Count the rows of a term, each of this size and weight."""
        kind = "equations" if term.interior else "conditions"
        shares = self.shares["data" if term.columns is not None else kind]
        shares[label] = _larger(share(rows, size, w), shares.get(label, 0.0))
        if not term.interior:
            return
        squares = rows.square() if w is None else w * rows.square()
        total = float((size.square() if w is None else w * size.square()).sum())
        largest = int(squares.argmax())
        if total > 0 and float(squares[largest]) / total >= self._worst:
            self._worst = float(squares[largest]) / total
            self.worst_point = term.x[largest].tolist()


def _residuals(
    problem: Problem, trial: AnyTrial, points: Collocation
) -> tuple[float, list[tuple[Condition, float]], _Judged]:
    """Root of the mean over Ω of Σ weight · r² of the equations, every condition with its largest
    |r|, and the relative residuals.
    """
    every_term = terms(problem, points, WeightsConfig(equations=1.0, conditions=1.0))
    weights = points.interior.w / points.interior.w.sum()
    places = iter(problem.places(problem.region_of(points.interior.x)))
    # `terms` keeps the order of the conditions, and measured values stand at the end
    posed = [condition for condition in problem.conditions if condition.data is None]
    labels = iter(condition.label for condition in posed)
    measured = iter(condition for condition in problem.conditions if condition.data is not None)
    shares_of_equations = iter(problem.weights)
    total, judged = 0.0, _Judged()
    worst: list[float] = []
    with torch.no_grad():
        assembly = Assembly(every_term, trial)
        jets = assembly.jets(trial)
        rows_of_terms = assembly.rows_of(jets, trial)
        config = problem.config
        space = len(problem.coordinates) - len(config.ranges) - (config.time is not None)
        sizes_of_terms = sizes(assembly, jets, trial.constants.values, space)
    for term, rows, size in zip(every_term, rows_of_terms, sizes_of_terms, strict=True):
        if term.columns is not None:  # measured values are no condition, and not held out
            condition = next(measured)
            within_noise = condition.noise and float(rows.square().mean()) <= NOISY**2
            if not within_noise:
                judged.add(term, condition.label, rows, size, None)
            continue
        if term.interior:
            w = weights[next(places)]
            total += term.weight * float((w * rows.square()).sum())
            if next(shares_of_equations) == 1:  # any other weight is a wish
                judged.add(term, term.name, rows, size, w)
        else:
            worst.append(float(rows.abs().max()))
            judged.add(term, next(labels), rows, size, None)
    return math.sqrt(total), list(zip(posed, worst, strict=True)), judged
