"""The view of report.html that can be turned: its data, and what the page allows itself for it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.results.web_page import write_page

SPHERE = {"ball": {"center": [2, 1, 1], "radius": 0.6}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("volume") / "run"
    problem = kanpde.Problem(
        unknowns="u",
        domain={"difference": [{"box": {"lower": [0, 0, 0], "upper": [2, 1, 1]}}, SPHERE]},
        equations="-laplacian(u) = 1",
        conditions={"boundary": "u = x"},
        units={"u": "K", "x": "mm"},
    )
    few = {"interior": 60, "boundary": 60}
    solution = kanpde.solve(problem, out=folder, trial={"width": [3]}, sampler=few)
    return solution, folder


def read(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "figures" / "volume.json").read_text(encoding="utf-8")))


def numbers(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def test_the_surface_is_closed_and_has_the_values_of_the_solution(run: tuple[Any, Path]) -> None:
    solution, folder = run
    data = read(folder)
    triangles = numbers(data["triangles"], "<u4").reshape(-1, 3)
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, ::2]]))
    assert set(np.unique(edges, axis=0, return_counts=True)[1].tolist()) == {2}
    points = numbers(data["points"], "<u2").reshape(-1, 3) / 65535 * 2
    (field,) = data["fields"]
    low, high = field["range"]
    shown = low + numbers(field["surface"], "u1") / 255 * (high - low)
    exact = solution(points, outside="allow")[:, 0]
    assert np.abs(shown - exact).max() < 0.01 * (high - low)


def test_the_grid_knows_what_is_inside_and_goes_on_outside(run: tuple[Any, Path]) -> None:
    solution, folder = run
    data = read(folder)
    nx, ny, nz = data["counts"]
    assert (nx, ny, nz) == (40, 20, 20)
    inside = numbers(data["inside"], "u1").reshape(nz, ny, nx) > 0
    assert not inside[-1, -1, -1] and inside[0, 0, 0]
    (field,) = data["fields"]
    low, high = field["range"]
    grid = low + numbers(field["grid"], "u1").reshape(nz, ny, nx) / 255 * (high - low)
    middle = np.array([[(10 + 0.5) / 20, (4 + 0.5) / 20, (7 + 0.5) / 20]])
    assert abs(grid[7, 4, 10] - solution(middle)[0, 0]) < 0.005 * (high - low)
    assert grid[~inside].min() > grid[inside].min()  # of the nearest inside, not of nothing


def test_the_page_allows_this_script_alone(run: tuple[Any, Path]) -> None:
    _, folder = run
    page = (folder / "report.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert rules == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline';"
        f" script-src 'sha256-{digest}'"
    ]
    assert page.index('id="volume"') < page.index(">Pictures<")
    assert len(page) < 5_000_000


def test_what_the_data_says_cannot_become_markup(run: tuple[Any, Path]) -> None:
    _, folder = run
    path = folder / "figures" / "volume.json"
    original = path.read_text(encoding="utf-8")
    data = read(folder)
    data["fields"][0]["name"] = "</script><img src=x>"
    path.write_text(json.dumps(data), encoding="utf-8")
    page = write_page(folder).read_text(encoding="utf-8")
    assert "<img src=x>" not in page
    path.write_text('{"fields": 3}', encoding="utf-8")
    assert 'id="volume"' not in write_page(folder).read_text(encoding="utf-8")
    path.write_text(original, encoding="utf-8")
