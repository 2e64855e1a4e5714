"""A solution that is one file is exported as a run folder is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kanpde
from kanpde.cli import main


def test_a_saved_solution_is_exported_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = kanpde.Problem(
        unknowns="u",
        domain={"interval": [0, 1]},
        equations="dxx(u) = -1",
        conditions={"boundary": "u = 0"},
    )
    saved = kanpde.solve(problem).save(tmp_path / "u.safetensors")
    assert main(["export", str(saved), "--to", "csv", "--resolution", "4"]) == 0
    assert "u.csv" in capsys.readouterr().out
    table = np.loadtxt(tmp_path / "u.csv", delimiter=",", skiprows=1)
    x, u = table[:, 0], table[:, 1]
    assert np.abs(u - x * (1 - x) / 2).max() < 1e-12
