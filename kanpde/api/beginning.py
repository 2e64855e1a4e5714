"""What a file says of the start of a solve, as a function of points."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from kanpde.config import Config
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array
from kanpde.problem.problem import Problem
from kanpde.problem.starts import Start, stated
from kanpde.results.solution import Solution


def beginning(config: Config, load: Callable[[Path], Solution]) -> Start | None:
    """The start of a config, None where it has none; run folders are read by `load`."""
    starts = config.starts.start
    if not starts:
        return None
    problem = Problem.create(config.problem)
    runs = {
        name: _of_run(problem, name, load(Path(each.run)))
        for name, each in starts.items()
        if each.run is not None
    }
    return stated(problem, starts, runs)


def _of_run(problem: Problem, name: str, solution: Solution) -> Start:
    """One unknown of a run."""
    earlier = solution.problem
    if name not in earlier.unknowns or earlier.coordinates != problem.coordinates:
        raise ConfigError(
            f"start.{name}: the run must have the unknown {name} of"
            f" ({', '.join(problem.coordinates)}), found {', '.join(earlier.unknowns)} of"
            f" ({', '.join(earlier.coordinates)}); give another run, or a formula"
        )
    return partial(_column, solution, earlier.unknowns.index(name))


def _column(solution: Solution, number: int, x: Array) -> Array:
    return solution(x, outside="allow")[:, number : number + 1]
