"""Jets: the chain rule and Leibniz' rule against nested autograd and against combinatorics."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from core_helpers import gap, uniform
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kanpde.numerics.jets import (
    Jet,
    JetSpace,
    by_autograd,
    chain_factors,
    compose,
    coordinates,
    multiply,
    unit,
)

pytestmark = pytest.mark.usefixtures("one_thread")

ORDER = {1: 4, 2: 4, 3: 3}
FULL = {
    d: JetSpace.closure([a for a in itertools.product(range(5), repeat=d) if sum(a) == ORDER[d]], d)
    for d in ORDER
}
STIRLING = {1: [1], 2: [1, 1], 3: [1, 3, 1], 4: [1, 7, 6, 1], 5: [1, 15, 25, 10, 1]}


def plane_wave(x: Tensor, slopes: Tensor) -> Tensor:
    """Two components (N, 2) of which every derivative is known."""
    return torch.stack([torch.exp(x @ slopes), torch.sin(x @ slopes)], dim=1)


def tangled(x: Tensor) -> Tensor:
    """Two smooth components without symmetry, (N, d) → (N, 2)."""
    first = torch.sin(1.3 * x[:, 0]) * torch.exp(0.4 * x[:, -1]) + 0.2 * (x**3).sum(1)
    return torch.stack([first, torch.cos(x.sum(1)) + 0.5 * x[:, 0] ** 2], dim=1)


# The reference engine
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_nested_autograd_gives_the_known_derivatives_of_plane_waves(d: int) -> None:
    x, slopes = uniform(7, d), torch.tensor([0.9, -1.4, 0.6], dtype=torch.float64)[:d]
    jet = by_autograd(lambda points: plane_wave(points, slopes), x, FULL[d])
    z = x @ slopes
    for alpha in FULL[d].indices:
        factor = math.prod(float(s) ** a for s, a in zip(slopes, alpha, strict=True))
        wave = torch.sin(z + sum(alpha) * math.pi / 2)
        assert gap(jet.derivative(alpha), factor * torch.stack([torch.exp(z), wave])) < 1e-12, alpha


def test_nested_autograd_of_constants_and_lines_ends_in_zeros() -> None:
    x, space = uniform(5, 2), FULL[2]
    jet = by_autograd(
        lambda points: torch.stack([torch.ones(len(points)).double(), 3 * points[:, 1]], dim=1),
        x,
        space,
    )
    assert jet.data.shape == (len(space.indices), 2, 5)
    assert jet.derivative((0, 1))[1].eq(3).all() and not jet.derivative((0, 1))[0].any()
    assert not any(jet.derivative(a).any() for a in space.indices if sum(a) > 1)


def test_nested_autograd_works_where_gradients_are_switched_off() -> None:
    with torch.no_grad():
        jet = by_autograd(tangled, uniform(4, 2), FULL[2])
    assert jet.derivative((2, 0)).abs().min() > 0


# The chain rule
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_composition_agrees_with_nested_autograd(d: int) -> None:
    x = uniform(6, d, seed=d)
    inner = by_autograd(tangled, x, FULL[d])
    outer = [torch.sin(inner.value + k * math.pi / 2) for k in range(5)]
    assert (
        gap(
            compose(inner, outer).data,
            by_autograd(lambda p: torch.sin(tangled(p)), x, FULL[d]).data,
        )
        < 1e-12
    )


@settings(max_examples=12, deadline=None)
@given(alpha=st.tuples(*[st.integers(0, 2)] * 3), seed=st.integers(0, 99))
def test_any_multi_index_needs_only_its_own_closure(alpha: tuple[int, ...], seed: int) -> None:
    space, x = JetSpace.closure([alpha], 3), uniform(3, 3, seed=seed)
    inner = by_autograd(tangled, x, space)
    composed = compose(inner, [torch.exp(inner.value)] * (space.order + 1))
    assert gap(composed.data, by_autograd(lambda p: torch.exp(tangled(p)), x, space).data) < 1e-11


@pytest.mark.parametrize("order", sorted(STIRLING))
def test_terms_of_the_chain_rule_count_set_partitions(order: int) -> None:
    """Along one axis the terms with k blocks number S(n, k), Stirling's numbers of the second
    kind.
    """
    terms = JetSpace.closure([(order,)], 1).chain[-1]
    assert [
        sum(count for k, count, _ in terms if k == blocks) for blocks in range(1, order + 1)
    ] == STIRLING[order]


def test_mixed_derivatives_count_the_same_partitions() -> None:
    space = JetSpace.closure([(1, 1, 1, 1)], 4)
    assert sum(count for _, count, _ in space.chain[-1]) == sum(STIRLING[4])


def test_chain_factors_of_the_second_derivative() -> None:
    """∂_xy f(z) = f' z_xy + f'' z_x z_y."""
    jet = by_autograd(tangled, uniform(4, 2), JetSpace.closure([(1, 1)], 2))
    factors = dict(chain_factors(jet)[jet.space.position[(1, 1)]])
    assert gap(factors[1], jet.derivative((1, 1))) == 0
    assert gap(factors[2], jet.derivative((1, 0)) * jet.derivative((0, 1))) < 1e-15
    assert dict(chain_factors(jet)[0]) == {0: None}


