"""Solve, compare, fit, load and resume from Python, without Hydra and without the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kanpde.api.solving import available, configure, load, prepare, resume, solve, solve_into
from kanpde.lazy import attributes

if TYPE_CHECKING:
    from kanpde.api.comparing import compare, compare_into, prepare_comparison
    from kanpde.api.fitting import fit

__all__ = [
    "available",
    "compare",
    "compare_into",
    "configure",
    "fit",
    "load",
    "prepare",
    "prepare_comparison",
    "resume",
    "solve",
    "solve_into",
]

__getattr__ = attributes(
    __name__,
    {
        "compare": "comparing",
        "compare_into": "comparing",
        "prepare_comparison": "comparing",
        "fit": "fitting",
    },
)
