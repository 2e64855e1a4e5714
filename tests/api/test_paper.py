"""The scripts behind docs/paper.md: formulas, Jacobians, what is read off the data, the search."""

from __future__ import annotations

import ast
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from kanpde import api
from kanpde.errors import ConfigError
from kanpde.optimizers.gauss_newton import Elimination
from kanpde.problem.problem import Problem
from kanpde.trial.networks.kan import KAN
from kanpde.trial.networks.mlp import build_mlp
from scripts.common.least_squares_on_arrays import Arrays, parameters, rmse
from scripts.kan_paper.paper_rows import Row, feynman, special_functions, value
from scripts.kan_paper.paper_tables import mlp_shapes, samples_of
from scripts.kan_paper.regression_data import Recipe, Samples, units
from scripts.kan_paper.regression_grids import reframed
from scripts.kan_paper.regression_search import best_kan
from scripts.kan_paper.regression_starts import KINDS, deepened, random_kan
from scripts.kan_paper.scaling import points
from scripts.kan_paper.scaling_page import slope
from scripts.kan_paper.sparse_step import jacobian, refine


def cube(d: int, count: int = 400) -> Tensor:
    return torch.as_tensor(2 * np.random.default_rng(d).random((count, d)) - 1)


def some_kan(shape: list[int]) -> KAN:
    net = random_kan(shape, 5, 4, "smooth", cube(shape[0]), torch.Generator().manual_seed(3))
    net.set_outer(
        torch.randn(
            net.outer.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64
        )
    )
    return net


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
            x, found = (
                np.array([table.column("x"), table.column("y")]).T,
                np.array(table.column("value")),
            )
        else:
            x = lower + (upper - lower) * (cube(len(row.ranges), 8).numpy() + 1) / 2
            exact = problem.exact_at(torch.as_tensor(x), None)
            assert exact is not None
            found = exact[:, 0].numpy()
        wanted = row.values((x - lower) / (upper - lower))
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


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


def test_training_and_test_samples_are_different_points_of_the_same_function() -> None:
    row = special_functions()[0]
    x, y, x_test, y_test = samples_of(row, 0)
    assert x.abs().max() <= 1 and x_test.abs().max() <= 1
    assert torch.cdist(x, x_test).min() > 0
    again = row.values((x.numpy() + 1) / 2)
    assert torch.equal(y, torch.as_tensor(again)) and len(y_test) == len(x_test)


@pytest.mark.parametrize("kind", ["kan", "mlp"])
def test_jacobian_and_matrix_are_those_of_differences(kind: str) -> None:
    x = cube(2, 40)
    net = (
        some_kan([2, 2, 1])
        if kind == "kan"
        else build_mlp([2, 4, 1], "tanh", "features", 2.0, torch.Generator())
    )
    system = Arrays(net, x, torch.sin(x[:, 0]))
    inner, outer, size = system.inner, system.outer, 1e-6
    for matrix, which in ((system.jacobian(), 0), (system.outer_matrix(), 1)):
        direction = torch.randn(
            matrix.shape[1], generator=torch.Generator().manual_seed(1), dtype=torch.float64
        )
        moved = []
        for sign in (1, -1):
            step = sign * size * direction
            system.place(inner if which else inner + step, outer + step if which else outer)
            moved.append(system.residual())
        system.place(inner, outer)
        torch.testing.assert_close(
            matrix @ direction, (moved[0] - moved[1]) / (2 * size), rtol=1e-6, atol=1e-7
        )


def test_sparse_jacobian_is_the_dense_one() -> None:
    net, x = some_kan([2, 3, 2, 1]), cube(2, 50)
    system = Arrays(net, x, torch.zeros(50, dtype=torch.float64))
    dense = torch.cat([system.jacobian(), system.outer_matrix()], dim=1) * 50**0.5
    np.testing.assert_allclose(jacobian(net, x).toarray(), dense.numpy(), atol=1e-12)


def test_a_sparse_step_finds_a_neighbour() -> None:
    net, x = some_kan([2, 2, 1]), cube(2, 1000)
    with torch.no_grad():
        y = net(x)[:, 0].clone()
        net.stack[0].coefficients.add_(1e-3 * torch.sin(torch.arange(36.0)).reshape(2, 2, 9))
    before = rmse(net, x, y)
    assert refine(net, x, y, 6) < 1e-4 * before


def test_a_sparse_step_is_damped_where_the_undamped_one_leads_too_far() -> None:
    net, x = some_kan([2, 2, 1, 1]), cube(2, 600)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        y = net(x)[:, 0].clone()
        for layer in net.stack:
            noise = torch.randn(layer.coefficients.shape, generator=generator, dtype=torch.float64)
            layer.coefficients.add_(0.1 * noise)
    before = rmse(net, x, y)
    assert refine(net, x, y, 20) < 0.02 * before  # from λ = 1e-11 alone no step lowers it


