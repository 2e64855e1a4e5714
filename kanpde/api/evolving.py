"""The plan of a problem that evolves, where its file leaves the way to solve to the program."""

from __future__ import annotations

from kanpde.api.ordinary_plan import InitialValues
from kanpde.api.outcome import Plan
from kanpde.config import Config
from kanpde.marching.ordinary.statement import is_ordinary
from kanpde.problem.problem import Problem


def by_equations(config: Config) -> Plan | None:
    """The march that equations and conditions ask for; None where there is none."""
    if len(config.problem.coordinates) > 1 or config.dtype != "float64":
        return None
    if config.problem.fit is not None or config.problem.energy is not None:
        return None
    problem = Problem.create(config.problem)
    return InitialValues(config) if is_ordinary(problem) else None
