"""Steps that use the Jacobian of every parameter: the Jacobian itself, and the optimizers that live on it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from core_helpers import ENDS, LINE, PLATE, SIDES, gap, parts, problem_node, scramble
from test_residual import CASES
from torch import Tensor

from kanpde.build import Parts

pytestmark = pytest.mark.usefixtures("one_thread")

EVERY: dict[str, dict[str, Any]] = {
    **{name: CASES[name] for name in ("robin", "periodic lifted", "mean", "heat", "mixed lifted", "plate")},
    "burgers": problem_node(
        LINE,
        ["dt(u) + u*dx(u) = 0.1*dxx(u)"],
        [{"part": "initial", "equation": "u = -sin(pi*x)"}, {"part": ENDS, "equation": "u = 0"}],
        time={"interval": [0, 1]},
    ),
    "two nonlinear": problem_node(
        PLATE,
        ["laplacian(u) + u*v**2 = x", "laplacian(v) + sin(u) = dx(u)*dy(v)"],
        [{"part": SIDES, "equation": "dn(u) + u**3 = y"}, {"part": SIDES, "equation": "v = 1"}],
        unknowns=["u", "v"],
    ),
}
TRIALS: dict[str, dict[str, Any]] = {
    "kan": {"kind": "kan", "width": [3], "degree": 6, "intervals": 2, "start": "paper"},
    "kan-silu-3": {"kind": "kan", "width": [2, 3], "degree": 6, "intervals": 2, "base": "silu", "start": "paper"},
    "kan-1": {"kind": "kan", "width": [], "degree": 6, "intervals": 3, "base": "silu"},
    "mlp": {"kind": "mlp", "width": [4, 3]},
    "mlp-sine": {"kind": "mlp", "width": [4], "activation": "sine"},
}


def by_autograd(made: Parts) -> Tensor:
    """The derivatives of the weighted rows by the inner parameters, row by row."""
    inner, rows = made.trial.net.inner, made.assembly.weighted(made.trial)
    found = [torch.autograd.grad(row, inner, retain_graph=True) for row in rows] if inner else []
    return (
        torch.stack([torch.cat([part.reshape(-1) for part in row]) for row in found]) if inner else rows[:, None][:, :0]
    )


@pytest.mark.parametrize("trial", list(TRIALS))
@pytest.mark.parametrize("case", list(EVERY))
def test_the_jacobian_is_that_of_autograd(case: str, trial: str) -> None:
    lifted = "lifted" in case
    made = parts(EVERY[case], trial={**TRIALS[trial], "lifting": lifted}, sampler={"interior": 9, "boundary": 8})
    scramble(made.trial.network, size=0.2)
    found, wanted = made.assembly.jacobian(made.trial), by_autograd(made)
    assert found.shape == (made.assembly.rows, sum(p.numel() for p in made.trial.net.inner))
    if wanted.numel():
        assert gap(found, wanted) < 1e-10
