"""The script that opens a run in ParaView: it names fields that the file has, with colours that fit."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

import kanpde
from kanpde.results.paraview import SCRIPT, write_script

FIELDS = {
    "u": np.array([0.0, 1.0]),
    "p": np.array([-1.0, 3.0]),
    "flux": np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]]),
}


def run(script: Path, monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """Run the script with a stand-in for ParaView, which is not a package of Python's."""
    simple = MagicMock()
    simple.by_name = {}
    simple.GetColorTransferFunction.side_effect = lambda name: simple.by_name.setdefault(
        name, MagicMock()
    )
    bounds = simple.OpenDataFile.return_value.GetDataInformation.return_value.GetBounds
    bounds.return_value = (0, 1, 0, 1, 0, 0)
    package = ModuleType("paraview")
    package.simple = simple  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "paraview", package)
    monkeypatch.setitem(sys.modules, "paraview.simple", simple)
    runpy.run_path(str(script))
    return simple


def test_every_field_has_a_map_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "field.vtu").touch()
    script = write_script(tmp_path, FIELDS, ("series.pvd", "field.vtu"))
    simple = run(script, monkeypatch)
    simple.OpenDataFile.assert_called_once_with(str(tmp_path / "field.vtu"))
    presets = {name: each.ApplyPreset.call_args[0][0] for name, each in simple.by_name.items()}
    viridis = "Viridis (matplotlib)"
    assert presets == {"u": viridis, "p": "Cool to Warm", "flux": viridis}
    ranges = {n: each.RescaleTransferFunction.call_args[0] for n, each in simple.by_name.items()}
    assert ranges == {"u": (0.0, 1.0), "p": (-3.0, 3.0), "flux": (0.0, 5.0)}
    assert simple.by_name["flux"].VectorMode == "Magnitude"
    assert simple.ColorBy.call_args[0][1] == ("POINTS", "u")
    assert simple.GetActiveViewOrCreate().InteractionMode == "2D"
    assert simple.GetScalarBar().Visibility == 0
    (tmp_path / "series.pvd").touch()
    assert run(script, monkeypatch).OpenDataFile.call_args[0][0] == str(tmp_path / "series.pvd")


def test_a_folder_without_a_field_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = write_script(tmp_path, FIELDS, ("field.vtu",))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"no field\.vtu in"):
        run(script, monkeypatch)


def test_a_run_has_the_script_and_its_cells_know_their_patches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyvista = pytest.importorskip("pyvista")
    tree: dict[str, Any] = {
        "problem": {
            "name": "plate",
            "unknowns": ["u"],
            "domain": {"rectangle": {"lower": [0, 0], "upper": [2, 1]}},
            "equations": ["-laplacian(u) = 1"],
            "conditions": [{"part": "boundary", "equation": "u = 0"}],
            "vectors": {"flux": ["-dx(u)", "-dy(u)"]},
        },
        "tolerance": 1e-3,
        "output": {"plots": False},
    }
    solution = kanpde.solve(tree, out=tmp_path / "run")
    simple = run(tmp_path / "run" / SCRIPT, monkeypatch)
    field = pyvista.read(tmp_path / "run" / "field.vtu")
    assert set(simple.by_name) == {"u", "flux", "residual"} == set(field.point_data.keys())
    count = solution.result.trial["patches"]
    assert set(np.unique(field["patch"])) == set(range(count))
    assert set(np.unique(field["degree"])) == set(solution.trial.tiles.degrees.tolist())  # type: ignore[union-attr]
