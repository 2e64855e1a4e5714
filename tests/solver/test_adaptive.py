"""Points and weights that follow the residual: where points go, what weights become, and runs that
go on to the same bits.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import (
    LINE,
    SIDES,
    SQUARE,
    StopAfter,
    config,
    problem_node,
    scramble,
    slowly,
    uniform,
)
from torch import Tensor

from kanpde import api
from kanpde.assembly.outer_system import OuterSystem
from kanpde.assembly.residual import Assembly
from kanpde.assembly.terms import Term
from kanpde.config import AdaptPoints, AdaptWeights, Config, OptimizerStage, added_points, validate
from kanpde.errors import CheckpointError, ConfigError
from kanpde.progress import Silent, StopReason
from kanpde.results.report import describe_stage, size_rows
from kanpde.solver import checkpoint
from kanpde.solver.adaptive import Distribution, Refinement, steps_until, training_points
from kanpde.solver.build import Parts, build
from kanpde.solver.loop import Solver
from kanpde.solver.weighing import Attention, Causal, GradientNorm, TangentKernel

pytestmark = pytest.mark.usefixtures("quick")

CENTRE, RADIUS = (0.3, -0.2), 0.25
PEAK = problem_node(
    SQUARE,
    ["laplacian(u) = laplacian(bump)"],
    [{"part": SIDES, "equation": "u = bump"}],
    definitions={"bump": "exp(-50*((x - 0.3)**2 + (y + 0.2)**2))"},
    exact={"u": "bump"},
)
HEAT = problem_node(
    LINE,
    ["dt(u) = dxx(u)"],
    [
        {"part": "initial", "equation": "u = sin(pi*x)"},
        {"part": ["left", "right"], "equation": "u = 0"},
    ],
    time={"interval": [0, 1]},
)
MLP = {"kind": "mlp", "width": [6, 6]}
KAN = {
    "kind": "kan",
    "width": [3],
    "degree": 4,
    "intervals": [2, 3],
    "start": "paper",
    "base": "silu",
}
ADAM = {"optimizer": "adam", "steps": 12, "learning_rate": 5e-3}


def small(
    schedule: list[Any], node: dict[str, Any] = PEAK, trial: dict[str, Any] = MLP, **keys: Any
) -> Config:
    keys = {"sampler": {"interior": 196, "boundary": 40}, "weights": {"conditions": 10.0}, **keys}
    return config(node, trial=trial, schedule=schedule, **keys)


def scrambled(node: dict[str, Any] = PEAK, trial: dict[str, Any] = MLP, **keys: Any) -> Parts:
    parts = build(small([ADAM], node, trial, **keys))
    scramble(parts.trial.network, 3, 0.5)
    return parts


def solver_of(settings: Config, progress: Any = None, store: Any = None) -> Solver:
    parts = build(settings)
    return Solver(
        parts.trial,
        parts.assembly,
        settings.schedule,
        progress or Silent(),
        store,
        source=parts.source,
    )


def share(x: Tensor) -> float:
    """How many of the points lie within the peak's radius."""
    return float(((x - x.new_tensor(CENTRE)).norm(dim=1) < RADIUS).double().mean())


def interior(terms: Any) -> Term:
    return next(term for term in terms if term.interior)


def rows(assembly: Assembly, parts: Parts) -> list[Tensor]:
    with torch.no_grad():
        return assembly.residuals(parts.trial)


# Points
# --------------------------------------------------------------------------------------------------


def test_points_move_towards_the_peak_and_keep_the_measure() -> None:
    parts = build(small([ADAM]))
    before = interior(parts.assembly.terms).x
    adapted = training_points(parts.assembly, parts.source).refined(
        AdaptPoints("rad", k=1.0, c=0.0), parts.trial
    )
    after = interior(adapted.assembly.terms).x
    assert share(after) > 4 * share(before) > 0
    moved = adapted.collocation(parts.points)
    assert after.shape == before.shape and torch.equal(moved.interior.x, after)
    assert float(moved.interior.w.sum()) == pytest.approx(4.0, rel=1e-13)
    assert bool(torch.tensor(parts.problem.domain.contains(after.numpy())).all())
    for old, new in zip(parts.assembly.terms, adapted.assembly.terms, strict=True):
        assert old.weight == new.weight and (old.interior or old is new)


