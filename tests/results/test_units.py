"""`units` of a problem: what is refused, and where they are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest

import kanpde
from kanpde.config import validate
from kanpde.config.problem.units import label
from kanpde.errors import ConfigError
from kanpde.results import plotting
from kanpde.results.plotting import run as figures_of_run
from kanpde.results.report import result_rows

PLATE: dict[str, Any] = {
    "unknowns": ["T"],
    "domain": {"rectangle": {"lower": [0, 0], "upper": [2, 1]}},
    "equations": ["-laplacian(T) = 1"],
    "conditions": [{"part": "boundary", "equation": "T = 20"}],
    "quantities": {"twice": "2*T", "total": "integral(T)"},
    "vectors": {"flux": ["-dx(T)", "-dy(T)"]},
}
UNITS = {"x": "mm", "y": "mm", "T": "°C", "total": "°C*mm^2", "flux": "W/mm^2"}


def read(units: Any, **keys: Any) -> Any:
    return validate({"problem": PLATE | keys | {"units": units}}, source="plate.yaml")


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("units") / "run"
    tree = {
        "problem": {**PLATE, "units": UNITS},
        "trial": {"width": [8], "intervals": [2, 4]},
        "schedule": [{"optimizer": "least_squares"}],
        "output": {"gradients": True},
    }
    return kanpde.solve(tree, out=folder), folder


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"X": "mm"}, r"problem.units.X: nothing is called 'X', did you mean 'x'"),
        ({"temp": "K"}, r"units.temp: nothing is called 'temp' \(known: x, y, T"),
        ({"T": 3}, r"units.T: must be a text"),
        ({"T": "[K]"}, r"units.T: must be a unit such as mm.*found '\[K\]'"),
        ({"T": "$K"}, r"without brackets \[\], commas, quotes, \$ and"),
        ({"T": "K" * 41}, r"of at most 40 characters"),
        ("K", r"units: must be a mapping"),
    ],
)
def test_what_is_no_unit_is_told(units: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(units)


def test_units_survive_the_config_of_a_run() -> None:
    config = read(UNITS | {"twice": 1})
    assert config.problem.units["twice"] == "1"
    assert validate(config.as_tree(), source="again").problem == config.problem


def test_the_unit_of_a_vector_and_of_a_complex_unknown_is_that_of_its_parts() -> None:
    flow = {
        "unknowns": [{"v": "vector"}],
        "equations": ["laplacian(v) = 0"],
        "conditions": [{"part": "boundary", "equation": "v = [1, 0]"}],
        "quantities": None,
        "vectors": None,
    }
    assert read({"v": "m/s"}, **flow).problem.units["vy"] == "m/s"
    wave = {"unknowns": [{"T": "complex"}], "quantities": None, "vectors": None}
    assert read({"T": "Pa"}, **wave).problem.units["T_im"] == "Pa"


def test_what_is_derived_has_the_unit_of_its_unknown() -> None:
    space = ("x", "y")
    assert label("T_error", UNITS, space) == "T_error [°C]"
    assert label("T_gradient", UNITS, space) == "T_gradient [°C/mm]"
    assert label("T_gradient", {"T": "K", "x": "mm"}, space) == "T_gradient"
    assert label("residual", UNITS, space) == "residual"


def test_files_state_units(solved: tuple[Any, Path], tmp_path: Path) -> None:
    solution, folder = solved
    head = solution.export(tmp_path / "field.csv", 4).read_text(encoding="utf-8").splitlines()[0]
    assert head.startswith("x [mm],y [mm],T [°C],twice,flux_x [W/mm^2],")
    written = (folder / "field.vtu").read_text(encoding="utf-8")
    assert written.count('location="vtkDataArray">°C</InformationKey>') == 1
    again = meshio.read(folder / "field.vtu").point_data["T"]
    assert np.array_equal(again, solution.sampled().fields["T"])
    assert '"T": "T [°C]"' in (folder / "paraview.py").read_text(encoding="utf-8")


def test_reports_and_figures_state_units(
    solved: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solution, folder = solved
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert "°C*mm^2 (" in dict(result_rows(result))["total"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h3>Units</h3>" in page and "W/mm^2" in page
    labels = {}
    monkeypatch.setattr(
        figures_of_run,
        "save",
        lambda figure, path: labels.setdefault(
            path.stem, [text() for a in figure.axes for text in (a.get_xlabel, a.get_ylabel)]
        ),
    )
    plotting.write_figures(tmp_path, solution)
    assert labels["solution"] == ["x [mm]", "y [mm]", "", "T [°C]"]
    assert labels["residual"] == ["x [mm]", "y [mm]", "", "|residual|"]
