"""The scripts behind docs/paper.md: formulas, samples, MLPs of as many parameters, slopes."""

from __future__ import annotations

import ast
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from kanpde import api
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem
from scripts.kan_paper import paper_tables, scaling_fits
from scripts.kan_paper.paper_fits import mlp_shapes, samples
from scripts.kan_paper.paper_rows import Row, feynman, special_functions, value
from scripts.kan_paper.scaling_page import slope


def cube(d: int, count: int = 400) -> Tensor:
    return torch.as_tensor(2 * np.random.default_rng(d).random((count, d)) - 1)


@pytest.mark.parametrize(
    ("name", "rows"), [("fit_special", special_functions()), ("fit_feynman", feynman())]
)
def test_the_shipped_problem_holds_every_row_of_the_table(name: str, rows: list[Row]) -> None:
    for number, row in enumerate(rows, start=1):
        keys = {"function": number} | ({"rows": 16, "test": 8} if name == "fit_special" else {})
        problem = Problem.create(api.configure(name, parameters=keys).problem)
        lower, upper = problem.domain.lower, problem.domain.upper
        assert row.name in problem.config.description
        assert pytest.approx(np.array([lower, upper])) == np.array(row.ranges).T
        if problem.config.fit is not None and (table := problem.config.fit.train) is not None:
            x, values = (
                np.array([table.column("x"), table.column("y")]).T,
                np.array(table.column("value")),
            )
        else:
            x = lower + (upper - lower) * (cube(len(row.ranges), 8).numpy() + 1) / 2
            exact = problem.exact_at(torch.as_tensor(x), None)
            assert exact is not None
            values = exact[:, 0].numpy()
        wanted = row.values((x - lower) / (upper - lower))
        assert values == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_a_function_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(ConfigError, match="function must be from 1 to 27, found 28"):
        api.configure("fit_feynman", parameters={"function": 28})


def test_rows_are_finite_on_their_ranges() -> None:
    rows = [*special_functions(), *feynman()]
    assert len(rows) == 15 + 27
    for row in rows:
        u = np.random.default_rng(0).random((200, len(row.variables)))
        assert np.isfinite(row.values(u)).all(), row.name
        assert row.goal == pytest.approx(min(row.kan, row.mlp) / 10)


def test_a_formula_of_the_file_is_what_it_says() -> None:
    row = next(row for row in feynman() if row.name == "III.9.52")
    a, b, c = 0.3, 0.25 * 4, 4.5 + 0.5 * 3.5
    angle = (b - c) / 2
    assert row.values(np.array([[0.3, 0.25, 0.5]]))[0] == pytest.approx(
        a * np.sin(angle) ** 2 / angle**2, rel=1e-14
    )


@pytest.mark.parametrize("text", ["open('x')", "x.shape", "(1, 2)", "y"])
def test_the_grammar_is_closed(text: str) -> None:
    with pytest.raises(ValueError, match="outside the grammar"):
        value(ast.parse(text, mode="eval").body, {"x": 1.0})


@pytest.mark.parametrize("count", [60, 150, 350])
def test_the_mlp_has_as_many_parameters(count: int) -> None:
    shapes = mlp_shapes(2, count)
    assert {len(shape) for shape in shapes} == {3, 4}
    for shape in shapes:
        parameters = sum((a + 1) * b for a, b in pairwise(shape))
        assert abs(parameters - count) <= 0.05 * count


def test_slope_leaves_out_unresolved_grids_and_rounding() -> None:
    errors = {"3": 0.9, "10": 1e-3, "20": 1e-3 / 16, "50": 1e-3 / 625, "100": 1e-14}
    fitted, used = slope({g: (e, 1, 0.0) for g, e in errors.items()})
    assert used == [10, 20, 50] and fitted == pytest.approx(-4)


def test_training_and_test_samples_are_different_points_of_the_same_function() -> None:
    row = special_functions()[0]
    x, y, x_test, y_test = samples(row, 0)
    lower, upper = np.array(row.ranges).T
    for points in (x, x_test):
        assert (lower <= points).all() and (points <= upper).all()
    assert torch.cdist(torch.as_tensor(x), torch.as_tensor(x_test)).min() > 0
    again = row.values((x - lower) / (upper - lower))
    assert y == pytest.approx(again, rel=1e-12) and len(y_test) == len(x_test)


def test_every_row_has_cells_on_the_page() -> None:
    for key, rows in paper_tables.ROWS.items():
        page = paper_tables.tables.read(paper_tables.PAGE, (key, *paper_tables.CELLS))
        assert {f"`{row.name}`" for row in rows} == {name for (name,) in page}


@pytest.mark.slow
def test_the_scaling_fits_go_from_grid_to_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling_fits, "GRIDS", (3, 6))
    monkeypatch.setitem(scaling_fits.TOYS, "x", ((1, 1), 6, lambda x: x[:, 0]))
    monkeypatch.setitem(scaling_fits.TOYS, "xy", ((2, 2, 1), 6, lambda x: x.prod(1)))
    for name, parameters in (("x", 6), ("xy", 36)):
        figures = scaling_fits.ladder(name, 3)
        assert list(figures) == ["3", "6"] and figures["3"][1] == parameters
        assert figures["6"][1] == parameters * 9 // 6 and figures["6"][0] < 1e-12