def test_rad_draws_by_its_density() -> None:
    """k = 1, c = 1 on |r| that is 3 on a half and 1 on the other: p ∝ 2.5 and 1.5."""
    candidates = torch.linspace(0, 1, 40_000, dtype=torch.float64)[:, None]
    sizes = torch.where(candidates[:, 0] < 0.5, 3.0, 1.0).double()
    chosen = Distribution(1.0, 1.0).refine(
        candidates[:2000], candidates, sizes, np.random.default_rng(1)
    )
    assert float((chosen < 0.5).double().mean()) == pytest.approx(2.5 / 4, abs=0.03)
    assert len(chosen.unique()) == 2000
    even = Distribution(1.0, 0.0).refine(
        candidates[:2000], candidates, 0 * sizes, np.random.default_rng(1)
    )
    assert len(even.unique()) == 2000  # a residual of zero prefers no point


def test_rar_adds_the_worst() -> None:
    candidates, sizes = uniform(50, 2), torch.arange(50.0)
    refined = Refinement(7).refine(candidates[:5], candidates, sizes, np.random.default_rng(0))
    assert torch.equal(refined, torch.cat([candidates[:5], candidates[43:]]))


def test_rar_adds_the_stated_number() -> None:
    stages = [
        {**ADAM, "points": {"method": "rar", "every": 5, "add": 9}},
        {"adapt_points": {"method": "rar", "add": 30}},
    ]
    settings = small(stages)
    solver = solver_of(settings)
    before = len(interior(solver.points.plain).x)
    *_, reason = solver.run()
    assert reason is StopReason.FINISHED and added_points(settings.schedule) == 48
    assert len(interior(solver.points.plain).x) == before + 48
    assert describe_stage(settings.schedule[0]) == "adam 12 steps with rar points"
    assert (
        dict(size_rows(settings, 3, 100, 3))["residual rows"] == "100, 48 more by adaptive points"
    )
    assert describe_stage(settings.schedule[1]) == "adapt_points rar adds 30"


def test_a_least_squares_stage_is_repeated_on_refined_points() -> None:
    trial = {"kind": "kan", "width": [12], "degree": [5, 7], "intervals": [2, 8], "start": "ridge"}
    stages = [
        {"optimizer": "least_squares"},
        {"adapt_points": {"method": "rar", "add": 300}},
        {"optimizer": "least_squares"},
    ]
    log = StopAfter()
    solution = api.solve(small(stages, trial=trial), progress=log)
    assert [stage.name for stage in solution.result.stages] == [
        "least_squares",
        "adapt_points rar",
        "least_squares",
    ]
    assert (
        solution.points is not None
        and len(solution.points.interior.x) == solution.result.points["interior"] == 496
    )
    assert share(solution.points.interior.x[196:]) > 3 * share(solution.points.interior.x[:196])
    first, moved, last = (stage.objective for stage in solution.result.stages)
    assert moved > first and last < moved  # worse points were added, then met as well as can be


# Weights
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", [MLP, KAN], ids=["mlp", "kan"])
def test_an_emphasis_of_one_changes_no_bit(trial: dict[str, Any]) -> None:
    parts = scrambled(trial=trial)
    plain = parts.assembly
    reweighed = plain.reweighed(
        [replace(t, emphasis=torch.ones_like(t.x[:, 0])) for t in plain.terms]
    )
    assert torch.equal(plain.objective(parts.trial), reweighed.objective(parts.trial))
    assert torch.equal(plain.weighted(parts.trial), reweighed.weighted(parts.trial))
    assert torch.equal(plain.jacobian(parts.trial), reweighed.jacobian(parts.trial))
    for a, b in zip(
        OuterSystem(plain, parts.trial).linearised(),
        OuterSystem(reweighed, parts.trial).linearised(),
        strict=True,
    ):
        assert torch.equal(a, b)