# Products
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_product_agrees_with_nested_autograd(d: int) -> None:
    x, slopes = uniform(5, d, seed=3), uniform(d, seed=4)
    left, right = (by_autograd(f, x, FULL[d]) for f in (tangled, lambda p: plane_wave(p, slopes)))
    wanted = by_autograd(lambda p: tangled(p) * plane_wave(p, slopes), x, FULL[d])
    assert gap(multiply(left, right).data, wanted.data) < 1e-12


def test_a_single_factor_multiplies_every_component() -> None:
    x = uniform(5, 2)
    single = by_autograd(lambda p: tangled(p)[:, :1], x, FULL[2])
    wanted = by_autograd(lambda p: tangled(p)[:, :1] * tangled(p), x, FULL[2])
    assert gap(multiply(single, by_autograd(tangled, x, FULL[2])).data, wanted.data) < 1e-12


# Spaces and jets
# --------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=4))
def test_closure_is_downward_closed_minimal_and_sorted(wanted: list[tuple[int, ...]]) -> None:
    space = JetSpace.closure(wanted, 3)
    members = set(space.indices)
    assert (
        space.indices[0] == (0, 0, 0)
        and members >= set(wanted)
        and len(members) == len(space.indices)
    )
    for alpha in space.indices[1:]:
        lower = [
            tuple(a - (i == axis) for i, a in enumerate(alpha)) for axis in range(3) if alpha[axis]
        ]
        assert members >= set(lower)
        assert any(all(a <= w for a, w in zip(alpha, top, strict=True)) for top in wanted)
    assert [sum(a) for a in space.indices] == sorted(sum(a) for a in space.indices)
    assert space == JetSpace.closure(reversed(wanted), 3)


def test_coordinates_are_an_affine_map_with_constant_slopes() -> None:
    x, space = uniform(6, 2), FULL[2]
    scale, shift = torch.tensor([2.0, 0.5]).double(), torch.tensor([0.1, -3.0]).double()
    jet = coordinates(x, space, scale, shift)
    assert gap(jet.data, by_autograd(lambda p: (p - shift) * scale, x, space).data) < 1e-14
    assert coordinates(x, JetSpace.closure([], 2), scale, shift).data.shape == (1, 2, 6)


def test_gradient_and_laplacian_by_name() -> None:
    x, slopes = uniform(5, 2), torch.tensor([0.9, -1.4], dtype=torch.float64)
    jet = by_autograd(lambda p: plane_wave(p, slopes), x, JetSpace.closure([(2, 0), (0, 2)], 2))
    size = float(slopes.square().sum())
    assert gap(jet.laplacian, size * torch.stack([jet.value[0], -jet.value[1]])) < 1e-12
    assert jet.gradient.shape == (2, 2, 5) and gap(jet.gradient[1], jet.derivative((0, 1))) == 0
    with pytest.raises(KeyError):
        jet.derivative((1, 1))
    with pytest.raises(KeyError):
        _ = Jet(JetSpace.closure([(1, 0)], 2), jet.data[:2]).gradient


def test_unit_multi_indices() -> None:
    assert (unit(0, 3), unit(2, 3, 2), unit(1, 2, 0)) == ((1, 0, 0), (0, 0, 2), (0, 0))
