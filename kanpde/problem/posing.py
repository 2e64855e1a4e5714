"""A problem that is to be solved: what is refused before, and what is noticed.

`posed` is called once by every way to solve, `findings` by whoever tells the user.
"""

from __future__ import annotations

from kanpde.config import ProblemConfig
from kanpde.problem import solvability, wellposedness
from kanpde.problem.findings import Finding
from kanpde.problem.problem import Problem


def posed(config: ProblemConfig) -> Problem:
    """The problem of a config; ConfigError where it cannot be solved as it stands."""
    problem = Problem.create(config)
    solvability.require(problem)
    wellposedness.require(problem)
    return problem


def findings(problem: Problem) -> tuple[Finding, ...]:
    """What is suspicious about a problem, before it is solved."""
    return (*solvability.remarks(problem), *wellposedness.remarks(problem))
