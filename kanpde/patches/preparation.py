"""What a solve on patches needs of a config before it begins, and of a report after it."""

from __future__ import annotations

from dataclasses import replace

import torch

from kanpde.assembly.collocation import Collocation, held_out
from kanpde.config import Config
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array
from kanpde.patches.seams import with_pieces
from kanpde.patches.support import require
from kanpde.problem.posing import posed
from kanpde.problem.problem import Problem
from kanpde.problem.skewed import skewed

SAMPLES = 2500
"""Points that stand for those of a solve."""


def prepare(config: Config) -> Problem:
    """The problem of a config; ConfigError where patches cannot solve it."""
    if config.dtype != "float64":
        raise ConfigError(
            f"trial.patches: needs dtype float64, found {config.dtype}; remove dtype or the patches"
        )
    problem, patches = posed(config.problem), config.trial.patches
    assert patches is not None
    require(problem, patches.degree)
    return replace(problem, pieces=with_pieces(problem))


def in_best_coordinates(problem: Problem) -> tuple[Problem, Array | None]:
    """A problem in the coordinates ξ = S x in which it is solved, and S; None where they are its own."""
    other = skewed(problem)
    return (problem, None) if other is None else (other.problem, other.matrix)


def points_of(problem: Problem) -> Collocation:
    """Points that stand for those of a solve where a report asks for some."""
    return held_out(problem.domain, problem.parts, SAMPLES, torch.float64)