@pytest.mark.parametrize("trial", [MLP, KAN], ids=["mlp", "kan"])
def test_an_emphasis_is_a_factor_of_rows_everywhere(trial: dict[str, Any]) -> None:
    parts = scrambled(trial=trial)
    factors = [1 + uniform(len(t.x), seed=k).abs() for k, t in enumerate(parts.assembly.terms)]
    reweighed = parts.assembly.reweighed(
        [replace(t, emphasis=e) for t, e in zip(parts.assembly.terms, factors, strict=True)]
    )
    each, plain = torch.cat(factors), parts.assembly
    assert torch.allclose(
        reweighed.weighted(parts.trial), each * plain.weighted(parts.trial), rtol=1e-12
    )
    assert torch.allclose(
        reweighed.jacobian(parts.trial), each[:, None] * plain.jacobian(parts.trial), rtol=1e-12
    )
    matrix, right = OuterSystem(reweighed, parts.trial).linearised()
    assert torch.allclose(
        matrix, each[:, None] * OuterSystem(plain, parts.trial).matrix(), rtol=1e-12
    )
    assert torch.allclose(right, -reweighed.weighted(parts.trial), rtol=1e-12)
    assert float(reweighed.objective(parts.trial).detach()) == pytest.approx(
        float(reweighed.weighted(parts.trial).square().sum()), 1e-12
    )
    step = OuterSystem(reweighed, parts.trial).step(1e-10).T.reshape(-1)
    least = torch.linalg.lstsq(matrix, right[:, None], driver="gelsd").solution[:, 0]
    assert float((matrix @ step - right).norm()) < (1 + 1e-5) * float(
        (matrix @ least - right).norm()
    )


def test_attention_grows_where_the_residual_is_large() -> None:
    parts = scrambled()
    way, assembly = Attention(decay=0.9, rate=0.1), parts.assembly
    size = interior_rows(assembly, parts).abs()
    for _ in range(60):
        assembly = assembly.reweighed(way.reweigh(assembly, parts.trial))
    emphasis = interior(assembly.terms).emphasis
    assert emphasis is not None
    start_share = 0.9**60  # what is left of the start, one
    assert torch.allclose(emphasis, start_share + (1 - start_share) * size / size.max(), rtol=1e-12)
    assert torch.equal(emphasis.argsort(), size.argsort())
    assert all(term.emphasis is None for term in assembly.terms if not term.interior)


def interior_rows(assembly: Assembly, parts: Parts) -> Tensor:
    return next(r for t, r in zip(assembly.terms, rows(assembly, parts), strict=True) if t.interior)


def test_causal_weights_fall_with_time_and_are_one_where_the_residual_is_small() -> None:
    parts = scrambled(HEAT)
    term = interior(parts.assembly.terms)
    for epsilon, least in ((1e-12, 1 - 1e-9), (30.0, 0.0)):
        reweighed = interior(Causal(epsilon, 8, 1, 0.0, 1.0).reweigh(parts.assembly, parts.trial))
        assert reweighed.emphasis is not None and float(reweighed.emphasis.min()) >= least
        ordered = reweighed.emphasis[term.x[:, 1].argsort()]
        assert float(ordered[0]) == 1.0 and bool((ordered.diff() <= 0).all())
    assert float(ordered[-1]) < 0.5
    bins, r = (term.x[:, 1] * 8).long(), interior_rows(parts.assembly, parts)
    losses = torch.stack([term.weight * r[bins == k].square().mean() for k in range(8)])
    assert torch.allclose(
        reweighed.emphasis.square(), torch.exp(-30 * (losses.cumsum(0) - losses))[bins], rtol=1e-10
    )


