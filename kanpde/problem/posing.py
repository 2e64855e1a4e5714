"""A problem that is to be solved: what is refused before, and what is noticed.

`posed` is called once by every way to solve, `findings` by whoever tells the user.
"""

from __future__ import annotations

from kanpde.config import ProblemConfig
from kanpde.config.problem.attached_files import mesh_notes
from kanpde.expressions import gridded
from kanpde.problem import eigenvalues, probing, solvability, wellposedness
from kanpde.problem.feature_search import Feature
from kanpde.problem.findings import Finding
from kanpde.problem.pencils import require_pencil, with_value
from kanpde.problem.problem import Problem


def posed(config: ProblemConfig) -> Problem:
    """The problem of a config, an eigenproblem at the value near which eigenvalues are looked for;
    ConfigError where it cannot be solved as it stands.
    """
    problem = Problem.create(config)
    if config.eigen is not None:
        require_pencil(problem)
        problem = with_value(problem, config.eigen.near)
    solvability.require(problem)
    wellposedness.require(problem)
    probing.require(problem.probed)
    return problem


def findings(problem: Problem) -> tuple[Finding, ...]:
    """What is suspicious about a problem, before it is solved."""
    return (
        *solvability.remarks(problem),
        *wellposedness.remarks(problem),
        *eigenvalues.remarks(problem),
        *probing.remarks(problem.probed),
        *(
            Finding("interpolation", remark, warns=False)
            for remark in gridded.remarks(problem.config.grids.values())
        ),
        *(Finding("mesh", note, warns=False) for note in mesh_notes(problem.config.domain)),
    )


def features(problem: Problem) -> tuple[Feature, ...]:
    """Where sources, coefficients and data change within a small part of the domain."""
    return problem.probed.features
