"""Several solutions of one problem: what the result of the first says of all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from kanpde.results.solution import Solution

POINTS = 2000
"""At which ranges are measured."""


def with_branches(solution: Solution, branches: tuple[Solution, ...]) -> Solution:
    """The first solution with others beside it, and a list of all of them in its result."""
    if not branches:
        return solution
    entries = tuple(_entry(each, number) for number, each in enumerate((solution, *branches), 1))
    return replace(solution, branches=branches, result=replace(solution.result, solutions=entries))


def _entry(solution: Solution, number: int) -> dict[str, Any]:
    """What result.json says of one of them: root mean squares and ranges by unknown."""
    rule = solution.problem.domain.quadrature(POINTS)
    values = solution.trial.evaluate(torch.tensor(rule.x)).double().numpy()
    means = (rule.w @ values**2 / rule.w.sum()) ** 0.5
    names = solution.problem.unknowns
    ends = zip(values.min(axis=0).tolist(), values.max(axis=0).tolist(), strict=True)
    return {
        "number": number,
        "folder": "." if number == 1 else f"branches/{number}",
        "rms": dict(zip(names, means.tolist(), strict=True)),
        "ranges": {name: list(pair) for name, pair in zip(names, ends, strict=True)},
        "estimate": solution.result.estimate,
        "stop_reason": solution.result.stop_reason.name.lower(),
    }
