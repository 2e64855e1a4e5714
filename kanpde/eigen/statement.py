"""What eigenproblems are solved: those that patches could solve without λ."""

from __future__ import annotations

from kanpde.config import Config
from kanpde.eigen.pencil import shift_of
from kanpde.errors import ConfigError
from kanpde.patches.support import require
from kanpde.problem.pencils import with_value
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem


def prepare(config: Config) -> tuple[Problem, float]:
    """The problem with λ in its formulas, and the shift σ; ConfigError where it cannot be solved."""
    if config.dtype != "float64":
        raise ConfigError(f"problem.eigen: needs dtype float64, found {config.dtype}; remove dtype")
    problem, patches = Problem.create(config.problem), config.trial.patches
    eigen = config.problem.eigen
    assert patches is not None and eigen is not None
    posed(config.problem)
    shift = shift_of(problem, eigen.near)
    require(with_value(problem, shift), patches.degree)
    return problem, shift
