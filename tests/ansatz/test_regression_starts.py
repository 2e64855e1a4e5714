"""Starts of small KANs for a table: what the data suggest, and that units fill their grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from kanpde.ansatz.regression_starts import (
    KINDS,
    Plan,
    deepened,
    from_data,
    random_kan,
    starts,
    unit_layer,
)
from kanpde.ansatz.surrogate import factors, units
from kanpde.trial.networks import KAN


def cube(d: int, count: int = 400) -> Tensor:
    return torch.as_tensor(2 * np.random.default_rng(d).random((count, d)) - 1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def misfit(net: KAN, x: Tensor, y: Tensor) -> float:
    """Root mean square of y less its best fit by the functions that the outer layer combines."""
    z = x.T
    with torch.no_grad():
        for layer in net.stack[:-1]:
            z = layer(z)
    grid = net.stack[-1].grid
    matrix = torch.cat([grid.row(i).collocation(z[None, i]) for i in range(len(z))], dim=1)
    best = torch.linalg.lstsq(matrix, y[:, None], driver="gelsd").solution[:, 0]
    return float((matrix @ best - y).square().mean().sqrt())


def test_starts_fill_their_grids_without_leaving_them() -> None:
    x = cube(3, 512)
    for kind in KINDS:
        net = random_kan([3, 4, 2, 1], [5, 5, 5], 5, kind, x, seeded(0))
        assert net.outside_share(x) == 0
        z = x.T
        for layer in net.stack[:-1]:
            z = layer(z).detach()
            torch.testing.assert_close(z.amax(1), torch.full_like(z[:, 0], 0.95))
            torch.testing.assert_close(z.amin(1), torch.full_like(z[:, 0], -0.95))


def test_factors_of_a_product_are_its_factors() -> None:
    x = cube(2, 2000)
    series = factors(x, torch.exp(x[:, 0]) * x[:, 1])
    assert series is not None
    first = np.polynomial.chebyshev.chebval(np.linspace(-1, 1, 9), series[0][:, 0])
    assert first / first[4] == pytest.approx(np.exp(np.linspace(-1, 1, 9)), rel=1e-4)
    assert factors(cube(4), cube(4)[:, 0]) is None


def test_a_start_with_the_factors_of_a_product_holds_it() -> None:
    x = cube(2, 1000)
    y = torch.exp(x[:, 0]) * torch.sin(x[:, 1])
    exact = random_kan([2, 2, 1], [5, 5], 5, "smooth", x, seeded(0))
    plain = misfit(exact, x, y)
    assert from_data(exact, x, y, seeded(0), True)
    assert misfit(exact, x, y) < 1e-3 < 0.02 * plain


def test_one_unit_of_many_coordinates_starts_as_the_best_sum() -> None:
    x = cube(5, 1500)
    y = torch.exp(x.square().mean(1))
    net = random_kan([5, 1, 1], [5, 5], 5, "smooth", x, seeded(0))
    plain = misfit(net, x, y)
    assert from_data(net, x, y, seeded(0), True)
    assert misfit(net, x, y) < 0.05 * plain
    two = random_kan([5, 2, 1], [5, 5], 5, "smooth", x, seeded(0))
    assert not from_data(two, x, y, seeded(0), True)


def test_pairs_that_count_as_one_are_found() -> None:
    x = cube(4, 2000)
    y = torch.exp(x[:, 0]) * torch.cos(x[:, 1] - x[:, 3])
    line = units(x[:, [0, 1, 3]], y)
    assert line is not None and line[1].tolist() == [1, 1]
    expected = torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64)
    torch.testing.assert_close(line[0][0].abs(), expected, atol=1e-3, rtol=0)
    assert float(line[0][0, 1] * line[0][0, 2]) < 0
    circle = units(x[:, :3], x[:, 2] * torch.exp(x[:, 0] ** 2 + x[:, 1] ** 2))
    assert circle is not None and sorted(circle[1].tolist()) == [1, 2]
    assert units(x[:, :3], x[:, 0] * x[:, 1] * x[:, 2]) is None


def test_the_layer_of_a_circle_is_that_circle() -> None:
    x = cube(3)
    weights = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    layer = unit_layer((weights, torch.tensor([2, 1])), x, 5, 4)
    z = layer(x.T).detach()
    radius = x[:, :2].square().sum(1)
    assert abs(float(torch.corrcoef(torch.stack([z[0], radius]))[0, 1])) > 1 - 1e-12


def test_a_layer_above_a_network_knows_its_value() -> None:
    x = cube(2)
    net = random_kan([2, 3, 1], [5, 5], 4, "smooth", x, seeded(3))
    net.set_outer(torch.randn(net.outer.shape, generator=seeded(4), dtype=torch.float64))
    with torch.no_grad():
        y = net(x)[:, 0]
    deep = deepened(net, 2, x, seeded(0))
    assert deep.shape == [2, 3, 2, 1] and deep.outside_share(x) == 0
    assert misfit(deep, x, y) < 1e-6 * float(y.std())


def test_a_start_depends_on_its_number_and_the_seed_alone() -> None:
    x = cube(2)
    y = (x[:, :1] * x[:, 1:]) / 3
    plan = Plan((2, 2, 1), (5, 5), 5, 7)
    every = list(starts(plan, x, y, range(4), lambda net, aim: None))
    later = list(starts(plan, x, y, range(2, 4), lambda net, aim: None))
    assert torch.equal(every[3].stack[0].coefficients, later[1].stack[0].coefficients)
    assert not torch.equal(every[1].stack[0].coefficients, every[3].stack[0].coefficients)


def test_one_start_of_four_of_a_deep_network_is_trained_without_its_last_layer() -> None:
    x = cube(2)
    y = x[:, :1] * x[:, 1:]
    shapes = []
    plan = Plan((2, 3, 2, 1), (5, 5, 5), 5, 0)
    networks = starts(plan, x, y, range(4), lambda net, aim: shapes.append(net.shape))
    assert [net.shape for net in networks] == [[2, 3, 2, 1]] * 4 and shapes == [[2, 3, 1]]
