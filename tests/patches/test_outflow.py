"""Conditions where convection leaves, and where it only comes near."""

from __future__ import annotations

import numpy as np
import pytest
from patch_helpers import problem_of, solved

from kanpde.numerics.quadrature import Array
from kanpde.patches.rows import rows

EPS = 1e-3


def weak_rows(drift: str) -> list[Array]:
    """The normals of weak rows of each patch, for -EPS Δu + drift ∂u/∂x = 1."""
    problem = problem_of(equations=[f"-{EPS}*laplacian(u) + ({drift})*dx(u) = 1"])
    level = solved(problem, 2, 4)
    return [each.weak.normal for each in rows(level.system, level.cover, level.patches)]


def test_conditions_are_weak_where_convection_leaves() -> None:
    normals = np.concatenate(weak_rows("1"))
    assert len(normals) and (normals[:, 0] > 0.999).all()


@pytest.mark.parametrize("drift", ("x*(1 - x)", "(1 - x)**2"))
def test_what_does_not_leave_through_a_wall_leaves_its_conditions_as_they_are(drift: str) -> None:
    """On the mean over the patches beside it the drift is towards the wall."""
    assert all(len(normals) == 0 for normals in weak_rows(drift))


def test_drift_that_grows_towards_the_side_is_that_of_the_patch() -> None:
    """The layer is no thinner than the mean over the patch says."""
    assert sum(map(len, weak_rows("x**4"))) > 0