@pytest.mark.parametrize("trial", [MLP, KAN], ids=["mlp", "kan"])
def test_gradients_of_all_terms_are_equally_long(trial: dict[str, Any]) -> None:
    parts = scrambled(trial=trial)
    assembly = parts.assembly.reweighed(GradientNorm(0.0).reweigh(parts.assembly, parts.trial))
    lengths = []
    for term, r in zip(assembly.terms, assembly.residuals(parts.trial), strict=True):
        gradients = torch.autograd.grad(
            term.weight * r.square().mean(), parts.trial.trained, retain_graph=True
        )
        lengths.append(float(torch.cat([g.reshape(-1) for g in gradients]).norm()))
    assert max(lengths) == pytest.approx(min(lengths), rel=1e-6)
    assert sum(t.weight for t in assembly.terms) == pytest.approx(
        sum(t.weight for t in parts.assembly.terms), rel=1e-12
    )


@pytest.mark.parametrize("trial", [MLP, KAN], ids=["mlp", "kan"])
def test_traces_of_tangent_kernels_are_equal(trial: dict[str, Any]) -> None:
    """Against the Jacobian by autograd, row by row."""
    parts = scrambled(trial=trial, sampler={"interior": 36, "boundary": 12})
    reweighed = TangentKernel(0.0).reweigh(parts.assembly, parts.trial)
    traces = []
    for term, r in zip(
        reweighed, parts.assembly.reweighed(reweighed).residuals(parts.trial), strict=True
    ):
        grads = [
            torch.autograd.grad(residual, parts.trial.trained, retain_graph=True, allow_unused=True)
            for residual in r
        ]
        traces.append(
            term.weight
            * float(sum(g.square().sum() for row in grads for g in row if g is not None))
            / len(r)
        )
    assert max(traces) == pytest.approx(min(traces), rel=1e-6)
    kept = TangentKernel(1 - 1e-9).reweigh(parts.assembly, parts.trial)
    assert [t.weight for t in kept] == pytest.approx(
        [t.weight for t in parts.assembly.terms], rel=1e-4
    )


def test_a_term_without_a_gradient_keeps_its_weight() -> None:
    flat = problem_node(SQUARE, ["laplacian(u) = 1"], [{"part": SIDES, "equation": "u = 0"}])
    zero = build(small([ADAM], flat))
    zero.trial.net.set_outer(0 * zero.trial.net.outer)
    reweighed = GradientNorm(0.0).reweigh(zero.assembly, zero.trial)
    assert [t.weight for t in reweighed] == [t.weight for t in zero.assembly.terms]


# In a schedule
# --------------------------------------------------------------------------------------------------

FOLLOWS = {
    "rad": {"points": {"method": "rad", "every": 4}},
    "rar": {"points": {"method": "rar", "every": 4, "add": 10}},
    "attention": {
        "weights": {"method": "attention", "every": 3},
        "points": {"method": "rar", "every": 5, "add": 10},
    },
    "gradient_norm": {"weights": {"method": "gradient_norm", "every": 4}},
    "ntk": {"weights": {"method": "ntk", "every": 4}},
}


@pytest.mark.parametrize("way", list(FOLLOWS))
def test_a_resumed_run_gives_the_same_bits(way: str, tmp_path: Path) -> None:
    settings = small(
        [{**ADAM, **FOLLOWS[way]}, {"adapt_points": "rad"}, {"optimizer": "lbfgs", "steps": 3}]
    )
    whole = solver_of(settings)
    whole.run()
    for looks in (1, 2, 3):
        (tmp_path / str(looks)).mkdir()
        store = checkpoint.Store.at(tmp_path / str(looks))
        solver_of(settings, StopAfter(looks), store).run()
        again = solver_of(settings, store=store)
        again.resume(settings.trial)
        again.run()
        assert torch.equal(vector(again), vector(whole))
        assert torch.equal(interior(again.points.plain).x, interior(whole.points.plain).x)


