"""Univariate bases with one protocol: no code above this room depends on which basis it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from kanpde.trial.bases.base import Basis
from kanpde.trial.bases.bspline import SplineGrid
from kanpde.trial.bases.edge_functions import gather, local_basis
from kanpde.trial.bases.global_bases import Chebyshev, Fourier, Gaussians

BASES: Mapping[str, type[SplineGrid | Chebyshev | Fourier | Gaussians]] = {
    basis.name: basis for basis in (SplineGrid, Chebyshev, Gaussians, Fourier)
}
"""By their names in a file; each has `even(lower, upper, intervals, degree)`."""


def restored(facts: Mapping[str, Any], knots: Tensor) -> Basis:
    """The basis with these `facts` and knots; KeyError or TypeError for unknown facts, ConfigError
    if they are inconsistent.
    """
    settings = {key: value for key, value in facts.items() if key != "name"}
    return BASES[facts["name"]](knots, **settings)


__all__ = [
    "BASES",
    "Basis",
    "Chebyshev",
    "Fourier",
    "Gaussians",
    "SplineGrid",
    "gather",
    "local_basis",
    "restored",
]
