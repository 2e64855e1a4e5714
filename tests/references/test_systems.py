"""References of systems and on meshes: elasticity with tractions, coupled equations, mesh files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kanpde.cli import main
from kanpde.config import validate, validate_problem, yaml_file
from kanpde.errors import ConfigError
from kanpde.problem import stored_reference
from kanpde.problem.problem import Problem
from kanpde.references import compute as references
from kanpde.references.fem import Triangles

CASES = Path(__file__).resolve().parents[1] / "cases"
SQUARE = {"rectangle": {"lower": [0, 0], "upper": [2, 1]}}
L_SHAPE = {"polygon": {"vertices": [[0, 0], [2, 0], [2, 0.5], [1, 0.5], [1, 1], [0, 1]]}}
STRESSES = {
    "lam": "1.5",
    "mu": "1 + x/2",
    "sx": "(lam + 2*mu)*dx(u) + lam*dy(v)",
    "sy": "lam*dx(u) + (lam + 2*mu)*dy(v)",
    "sxy": "mu*(dy(u) + dx(v))",
}
EXACT = {"u": "sin(x + 2*y)", "v": "cos(2*x)*exp(y)"}


def elastic(domain: dict[str, Any], conditions: list[dict[str, Any]]) -> dict[str, Any]:
    """An elastic body with a solution: U, V and their stresses tx, ty, txy."""
    definitions = {
        "U": EXACT["u"],
        "V": EXACT["v"],
        **STRESSES,
        "tx": "(lam + 2*mu)*dx(U) + lam*dy(V)",
        "ty": "lam*dx(U) + (lam + 2*mu)*dy(V)",
        "txy": "mu*(dy(U) + dx(V))",
    }
    return {
        "name": "body",
        "unknowns": ["u", "v"],
        "domain": domain,
        "definitions": definitions,
        "equations": [
            "dx(sx) + dy(sxy) + u = dx(tx) + dy(txy) + U",
            "dx(sxy) + dy(sy) = dx(txy) + dy(ty)",
        ],
        "conditions": conditions,
    }


TRACTION = ["dn(x)*sx + dn(y)*sxy = dn(x)*tx + dn(y)*txy"]
TRACTION += ["dn(x)*sxy + dn(y)*sy = dn(x)*txy + dn(y)*ty"]
CLAMPED = {"part": "left", "equation": ["u = U", "v = V"]}
BODIES = {
    "tractions": elastic(SQUARE, [CLAMPED, {"part": ["right", "bottom", "top"], "equation": TRACTION}]),
    "rollers and springs": elastic(
        SQUARE,
        [
            CLAMPED,
            {"part": "right", "equation": ["u = U", "sxy = txy"]},
            {"part": "bottom", "equation": ["v = V", "sxy = txy"]},
            {"part": "top", "equation": ["sxy + 2*u = txy + 2*U", "sy + v - u = ty + V - U"]},
        ],
    ),
    "a polygon": elastic(
        L_SHAPE,
        [
            {"part": ["edge6", "edge1"], "equation": ["u = U", "v = V"]},
            {"part": ["edge2", "edge3", "edge4", "edge5"], "equation": TRACTION},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_an_elastic_body_converges_with_the_fifth_power_of_the_triangles(name: str) -> None:
    method = Triangles.of(Problem.create(validate_problem(BODIES[name], "body.yaml")))
    x, y = method.x.T
    right = np.concatenate([np.sin(x + 2 * y), np.cos(2 * x) * np.exp(y)])
    errors = []
    for state in ((0, 0), (1, 0)):
        gap = method.values(state) - right
        errors.append(float(np.linalg.norm(gap) / np.linalg.norm(right)))
    assert errors[1] < 2e-7 and 20 < errors[0] / errors[1] < 60


def test_a_clamped_bar_agrees_with_other_finite_elements() -> None:
    """The stresses are unbounded at two corners; the answer is of another program."""
    tree = yaml_file.load(CASES / "clamped_bar.yaml")
    problem = Problem.create(validate(tree, source="clamped_bar").problem)
    with np.load(CASES / "answers" / "clamped_bar.npz") as stored:
        x, right = stored["x"], {name: stored[name] for name in "uv"}
    method = Triangles.of(problem)
    method.x = x
    errors: dict[tuple[int, int], float] = {}
    for state in ((0, 0), (0, 8)):
        u = dict(zip("uv", np.split(method.values(state), 2), strict=True))
        gaps = [np.linalg.norm(u[k] - right[k]) / np.linalg.norm(right[k]) for k in "uv"]
        errors[state] = max(gaps)
    assert errors[0, 0] > 5e-3 and errors[0, 8] < 2e-5


def test_the_command_takes_a_mesh_file_and_states_an_error_that_bounds_the_true_one(
    tmp_path: Path, capsys: Any
) -> None:
    file, out = str(CASES / "mesh_no_groups.yaml"), tmp_path / "computed.npz"
    source = "problem.equations=['-laplacian(u) = 2*sin(x)*cos(y)']"
    rim = "problem.conditions=[{part: boundary, equation: u = sin(x)*cos(y)}]"
    words = ["reference", file, source, rim, "--error", "1e-4", "--out", str(out)]
    assert main(words) == 0
    assert "its own error reached 0.0001" in capsys.readouterr().out
    stored = stored_reference.read(out, "computed")
    right = np.sin(stored.x[:, 0]) * np.cos(stored.x[:, 1])
    error = np.linalg.norm(stored.values[:, 0] - right) / np.linalg.norm(right)
    assert error <= stored.error <= 1e-4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"equations": ["dx(sx) + dy(sxy) + u**2 = 0", "dx(sxy) + dy(sy) = 0"]}, "is not linear"),
        ({"equations": ["dx(sx) + dy(sxy) = 0", "dx(u) = 0"]}, "equation 2 has no second derivative"),
        ({"conditions": [{"part": ["left", "right", "bottom"], "equation": ["u = 0", "v = 0"]},
                         {"part": "top", "equation": "sy = 0"}]}, "the part 'top' has 1 conditions, not 2"),
        ({"conditions": [{"part": ["left", "right", "bottom", "top"], "equation": ["u + v = 0", "u - v = 0"]}]},
         "is not one of one unknown"),
        ({"conditions": [{"part": ["left", "right", "bottom"], "equation": ["u = 0", "v = 0"]},
                         {"part": "top", "equation": ["sx = 0", "dx(u) = 0"]}]}, "must be fluxes"),
        ({"domain": {"disk": {"center": [0, 0], "radius": 1, "name": "left"}},
          "conditions": [{"part": "left", "equation": ["u = 0", "v = 0"]}]}, "need straight sides in the plane"),
    ],
    ids=str,
)  # fmt: skip
def test_what_triangles_cannot_solve_is_refused(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    tree = BODIES["tractions"] | changes
    with pytest.raises(ConfigError, match="reference") as caught:
        references.make(validate_problem(tree, "body.yaml"), 1e-3, 5.0, tmp_path / "x.npz")
    assert words in str(caught.value) and "\n" not in str(caught.value)