def test_a_run_folder_remembers_where_its_points_went(tmp_path: Path) -> None:
    settings = small([{**ADAM, **FOLLOWS["rad"]}, {"optimizer": "lbfgs", "steps": 3}])
    whole = api.solve(settings)
    stopped = api.solve(settings, out=tmp_path / "run", progress=StopAfter(2))
    resumed = api.resume(tmp_path / "run")
    assert stopped.stop_reason is StopReason.INTERRUPTED and whole.points and resumed.points
    assert torch.equal(resumed.points.interior.x, whole.points.interior.x)
    assert resumed.relative_l2 == whole.relative_l2
    loaded = api.load(tmp_path / "run")
    assert loaded.points and torch.equal(loaded.points.interior.x, whole.points.interior.x)
    assert not torch.equal(whole.points.interior.x, build(settings).points.interior.x)


def vector(solver: Solver) -> Tensor:
    return torch.cat([p.detach().reshape(-1) for p in solver.trial.parameters()])


@pytest.mark.parametrize(
    "optimizer",
    slowly(
        ["lbfgs", "broyden", "levenberg_marquardt", "variable_projection", "gauss_newton_cg"],
        {"gauss_newton_cg"},
    ),
)
def test_every_method_that_advances_by_steps_follows(optimizer: str) -> None:
    """And the steps on the second points lower the objective there."""
    follows = {"points": {"method": "rad", "every": 2}, "weights": {"method": "ntk", "every": 2}}
    before, after = (
        solver_of(small([{"optimizer": optimizer, "steps": steps, **follows}], trial=KAN))
        for steps in (2, 4)
    )
    before.run()
    history, stages, _ = after.run()
    assert stages[0].steps == 4 and before.points.count == 0 and after.points.count == 1
    with torch.no_grad():
        objectives = [
            float(after.points.assembly.objective(solver.trial)) for solver in (before, after)
        ]
    assert objectives[1] < objectives[0]
    assert history.objective[-1] == pytest.approx(
        objectives[1], rel=1e-9
    )  # what was lowered is that of the second points


def test_causal_weights_follow_points_that_move() -> None:
    stage = {
        **ADAM,
        "points": {"method": "rad", "every": 5},
        "weights": {"method": "causal", "every": 12, "epsilon": 5},
    }
    solver = solver_of(small([stage], HEAT))
    solver.run()
    emphasis = interior(solver.points.assembly.terms).emphasis
    assert emphasis is not None and float(emphasis.min()) < 1


def test_weights_end_with_their_stage_unless_they_are_kept() -> None:
    first = {**ADAM, "weights": {"method": "gradient_norm", "every": 5}}
    alone, kept, plain = (
        solver_of(small([first, *more])) for more in ([], [{**ADAM, "weights": "keep"}], [ADAM])
    )
    results = [solver.run() for solver in (alone, kept, plain)]
    weights = [[t.weight for t in solver.points.assembly.terms] for solver in (alone, kept, plain)]
    assert weights[0] == weights[1] != weights[2] == [t.weight for t in plain.points.plain]
    with torch.no_grad():  # stages are reported by the weights of the config
        settled = float(kept.points.settled().assembly.objective(kept.trial))
    assert results[1][1][-1].objective == settled != results[1][0].objective[-1]


def test_no_adaptation_is_what_it_was() -> None:
    settings = small([ADAM])
    with_source, without = solver_of(settings), solver_of(settings)
    without.points = replace(without.points, source=None)
    with_source.run()
    without.run()
    assert torch.equal(vector(with_source), vector(without)) and with_source.points.state() == {}


def test_time_steps_end_where_something_is_due() -> None:
    points, weights = AdaptPoints("rad", every=7), AdaptWeights("ntk", every=3)
    stage = OptimizerStage("adam", 100, points=points, weights=weights)
    assert [steps_until(stage, step) for step in (0, 1, 3, 6, 7)] == [3, 2, 3, 1, 2]
    assert steps_until(replace(stage, points=None, weights=AdaptWeights("keep")), 5) == 100


