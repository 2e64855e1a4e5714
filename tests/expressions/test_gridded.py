"""Coefficients from files: a cubic is reproduced with its derivatives, the order is four, files and
folders, refusals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.interpolate import PchipInterpolator

import kanpde
from kanpde.config import validate, validate_problem
from kanpde.config.problem.gridded_fields import Grid
from kanpde.config.problem.statement import problem_tree
from kanpde.errors import BudgetError, ConfigError
from kanpde.expressions import differentiate, number, text
from kanpde.expressions.evaluate import evaluate
from kanpde.expressions.gridded import remarks, values_at
from kanpde.expressions.tree import Field
from kanpde.problem.formulas import Formulas
from kanpde.problem.problem import Problem

SMALL = {"kind": "kan", "width": [8], "degree": [3, 8], "intervals": [2, 6]}


def table(function: Any, xs: Any, ys: Any, column: str = "k") -> str:
    """CSV text of a function on a grid, its lines in no order."""
    x, y = (axis.ravel() for axis in np.meshgrid(xs, ys, indexing="ij"))
    order = np.random.default_rng(0).permutation(len(x))
    rows = zip(x[order].tolist(), y[order].tolist(), function(x, y)[order].tolist(), strict=True)
    return f"x,y,{column}\n" + "".join(f"{a!r},{b!r},{c!r}\n" for a, b, c in rows)


def cubic(x: Any, y: Any) -> Any:
    """A polynomial of degree 3 in each coordinate."""
    return 2 + x**3 * y - x * y**2 + y**3


UNEVEN = np.array([0.0, 0.1, 0.35, 0.5, 0.8, 1.0]), np.array([-0.2, 0.1, 0.5, 0.6, 1.0])


def problem(definition: Any, **keys: Any) -> dict[str, Any]:
    """-div(k grad u) = f on the unit square with the k given."""
    return {
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "definitions": {"k": definition, "f": "manufactured"},
        "equations": ["-div(k*grad(u)) = f"],
        "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = x**2*y"}],
        "exact": {"u": "x**2*y"},
    } | keys


def field(definition: Any) -> Field:
    """The node of k."""
    undifferentiated = problem(definition, equations=["-k*laplacian(u) = f"])
    config = validate_problem(undifferentiated, "file")
    return Field(Formulas.of(config).scope.grids["k"], (0, 0))


def test_a_cubic_on_an_uneven_grid_is_reproduced_with_its_derivatives() -> None:
    node = field({"values": table(cubic, *UNEVEN)})
    x = torch.rand(200, 2, dtype=torch.float64)
    a, b = x.T
    nodes = [
        node,
        differentiate(node, 0),
        differentiate(node, 1),
        differentiate(differentiate(node, 0), 1),
    ]
    wanted = [cubic(a, b), 3 * a**2 * b - b**2, a**3 - 2 * a * b + 3 * b**2, 3 * a**2 - 2 * b]
    for interpolated, exact in zip(evaluate(nodes, x), wanted, strict=True):
        assert torch.allclose(interpolated, exact, atol=1e-11)
    assert text(differentiate(node, 1), ("x", "y"), ("u",)) == "d(k, y)"


EVEN = np.linspace(0, 1, 9), np.linspace(0, 1, 7)


def step(x: Any, y: Any) -> Any:
    """1 on the left, 12 on the right."""
    return np.where(x < 0.45, 1.0, 12.0) + 0 * y


def between(**keys: Any) -> tuple[float, float]:
    """The range of an interpolated step."""
    x = torch.rand(4000, 2, dtype=torch.float64)
    (values,) = evaluate([field({"values": table(step, *EVEN), **keys})], x)
    return float(values.min()), float(values.max())


def test_only_a_cubic_spline_that_is_asked_for_leaves_the_range_of_its_values() -> None:
    for way in ("monotone", "linear", "nearest"):
        assert between(interpolation=way) == pytest.approx((1.0, 12.0), abs=1e-12)
    assert between() == pytest.approx((1.0, 12.0), abs=1e-12)  # the values decide
    low, high = between(interpolation="cubic")
    assert low < 0.5 and high > 12.5


def test_what_the_values_decide_is_said() -> None:
    def said(values: Any, **keys: Any) -> list[str]:
        node = problem({"values": table(values, *EVEN), **keys})
        return remarks(validate_problem(node, "file").grids.values())

    (chosen,) = said(step)
    assert "a cubic spline of 'k' would be between" in chosen
    assert "where the values are between 1 and 12; so it is interpolated as monotone" in chosen
    (asked,) = said(step, interpolation="cubic")
    assert "is between" in asked and "say interpolation: monotone or linear" in asked
    assert said(cubic) == [] and said(step, interpolation="linear") == []


def test_monotone_interpolation_is_that_of_scipy_with_its_derivative() -> None:
    axis = np.array([0.0, 0.1, 0.35, 0.5, 0.8, 1.0])
    numbers = np.array([0.0, 1.0, 1.1, 5.0, 4.0, 4.5])
    grid = Grid(
        "k", (tuple(axis), tuple(axis)), tuple(np.add.outer(numbers, 0 * axis).ravel()), "monotone"
    )
    x = torch.rand(500, 2, dtype=torch.float64)
    known = PchipInterpolator(axis, numbers)
    for index, order in (((0, 0), 0), ((1, 0), 1)):
        values = values_at(grid, index, x)
        assert np.allclose(values, known(x[:, 0], nu=order), atol=1e-12)
    turned = Grid("k", grid.axes, tuple(np.add.outer(0 * axis, numbers).ravel()), "monotone")
    assert np.allclose(values_at(turned, (0, 1), x), known(x[:, 1], nu=1), atol=1e-12)
    assert values_at(turned, (1, 0), x).abs().max() < 1e-12


def test_monotone_interpolation_of_smooth_values_converges() -> None:
    def smooth(x: Any, y: Any) -> Any:
        return np.exp(2 * x + y)

    x = torch.rand(400, 2, dtype=torch.float64)
    errors = []
    for count in (9, 17, 33):
        axis = np.linspace(0, 1, count)
        node = field({"values": table(smooth, axis, axis), "interpolation": "monotone"})
        errors.append(float((evaluate([node], x)[0] - smooth(*x.T)).abs().max()))
    assert errors[2] < errors[1] / 3.5 < errors[0] / 12


def test_linear_and_nearest_values() -> None:
    rows = {"values": "x,y,k\n0,0,1\n1,0,3\n0,1,5\n1,1,7\n"}
    x = torch.tensor([[0.25, 0.5], [0.75, 0.5 + 1e-9]], dtype=torch.float64)
    node = field(rows | {"interpolation": "linear"})
    values = evaluate([node, differentiate(node, 0)], x)
    assert torch.allclose(values[0], torch.tensor([3.5, 4.5], dtype=torch.float64), atol=1e-8)
    assert torch.allclose(values[1], torch.tensor(2.0, dtype=torch.float64))
    near = evaluate([field(rows | {"interpolation": "nearest"})], x)
    assert near[0].tolist() == [1.0, 7.0]
    with pytest.raises(ConfigError, match="the nearest of the values of a file and has no more"):
        Problem.create(validate_problem(problem(rows | {"interpolation": "nearest"}), "file"))


def test_the_interpolation_is_kept_in_the_config() -> None:
    config = validate_problem(
        problem({"values": table(step, *EVEN), "interpolation": "linear"}), "f"
    )
    tree = problem_tree(config)
    assert tree["definitions"]["k"]["interpolation"] == "linear"
    assert validate_problem(tree, "f") == config


def test_a_smooth_coefficient_is_known_to_order_four() -> None:
    def smooth(x: Any, y: Any) -> Any:
        return np.exp(np.sin(3 * x) * y)

    x = torch.rand(400, 2, dtype=torch.float64)
    errors = []
    for n in (10, 20, 40):
        axis = np.linspace(0, 1, n + 1)
        (interpolated,) = evaluate([field({"values": table(smooth, axis, axis)})], x)
        errors.append(float(np.abs(interpolated.numpy() - smooth(*x.numpy().T)).max()))
    rates = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert (rates > 3.5).all()


def test_a_problem_with_a_coefficient_from_a_file_is_solved_to_rounding(tmp_path: Path) -> None:
    """The polynomial k = 2 + x + y² comes from a file; u = x² y lies in the trial space."""
    (tmp_path / "k.csv").write_text(table(lambda x, y: 2 + x + y**2, *UNEVEN))
    tree = {
        "problem": problem({"field": "k.csv"}),
        "trial": SMALL,
        "output": {"plots": False, "vtu": False},
    }
    config = validate(tree, source="file", base=tmp_path)
    solution = kanpde.solve(config)
    error = solution.relative_l2["u"]
    assert error is not None and error < 1e-11
    again = validate(config.as_tree(), source="again")
    assert again == config and "values" in config.as_tree()["problem"]["definitions"]["k"]


def test_a_field_may_be_the_coefficient_of_one_region_and_is_constant_in_time() -> None:
    values = table(lambda x, y: 1 + x, *UNEVEN)
    disk = {"disk": {"center": [0.5, 0.5], "radius": 0.2, "name": "rim"}}
    square = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
    created = Problem.create(
        validate_problem(
            problem(
                {"inner": 1, "outer": "g"},
                domain={"regions": {"inner": disk, "outer": {"difference": [square, disk]}}},
                time={"interval": [0, 1]},
                definitions={
                    "g": {"values": values},
                    "k": {"inner": 1, "outer": "g"},
                    "f": {"inner": 0, "outer": "dt(g)"},
                },
                conditions=[
                    {"part": ["left", "right", "bottom", "top", "initial"], "equation": "u = 0"},
                    {"interface": "rim", "equation": ["jump(u) = 0", "jump(k*dn(u)) = 0"]},
                ],
                exact=None,
            ),
            "file",
        )
    )
    inner, outer = (text(node, created.coordinates, created.outputs) for node in created.equations)
    assert "g" not in inner and "d(g, x)" in outer
    (grid,) = created.config.grids.values()
    assert differentiate(Field(grid, (0, 0)), 2) == number(0.0)


AXES = np.linspace(0, 1, 4), np.linspace(0, 1, 5)
FULL = table(cubic, *AXES)
REFUSED: dict[str, tuple[Any, str]] = {
    "hole": ({"values": FULL.rsplit("\n", 2)[0] + "\n"}, r"must be a full grid: .* 4 x 5 points, found 19 rows"),
    "twice": ({"values": FULL + FULL.splitlines()[-1] + "\n"}, r"must be a full grid: .* found 21 rows, 20 of them"),
    "few": ({"values": table(cubic, AXES[0], [0, 0.5, 1]), "interpolation": "cubic"},
        r"needs at least 4 points along y, found 3"),
    "column": ({"values": FULL, "name": "kk"}, r"no column 'kk', did you mean 'k'\? \(columns: k\)"),
    "which": ({"values": "x,y,a,b\n0,0,1,1\n"}, r"name: needed, since the file has the columns a, b"),
    "coordinate": ({"values": "x,k\n0,1\n"}, r"no column for the coordinate 'y'"),
    "both": ({"values": FULL, "field": "k.csv"}, r"must hold one of field \(the name of a file\) and values"),
    "folder": ({"field": "../k.csv"}, r"in the folder of this config or below"),
    "missing": ({"field": "absent.csv"}, r"no such file: 'absent.csv'"),
    "outside": ({"values": table(cubic, np.linspace(0, 0.9, 5), AXES[1])},
                r"definitions\.k: the point \[0\.9.*\] lies outside its grid, which spans \[0\.0, 0\.0\] to"
                r" \[0\.9, 1\.0\]"),
}  # fmt: skip


def npz(folder: Path, **arrays: Any) -> dict[str, Any]:
    """k from the arrays of a .npz file."""
    np.savez_compressed(folder / "k.npz", **arrays)
    return problem({"field": "k.npz"})


@pytest.mark.parametrize("layout", ["C", "F"])
def test_arrays_of_an_npz_file_are_the_same_field_as_the_table(tmp_path: Path, layout: Any) -> None:
    x, y = UNEVEN
    values = np.array(cubic(*np.meshgrid(x, y, indexing="ij")), order=layout)
    from_npz = validate_problem(npz(tmp_path, x=x, y=y, k=values), "file", base=tmp_path)
    assert from_npz == validate_problem(problem({"values": table(cubic, *UNEVEN)}), "file")


AXIS = np.linspace(0, 1, 5)
ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "decreasing": (
        {"x": AXIS[::-1].copy(), "y": AXIS, "k": np.ones((5, 5))},
        r"needs an increasing array 'x' \(arrays: x, y, k",
    ),
    "shape": (
        {"x": AXIS, "y": AXIS, "k": np.ones((5, 4))},
        r"must have the shape \(5, 5\) of the axes, found \(5, 4\)",
    ),
    "kind": (
        {"x": AXIS, "y": AXIS, "k": np.ones((5, 5), int)},
        r"the array 'k' must be of float64",
    ),
    "object": (
        {"x": AXIS, "y": AXIS, "k": np.array([[print] * 5] * 5)},
        r"the array 'k' must be of float64",
    ),
    "finite": (
        {"x": AXIS, "y": AXIS, "k": np.full((5, 5), np.nan)},
        r"the array 'k' must hold finite numbers",
    ),
    "large": (
        {"x": np.arange(200.0), "y": np.arange(200.0), "k": np.ones((200, 200))},
        r"at most 20000 values",
    ),
    "huge": (
        {"x": AXIS, "y": AXIS, "k": np.zeros(2_000_000)},
        r"at most 50 arrays of 8 MiB in all",
    ),
    "alone": (
        {"x": AXIS, "y": AXIS},
        r"name: needed, since the file has the columns of coordinates only",
    ),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_no_field_are_refused(tmp_path: Path, case: str) -> None:
    arrays, message = ARRAYS[case]
    with pytest.raises((ConfigError, BudgetError), match=message):
        validate_problem(npz(tmp_path, **arrays), "file", base=tmp_path)


@pytest.mark.parametrize("end", [0, 3, 200, 400])
def test_a_broken_npz_file_is_refused(tmp_path: Path, end: int) -> None:
    wrong = npz(tmp_path, x=AXIS, y=AXIS, k=np.ones((5, 5)))
    (tmp_path / "k.npz").write_bytes((tmp_path / "k.npz").read_bytes()[:end])
    with pytest.raises(ConfigError, match=r"cannot be read as a \.npz file"):
        validate_problem(wrong, "file", base=tmp_path)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_field_is_refused(case: str) -> None:
    definition, message = REFUSED[case]
    with pytest.raises(ConfigError, match=message):
        Problem.create(validate_problem(problem(definition), "file"))


def test_more_derivatives_than_a_cubic_spline_has_are_refused() -> None:
    wrong = problem({"values": FULL}, equations=["d(k, x, x, x)*laplacian(u) = f"])
    with pytest.raises(
        ConfigError,
        match="'k' is a cubic spline through the values of a file and has no more derivatives",
    ):
        Formulas.of(validate_problem(wrong, "file"))
