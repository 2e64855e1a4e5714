"""KAN against MLP as data: every solve of a comparison, its median and worst, and who won.

A comparison has modes (equal parameters, equal wall-clock, each at its best schedule). In each mode
both kinds solve the same problem on the same points once per seed. The measure is the relative L2
error, the largest over the unknowns; without an exact or reference solution it is the estimate of
that error where both kinds were searched for in the same way, and else the held-out residual, which
is then called a residual and not an error. Per mode and kind the median and the
worst over the seeds count, and the smaller median wins if it is smaller by a factor of two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanpde.errors import StorageError

KINDS = ("kan", "mlp")
CLEAR = 2.0
"""Medians that differ by less than this factor are a tie: rounding and the choice of seeds decide
there.
"""

UNEQUAL = 2.0
"""Equal parameters that differ by this factor or more are told with the verdict: one MLP over the
whole domain cannot have as many as slabs of patches.
"""

CLEAR_OF_ESTIMATES = 10.0
"""The same where no true error is known: an estimate may be several times the error, or below it."""

LABELS: Mapping[str, str] = {
    "equal_parameters": "equal parameters",
    "equal_time": "equal wall-clock",
    "best": "each at its best",
}
"""What the modes are called in tables."""

MEASURES: Mapping[str, str] = {
    "relative_l2": "relative L2 error",
    "estimate": "estimated relative L2 error",
    "residual_rms": "held-out residual",
}
"""What the measures are called."""


@dataclass(frozen=True)
class Entry:
    """One solve of a comparison: its mode and the content of its result.json."""

    mode: str
    result: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The kind of the trial solution, "kan" or "mlp"."""
        return str(self.result["trial"]["kind"])

    @property
    def parameters(self) -> int:
        """P, the number of trained numbers."""
        return int(self.result["trial"]["parameters"])

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of the solve."""
        return float(self.result["seconds"])

    def worst_of(self, measure: str) -> float | None:
        """The largest value of `measure` over the unknowns, dimensionless; None when unknown, inf
        when not finite.
        """
        value: Any = self.result.get(measure)
        values = list(value.values()) if isinstance(value, Mapping) else [value]
        if not values or any(v is None for v in values):
            return None
        return max(float(v) if math.isfinite(v) else math.inf for v in values)

    @property
    def trial(self) -> str:
        """The trial solution in words."""
        trial = self.result["trial"]
        pieces = [f"{trial[key]} {key}" for key in ("patches", "slabs") if trial.get(key)]
        return f"{self.kind.upper()}, {', '.join(pieces)}" if pieces else self.kind.upper()

    @property
    def rmse(self) -> float | None:
        """The largest root mean square error of a fit over the unknowns, on its test or else on
        what was fitted.
        """
        fit = self.result.get("fit") or {}
        errors = fit.get("test") or fit.get("train")
        return max(errors["rmse"].values()) if errors else None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Entry:
        """The solve whose `as_dict` is `data`."""
        known = ("kind", "shape", "parameters", "patches", "slabs")
        trial = {key: data[key] for key in known if key in data}
        trial |= {key: data[key] for key in ("kind", "shape", "parameters")}
        stages = [{"steps": data["steps"]}]
        result = {
            key: value
            for key, value in data.items()
            if key not in ("parameters", "unknown_parameters")
        }
        if "unknown_parameters" in data:
            result["parameters"] = data["unknown_parameters"]
        return cls(str(data["mode"]), {**result, "trial": trial, "stages": stages})

    def as_dict(self) -> dict[str, Any]:
        """Plain data for compare.json."""
        keys = (
            "relative_l2",
            "max_error",
            "residual_rms",
            "boundary_max",
            "stop_reason",
            "stop_message",
        )
        return {
            "mode": self.mode,
            "kind": self.kind,
            "seed": self.result["seed"],
            "shape": list(self.result["trial"]["shape"]),
            **{k: v for k, v in self.result["trial"].items() if k in ("patches", "slabs")},
            "parameters": self.parameters,
            "seconds": self.seconds,
            "steps": sum(stage["steps"] for stage in self.result["stages"]),
            "reference": self.result.get("reference"),
            **(
                {"unknown_parameters": self.result["parameters"]}
                if "parameters" in self.result
                else {}
            ),
            **{
                key: self.result[key]
                for key in ("fit", "quantities", "estimate", "verdict", "warnings")
                if key in self.result
            },
        } | {key: self.result[key] for key in keys}


@dataclass(frozen=True)
class Summary:
    """One kind in one mode over all seeds."""

    mode: str
    kind: str
    trial: str
    shape: tuple[int, ...]
    parameters: int
    seeds: int
    median: float
    worst: float
    median_seconds: float
    worst_seconds: float
    estimate: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for compare.json."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}


@dataclass(frozen=True)
class Verdict:
    """Who has the smaller median in a mode, and by which factor (the loser's median over the
    winner's).
    """

    mode: str
    winner: str
    ratio: float
    seconds_ratio: float
    measure: str
    seeds: int = 2
    parameters: tuple[int, int] | None = None
    """How many the KAN and the MLP have."""

    def sentence(self) -> str:
        """The verdict for a reader; `seconds_ratio` is the winner's median time over the
        loser's.
        """
        what = ("median " if self.seeds > 1 else "") + MEASURES[self.measure]
        mode = LABELS.get(self.mode, self.mode) + self._unequal()
        if self.winner == "none":
            return f"{mode}: neither wins, the error of neither can be told"
        if self.winner == "tie":
            return f"{mode}: neither wins, the {what}s differ by a factor of {self.ratio:.2g} only"
        loser = KINDS[1 - KINDS.index(self.winner)]
        if not math.isfinite(self.ratio):
            untold = f"the error of the {loser.upper()} cannot be told"
            return f"{mode}: the {self.winner.upper()} wins, {untold}"
        return (
            f"{mode}: the {self.winner.upper()} wins, its {what} is {self.ratio:.3g} times "
            f"smaller than the {loser.upper()}'s, in {self.seconds_ratio:.2g} times the seconds"
        )

    def _unequal(self) -> str:
        """What to know of parameters that were to be equal and are not."""
        if self.mode != "equal_parameters" or self.parameters is None:
            return ""
        kan, mlp = self.parameters
        if max(kan, mlp) < UNEQUAL * min(kan, mlp):
            return ""
        return f" (KAN {kan}, MLP {mlp}: as near as each could come)"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for compare.json."""
        numbers = self.parameters and list(self.parameters)
        return {**vars(self), "parameters": numbers, "sentence": self.sentence()}


@dataclass(frozen=True)
class Comparison:
    """All solves of KAN against MLP on one problem; the `tolerance` that both were searched for, None
    where each had a network of a given size.
    """

    problem: str
    entries: tuple[Entry, ...]
    tolerance: float | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], source: str) -> Comparison:
        """The comparison whose `as_dict` is `data`.

        Raises:
            StorageError: a key is missing or of the wrong type; the message names `source`.
        """
        try:
            entries = tuple(Entry.from_dict(solve) for solve in data["solves"])
            comparison = cls(str(data["problem"]), entries, data.get("tolerance"))
            comparison.summaries()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StorageError(
                f"{source}: is not a comparison: {type(error).__name__} {error}"
            ) from error
        return comparison

    @property
    def estimated(self) -> bool:
        """Whether the errors of both are estimated in the same way, by a search."""
        return self.tolerance is not None

    @property
    def measure(self) -> str:
        """`relative_l2` when every solve has one, else `estimate` or `residual_rms`."""
        if all(entry.worst_of("relative_l2") is not None for entry in self.entries):
            return "relative_l2"
        return "estimate" if self.estimated else "residual_rms"

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes, in the order in which they were run."""
        return tuple(dict.fromkeys(entry.mode for entry in self.entries))

    def of(self, mode: str, kind: str) -> tuple[Entry, ...]:
        """The solves of one kind in one mode."""
        return tuple(entry for entry in self.entries if entry.mode == mode and entry.kind == kind)

    def value(self, entry: Entry) -> float:
        """The measure of one solve; inf when it is unknown or not finite."""
        worst = entry.worst_of(self.measure)
        return math.inf if worst is None else worst

    def summaries(self) -> tuple[Summary, ...]:
        """Median and worst per mode and kind."""
        return tuple(
            self._summary(mode, kind, group)
            for mode in self.modes
            for kind in KINDS
            if (group := self.of(mode, kind))
        )

    def verdicts(self) -> tuple[Verdict, ...]:
        """The winner of every mode in which both kinds were solved."""
        verdicts = []
        for mode in self.modes:
            pair = {s.kind: s for s in self.summaries() if s.mode == mode}
            if len(pair) == len(KINDS):
                verdicts.append(self._verdict(pair["kan"], pair["mlp"]))
        return tuple(verdicts)

    def as_dict(self) -> dict[str, Any]:
        """The content of compare.json."""
        return {
            "problem": self.problem,
            "measure": self.measure,
            "tolerance": self.tolerance,
            "summary": [summary.as_dict() for summary in self.summaries()],
            "verdicts": [verdict.as_dict() for verdict in self.verdicts()],
            "solves": [entry.as_dict() for entry in self.entries],
        }

    def _summary(self, mode: str, kind: str, group: tuple[Entry, ...]) -> Summary:
        from statistics import median

        values = [self.value(entry) for entry in group]
        seconds = [entry.seconds for entry in group]
        shape = tuple(int(n) for n in group[0].result["trial"]["shape"])
        parameters = max(entry.parameters for entry in group)
        middle = (median(values), max(values), median(seconds), max(seconds))
        estimates = [entry.worst_of("estimate") for entry in group]
        known = [estimate for estimate in estimates if estimate is not None]
        told = max(known) if len(known) == len(group) else None
        trial = group[0].trial
        return Summary(mode, kind, trial, shape, parameters, len(group), *middle, told)

    def _verdict(self, kan: Summary, mlp: Summary) -> Verdict:
        facts = (self.measure, kan.seeds, (kan.parameters, mlp.parameters))
        if kan.median == mlp.median:
            winner = "tie" if math.isfinite(kan.median) else "none"
            return Verdict(kan.mode, winner, 1.0, 1.0, *facts)
        best, other = (kan, mlp) if kan.median < mlp.median else (mlp, kan)
        ratio = other.median / best.median if best.median > 0 else math.inf
        seconds_ratio = (
            best.median_seconds / other.median_seconds if other.median_seconds > 0 else math.inf
        )
        clear = CLEAR_OF_ESTIMATES if self.measure == "estimate" else CLEAR
        winner = best.kind if ratio >= clear else "tie"
        return Verdict(kan.mode, winner, ratio, seconds_ratio, *facts)
