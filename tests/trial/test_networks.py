"""Contract of the networks: jets, the linear outer layer, grids that change while the function
stays, starts.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from core_helpers import gap, generator, kan, mlp, scramble, uniform, without_edges
from scipy.interpolate import BSpline
from torch import Tensor

from kanpde.errors import ConfigError
from kanpde.numerics.jets import Jet, JetSpace, by_autograd, coordinates
from kanpde.trial.bases import SplineGrid
from kanpde.trial.networks import (
    KAN,
    MLP,
    SplineLayer,
    activations,
    build_kan,
    build_mlp,
    build_nodes,
)
from kanpde.trial.networks.kan import Radial, directions


def scrambled(network: KAN) -> KAN:
    """The same network with random outer parameters."""
    network.set_outer(uniform(*network.outer.shape, seed=1))
    return network


def other(basis: str, shape: list[int], base: bool = False) -> KAN:
    """A KAN of another basis, all parameters random."""
    layers = len(shape) - 1
    network = build_kan(
        shape, [3] * layers, [4] * layers, "paper", base, generator(), bases=[basis] * layers
    )
    scramble(network)
    return network


def nodes(shape: list[int], bases: list[str], base: bool = False) -> KAN:
    """Functions on nodes, all parameters random."""
    network = build_nodes(shape, [(name, 5, 3) for name in bases], "paper", base, generator())
    scramble(network)
    return network


MAKERS: dict[str, Callable[[], KAN | MLP]] = {
    "kan-1-1": lambda: kan([1, 1]),
    "kan-2-1": lambda: kan([2, 1], degree=6, intervals=1),
    "kan-2-5-1": lambda: kan([2, 5, 1]),
    "kan-2-4-3-2": lambda: kan([2, 4, 3, 2], degree=5, intervals=2),
    "kan-3-4-2-silu": lambda: kan([3, 4, 2], base=True),
    "kan-2-6-1-radial": lambda: scrambled(
        build_kan([2, 6, 1], [4, 5], [2, 3], "ridge", True, generator(), radial=RADIAL)
    ),
    "kan-2-3-1-moved": lambda: kan([2, 3, 1], base=True).updated(3 * uniform(50, 2), 0.6),
    "kan-2-4-5-1-masked": lambda: without_edges(kan([2, 4, 5, 1], base=True)),
    "chebyshev-2-4-1": lambda: other("chebyshev", [2, 4, 1]),
    "rbf-2-4-2": lambda: other("rbf", [2, 4, 2], base=True),
    "fourier-3-4-2-1": lambda: other("fourier", [3, 4, 2, 1]),
    "mixed-2-4-1": lambda: scrambled(
        build_kan(
            [2, 4, 1], [3, 5], [2, 4], "ridge", False, generator(), bases=["bspline", "fourier"]
        )
    ),
    "nodes-2-5-1": lambda: nodes([2, 5, 1], ["bspline"]),
    "nodes-3-4-3-2": lambda: nodes([3, 4, 3, 2], ["bspline", "rbf"], base=True),
    "mlp-2-6-1": lambda: mlp([2, 6, 1]),
    "mlp-3-5-4-2": lambda: mlp([3, 5, 4, 2], "silu"),
    "mlp-1-7-7-1": lambda: mlp([1, 7, 7, 1], "sine"),
}
KANS = [name for name in MAKERS if name.startswith("kan")]


def points(network: KAN | MLP, count: int = 9, seed: int = 5) -> Tensor:
    """Points of which some lie outside [-1, 1]^d."""
    return 1.3 * uniform(count, network.shape[0], seed=seed)


def space(d: int, order: int = 3) -> JetSpace:
    return JetSpace.closure(
        [a for a in itertools.product(range(order + 1), repeat=d) if sum(a) == order], d
    )


def inputs(x: Tensor, jets: JetSpace) -> Jet:
    d = x.shape[1]
    return coordinates(x, jets, x.new_ones(d), x.new_zeros(d))


def total(jet: Jet) -> Tensor:
    """A scalar in which every derivative counts."""
    weights = torch.linspace(0.5, 1.5, jet.data.numel(), dtype=jet.data.dtype)
    return (jet.data * weights.reshape(jet.data.shape)).sin().sum()


@pytest.fixture(params=list(MAKERS))
def network(request: pytest.FixtureRequest) -> KAN | MLP:
    return MAKERS[request.param]()


@pytest.fixture(params=KANS)
def spline_network(request: pytest.FixtureRequest) -> KAN:
    network = MAKERS[request.param]()
    assert isinstance(network, KAN)
    return network


# Jets
# --------------------------------------------------------------------------------------------------


def test_closed_form_jets_are_those_of_nested_autograd(network: KAN | MLP) -> None:
    x = points(network)
    jets = space(x.shape[1])
    taylor, reference = network.jet(inputs(x, jets)), by_autograd(network, x, jets)
    assert gap(network(x).T, taylor.value) < 1e-13
    for alpha in jets.indices:
        assert gap(taylor.derivative(alpha), reference.derivative(alpha)) < 1e-10, alpha


def test_both_engines_give_the_same_gradient_by_the_parameters(network: KAN | MLP) -> None:
    x = points(network, 5)
    jets = space(x.shape[1], 2)
    parameters = list(network.parameters())
    closed = torch.autograd.grad(total(network.jet(inputs(x, jets))), parameters)
    nested = torch.autograd.grad(total(by_autograd(network, x, jets)), parameters)
    for ours, theirs in zip(closed, nested, strict=True):
        assert gap(ours, theirs) < 1e-10


def test_rows_of_a_batch_are_independent(network: KAN | MLP) -> None:
    x = points(network)
    jets = space(x.shape[1], 2)
    assert gap(network(x[3:4])[0], network(x)[3]) < 1e-13
    assert (
        gap(
            network.jet(inputs(x[3:4], jets)).data[..., 0],
            network.jet(inputs(x, jets)).data[..., 3],
        )
        < 1e-13
    )


def test_a_kan_is_the_sum_of_its_edge_functions_by_scipy() -> None:
    network = kan([2, 3, 2], degree=3, base=True)
    x = uniform(8, 2)
    z = x.T
    for layer in network.stack:
        assert layer.base is not None
        rows = []
        for o in range(layer.outputs):
            row = torch.zeros(len(x), dtype=torch.float64)
            for i in range(layer.inputs):
                spline = BSpline(
                    layer.knots[i].numpy(), layer.coefficients[o, i].detach().numpy(), layer.degree
                )
                inside = z[i].clamp(float(layer.grid.lower[i]), float(layer.grid.upper[i]))
                row += torch.tensor(spline(inside)) + (z[i] - inside) * torch.tensor(
                    spline(inside, nu=1)
                )
                row += float(layer.base[o, i].detach()) * z[i] * torch.sigmoid(z[i])
            rows.append(row)
        z = torch.stack(rows)
    assert gap(network(x), z.T) < 1e-12


def test_an_mlp_is_written_out() -> None:
    network, x = mlp([2, 4, 3, 1]), uniform(6, 2)
    (a, b, c), (p, q, r) = network.weights, network.biases
    assert gap(network(x), torch.tanh(torch.tanh(x @ a + p) @ b + q) @ c + r) < 1e-14


def test_gradcheck_of_a_layer_inside_and_outside_its_grid() -> None:
    layer = kan([2, 2, 1], degree=3, base=True).stack[0]
    z = torch.tensor(
        [[-1.7, -0.3, 0.41, 1.2], [0.2, -0.77, 2.0, 0.9]], dtype=torch.float64, requires_grad=True
    )

    def values(coefficients: Tensor, base: Tensor, at: Tensor) -> Tensor:
        outputs: Tensor = torch.func.functional_call(
            layer, {"coefficients": coefficients, "base": base}, (at,)
        )
        return outputs

    assert torch.autograd.gradcheck(values, (layer.coefficients, layer.base, z))


def test_inputs_that_left_the_grid_still_have_a_gradient() -> None:
    network = kan([1, 1])
    x = torch.tensor([[4.0], [-3.0]], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(network(x).sum(), x)
    assert (slope != 0).all()


# The outer layer is linear
# -------------------------------------------------------------------------------------------


def outer_rows(network: KAN | MLP, at: Jet, functional: Tensor) -> Tensor:
    """The matrix (N, P) of a functional (A, N) on what the outer layer combines."""
    features = network.features(at)
    values = features.rows(functional[:, None])[0]
    if features.columns is None:
        return values.T
    return (
        values.new_zeros(len(network.outer), len(functional[0]))
        .scatter_(0, features.columns, values)
        .T
    )


def test_outer_rows_times_outer_parameters_is_the_functional_of_the_jet(network: KAN | MLP) -> None:
    x = points(network)
    jets = space(x.shape[1])
    functional = uniform(len(jets.indices), len(x), seed=8)
    at = inputs(x, jets)
    matrix = outer_rows(network, at, functional)
    expected = (functional[:, None] * network.jet(at).data).sum(0).T
    assert matrix.shape == (len(x), len(network.outer))
    assert gap(matrix @ network.outer, expected) < 1e-11


def test_outer_rows_of_a_value_need_no_derivatives(network: KAN | MLP) -> None:
    x = points(network)
    at = inputs(x, space(x.shape[1], 2))
    functional = x.new_zeros(len(at.space.indices), len(x))
    functional[0] = 1
    assert gap(outer_rows(network, at, functional) @ network.outer, network(x)) < 1e-12


def test_outer_parameters_are_written_and_read_in_one_order(network: KAN | MLP) -> None:
    values = uniform(*network.outer.shape, seed=9)
    before = [p.detach().clone() for p in network.parameters()]
    copied = network.outer
    copied.zero_()
    assert all(torch.equal(p, b) for p, b in zip(network.parameters(), before, strict=True)), (
        "outer must be a copy"
    )
    if isinstance(network, KAN) and network.stack[-1].mask is not None:
        network.set_outer(torch.ones_like(values))
        values *= network.outer  # edges that are left out stay zero
        assert 0 < int(values.count_nonzero()) < values.numel()
    network.set_outer(values)
    assert torch.equal(network.outer, values)
    assert (
        sum(not torch.equal(p, b) for p, b in zip(network.parameters(), before, strict=True)) <= 2
    )
    x = points(network)
    once = network(x).detach()
    network.set_outer(2 * values)
    assert gap(network(x), 2 * once) < 1e-13


# Grids change, the function stays
# ------------------------------------------------------------------------------------


def test_grid_extension_to_a_multiple_keeps_the_function_and_its_derivatives(
    spline_network: KAN,
) -> None:
    x = points(spline_network, 40)
    jets = space(x.shape[1], 2)
    before = spline_network.jet(inputs(x, jets))
    for factor in (1, 2, 3):
        finer = spline_network.extended([factor * g for g in spline_network.intervals])
        assert finer.intervals == [factor * g for g in spline_network.intervals]
        assert gap(finer(x), spline_network(x)) < 1e-12
        assert gap(finer.jet(inputs(x, jets)).data, before.data) < 1e-11
        assert finer.degrees == spline_network.degrees and finer.shape == spline_network.shape


def test_extension_one_layer_at_a_time(spline_network: KAN) -> None:
    x = points(spline_network)
    for k in range(len(spline_network.stack)):
        counts = [2 * g if k == j else g for j, g in enumerate(spline_network.intervals)]
        assert gap(spline_network.extended(counts)(x), spline_network(x)) < 1e-12


def test_extension_to_any_number_keeps_a_smooth_function() -> None:
    network = kan([2, 3, 1], degree=4, intervals=5)
    with torch.no_grad():
        for layer in network.stack:
            phase = uniform(layer.outputs, layer.inputs, 1, seed=layer.outputs)
            layer.coefficients.copy_(torch.sin(1.5 * layer.grid.greville() + 3 * phase))
    x = uniform(60, 2)
    misfits = [gap(network.extended([g, g])(x), network(x)) for g in (8, 16, 31)]
    assert misfits[0] < 1e-2 and misfits[-1] < misfits[0] / 10, misfits


def test_an_extension_never_coarsens() -> None:
    with pytest.raises(
        ConfigError, match="2 intervals are fewer than the 3 there are; an extension only refines"
    ):
        kan([2, 2, 1]).extended([3, 2])


@pytest.mark.parametrize("mix", [0.0, 0.5, 1.0])
def test_grid_update_keeps_a_smooth_function_and_catches_every_input(mix: float) -> None:
    network = build_kan([2, 4, 1], [4, 4], [4, 12], "ridge", True, generator(1))
    network.set_outer(
        torch.cat([torch.sin(2 * network.stack[-1].grid.greville()).reshape(-1), uniform(4)])[
            :, None
        ]
    )
    x = 1.5 * uniform(400, 2)
    assert network.outside_share(x) > 0.05
    moved = network.updated(x, mix)
    assert moved.outside_share(x) == 0.0
    assert all(layer.grid.uniform == (mix == 0) for layer in moved.stack)
    inner = uniform(200, 2, seed=3) / 2
    assert gap(moved(inner), network(inner)) < 2e-2
    assert moved.intervals == network.intervals
    finer = network.extended([8, 48])
    assert gap(finer.updated(x, mix)(inner), finer(inner)) < 2e-3


def test_grid_update_with_nothing_outside_and_no_mix_changes_nothing() -> None:
    network = build_kan([2, 4, 2], [4, 3], [3, 9], "ridge", True, generator())
    network.set_outer(uniform(*network.outer.shape))
    x = uniform(30, 2)
    assert gap(network.updated(x, 0.0)(x), network(x)) < 1e-12


def test_grid_update_moves_knots_to_where_the_inputs_are() -> None:
    layer = kan([1, 1], intervals=10).stack[0]
    z = torch.cat([uniform(1, 500) * 0.1 + 0.5, torch.tensor([[-1.0, 1.0]]).double()], dim=1)
    near = [
        int(((layer.updated(z, mix).grid.breakpoints - 0.5).abs() < 0.15).sum())
        for mix in (0.0, 0.5, 1.0)
    ]
    assert near[0] <= 2 and near[2] >= 7 and near == sorted(near)


def test_outside_share_counts_the_worst_layer() -> None:
    network = build_kan([1, 2, 1], [3, 3], [3, 3], "ridge", False, generator())
    assert network.outside_share(uniform(50, 1)) == 0.0
    x = torch.tensor([[0.0], [0.5], [2.0], [-7.0]], dtype=torch.float64)
    assert network.outside_share(x) == 0.5
    with torch.no_grad():
        network.stack[0].coefficients.mul_(100)
    assert network.outside_share(x) == 0.75


# State, type, copies
# -------------------------------------------------------------------------------------------------


def test_state_dict_round_trip(network: KAN | MLP) -> None:
    x = points(network)
    restored = copy.deepcopy(network)
    scramble(restored, seed=99)
    assert not torch.equal(restored(x), network(x))
    restored.load_state_dict(network.state_dict())
    assert torch.equal(restored(x), network(x))


def test_state_dict_of_a_moved_grid_fits_a_network_with_an_even_one() -> None:
    even = kan([2, 3, 1])
    moved, x = even.updated(2 * uniform(80, 2), 0.8), uniform(20, 2)
    even.load_state_dict(moved.state_dict())
    assert gap(even(x), moved(x)) < 1e-13


def test_a_network_moves_to_another_type_after_a_refinement(network: KAN | MLP) -> None:
    if isinstance(network, KAN):
        network = network.extended([2 * g for g in network.intervals])
    x = points(network)
    jets = space(x.shape[1], 2)
    before = network.jet(inputs(x, jets)).data
    moved = copy.deepcopy(network).float()
    assert {p.dtype for p in (*moved.parameters(), *moved.buffers())} - {torch.bool} == {
        torch.float32
    }
    after = moved.jet(inputs(x.float(), jets)).data
    assert after.dtype == torch.float32 and gap(after.double(), before) < 2e-4
    assert moved(x.float()).dtype == torch.float32
    assert gap(moved.double()(x), network(x)) < 1e-4


def test_edge_functions_sum_to_the_layer() -> None:
    for layer in kan([2, 3, 1], base=True).stack:
        z, values = layer.edge_functions(11)
        assert z.shape == (layer.inputs, 11) and values.shape == (layer.inputs, layer.outputs, 11)
        assert gap(values.sum(0), layer(z)) < 1e-13
        assert torch.allclose(z[:, 0], layer.grid.lower) and torch.allclose(
            z[:, -1], layer.grid.upper
        )
        assert not values.requires_grad


# Starts
# --------------------------------------------------------------------------------------------------


def lines(network: KAN, d: int) -> tuple[Tensor, Tensor]:
    """Slopes (q, d) and offsets of the first layer, by differences."""
    origin, frame = torch.zeros(1, d, dtype=torch.float64), torch.eye(d, dtype=torch.float64)
    base = network.stack[0](origin.T)
    return (network.stack[0](frame.T) - base).detach(), base.detach()


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_ridge_start_makes_lines_that_stay_on_the_grid(d: int) -> None:
    network = build_kan([d, 16, 1], [4, 7], [3, 5], "ridge", True, generator(2))
    slopes, offset = lines(network, d)
    x = uniform(200, d, seed=6)
    z = network.stack[0](x.T)
    assert gap(z, slopes @ x.T + offset) < 1e-12
    assert torch.allclose(slopes.abs().sum(1), torch.ones(16, dtype=torch.float64), atol=1e-12)
    corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=d)), dtype=torch.float64)
    reach = network.stack[0](corners.T).abs().amax(1)
    assert torch.allclose(reach, torch.ones(16, dtype=torch.float64), atol=1e-12)
    assert network.outside_share(corners) == 0.0
    assert not network(x).any(), "the outer layer starts at zero"
    assert network.outer.count_nonzero() == 0


def test_deeper_layers_of_the_ridge_start_stay_on_their_grids_too() -> None:
    network = build_kan([2, 9, 7, 5, 1], [4] * 4, [3] * 4, "ridge", False, generator(2))
    assert network.outside_share(uniform(500, 2)) == 0.0
    z = network.hidden(inputs(uniform(500, 2), space(2, 1))).value
    assert float(z.detach().std(dim=1).min()) > 0.02, "and no unit is dead"


@pytest.mark.parametrize("d", [2, 3, 4])
def test_directions_are_unit_vectors_spread_over_the_half_sphere(d: int) -> None:
    vectors = directions(d, 24, generator())
    assert torch.allclose(vectors.norm(dim=1), torch.ones(24, dtype=torch.float64), atol=1e-12)
    cosines = (vectors @ vectors.T).abs() - 2 * torch.eye(24, dtype=torch.float64)
    apart = {2: math.cos(math.pi / 24) + 1e-12, 3: math.cos(0.2), 4: 0.999}[d]
    assert float(cosines.max()) <= apart
    spread = torch.linalg.eigvalsh(vectors.T @ vectors / 24)
    assert float(spread.max() / spread.min()) < {2: 1 + 1e-9, 3: 1.5, 4: 4.0}[d]


def test_in_the_plane_any_number_of_directions_has_equal_angles() -> None:
    angles = torch.sort(
        torch.remainder(torch.atan2(*directions(2, 7, generator(4)).T.flip(0)), math.pi)
    ).values
    assert gap(angles.diff(), torch.full((6,), math.pi / 7).double()) < 1e-6


pytestmark = pytest.mark.usefixtures("one_thread")

RADIAL = (
    Radial((0.3, -0.2), (1.0, 4.0), 0.05, 12.0),
    Radial((-0.5, 0.1), (2.25, 0.25), 0.02, 9.0),
)


def test_radial_units_are_squared_distances_on_geometric_grids() -> None:
    network = build_kan([2, 6, 1], [3, 5], [2, 4], "ridge", False, generator(), radial=RADIAL)
    x = uniform(50, 2)
    z = network.stack[0](x.T)
    for k, unit in enumerate(RADIAL):
        centre, scales = (
            torch.tensor(part, dtype=torch.float64) for part in (unit.centre, unit.scales)
        )
        assert gap(z[4 + k], (scales * (x - centre) ** 2).sum(1)) < 1e-12
        breakpoints = network.stack[1].grid.breakpoints[4 + k]
        ratios = breakpoints[1:] / breakpoints[:-1]
        assert gap(ratios, ratios[:1].expand(4)) < 1e-12
        assert math.isclose(float(breakpoints[0]), unit.low) and math.isclose(
            float(breakpoints[-1]), unit.high
        )
    assert (
        gap(
            z[:4],
            build_kan([2, 6, 1], [3, 5], [2, 4], "ridge", False, generator()).stack[0](x.T)[:4],
        )
        < 1e-14
    )


def test_the_paper_start_is_small_noise_on_even_grids() -> None:
    network = build_kan([2, 40, 1], [3, 3], [8, 8], "paper", True, generator())
    noise = network.stack[0].coefficients.detach()
    assert abs(float(noise.std()) - 0.1) < 0.01 and abs(float(noise.mean())) < 0.01
    weights = network.stack[0].base
    assert weights is not None and abs(float(weights.detach().std()) - math.sqrt(2 / 42)) < 0.06
    assert gap(network.stack[0].grid.breakpoints[0], torch.linspace(-1, 1, 9).double()) < 1e-6


def test_the_features_start_spreads_units_over_the_domain() -> None:
    network = build_mlp([2, 200, 1], "tanh", "features", 3.0, generator())
    weight, bias = network.weights[0].detach(), network.biases[0].detach()
    slopes = weight.norm(dim=0)
    assert (
        float(slopes.min()) > 0
        and float(slopes.max()) <= 3.0
        and abs(float(slopes.mean()) - 1.5) < 0.25
    )
    distance = bias.abs() / slopes
    assert float(distance.max()) <= math.sqrt(2) + 1e-9, "every unit turns inside [-1, 1]^2"


STARTS: dict[str, Callable[[torch.Generator], KAN | MLP]] = {
    "ridge": lambda g: build_kan([2, 5, 4, 1], [3, 3, 3], [2, 2, 2], "ridge", False, g),
    "ridge-4d": lambda g: build_kan([4, 5, 1], [3, 3], [2, 2], "ridge", False, g),
    "ridge-3d": lambda g: build_kan([3, 5, 1], [3, 3], [2, 2], "ridge", False, g),
    "paper": lambda g: build_kan([2, 5, 1], [3, 3], [2, 2], "paper", True, g),
    "xavier": lambda g: build_mlp([2, 5, 1], "tanh", "xavier", 1.0, g),
    "features": lambda g: build_mlp([2, 5, 1], "tanh", "features", 1.0, g),
}


@pytest.mark.parametrize("start", list(STARTS))
def test_a_start_is_a_function_of_its_seed_alone(start: str) -> None:
    torch.manual_seed(1)
    first = torch.nn.utils.parameters_to_vector(STARTS[start](generator(7)).parameters())
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    again = torch.nn.utils.parameters_to_vector(STARTS[start](generator(7)).parameters())
    other_seed = torch.nn.utils.parameters_to_vector(STARTS[start](generator(8)).parameters())
    assert torch.equal(first, again) and not torch.equal(first, other_seed)
    assert torch.equal(before, torch.random.get_rng_state()), "the global generator is nobody's"


# Activations
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tanh", "silu", "sine"])
def test_closed_form_derivatives_of_activations(name: str) -> None:
    z = torch.linspace(-4, 4, 17, dtype=torch.float64, requires_grad=True)
    computed = activations.derivatives(name, z.detach(), 6)
    value = activations.apply(name, z)
    for k in range(7):
        assert gap(computed[k], value) < 1e-12, k
        (value,) = torch.autograd.grad(value.sum(), z, create_graph=True)


@pytest.mark.parametrize("name", ["tanh", "silu"])
def test_activations_saturate_without_nan(name: str) -> None:
    for value in activations.derivatives(name, torch.tensor([-800.0, 800.0]).double(), 4):
        assert value.isfinite().all()


# Refusals
# --------------------------------------------------------------------------------------------------


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown start 'random'; known are ridge, paper"):
        build_kan([2, 1], [3], [3], "random", False, generator())
    with pytest.raises(ConfigError, match="unknown start 'ridge'; known are xavier, features"):
        build_mlp([2, 3, 1], "tanh", "ridge", 1.0, generator())
    with pytest.raises(ConfigError, match="unknown name 'relu'; known are tanh, silu, sine"):
        build_mlp([2, 3, 1], "relu", "xavier", 1.0, generator())
    with pytest.raises(ConfigError, match="unknown name 'relu'; known are tanh, silu, sine"):
        activations.derivatives("relu", torch.zeros(1), 1)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="one degree and one number of intervals for each of 2 layers"
    ):
        build_kan([2, 3, 1], [3], [3, 3], "ridge", False, generator())
    with pytest.raises(ConfigError, match="a layer gives 3 outputs but the next takes 1 inputs"):
        KAN([kan([2, 3]).stack[0], kan([1, 1]).stack[0]])
    ones = torch.ones(1, dtype=torch.float64)
    with pytest.raises(ConfigError, match=r"needs coefficients \(O, 1, 6\), found \(1, 1, 5\)"):
        SplineLayer(SplineGrid.even(-ones, ones, 3, 3), torch.zeros(1, 1, 5, dtype=torch.float64))
