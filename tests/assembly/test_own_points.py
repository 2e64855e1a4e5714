"""Points of the user's own: where they may lie, what normals they get, and that a run keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde.errors import ConfigError
from kanpde.solver.build import build

SMALL: dict[str, Any] = {
    "trial": {"width": [8], "intervals": [2, 4]},
    "schedule": [{"optimizer": "least_squares"}],
}
HOLED = {
    "difference": [
        {"rectangle": {"lower": [0, 0], "upper": [2, 1]}},
        {"disk": {"center": [0.5, 0.5], "radius": 0.2, "name": "hole"}},
    ]
}


def problem(**keys: Any) -> kanpde.Problem:
    stated = {"unknowns": "u", "domain": HOLED, "equations": "-laplacian(u) = 1"}
    return kanpde.Problem(**(stated | {"conditions": {"boundary": "u = 0"}} | keys))


def inside(count: int = 200) -> np.ndarray:
    x = np.random.default_rng(0).random((4 * count, 2)) * [2, 1]
    return x[np.linalg.norm(x - 0.5, axis=1) > 0.2][:count]


def placed(points: dict[str, Any], **keys: Any) -> Any:
    return build(kanpde.configure(problem(**keys), points=points, **SMALL)).points


def test_points_are_where_they_were_given_with_weights_and_normals() -> None:
    angle = np.linspace(0, 6, 50)
    around = np.column_stack([np.cos(angle), np.sin(angle)])
    x = inside()
    points = placed({"interior": torch.tensor(x), "hole": 0.5 + 0.2 * around})
    assert np.array_equal(points.interior.x.numpy(), x)
    assert float(points.interior.w.sum()) == pytest.approx(2 - 0.04 * np.pi)
    hole = points.parts["hole"]
    assert np.abs(hole.x.numpy() - 0.5 - 0.2 * around).max() < 1e-7
    assert np.abs(hole.normal.numpy() + around).max() < 1e-6  # outward: into the hole
    assert len(points.parts["left"].x) > 3  # what is not given is sampled


def test_single_precision_is_near_enough_and_moved_onto_the_part() -> None:
    y = np.random.default_rng(0).random(30).astype(np.float32)
    tilted = {"polygon": [[0, 0], [1, 0], [0.3, 0.9]]}
    edge = np.array([1, 0]) + y[:, None] * np.array([-0.7, 0.9], dtype=np.float32)
    points = placed({"edge2": edge.astype(np.float32)}, domain=tilted)
    feet = points.parts["edge2"].x.numpy()
    off = (feet - [1, 0]) @ np.array([0.9, 0.7])
    assert np.abs(off).max() < 1e-9
    assert np.allclose(
        points.parts["edge2"].normal.numpy(), np.array([0.9, 0.7]) / np.hypot(0.9, 0.7)
    )


def test_points_anywhere_on_the_boundary_go_to_their_parts() -> None:
    s = np.linspace(0, 1, 11)
    sides = [(s, 0 * s), (s, 0 * s + 1), (0 * s, s), (0 * s + 1, s)]
    around = np.concatenate([np.column_stack(side) for side in sides])
    square = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
    points = placed({"boundary": around}, domain=square)
    assert {name: len(part.x) for name, part in points.parts.items()} == dict.fromkeys(
        ("left", "right", "bottom", "top"), 13
    )


def test_one_coordinate_and_time() -> None:
    line = problem(domain={"interval": {"lower": 0, "upper": 1}}, equations="dxx(u) = 1")
    points = build(kanpde.configure(line, points={"left": [[0.0]]}, **SMALL)).points
    assert points.parts["left"].normal.tolist() == [[-1.0]]
    start = np.column_stack([np.linspace(0, 1, 9), np.zeros(9)])
    heat = problem(
        domain={"interval": {"lower": 0, "upper": 1}},
        time={"interval": [0, 1]},
        equations="dt(u) = dxx(u)",
        conditions={"boundary": "u = 0", "initial": "u = sin(pi*x)"},
    )
    points = build(kanpde.configure(heat, points={"initial": start}, **SMALL)).points
    assert np.abs(points.parts["initial"].x.numpy() - start).max() < 1e-8


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ({"interior": [0.5, 0.5]}, r"points.interior: needs an array \(N, d\).*\(2,\)"),
        ({"interior": [[0.5, 0.5, 0.5]]}, r"shape \(N, 2\) for \('x', 'y'\), found \(1, 3\)"),
        ({"interior": [[0.5, 0.5]]}, r"1 of 1 points lie outside the domain.*\(0.5, 0.5\)"),
        ({"interior": [["a", "b"]]}, "points.interior: must be real numbers"),
        ({"interior": [[np.nan, 0]]}, "points.interior: must be finite"),
        ({"hole": [[0.5, 0.7], [0.5, 0.71]]}, r"1 of 2 points do not lie on the part 'hole'"),
        ({"boundary": [[0.0, 0.5]]}, "none of the 1 points lies on the part 'right'"),
        ({"hol": [[0.5, 0.7]]}, "no condition holds on 'hol', did you mean 'hole'"),
        ({"interior": inside() > 0.5}, "points.interior: must be real numbers, found booleans"),
        ([[0.5, 0.5]], "points: needs arrays .* by the name of their place"),
    ],
)
def test_what_is_wrong_with_points_is_told(points: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        placed(points)


@pytest.mark.parametrize("keys", [{"tolerance": 1e-6}, {"trial": {"patches": {}}}])
def test_what_chooses_points_itself_refuses_them(keys: Any) -> None:
    with pytest.raises(ConfigError, match=r"sampler\.points"):
        kanpde.configure(problem(), points={"interior": inside()}, **keys)


def test_points_without_a_network_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"sampler\.points: go with one network, and none"):
        kanpde.configure(problem(), points={"interior": inside()})
    quick = [{"optimizer": "adam", "steps": 1}]
    assert kanpde.configure(problem(), points={"interior": inside()}, schedule=quick)


def test_a_count_beside_points_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sampler\.interior: does not go with points"):
        kanpde.configure(problem(), points={"interior": inside()}, sampler={"interior": 9})


def test_a_run_keeps_its_points(tmp_path: Path) -> None:
    x = inside(300)
    quiet = {"output": {"vtu": False, "plots": False}}
    tree = {"problem": kanpde.configure(problem()).as_tree()["problem"], **quiet}
    solved = kanpde.solve(tree, points={"interior": x}, out=tmp_path / "run", **SMALL)
    loaded = kanpde.load(tmp_path / "run")
    assert loaded.config.sampler.points == solved.config.sampler.points
    assert np.array_equal(loaded.points.interior.x.numpy(), x)  # type: ignore[union-attr]
    again = kanpde.solve(tmp_path / "run" / "config.yaml")
    assert np.array_equal(again.coefficients().numpy(), solved.coefficients().numpy())
    (tmp_path / "run" / "points_0.npz").write_bytes(b"")
    with pytest.raises(kanpde.KanpdeError):
        kanpde.load(tmp_path / "run")


def test_a_file_holds_them_as_text() -> None:
    config = kanpde.configure(
        problem(),
        sampler={"points": {"interior": {"values": "y,x\n0.5,1.5\n0.25,1.25\n"}}},
        trial={"width": [8]},
    )
    assert config.sampler.interior == 2
    assert build(config).points.interior.x.tolist() == [[1.5, 0.5], [1.25, 0.25]]
