"""How well measured values determine the unknown constants, to first order at the solution
(Gauss-Newton).

With weighted rows r, M = ∂r/∂c of the field's outer parameters, K = ∂r/∂s of the constants, and P
the projection off what c can do (QR, see `optimizers.bordered`), a disturbance e of the rows moves
the constants by

    δs = -A e,     A = (P K)⁺,     Cov s = A S² Aᵀ,

S the standard deviations of the rows: those of the noise where measured values stand, zero for
equations and conditions. Where the latter weigh so much that they count as constraints
(`terms.DATA_SHARE`), this is the block of s of σ² (JᵀJ)⁻¹. Without given noise its size comes from
the misfit, σ² = Σ r² / (n - q). A constant that is kept positive has its interval in log k.
Sources: Seber & Wild, Nonlinear Regression, 1989, §2.1, §5.1; Golub & Pereyra, SIAM J. Numer. Anal.
10 (1973).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kanpde import optimizers
from kanpde.assembly.objective import Objective
from kanpde.assembly.outer_system import OuterSystem
from kanpde.assembly.residual import Assembly
from kanpde.config import STAGE
from kanpde.expressions import Constant, Number
from kanpde.problem.problem import Problem
from kanpde.trial.solution import TrialSolution


@dataclass(frozen=True)
class Estimate:
    """A constant k that was solved for; without measured values, or where they do not determine it,
    it has no error.

    `true` is the value that belongs to the exact solution, if that is known.
    """

    value: float
    standard_error: float | None = None
    interval_95: tuple[float, float] | None = None
    true: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for result.json."""
        entry: dict[str, Any] = {
            "value": self.value,
            "standard_error": self.standard_error,
            "interval_95": None if self.interval_95 is None else list(self.interval_95),
        }
        known = {} if self.true is None else {"exact": self.true, "error": self.value - self.true}
        return entry | known


def findings(problem: Problem, objective: Objective, trial: TrialSolution) -> dict[str, Any]:
    """What a result says about unknown parameters and measured values; an energy and a fit have
    none of them.
    """
    assembly = objective.residual
    if assembly is None or problem.data is not None:
        return {}
    return {
        "parameters": estimates(problem, assembly, trial),
        "data": misfit(problem, assembly, trial),
    }


def estimates(problem: Problem, assembly: Assembly, trial: TrialSolution) -> dict[str, Estimate]:
    """Every unknown constant of a problem by its name."""
    if not problem.constants:
        return {}
    values, slopes = trial.constants.values.tolist(), trial.constants.slopes.tolist()
    errors, quantile = _errors(problem, assembly, trial)
    by_name = {}
    for number, (name, value) in enumerate(zip(problem.constants, values, strict=True)):
        node = problem.true.get(Constant(number))
        true = node.value if isinstance(node, Number) else None
        if errors is None:
            by_name[name] = Estimate(value, true=true)
            continue
        reach = quantile * errors[number]
        positive = bool(trial.constants.positive[number])
        if positive:
            interval = value * math.exp(-min(reach, 700.0)), value * math.exp(min(reach, 700.0))
        else:
            interval = value - reach, value + reach
        by_name[name] = Estimate(value, abs(slopes[number]) * errors[number], interval, true)
    return by_name


def misfit(problem: Problem, assembly: Assembly, trial: TrialSolution) -> Mapping[str, Any] | None:
    """Number of measured rows and the root mean square of F there, in standard deviations of the
    noise where that is given.
    """
    with torch.no_grad():
        pairs = zip(assembly.terms, assembly.residuals(trial), strict=True)
        rows = [rows for term, rows in pairs if term.columns is not None]
    if not rows:
        return None
    noise = any(condition.noise for condition in problem.conditions)
    rms = float(torch.cat(rows).square().mean().sqrt())
    return {
        "rows": sum(map(len, rows)),
        "misfit_rms": rms,
        "in_units_of": "noise" if noise else "the equation",
    }


def _errors(
    problem: Problem, assembly: Assembly, trial: TrialSolution
) -> tuple[list[float] | None, float]:
    """Standard errors of s (q,), None where there are none, and the two-sided 95 % quantile."""
    measured = torch.cat(
        [term.x.new_full((term.rows,), float(term.columns is not None)) for term in assembly.terms]
    )
    count, q = int(measured.sum()), len(problem.constants)
    noise = any(condition.noise for condition in problem.conditions)
    if count == 0 or (not noise and count <= q):
        return None, 0.0
    from scipy.special import ndtri, stdtrit  # quantiles: normal, Student's t

    rows = OuterSystem(assembly, trial)
    with torch.no_grad():
        matrix, border = rows.matrix(trial.net.outer.numel()), rows.border()
        ends = optimizers.Bordered(
            matrix, border, STAGE["least_squares"]["regularisation"], trial.net.outer.shape[1]
        ).sensitivity()
    if ends is None:
        return None, 0.0
    if noise:
        scales: Tensor = torch.cat(
            [term.x.new_full((term.rows,), term.scale) for term in assembly.terms]
        )
        deviations, quantile = measured * scales, float(ndtri(0.975))
    else:
        size = (rows.weighted().detach()[measured > 0].square().sum() / (count - q)).sqrt()
        deviations, quantile = measured * size, float(stdtrit(count - q, 0.975))
    return (ends * deviations).norm(dim=1).tolist(), quantile