def test_reframing_keeps_the_function_and_fills_the_grids() -> None:
    net, x = some_kan([2, 3, 2, 1]), cube(2)
    with torch.no_grad():
        y = net(x)[:, 0]
    framed = reframed(net, x, 12)
    assert framed is not None and framed.intervals == [12, 12, 12]
    assert rmse(framed, x, y) < 2e-3 * float(y.std())
    hidden = framed.stack[0](x.T)
    torch.testing.assert_close(hidden.amax(1), torch.full((3,), 0.95, dtype=torch.float64))


def test_a_layer_above_a_network_knows_its_value() -> None:
    net, x = some_kan([2, 3, 1]), cube(2)
    with torch.no_grad():
        y = net(x)[:, 0]
    deep = deepened(net, 2, x, torch.Generator().manual_seed(0))
    assert deep.shape == [2, 3, 2, 1] and deep.outside_share(x) == 0
    Elimination(Arrays(deep, x, y), 1e-12).settle()
    assert rmse(deep, x, y) < 1e-6 * float(y.std())


def test_starts_are_also_polished_without_the_coarsest_grid() -> None:
    recipe = Recipe(ladder=(5, 10), kept=(1, 2))
    nets = [some_kan([2, 2, 1]) for _ in range(3)]
    assert list(recipe.polishes(nets)) == [(0, nets[0]), (1, nets[0]), (1, nets[1])]


def test_reframing_keeps_constants_from_growing_against_each_other() -> None:
    net, x = some_kan([2, 2, 1]), cube(2)
    with torch.no_grad():
        net.stack[0].coefficients[:, 0] += 1e6
        net.stack[0].coefficients[:, 1] -= 1e6
    framed = reframed(net, x, 4)
    assert framed is not None and framed.stack[0].coefficients.abs().max() < 10


def test_pairs_that_count_as_one_are_found() -> None:
    x = cube(4, 2000)
    y = torch.exp(x[:, 0]) * torch.cos(x[:, 1] - x[:, 3])
    found = units(x[:, [0, 1, 3]], y)
    assert found is not None and found[1].tolist() == [1, 1]
    torch.testing.assert_close(
        found[0][0].abs(), torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64), atol=1e-3, rtol=0
    )
    assert float(found[0][0, 1] * found[0][0, 2]) < 0
    circle = units(x[:, :3], x[:, 2] * torch.exp(x[:, 0] ** 2 + x[:, 1] ** 2))
    assert circle is not None and sorted(circle[1].tolist()) == [1, 2]
    assert units(x[:, :3], x[:, 0] * x[:, 1] * x[:, 2]) is None


def test_the_search_finds_products_without_test_samples() -> None:
    x, x_test = cube(2, 600), cube(2, 601)
    error, net = best_kan(
        [2, 2, 1], Samples.split(x, x[:, 0] * x[:, 1] * 3), Recipe(starts=1, ladder=(5,)), 0, 1e-9
    )
    assert error < 1e-9 and rmse(net, x_test, 3 * x_test[:, 0] * x_test[:, 1]) < 1e-9


@pytest.mark.parametrize("count", [60, 150, 350])
def test_the_mlp_has_as_many_parameters(count: int) -> None:
    shapes = mlp_shapes(2, count)
    assert {len(shape) for shape in shapes} == {3, 4}
    for shape in shapes:
        net = build_mlp(shape, "tanh", "features", 1.0, torch.Generator())
        assert abs(parameters(net) - count) <= 0.05 * count


def test_slope_leaves_out_unresolved_grids_and_rounding() -> None:
    errors = {"3": 0.9, "10": 1e-3, "20": 1e-3 / 16, "50": 1e-3 / 625, "100": 1e-14}
    fitted, used = slope({g: (e, 1, 0.0) for g, e in errors.items()})
    assert used == [10, 20, 50] and fitted == pytest.approx(-4)


def test_starts_fill_their_grids_without_leaving_them() -> None:
    for kind in KINDS:
        net = random_kan(
            [3, 4, 2, 1], 5, 5, kind, points(3, 512, 0), torch.Generator().manual_seed(0)
        )
        assert net.outside_share(points(3, 512, 0)) == 0


def test_a_network_with_a_peak_between_the_samples_is_no_candidate() -> None:
    x = torch.linspace(-1, 1, 400, dtype=torch.float64)[:, None]
    x = x[(x[:, 0] - 0.3).abs() > 0.05]
    samples = Samples.split(x, x[:, 0])
    assert samples.error(torch.nn.Identity()) == 0  # type: ignore[arg-type]

    def peaked(at: torch.Tensor) -> torch.Tensor:
        return at + 3 * ((at - 0.3).abs() < 0.05)

    assert samples.error(peaked) == math.inf  # type: ignore[arg-type]
