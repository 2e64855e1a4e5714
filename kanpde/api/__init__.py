"""Solve, compare, fit, load and resume from Python, without Hydra and without the command line."""

from __future__ import annotations

from kanpde.api.comparing import compare, compare_into
from kanpde.api.fitting import fit
from kanpde.api.solving import available, configure, load, resume, solve, solve_into

__all__ = [
    "available",
    "compare",
    "compare_into",
    "configure",
    "fit",
    "load",
    "resume",
    "solve",
    "solve_into",
]
