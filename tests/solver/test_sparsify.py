"""Pruning keeps the function, pruned edges stay zero through every stage, and a simplified run is a
run like any other.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import SIDES, SQUARE, gap, kan, parts, problem_node, uniform, without_edges
from matplotlib.image import imread
from torch import Tensor

from kanpde import api
from kanpde.api.fitting import fit
from kanpde.cli import main
from kanpde.config import TrialConfig
from kanpde.errors import CheckpointError, ConfigError
from kanpde.progress import Silent
from kanpde.results.plotting.diagram import diagram, draw_diagram
from kanpde.results.solution import Solution
from kanpde.solver.checkpoint import network_state, restore_network
from kanpde.solver.least_squares_problem import System
from kanpde.solver.loop import Solver
from kanpde.solver.sparsify import LEAST, penalties
from kanpde.symbolic.kan.simplify_run import Wish, simplify, simplify_into
from kanpde.trial.networks import KAN, SplineLayer, build_kan
from kanpde.trial.networks.edge_sizes import view
from kanpde.trial.networks.prune import prune

RIDGES = problem_node(
    SQUARE,
    ["laplacian(u) = -2*sin(x + y) - 5*cos(2*x - y)"],
    [{"part": SIDES, "equation": "u = sin(x + y) + cos(2*x - y)"}],
    exact={"u": "sin(x + y) + cos(2*x - y)"},
)
"""A sum of two ridge functions."""

QUIET = {"output": {"vtu": False, "plots": False}}


def masked_parts(optimizer: str, **keys: Any) -> Any:
    """A small problem whose KAN lacks every third edge, and its schedule."""
    trial = {
        "kind": "kan",
        "width": [3, 2],
        "degree": 6,
        "intervals": 2,
        "base": "silu",
        "start": "paper",
    }
    stage = {"optimizer": optimizer, **keys}
    masked = parts(RIDGES, trial=trial, sampler={"interior": 100, "boundary": 40}, schedule=[stage])
    masked.trial.network = without_edges(masked.trial.network)
    return masked


def masked_values(network: KAN) -> Tensor:
    """All parameters of edges that are left out."""
    values = []
    for layer in network.stack:
        assert layer.base is not None
        values += [layer.coefficients[~layer.kept_edges].reshape(-1), layer.base[~layer.kept_edges]]
    return torch.cat(values).detach()


# Masks
# --------------------------------------------------------------------------------------------------


def test_the_jacobian_of_a_masked_network_is_that_of_autograd() -> None:
    masked = masked_parts("adam")
    system = System(masked.trial, masked.assembly)
    rows, inner = masked.assembly.weighted(masked.trial), masked.trial.net.inner
    wanted = torch.stack(
        [
            torch.cat([p.reshape(-1) for p in torch.autograd.grad(r, inner, retain_graph=True)])
            for r in rows
        ]
    )
    assert gap(system.jacobian(), wanted) < 1e-10
    assert int((system.jacobian().norm(dim=0) == 0).sum()) >= 3 * 9
    outer = system.outer
    system.place(system.inner, 0 * outer)
    still = system.residual()
    system.place(system.inner, outer)
    assert gap(still + system.outer_matrix() @ outer, system.residual()) < 1e-10


@pytest.mark.parametrize(
    ("optimizer", "keys"),
    [
        ("least_squares", {}),
        ("variable_projection", {"steps": 4}),
        ("levenberg_marquardt", {"steps": 4}),
        ("adam", {"steps": 40, "learning_rate": 0.01}),
        ("lbfgs", {"steps": 5}),
    ],
)
def test_every_stage_lowers_the_objective_and_leaves_masked_edges_alone(
    optimizer: str, keys: dict[str, Any]
) -> None:
    masked = masked_parts(optimizer, **keys)
    masked.trial.network = KAN(
        [layer.masked(layer.kept_edges) for layer in masked.trial.network.stack]
    )
    assert float(masked_values(masked.trial.network).abs().max()) == 0
    schedule = api.configure(
        {"problem": RIDGES}, schedule=[{"optimizer": optimizer, **keys}]
    ).schedule
    before = float(masked.assembly.objective(masked.trial).detach())
    Solver(masked.trial, masked.assembly, schedule, Silent()).run()
    assert float(masked.assembly.objective(masked.trial).detach()) < 0.9 * before
    assert float(masked_values(masked.trial.network).abs().max()) < 1e-11  # rounding of a QR
    for layer in masked.trial.network.stack:
        assert (
            float(layer.edges(uniform(layer.inputs, 20))[~layer.kept_edges].detach().abs().max())
            == 0
        )


def test_masks_survive_checkpoints_extensions_and_updates() -> None:
    network = without_edges(kan([2, 4, 1], base=True))
    network = KAN([layer.masked(layer.kept_edges) for layer in network.stack])
    config = TrialConfig("kan", (4,), (4, 4), (3, 3), base="silu")
    state, x = network_state(network), uniform(40, 2)
    restored = restore_network(state, config)
    assert isinstance(restored, KAN)
    assert torch.equal(restored(x), network(x))
    assert [layer.kept_edges.tolist() for layer in restored.stack] == [
        layer.kept_edges.tolist() for layer in network.stack
    ]
    assert "left" not in network_state(kan([2, 4, 1]))
    for other in (network.extended([6, 6]), network.updated(x, 0.0)):
        assert [layer.kept_edges.tolist() for layer in other.stack] == [
            layer.kept_edges.tolist() for layer in network.stack
        ]
    with pytest.raises(CheckpointError, match=r"checkpoint: its network is inc"):
        restore_network({**state, "left": state["left"][:1]}, config)


def test_a_mask_of_another_shape_is_refused() -> None:
    layer = kan([2, 3]).stack[0]
    with pytest.raises(
        ConfigError,
        match=r"spline layer: needs a mask \(3, 2\) of booleans, found \(2, 3\) of torch.bool",
    ):
        SplineLayer(
            layer.grid, layer.coefficients.detach(), None, torch.ones(2, 3, dtype=torch.bool)
        )


# Sparsification
# --------------------------------------------------------------------------------------------------


def test_the_penalty_is_l1_and_entropy_written_out() -> None:
    network, s = kan([2, 3, 1], base=True), uniform(70, 2)
    length, disorder = (float(part.detach()) for part in penalties(network, s))
    z, wanted, entropy = s.T, 0.0, 0.0
    for layer in network.stack:
        norms = [
            [float(layer.edges(z)[o, i].abs().mean().detach()) for i in range(layer.inputs)]
            for o in range(layer.outputs)
        ]
        p = np.array(norms).ravel() / np.sum(norms)
        wanted, entropy = wanted + np.sum(norms), entropy - np.sum(p * np.log(p + LEAST))
        z = layer(z)
    assert (length, disorder) == pytest.approx((wanted, entropy), rel=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "broyden"])
def test_a_stage_lowers_objective_and_penalty_and_reports_the_objective_alone(
    optimizer: str,
) -> None:
    def run(keys: dict[str, Any]) -> tuple[float, float, float]:
        trial = {"width": [3], "degree": 3, "intervals": 3, "start": "paper"}
        stage = {"optimizer": optimizer, "steps": 20, **keys}
        solution = api.solve({"problem": {"name": "f", "fit": {"u": "x*y"}, "domain": SQUARE}}, trial=trial,
                          sampler={"interior": 100}, schedule=[stage])  # fmt: skip
        assert solution.points is not None
        (network,) = [solution.trial.network]
        assert isinstance(network, KAN)
        length = float(penalties(network, solution.points.interior.x)[0].detach())
        return length, solution.result.stages[0].objective, solution.history.objective[-1]

    plain, sparse = run({}), run({"sparsify": 0.5})
    assert sparse[0] < 0.9 * plain[0]
    assert plain[1] == pytest.approx(plain[2], rel=1e-9)
    assert sparse[2] > sparse[1] + 0.5 * 0.9 * sparse[0]


def test_a_sparsifying_schedule_is_read_back_and_checked() -> None:
    def stages(stage: dict[str, Any], **keys: Any) -> Any:
        return api.configure({"problem": RIDGES}, schedule=[stage], **keys)

    config = stages({"optimizer": "lbfgs", "sparsify": {"weight": 1e-2, "entropy": 0}})
    assert api.configure(config.as_tree()).schedule == config.schedule
    assert vars(config.schedule[0].sparsify) == {"weight": 0.01, "l1": 1.0, "entropy": 0.0}
    for stage, keys, message in (
        ({"optimizer": "levenberg_marquardt", "sparsify": 1}, {},
         r"levenberg_marquardt lowers rows alone and cannot sparsify; use adam, lbfgs, broyden"),
        ({"optimizer": "adam", "sparsify": {"l1": 1}}, {}, r"missing key 'weight'"),
        ({"optimizer": "adam", "sparsify": {"weight": 1, "l2": 1}}, {}, r"sparsify.l2: unknown key"),
        ({"optimizer": "adam", "sparsify": 1}, {"trial": {"kind": "mlp"}}, r"an mlp has no edges to sparsify; remove"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=message):
            stages(stage, **keys)


# Pruning
# --------------------------------------------------------------------------------------------------


def padded(first: int, dead: float) -> KAN:
    """A KAN [2, 4, 1] whose unit `first` gives `dead` times a random function besides a large
    constant.
    """
    network = kan([2, 4, 1])
    with torch.no_grad():
        edge = network.stack[1].coefficients[:, first]
        edge.copy_(dead * edge + 7.0)
    return network


def test_a_unit_that_gives_a_constant_goes_without_a_trace() -> None:
    network, s, other = padded(2, 0.0), uniform(300, 2), uniform(200, 2, seed=3)
    pruned = prune(network, s, other)
    assert (pruned.units, pruned.edges, pruned.network.shape) == (((1, 3),), (), [2, 3, 1])
    assert pruned.change < 1e-13
    assert gap(pruned.network(other), network(other)) < 1e-12


def test_the_change_is_measured_on_the_other_points() -> None:
    network, s, other = padded(1, 1e-3), uniform(300, 2), uniform(200, 2, seed=3)
    pruned = prune(network, s, other)
    assert pruned.network.shape == [2, 3, 1]
    assert 1e-6 < pruned.change < 1e-2
    wanted = float(
        ((pruned.network(other) - network(other)).norm() / network(other).norm()).detach()
    )
    assert pruned.change == pytest.approx(wanted, rel=1e-12)
    assert prune(network, s, other, units=0.0).network.shape == [2, 4, 1]


def test_a_basis_without_constants_to_move_is_refused() -> None:
    network = build_kan(
        [2, 3, 1],
        [3, 3],
        [4, 4],
        "ridge",
        False,
        torch.Generator().manual_seed(0),
        bases=["bspline", "rbf"],
    )
    with pytest.raises(ConfigError, match="prune: takes B-splines on edges"):
        prune(network, uniform(50, 2), uniform(50, 2))


def test_edges_below_their_threshold_are_zero_and_their_mean_stays() -> None:
    network, s = kan([2, 3, 1]), uniform(400, 2)
    with torch.no_grad():
        network.stack[0].coefficients[1, 0] = 0.25
    pruned = prune(network, s, s, edges=1e-6)
    assert (pruned.units, pruned.edges) == ((), ((1, 1, 2),))
    assert pruned.change < 1e-13
    assert not bool(pruned.network.stack[0].kept_edges[1, 0])
    again = prune(pruned.network, s, s, edges=1e-6)
    assert again.edges == ()
    assert torch.equal(again.network(s), pruned.network(s))


def test_something_stays_whatever_the_threshold() -> None:
    pruned = prune(kan([2, 4, 3, 1]), uniform(100, 2), uniform(50, 2), units=0.999, edges=0.999)
    assert pruned.network.shape == [2, 1, 1, 1]
    assert all(bool(layer.kept_edges.any(1).all()) for layer in pruned.network.stack)
    for bad in (-0.1, 1.0):
        with pytest.raises(
            ConfigError,
            match=r"prune: the threshold of units must be at least 0 and below 1, found",
        ):
            prune(kan([2, 1]), uniform(5, 2), uniform(5, 2), units=bad)


def test_units_whose_edges_all_go_are_gone_themselves() -> None:
    network, s = kan([2, 3, 1]), uniform(200, 2)
    with torch.no_grad():
        network.stack[1].coefficients[:, 1] *= 1e-5
    pruned = prune(network, s, s, units=0.0, edges=1e-3)
    assert (pruned.units, pruned.network.shape) == (((1, 2),), [2, 2, 1])


def test_an_output_keeps_its_largest_edge_and_the_unit_below_it() -> None:
    """Of the second output both edges are small; it keeps the one that matters, from a unit that
    the first does not use.
    """
    network, s = kan([2, 2, 2]), uniform(200, 2)
    with torch.no_grad():
        network.stack[1].coefficients[0, 1] *= 1e-6
        network.stack[1].coefficients[1, 0] *= 1e-6
        network.stack[1].coefficients[1, 1] *= 1e-3
    pruned = prune(network, s, s, units=0.0, edges=0.05)
    assert pruned.network.shape == [2, 2, 2]
    assert pruned.network.stack[1].kept_edges.tolist() == [[True, False], [False, True]]
    assert pruned.change < 1e-4


def test_variations_do_not_see_constants() -> None:
    network, s = kan([2, 3, 1]), uniform(200, 2)
    before = view(network, s)[0]
    with torch.no_grad():
        network.stack[0].coefficients += 3.0
    after = view(network, s)[0]
    assert gap(after.variations, before.variations) < 1e-12
    assert gap(after.means, before.means + 3) < 1e-12
    assert float((after.norms - before.norms).abs().min()) > 1


# Runs
# --------------------------------------------------------------------------------------------------


def ridge(x: Any) -> Any:
    """exp(sin(πx) + y²)."""
    return np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)


def sparse_run(folder: Path) -> Solution:
    """It from samples by a network of three units, of which sparsification leaves two, the third at
    3e-3 of them.
    """
    trial = {"width": [3], "degree": 3, "intervals": 5, "start": "paper", "base": "silu"}
    stages = [{"optimizer": "lbfgs", "steps": 120, "sparsify": {"weight": 0.03, "entropy": 2.0}}]
    x = uniform(400, 2).numpy()
    return fit(x, ridge(x), trial=trial, schedule=stages, out=folder)


@pytest.mark.slow
def test_a_sparse_run_is_pruned_and_opens_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    wide = sparse_run(Path("run"))
    assert main(("simplify", "run", "--prune", "0.05", "--steps", "15", "--out", "small")) == 0
    out = capsys.readouterr().out
    assert "units pruned: " in out
    assert "network: [2, 3, 1] with 81 parameters became [2, " in out
    small = api.load("small")
    assert small.trial.net.shape == [2, 2, 1]
    other = uniform(500, 2, seed=9).numpy() * 0.98
    errors = [
        np.abs(solution(other, outside="allow")[:, 0] - ridge(other)).mean()
        for solution in (wide, small)
    ]
    assert errors[1] < 0.5 * errors[0]
    assert small.rmse["u"] < 0.02
    assert "chosen by 80 rows held out from it" in out
    assert (
        json.loads(Path("small/result.json").read_text())["trial"]["shape"] == small.trial.net.shape
    )
    for name in ("network", "network_before"):
        assert imread(f"small/figures/{name}.png").shape[0] > 300
    assert main(("plot", "run", "--diagram")) == 0
    assert capsys.readouterr().out == "files: run/figures/network.png\n"
    assert main(("export", "small", "--to", "csv", "--resolution", "4")) == 0


def test_the_new_run_starts_from_the_pruned_network(tmp_path: Path) -> None:
    wide = sparse_run(tmp_path / "run")
    simplified = simplify(tmp_path / "run", units=0.05, edges=0.05, steps=0, out=tmp_path / "small")
    first, pruned = (
        network.stack[0]
        for network in (simplified.solution.trial.network, simplified.pruned.network)
    )
    assert torch.equal(first.coefficients, pruned.coefficients)
    assert torch.equal(first.kept_edges, pruned.kept_edges)
    assert simplified.pruned.units
    assert simplified.solution.config.schedule[0].optimizer == "least_squares"
    assert simplified.before.result.trial == wide.result.trial


def test_what_cannot_be_simplified_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mlp = {"kind": "mlp", "width": [6]}
    quick = {
        "sampler": {"interior": 64, "boundary": 24},
        "schedule": [{"optimizer": "adam", "steps": 1}],
    }
    api.solve({"problem": RIDGES, **QUIET}, trial=mlp, out=tmp_path / "mlp", **quick)
    with pytest.raises(
        ConfigError,
        match=r"simplify: 'small' was solved with an mlp; only a kan has edges that are",
    ):
        simplify(tmp_path / "mlp", out=tmp_path / "no")
    with pytest.raises(
        ConfigError, match=r"simplify: steps must be between 0 and 1000000, found -1"
    ):
        simplify_into(tmp_path / "mlp", None, Wish(steps=-1))
    assert not (tmp_path / "no").exists()
    assert main(("plot", str(tmp_path / "mlp"), "--diagram")) == 2
    assert (
        "diagram of 'small': needs a kan, found an mlp; its edges are no functions"
        in capsys.readouterr().err
    )
    assert main(("plot", str(tmp_path / "mlp"), "--diagram", "--animate", "gif")) == 2
    assert "--diagram and --animate: draw one at a time; remove one" in capsys.readouterr().err


# Diagrams
# --------------------------------------------------------------------------------------------------


def test_a_diagram_has_every_edge_that_is_left_with_its_function() -> None:
    network, s = without_edges(kan([2, 4, 1], base=True)), uniform(300, 2)
    picture = diagram(network, s, ("x", "y"), ("u",), {(0, 0, 0): "sin"})
    assert [len(edges) for edges in picture.edges] == [
        int(layer.kept_edges.sum()) for layer in network.stack
    ]
    assert picture.names == (("x", "y"), ("", "", "", ""), ("u",))
    first = picture.edges[0][0]
    assert (first.label, first.begin, first.end) == ("sin", 0, 0)
    order = s[:, 0].argsort()
    values = network.stack[0].edges(s.T)[0, 0][order].detach()
    rising = bool(values[-1] > values[0])
    assert bool(first.curve[-1, 1] > first.curve[0, 1]) is rising
    assert (first.curve.min(), first.curve.max()) == (0, 1)
    assert max(edge.opacity for edge in picture.edges[0]) == pytest.approx(0.99505, abs=1e-4)


def test_wide_layers_show_their_most_important_units() -> None:
    network, s = kan([2, 60, 1]), uniform(100, 2)
    with torch.no_grad():
        network.stack[1].coefficients[:, 41] *= 50
    picture = diagram(network, s, ("x", "y"), ("u",))
    assert (len(picture.names[1]), picture.hidden) == (20, 40)
    assert max(edge.opacity for edge in picture.edges[1]) == pytest.approx(0.99505, abs=1e-4)
    figure = draw_diagram(picture, "wide")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("Σ") == 21
    assert {"x", "y", "u"} <= set(texts)


@pytest.mark.parametrize(
    ("edge", "message"),
    [((9, 1, 1, "sin"), "no edge 9,1,1"), ((1, 1, 1, "sine"), "did you mean 'sin'")],
)
def test_a_wrong_edge_costs_no_old_run(
    edge: tuple[int, int, int, str], message: str, tmp_path: Path
) -> None:
    x = np.linspace(0, 1, 20)
    schedule = [{"optimizer": "least_squares"}]
    fit(x, x**2, trial={"width": [1]}, schedule=schedule, out=tmp_path / "run")
    (tmp_path / "old").mkdir()
    (tmp_path / "old/config.yaml").write_text("kept")
    with pytest.raises(ConfigError, match=message):
        simplify_into(tmp_path / "run", tmp_path / "old", Wish(fix=(edge,)), overwrite=True)
    assert (tmp_path / "old/config.yaml").read_text() == "kept"
