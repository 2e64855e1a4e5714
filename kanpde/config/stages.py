"""The `schedule` node: a list of stages, each an optimizer, a grid extension or a grid update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kanpde.config.defaults import STAGE
from kanpde.config.reader import Reader, listed
from kanpde.config.trial import MOST_INTERVALS, TrialConfig

MOST_STAGES, MOST_STEPS, LONGEST_SECONDS = 1000, 1_000_000_000, 1e9
OPTIMIZERS = tuple(STAGE)
_CHANGES = ("extend_grid", "update_grid")


@dataclass(frozen=True)
class OptimizerStage:
    """`steps` steps of an optimizer; a `tolerance` or `regularisation` of 0 is none; values are dimensionless."""

    optimizer: str
    steps: int
    learning_rate: float = 0.0
    tolerance: float = 0.0
    seconds: float | None = None
    regularisation: float = 0.0


@dataclass(frozen=True)
class ExtendGrid:
    """Finer knots, same function: `intervals` for all layers, or one number per layer."""

    intervals: int | tuple[int, ...]


@dataclass(frozen=True)
class UpdateGrid:
    """Knots move to where the inputs are; `mix` = 0 keeps them uniform, 1 follows the inputs entirely.

    Behind the first layer the grids get `room` on either side of the inputs, as a share of their range.
    """

    mix: float
    room: float = 0.0


StageConfig = OptimizerStage | ExtendGrid | UpdateGrid


def read_schedule(node: Reader, trial: TrialConfig) -> tuple[StageConfig, ...]:
    """The stages of a schedule that fits `trial`."""
    items = node.items("a list of stages, for example [{optimizer: least_squares}]", 1, MOST_STAGES)
    stages = tuple(_stage(item) for item in items)
    if not any(isinstance(stage, OptimizerStage) for stage in stages):
        raise node.error("must hold at least one optimizer stage, for example {optimizer: least_squares}")
    _check_grids(stages, items, trial)
    return stages


def _stage(node: Reader) -> StageConfig:
    if isinstance(node.value, str) and node.value in OPTIMIZERS:
        raise node.error(f"must be a mapping, found {node.value!r}; write {{optimizer: {node.value}}}")
    entries = node.entries()
    names = [name for name in ("optimizer", *_CHANGES) if name in entries and entries[name].value is not None]
    if len(names) > 1:
        raise node.error(f"must hold only one of optimizer, extend_grid, update_grid, found {listed(names)}")
    if names == ["extend_grid"]:
        return _extend(node.fields(("extend_grid",), ("extend_grid",))["extend_grid"])
    if names == ["update_grid"]:
        return _update(node.fields(("update_grid",), ("update_grid",))["update_grid"])
    return _optimizer(node)


def _optimizer(node: Reader) -> OptimizerStage:
    every = dict.fromkeys(key for defaults in STAGE.values() for key in defaults)
    fields = node.fields(("optimizer", *_CHANGES, *every, "seconds"), ("optimizer",), {"lr": "use 'learning_rate'"})
    name = fields.pop("optimizer").choice(OPTIMIZERS)
    defaults = STAGE[name]
    known = (*defaults, "seconds")
    for key, entry in fields.items():
        if key not in known:
            raise entry.error(f"{name} has no {key!r}; remove it (keys of {name}: {listed(known)})")
    read = {**{key: node.child(key, value) for key, value in defaults.items()}, **fields}
    return OptimizerStage(
        name,
        read["steps"].integer(1, MOST_STEPS),
        learning_rate=read["learning_rate"].number(most=1e3, above=0.0) if "learning_rate" in read else 0.0,
        tolerance=read["tolerance"].number(0.0, 1.0),
        seconds=read["seconds"].number(most=LONGEST_SECONDS, above=0.0) if "seconds" in read else None,
        regularisation=read["regularisation"].number(0.0, 1.0) if "regularisation" in read else 0.0,
    )


def _extend(node: Reader) -> ExtendGrid:
    values = tuple(item.integer(1, MOST_INTERVALS) for item in node.items_or_one("an integer or one per layer", 1))
    return ExtendGrid(values if isinstance(node.value, list | tuple) else values[0])


def _update(node: Reader) -> UpdateGrid:
    if isinstance(node.value, str | int | float):
        return UpdateGrid(node.number(0.0, 1.0))
    fields = node.fields(("mix", "room"), ("mix",))
    return UpdateGrid(fields["mix"].number(0.0, 1.0), fields["room"].number(0.0, 10.0) if "room" in fields else 0.0)


def _check_grids(stages: Sequence[StageConfig], items: Sequence[Reader], trial: TrialConfig) -> None:
    present = trial.intervals
    for stage, item in zip(stages, items, strict=True):
        if isinstance(stage, OptimizerStage):
            continue
        (name,) = item.fields(_CHANGES)
        own = "give a schedule of your own" if "recommended" in item.path else ""
        if trial.kind == "mlp":
            raise item.error(f"an mlp has no grid; remove {name}")
        if isinstance(stage, UpdateGrid):
            continue
        new = stage.intervals if isinstance(stage.intervals, tuple) else (stage.intervals,) * trial.layers
        if len(new) != trial.layers:
            rule = f"extend_grid must hold one value per layer: {trial.layers}, found {len(new)} values"
            raise item.error(f"{rule}; {own or 'give as many'}")
        for layer, (old, count) in enumerate(zip(present, new, strict=True), start=1):
            if count < old:
                rule = f"extend_grid to {count} intervals, but layer {layer} has {old}"
                raise item.error(f"{rule}; {own or f'give {old} or more'}")
        present = new


def schedule_tree(stages: Sequence[StageConfig]) -> list[dict[str, Any]]:
    """Plain data that reads back to equal stages."""
    return [_stage_tree(stage) for stage in stages]


def _stage_tree(stage: StageConfig) -> dict[str, Any]:
    match stage:
        case ExtendGrid():
            return {"extend_grid": list(stage.intervals) if isinstance(stage.intervals, tuple) else stage.intervals}
        case UpdateGrid():
            return {"update_grid": dict(vars(stage))}
        case OptimizerStage():
            seconds = {} if stage.seconds is None else {"seconds": stage.seconds}
            own = {key: getattr(stage, key) for key in STAGE[stage.optimizer]}
            return {"optimizer": stage.optimizer, **own, **seconds}