# Refusals
# --------------------------------------------------------------------------------------------------


def test_damaged_points_are_refused(tmp_path: Path) -> None:
    settings = small([{**ADAM, **FOLLOWS["attention"]}])
    store = checkpoint.Store.at(tmp_path)
    solver_of(settings, store=store).run()
    data = store.load()
    bad = (
        ("x", torch.zeros(3, 5)),
        ("weights", [1.0]),
        ("emphasis", 5),
        ("count", "many"),
        ("weights", [float("nan")] * 5),
    )
    for key, value in bad:
        store.save({**data, "ground": {**data["ground"], key: value}}, best=False)
        with pytest.raises(CheckpointError, match="adapted points do not fit"):
            solver_of(settings, store=store).resume(settings.trial)


def test_without_a_source_nothing_adapts() -> None:
    settings = small([{**ADAM, **FOLLOWS["rad"]}])
    parts = build(settings)
    with pytest.raises(ConfigError, match="cannot adapt here"):
        Solver(parts.trial, parts.assembly, settings.schedule, Silent()).run()


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (
            [{**ADAM, "points": {"method": "rat"}}],
            r"points.method: must be one of rad, rar, found 'rat', did you mean 'ra",
        ),
        (
            [{**ADAM, "points": {"method": "rad", "add": 3}}],
            r"rad has no 'add'; remove it \(keys of rad: every, k, c",
        ),
        ([{**ADAM, "points": {"method": "rad", "evry": 3}}], "unknown key, did you mean 'every'"),
        ([{**ADAM, "points": {"method": "rar", "candidates": 1}}], "must be an integer from 2"),
        ([{**ADAM, "weights": "atention"}], "did you mean 'attention'"),
        ([{**ADAM, "weights": {"method": "attention", "decay": 1}}], "from 0 to 0.999999"),
        (
            [{**ADAM, "weights": {"method": "keep"}}],
            "weights keep needs a stage with weights right before it",
        ),
        ([{**ADAM, "weights": "attention", "points": "rad"}], "rad replaces all of these; use rar"),
        ([{**ADAM, "weights": "causal"}], "causal weights need a problem with time"),
        (
            [{"optimizer": "least_squares", "points": "rad"}],
            r"put \{adapt_points: ...\} between two such stages",
        ),
        ([ADAM, {"adapt_points": {"method": "rar", "every": 3}}], "adapted once; remove it"),
        (
            [ADAM, {"adapt_points": "rar", "extend_grid": 5}],
            "only one of optimizer, extend_grid, update_grid, adapt_points",
        ),
        ([{"adapt_points": "rar"}], "at least one optimizer stage"),
    ],
)
def test_a_mistake_is_answered(stages: list[Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(stages)


@pytest.mark.parametrize(
    "keys",
    [{"slabs": 3, "trial": KAN}, {"trial": {**KAN, "start": "stretched"}}],
    ids=["slabs", "stretched"],
)
def test_time_slabs_refuse(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="do not adapt on time slabs"):
        small([{"optimizer": "adam", "points": "rad"}], HEAT, **keys)


def test_a_config_reads_back() -> None:
    stages = [
        {
            **ADAM,
            "points": {"method": "rad", "every": 20, "k": 2, "c": 0},
            "weights": "gradient_norm",
        },
        {"optimizer": "lbfgs", "weights": "keep", "points": {"method": "rar", "add": 7}},
        {"adapt_points": {"method": "rar", "add": 500, "candidates": 3}},
        {**ADAM, "weights": {"method": "attention", "decay": 0.999, "rate": 0.01, "every": 1}},
    ]
    settings = small(stages)
    assert settings.schedule[2] == AdaptPoints("rar", add=500, candidates=3)
    assert validate(settings.as_tree(), source="again") == settings
