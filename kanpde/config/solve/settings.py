"""The `sampler`, `weights`, `output` and `compare` nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from kanpde.config.frozen_map import FrozenMap, freeze, thaw
from kanpde.config.problem.intervals import TimeConfig
from kanpde.config.problem.tables import Table
from kanpde.config.reader import Reader, listed
from kanpde.config.solve.defaults import (
    COMPARE,
    OUTPUT,
    WEIGHTS,
    sampler_defaults,
    schedule_defaults,
)
from kanpde.config.solve.points import BOUNDARY, INTERIOR, points_tree, read_points
from kanpde.config.solve.stages import LONGEST_SECONDS, StageConfig, read_schedule, schedule_tree
from kanpde.config.solve.trial import read_trial, trial_fields
from kanpde.names import did_you_mean

MOST_POINTS, MOST_SEEDS, HEAVIEST, MOST_TIMES = 100_000_000, 1000, 1e30, 10_000
SAMPLERS = ("grid", "chebyshev", "sobol", "latin_hypercube", "gauss")
MODES = ("equal_parameters", "equal_time", "best")


@dataclass(frozen=True)
class SamplerConfig:
    """About `interior` and `boundary` collocation points; `jitter` in [0, 1] is how much the seed
    moves them. `points` are those of the user's own, by the name of their place.
    """

    interior: int
    boundary: int
    kind: str
    jitter: float = 1.0
    points: Mapping[str, Table] = field(default_factory=FrozenMap)

    def as_tree(self) -> dict[str, Any]:
        """Plain data, but for tables too long for text, that reads back to the same."""
        points = points_tree(self.points)
        counts = {key: value for key, value in vars(self).items() if key not in {"points", *points}}
        return {**counts, "points": points} if points else counts


@dataclass(frozen=True)
class WeightsConfig:
    """Factors of the mean square of the equations and of the conditions, dimensionless.

    `scaled` divides every term by the size of its coefficients first, so that the answer does not
    depend on units. `terms` are further factors by name.
    """

    equations: float = WEIGHTS["equations"]
    conditions: float = WEIGHTS["conditions"]
    scaled: bool = False
    terms: Mapping[str, float] = field(default_factory=FrozenMap)

    def as_tree(self) -> dict[str, Any]:
        """Plain data that reads back to the same."""
        return {**vars(self), "terms": thaw(self.terms)}


@dataclass(frozen=True)
class OutputConfig:
    """Which files a run writes besides its report.

    `gradients` adds the gradient of every unknown to them; `series` are the instants of a time
    series, if one is wanted: a number of equal steps, ends included, or times.
    """

    vtu: bool = True
    plots: bool = True
    gradients: bool = False
    series: int | tuple[float, ...] | None = None

    def as_tree(self) -> dict[str, Any]:
        """Plain data that reads back to the same."""
        return {**vars(self), "series": thaw(self.series)}


@dataclass(frozen=True)
class CompareConfig:
    """KAN against MLP: seeds 0, 1, ..., the modes, and how the MLP differs from its defaults.

    `mlp` is a partial trial node; `seconds` is the time of `equal_time`, by default that of the
    KAN.
    """

    seeds: int = COMPARE["seeds"]
    modes: tuple[str, ...] = COMPARE["modes"]
    mlp: Mapping[str, Any] | None = None
    mlp_schedule: tuple[StageConfig, ...] | None = None
    seconds: float | None = None


Fields = Mapping[str, Reader]


def sampler_fields(node: Reader) -> dict[str, Reader]:
    """The keys of a (partial) sampler node."""
    return node.fields(("interior", "boundary", "kind", "jitter", "points"))


def read_sampler(
    explicit: Fields, recommended: Fields, coordinates: Sequence[str], place: Reader
) -> SamplerConfig:
    """Explicit keys over recommended ones over the defaults of so many coordinates."""
    dimension = len(coordinates)
    points = read_points({**recommended, **explicit}.get("points"), coordinates)
    for key in (INTERIOR, BOUNDARY):
        if key in points and key in explicit:
            raise explicit[key].error(
                "does not go with points of your own there; remove one of them"
            )
    defaults = {key: place.child(key, value) for key, value in sampler_defaults(dimension).items()}
    fields = {**defaults, **recommended, **explicit}
    return SamplerConfig(
        len(points.get(INTERIOR, ())) or fields["interior"].integer(1, MOST_POINTS),
        len(points.get(BOUNDARY, ())) or fields["boundary"].integer(1, MOST_POINTS),
        fields["kind"].choice(SAMPLERS),
        fields["jitter"].number(0.0, 1.0),
        points,
    )


def weights_fields(node: Reader) -> dict[str, Reader]:
    """The keys of a (partial) weights node."""
    return node.fields(("equations", "conditions", "scaled", "terms"))


def read_weights(
    explicit: Fields, recommended: Fields, known: Collection[str], conditions: float
) -> WeightsConfig:
    """Explicit keys over recommended ones over defaults, of which that of `conditions` follows from
    the schedule; `known` are the names of terms.
    """
    fields = {**recommended, **explicit}
    numbers = ("equations", "conditions")
    values = {key: fields[key].number(most=HEAVIEST, above=0.0) for key in numbers if key in fields}
    terms = {}
    for name, entry in (fields["terms"].entries() if "terms" in fields else {}).items():
        if name not in known:
            raise entry.error(
                f"no condition goes by that name{did_you_mean(name, known)} (names:"
                f" {listed(known)})"
            )
        terms[name] = entry.number(most=HEAVIEST, above=0.0)
    return WeightsConfig(
        **{"conditions": conditions, **values},
        scaled=fields["scaled"].flag() if "scaled" in fields else True,
        terms=FrozenMap(terms),
    )


def read_output(node: Reader, time: TimeConfig | None, dimension: int) -> OutputConfig:
    """The output node of a problem in `dimension` coordinates, with or without time."""
    fields = node.fields((*OUTPUT, "gradients", "series"))
    flags = {key: entry.flag() for key, entry in fields.items() if key != "series"}
    series = _series(fields["series"], time, dimension) if "series" in fields else None
    return OutputConfig(**flags, series=series)


def _series(node: Reader, time: TimeConfig | None, dimension: int) -> int | tuple[float, ...]:
    if time is not None and dimension > 4:
        raise node.error(
            f"a time series needs at most 3 coordinates of space, found {dimension - 1}; remove it"
        )
    if not isinstance(node.value, list | tuple):
        return node.integer(2, MOST_TIMES)
    times = tuple(
        item.number()
        for item in node.items("a number of instants or a list of times", 1, MOST_TIMES)
    )
    if time is None:
        return times  # refused by `compatibility`
    if any(b <= a for a, b in pairwise(times)) or times[0] < time.lower or times[-1] > time.upper:
        interval = [time.lower, time.upper]
        raise node.error(
            f"times must increase within the time interval {interval}, found {list(times[:9])}"
        )
    return times


def read_compare(node: Reader, dimension: int) -> CompareConfig:
    """The compare node; its mlp and mlp_schedule must make a whole MLP together with the
    defaults.
    """
    fields = node.fields(("seeds", "modes", "mlp", "mlp_schedule", "seconds"))
    read: dict[str, Any] = {}
    if "seeds" in fields:
        read["seeds"] = fields["seeds"].integer(1, MOST_SEEDS)
    if "modes" in fields:
        read["modes"] = _modes(fields["modes"])
    if "seconds" in fields:
        read["seconds"] = fields["seconds"].number(most=LONGEST_SECONDS, above=0.0)
    place = fields.get("mlp", node.child("mlp", {}))
    partial = trial_fields(place)
    if "kind" in partial:
        partial["kind"].choice(("mlp",))
    trial = read_trial(partial, {}, "mlp", dimension, place)
    if "mlp" in fields:
        read["mlp"] = FrozenMap({key: freeze(entry.value) for key, entry in partial.items()})
    schedule = fields.get("mlp_schedule", node.child("mlp_schedule", schedule_defaults("mlp")))
    stages = read_schedule(schedule, trial)
    if "mlp_schedule" in fields:
        read["mlp_schedule"] = stages
    return CompareConfig(**read)


def _modes(node: Reader) -> tuple[str, ...]:
    modes = tuple(
        item.choice(MODES) for item in node.items_or_one("a list of modes", 1, len(MODES))
    )
    if len(set(modes)) < len(modes):
        raise node.error("holds a mode twice; remove one")
    return modes


def compare_tree(compare: CompareConfig) -> dict[str, Any]:
    """Plain data that reads back to an equal `CompareConfig`."""
    tree: dict[str, Any] = {"seeds": compare.seeds, "modes": list(compare.modes)}
    if compare.mlp is not None:
        tree["mlp"] = thaw(compare.mlp)
    if compare.mlp_schedule is not None:
        tree["mlp_schedule"] = schedule_tree(compare.mlp_schedule)
    if compare.seconds is not None:
        tree["seconds"] = compare.seconds
    return tree
