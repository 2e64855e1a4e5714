"""The `schedule` node: a list of stages, each an optimizer, a grid extension, a grid update or a
change of points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kanpde.config.reader import Reader, listed
from kanpde.config.solve.adaptive import (
    AdaptPoints,
    AdaptWeights,
    adaptive_weights_tree,
    points_tree,
    read_adaptive_weights,
    read_points,
)
from kanpde.config.solve.optimizers import OPTIMIZERS, SPARSIFIERS, STAGE, Optimizer
from kanpde.config.solve.trial import MOST_INTERVALS, TrialConfig

MOST_STAGES, MOST_STEPS, LONGEST_SECONDS = 1000, 1_000_000_000, 1e9
_CHANGES = ("extend_grid", "update_grid", "adapt_points")
_ADAPTIVE = ("points", "weights")


@dataclass(frozen=True)
class Sparsify:
    """λ = `weight` of the penalty that leaves few edges of a kan alive, μ₁ = `l1` and μ₂ =
    `entropy`; dimensionless.
    """

    weight: float
    l1: float = 1.0
    entropy: float = 2.0


@dataclass(frozen=True)
class OptimizerStage:
    """`steps` steps of an optimizer; a `tolerance` or `regularisation` of 0 is none; values are
    dimensionless.

    A least-squares stage that is to `keep` changes only what the rows determine: all else stays as
    it was. `points` and `weights` say how these follow the residual meanwhile; by default they
    stay. `sparsify` is a penalty beside the objective.
    """

    optimizer: str
    steps: int
    learning_rate: float = 0.0
    tolerance: float = 0.0
    seconds: float | None = None
    regularisation: float = 0.0
    keep: bool = False
    points: AdaptPoints | None = None
    weights: AdaptWeights | None = None
    sparsify: Sparsify | None = None

    @property
    def traits(self) -> Optimizer:
        """What the table of optimizers knows of its own."""
        return OPTIMIZERS[self.optimizer]

    @property
    def added(self) -> int:
        """How many points it adds to the interior ones."""
        points = self.points
        return (
            0
            if points is None or not points.every
            else points.add * ((self.steps - 1) // points.every)
        )


@dataclass(frozen=True)
class ExtendGrid:
    """Finer knots, same function: `intervals` for all layers, or one number per layer."""

    intervals: int | tuple[int, ...]


@dataclass(frozen=True)
class UpdateGrid:
    """Knots move to where the inputs are; `mix` = 0 keeps them uniform, 1 follows the inputs
    entirely.

    Behind the first layer the grids get `room` on either side of the inputs, as a share of their
    range.
    """

    mix: float
    room: float = 0.0


StageConfig = OptimizerStage | ExtendGrid | UpdateGrid | AdaptPoints


def added_points(stages: Sequence[StageConfig]) -> int:
    """How many interior points a schedule adds."""
    adding = [
        stage.add if isinstance(stage, AdaptPoints) else getattr(stage, "added", 0)
        for stage in stages
    ]
    return sum(adding)


def adapts(stages: Sequence[StageConfig]) -> bool:
    """Whether points or weights follow the residual in any stage."""
    return any(
        isinstance(stage, AdaptPoints)
        or (isinstance(stage, OptimizerStage) and bool(stage.points or stage.weights))
        for stage in stages
    )


def by_gradients(stages: Sequence[StageConfig]) -> bool:
    """Whether every optimizer among `stages` takes steps along gradients alone."""
    optimizers = [stage for stage in stages if isinstance(stage, OptimizerStage)]
    return all(stage.traits.matrix is None for stage in optimizers)


def read_schedule(node: Reader, trial: TrialConfig) -> tuple[StageConfig, ...]:
    """The stages of a schedule that fits `trial`."""
    items = node.items("a list of stages, for example [{optimizer: least_squares}]", 1, MOST_STAGES)
    stages = tuple(_stage(item) for item in items)
    if not any(isinstance(stage, OptimizerStage) for stage in stages):
        raise node.error(
            "must hold at least one optimizer stage, for example {optimizer: least_squares}"
        )
    _check_grids(stages, items, trial)
    _check_kept(stages, items)
    for stage, item in zip(stages, items, strict=True):
        if trial.kind == "mlp" and isinstance(stage, OptimizerStage) and stage.sparsify:
            raise item.error("an mlp has no edges to sparsify; remove sparsify")
        if trial.kind == "module":
            _check_of_module(stage, item)
    return stages


def _check_of_module(stage: StageConfig, node: Reader) -> None:
    """ConfigError for a stage that needs to know the layers of a network."""
    if not by_gradients([stage]) or (isinstance(stage, OptimizerStage) and stage.sparsify):
        raise node.error("a module is trained by adam or lbfgs alone; use one of them")


def _stage(node: Reader) -> StageConfig:
    if isinstance(node.value, str) and node.value in OPTIMIZERS:
        raise node.error(
            f"must be a mapping, found {node.value!r}; write {{optimizer: {node.value}}}"
        )
    entries = node.entries()
    names = [
        name
        for name in ("optimizer", *_CHANGES)
        if name in entries and entries[name].value is not None
    ]
    if len(names) > 1:
        raise node.error(
            f"must hold only one of optimizer, {listed(_CHANGES)}, found {listed(names)}"
        )
    if names == ["extend_grid"]:
        return _extend(node.fields(("extend_grid",), ("extend_grid",))["extend_grid"])
    if names == ["update_grid"]:
        return _update(node.fields(("update_grid",), ("update_grid",))["update_grid"])
    if names == ["adapt_points"]:
        return read_points(
            node.fields(("adapt_points",), ("adapt_points",))["adapt_points"], repeated=False
        )
    return _optimizer(node)


READ: Mapping[str, Callable[[Reader], Any]] = {
    "steps": lambda entry: entry.integer(1, MOST_STEPS),
    "learning_rate": lambda entry: entry.number(most=1e3, above=0.0),
    "tolerance": lambda entry: entry.number(0.0, 1.0),
    "regularisation": lambda entry: entry.number(0.0, 1.0),
    "keep": lambda entry: entry.flag(),
    "seconds": lambda entry: entry.number(most=LONGEST_SECONDS, above=0.0),
}
"""How each key of an optimizer is read."""


def _optimizer(node: Reader) -> OptimizerStage:
    every = dict.fromkeys(key for defaults in STAGE.values() for key in defaults)
    keys = ("optimizer", *_CHANGES, *every, "seconds", *_ADAPTIVE, "sparsify")
    fields = node.fields(keys, ("optimizer",))
    name = fields.pop("optimizer").choice(tuple(OPTIMIZERS))
    defaults = STAGE[name]
    adaptive = {key: fields.pop(key) for key in _ADAPTIVE if key in fields}
    if adaptive and OPTIMIZERS[name].outer_only:
        raise next(iter(adaptive.values())).error(
            f"{name} finds the outer layer at once, and nothing can follow its residual"
            " meanwhile; put {adapt_points: ...}"
            " between two such stages, and give fixed weights by the weights node"
        )
    penalty = _sparsify(fields.pop("sparsify"), name) if "sparsify" in fields else None
    known = (*defaults, "seconds")
    for key, entry in fields.items():
        if key not in known:
            raise entry.error(f"{name} has no {key!r}; remove it (keys of {name}: {listed(known)})")
    entries = {**{key: node.child(key, value) for key, value in defaults.items()}, **fields}
    values = {key: READ[key](entry) for key, entry in entries.items()}
    return OptimizerStage(
        name,
        **values,
        points=read_points(adaptive["points"], repeated=True) if "points" in adaptive else None,
        weights=read_adaptive_weights(adaptive["weights"]) if "weights" in adaptive else None,
        sparsify=penalty,
    )


def _sparsify(node: Reader, optimizer: str) -> Sparsify:
    """The penalty, by its `weight` alone or with all of its keys."""
    if not OPTIMIZERS[optimizer].sparsifies:
        raise node.error(
            f"{optimizer} lowers rows alone and cannot sparsify; use {listed(SPARSIFIERS)}"
        )
    if isinstance(node.value, int | float | str):
        return Sparsify(node.number(most=1e6, above=0.0))
    fields = node.fields(("weight", "l1", "entropy"), ("weight",))
    rest = {key: fields[key].number(0.0, 1e6) for key in ("l1", "entropy") if key in fields}
    return Sparsify(fields["weight"].number(most=1e6, above=0.0), **rest)


def _extend(node: Reader) -> ExtendGrid:
    values = tuple(
        item.integer(1, MOST_INTERVALS)
        for item in node.items_or_one("an integer or one per layer", 1)
    )
    return ExtendGrid(values if isinstance(node.value, list | tuple) else values[0])


def _update(node: Reader) -> UpdateGrid:
    if isinstance(node.value, str | int | float):
        return UpdateGrid(node.number(0.0, 1.0))
    fields = node.fields(("mix", "room"), ("mix",))
    return UpdateGrid(
        fields["mix"].number(0.0, 1.0),
        fields["room"].number(0.0, 10.0) if "room" in fields else 0.0,
    )


def _check_grids(
    stages: Sequence[StageConfig], items: Sequence[Reader], trial: TrialConfig
) -> None:
    present = trial.intervals
    for stage, item in zip(stages, items, strict=True):
        if isinstance(stage, OptimizerStage | AdaptPoints):
            continue
        (name,) = item.fields(_CHANGES)
        advice = "give a schedule of your own" if "recommended" in item.path else ""
        if trial.kind != "kan":
            article = "an mlp" if trial.kind == "mlp" else f"a {trial.kind}"
            raise item.error(f"{article} has no grid; remove {name}")
        if isinstance(stage, UpdateGrid):
            other = next((basis for basis in trial.bases if basis != "bspline"), None)
            if other:
                raise item.error(f"a {other} basis has no knots that could move; remove {name}")
            continue
        new = (
            stage.intervals
            if isinstance(stage.intervals, tuple)
            else (stage.intervals,) * trial.layers
        )
        if len(new) != trial.layers:
            rule = f"extend_grid must hold one value per layer: {trial.layers}"
            raise item.error(f"{rule}, found {len(new)} values; {advice or 'give as many'}")
        for layer, (old, count) in enumerate(zip(present, new, strict=True), start=1):
            if count < old:
                rule = f"extend_grid to {count} intervals, but layer {layer} has {old}"
                raise item.error(f"{rule}; {advice or f'give {old} or more'}")
        present = new


def _check_kept(stages: Sequence[StageConfig], items: Sequence[Reader]) -> None:
    """Weights that are kept have a stage before that left some, and weights of points do not
    outlive the points.
    """
    before: StageConfig | None = None
    for stage, item in zip(stages, items, strict=True):
        method = stage.weights.method if isinstance(stage, OptimizerStage) and stage.weights else ""
        if method == "keep" and not (isinstance(before, OptimizerStage) and before.weights):
            raise item.error(
                "weights keep needs a stage with weights right before it; name a method"
            )
        points = stage.points.method if isinstance(stage, OptimizerStage) and stage.points else ""
        if method in ("attention", "keep") and points == "rad":
            raise item.error(
                f"weights {method} belong to points, and rad replaces all of these; use rar"
            )
        before = stage


def schedule_tree(stages: Sequence[StageConfig]) -> list[dict[str, Any]]:
    """Plain data that reads back to equal stages."""
    return [_stage_tree(stage) for stage in stages]


def _stage_tree(stage: StageConfig) -> dict[str, Any]:
    match stage:
        case ExtendGrid():
            return {
                "extend_grid": list(stage.intervals)
                if isinstance(stage.intervals, tuple)
                else stage.intervals
            }
        case UpdateGrid():
            return {"update_grid": dict(vars(stage))}
        case AdaptPoints():
            return {"adapt_points": points_tree(stage)}
        case OptimizerStage():
            seconds = {} if stage.seconds is None else {"seconds": stage.seconds}
            values = {key: getattr(stage, key) for key in STAGE[stage.optimizer]}
            adaptive = {} if stage.points is None else {"points": points_tree(stage.points)}
            adaptive |= (
                {} if stage.weights is None else {"weights": adaptive_weights_tree(stage.weights)}
            )
            adaptive |= {} if stage.sparsify is None else {"sparsify": dict(vars(stage.sparsify))}
            return {"optimizer": stage.optimizer, **values, **seconds, **adaptive}
