"""The numbers that a problem asks for, beside those of the level that a solution was made of."""

from __future__ import annotations

from collections.abc import Callable

from kanpde.patches.estimates import Checked
from kanpde.patches.integration import FEWER, rules_of
from kanpde.patches.levels import Level
from kanpde.problem.problem import Problem
from kanpde.results.numbers import Value, compared, numbers
from kanpde.trial.patchwork import Patchwork


def quantities(
    problem: Problem, trial_of: Callable[[Level], Patchwork], checked: Checked, untold: bool
) -> dict[str, Value]:
    """Every number of a level that was checked, with what it may be wrong by unless the error is
    `untold`.
    """
    if not problem.numbers:
        return {}
    trial = trial_of(checked.level)
    rich = numbers(problem, trial, rules_of(problem, trial))
    if untold or checked.poor is None:
        return {name: Value(value) for name, value in rich.items()}
    coarse = numbers(problem, trial, rules_of(problem, trial, FEWER))
    poorer = trial_of(checked.poor)
    poor = numbers(problem, poorer, rules_of(problem, poorer))
    return compared(rich, coarse, poor, checked.slow)
