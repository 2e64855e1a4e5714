"""A torch module of the user's own as the trial solution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import kanpde
from kanpde.cli import main
from kanpde.errors import CheckpointError, ConfigError

AT = np.array([[0.3], [0.7]])
QUICK = [{"optimizer": "adam", "steps": 5}, {"optimizer": "lbfgs", "steps": 40}]


class Waves(nn.Module):
    """A module without linear layers at all: Σ a_k sin(w_k x + p_k)."""

    def __init__(self, count: int = 4) -> None:
        super().__init__()
        self.rates = nn.Parameter(torch.linspace(0.5, 3.0, count))
        self.phases = nn.Parameter(torch.linspace(0.0, 1.0, count))
        self.sizes = nn.Parameter(torch.full((count, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1) → (N, 1)."""
        return torch.sin(x * self.rates + self.phases) @ self.sizes


class Complex(nn.Linear):
    """A module with complex values."""

    def __init__(self) -> None:
        super().__init__(1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1) → (N, 1), complex."""
        return torch.complex(super().forward(x), super().forward(x))


def rod(**keys: Any) -> kanpde.Problem:
    return kanpde.Problem(
        unknowns="u",
        domain={"interval": [0, 1]},
        equations="dxx(u) = -pi**2*sin(pi*x)",
        conditions={"left": "u = 0", "right": "u = 0"},
        exact={"u": "sin(pi*x)"},
        **keys,
    )


def solved(module: nn.Module, **keys: Any) -> kanpde.Solution:
    common = {"schedule": QUICK, "sampler": {"interior": 20}, "weights": {"conditions": 10.0}}
    return kanpde.solve(rod(), module=module, **common, **keys)


def test_a_module_of_ones_own_is_trained_on_the_equations_and_left_as_it_was() -> None:
    module = Waves()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    solution = solved(module)
    assert solution.relative_l2["u"] is not None
    assert solution.relative_l2["u"] < 0.02
    assert solution.result.trial["kind"] == "module"
    assert solution.result.trial["parameters"] == 12
    for parameter, value in zip(module.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
    slope = solution.u.derivative("x")(np.array([0.0]))
    assert slope == pytest.approx(np.pi, rel=0.2)


def test_its_run_is_loaded_with_the_module_and_refused_without(tmp_path: Path) -> None:
    solution = solved(Waves(), out=tmp_path / "run")
    again = kanpde.load(tmp_path / "run", module=Waves())
    np.testing.assert_array_equal(again(AT), solution(AT))
    with pytest.raises(ConfigError, match=r"kanpde\.load\(run, module=net\)"):
        kanpde.load(tmp_path / "run")
    with pytest.raises(CheckpointError, match="do not fit the module Waves"):
        kanpde.load(tmp_path / "run", module=Waves(5))


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (3, "must be a torch.nn.Module, found int"),
        (nn.Tanh(), "no parameters to train"),
        (nn.Linear(2, 1), "cannot be called with points"),
        (nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5)), "another value at each call"),
        (nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)), "beside other points"),
        (Complex(), "must give real values"),
        (nn.Linear(1, 2), r"to values \(3, 1\), one column for each unknown, found \(3, 2\)"),
    ],
)
def test_a_module_that_does_not_fit_is_refused(module: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        solved(module)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"seconds": 5}, "seconds: does not go with a module"),
        ({"tolerance": 1e-3}, "only the resolution of a kan is chosen"),
        ({"schedule": [{"optimizer": "least_squares"}]}, "trained by adam or lbfgs alone"),
        ({"schedule": [{"extend_grid": 8}, *QUICK]}, "a module has no grid"),
        ({"trial": {"width": [3]}}, "a module has no 'width'"),
    ],
)
def test_what_needs_the_layers_of_a_network_does_not_go_with_a_module(
    keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        kanpde.solve(rod(), module=Waves(), **{"schedule": QUICK, **keys})


def test_a_file_cannot_give_a_module(tmp_path: Path) -> None:
    file = tmp_path / "rod.yaml"
    file.write_text(
        "problem:\n  name: rod\n  unknowns: [u]\n  domain: {interval: [0, 1]}\n"
        '  equations: ["dxx(u) = 1"]\n  conditions: [{part: [left, right], equation: "u = 0"}]\n'
        "trial: {kind: module}\n"
    )
    with pytest.raises(ConfigError, match=r"comes from Python: kanpde\.solve"):
        kanpde.solve(file)


def test_a_figure_that_cannot_be_drawn_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    """Its network comes from Python alone, so that the command cannot load it."""
    solved(Waves(), out=tmp_path / "run")
    before = (tmp_path / "run" / "digests.json").read_bytes()
    assert main(["plot", str(tmp_path / "run")]) == 2
    assert (tmp_path / "run" / "digests.json").read_bytes() == before
    assert main(["check", str(tmp_path / "run")]) == 0
