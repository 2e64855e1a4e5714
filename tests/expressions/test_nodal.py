"""Coefficients from mesh files: linear functions are reproduced with their slopes, order two, run
folders, refusals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
import torch

import kanpde
from kanpde.config import validate_problem
from kanpde.errors import ConfigError
from kanpde.expressions import differentiate
from kanpde.expressions.evaluate import evaluate
from kanpde.expressions.tree import Field
from kanpde.problem.formulas import Formulas

SIDES = ["left", "right", "bottom", "top"]


def write(path: Path, n: int = 8, end: float = 1.0, **fields: Any) -> None:
    """A triangle mesh of [0, end]² with the functions of (x, y) in `fields` as point data."""
    axis = np.linspace(0, end, n + 1)
    x, y = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
    i = np.arange(n * (n + 1)).reshape(n, n + 1)[:, :-1].ravel()
    cells = np.concatenate(
        [np.stack([i, i + n + 1, i + n + 2], 1), np.stack([i, i + n + 2, i + 1], 1)]
    )
    data = {name: function(x, y) for name, function in fields.items()}
    meshio.write(
        path, meshio.Mesh(np.stack([x, y, 0 * x], 1), [("triangle", cells)], point_data=data)
    )


def problem(definition: Any, **keys: Any) -> dict[str, Any]:
    return {
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "definitions": {"k": definition, "f": "manufactured"},
        "equations": ["-div(k*grad(u)) = f"],
        "conditions": [{"part": SIDES, "equation": "u = x**2*y"}],
        "exact": {"u": "x**2*y"},
    } | keys


def field(folder: Path, **definition: str) -> Field:
    config = validate_problem(problem({"field": "k.vtu", **definition}), "file", base=folder)
    return Field(Formulas.of(config).scope.grids["k"], (0, 0))


def test_a_linear_function_and_its_slopes_are_reproduced(tmp_path: Path) -> None:
    write(tmp_path / "k.vtu", kappa=lambda x, y: 2 + x - 3 * y, other=lambda x, y: x)
    node = field(tmp_path, name="kappa")
    x = torch.rand(300, 2, dtype=torch.float64)
    value, along, across = evaluate([node, differentiate(node, 0), differentiate(node, 1)], x)
    assert torch.allclose(value, 2 + x[:, 0] - 3 * x[:, 1], atol=1e-13)
    assert torch.allclose(along, torch.ones(300, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(across, torch.full((300,), -3.0, dtype=torch.float64), atol=1e-12)


def test_a_smooth_function_is_known_to_order_two_and_exactly_at_vertices(tmp_path: Path) -> None:
    x = torch.rand(400, 2, dtype=torch.float64)
    errors = []
    for n in (8, 16, 32):
        write(tmp_path / "k.vtu", n, k=lambda x, y: np.sin(3 * x) * np.exp(y))
        (interpolated,) = evaluate([field(tmp_path)], x)
        errors.append(
            float((interpolated - torch.sin(3 * x[:, 0]) * torch.exp(x[:, 1])).abs().max())
        )
    rates = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert (rates > 1.7).all()
    corner = torch.tensor([[1.0, 1.0], [0.25, 0.5]], dtype=torch.float64)
    (at,) = evaluate([field(tmp_path)], corner)
    assert torch.allclose(at, torch.sin(3 * corner[:, 0]) * torch.exp(corner[:, 1]), atol=1e-14)


def test_a_run_folder_holds_the_file(tmp_path: Path) -> None:
    write(tmp_path / "k.vtu", k=lambda x, y: 1 + x + y)
    tree = {
        "problem": problem({"field": "k.vtu"}),
        "trial": {"width": [8], "degree": [3, 8], "intervals": [1, 2]},
        "sampler": {"interior": 200, "boundary": 80},
        "output": {"plots": False, "vtu": False},
    }
    import yaml

    (tmp_path / "my.yaml").write_text(yaml.safe_dump(tree))
    solution = kanpde.solve(tmp_path / "my.yaml", out=tmp_path / "run")
    assert solution.relative_l2["u"] < 1e-6
    (tmp_path / "k.vtu").unlink()
    again = kanpde.load(tmp_path / "run")
    assert again.relative_l2 == solution.relative_l2
    assert (tmp_path / "run" / "mesh_k.vtu").is_file()


WRONG: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "several": (
        {"a": lambda x, y: x, "b": lambda x, y: y},
        {},
        "name: needed, since 'k.vtu' has the point data a, b",
    ),
    "unknown": (
        {"kappa": lambda x, y: x},
        {"name": "kapa"},
        "no point data 'kapa' in 'k.vtu'.*did you mean 'kappa'",
    ),
    "none": ({}, {}, "'k.vtu' has no numbers at its vertices"),
    "other file": (
        {"k": lambda x, y: x},
        {"sha256": "0" * 64},
        "is not the mesh that this config was made with",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_field_is_refused(tmp_path: Path, case: str) -> None:
    fields, keys, message = WRONG[case]
    write(tmp_path / "k.vtu", **fields)
    with pytest.raises(ConfigError, match=message):
        field(tmp_path, **keys)


def test_broken_files_points_outside_and_values_that_are_no_numbers(tmp_path: Path) -> None:
    write(tmp_path / "k.vtu", end=0.5, k=lambda x, y: x)
    node, x = field(tmp_path), torch.full((1, 2), 0.75, dtype=torch.float64)
    with pytest.raises(
        ConfigError,
        match=r"k: the point \[0.75, 0.75\] lies outside the mesh 'k.vtu'; its cells must",
    ):
        evaluate([node], x)
    write(tmp_path / "k.vtu", k=lambda x, y: np.where(x > 0.9, np.nan, x))
    with pytest.raises(
        ConfigError, match=r"'k' in 'k.vtu' is not finite at the vertex \[1.0, 0.0\]"
    ):
        evaluate([field(tmp_path)], x)
    (tmp_path / "k.vtu").write_bytes((tmp_path / "k.vtu").read_bytes()[:300])
    with pytest.raises(ConfigError, match=r"'k.vtu' cannot be read as a .vtu mesh"):
        field(tmp_path)


def test_other_dimensions_and_second_derivatives(tmp_path: Path) -> None:
    write(tmp_path / "k.vtu", k=lambda x, y: x)
    box = {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}}
    with pytest.raises(
        ConfigError, match=r"'k.vtu' is a mesh of 2 coordinates, but the domain has 3"
    ):
        validate_problem(problem({"field": "k.vtu"}, domain=box), "file", base=tmp_path)
    wrong = problem({"field": "k.vtu"}, equations=["d(k, x, x)*laplacian(u) = f"])
    with pytest.raises(ConfigError, match="has a first derivative and has no more derivatives"):
        Formulas.of(validate_problem(wrong, "file", base=tmp_path))
    with pytest.raises(ConfigError, match="sha256: belongs to a mesh file; remove it"):
        validate_problem(problem({"values": "x,y,k\n", "sha256": "0"}), "file", base=tmp_path)
