"""What a solve reached, in words: an estimate of its error, what is not resolved and what to try.

| who fixed the resolution | what the estimate is measured against | above it |
|---|---|---|
| the program | the tolerance, 1e-6 by default | a warning, exit code 8 |
| a file or a shipped problem | its tolerance if it gives one, else 1e-2 | a warning, exit code 8 |

A search estimates the error itself. Of any other solve the largest relative residual of an equation
or a condition is the estimate: on twenty shipped problems it was 0.6 to 2000 times the error when
the rule was written, with a median of 26, and below it only where both are rounding. What cannot be
told is never a success. `exact` and references are read by none of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kanpde.results.metrics import Metrics

UNRESOLVED = 1e-2
"""Estimates above are never a success."""

FAR_OFF = 0.1
"""A condition is missed where its relative residual is above this after a search that refines
locally: at a corner derivatives may have no bound, and few points there make up 0.01 of a flux that
is right; what contradicts another condition is missed by 0.15 and more.
"""

FARTHEST = 1000.0
"""How many times larger than the error of one network its relative residual is, at most as a rule:
an estimate from two levels that is smaller still is not believed.
"""

MISFIT = 0.05
"""Measured values are met to this share of their size, or the constants behind them are doubted."""


@dataclass(frozen=True)
class Verdict:
    """The estimate of the relative L2 error by unknown (None where it cannot be told), sentences
    for a report, warnings, and whether all that was asked for is met.
    """

    estimate: Mapping[str, float | None] = field(default_factory=dict)
    sentences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def worst(self) -> float | None:
        """The largest estimate, None where one cannot be told or there is none."""
        return _largest(list(self.estimate.values()))

    @property
    def trusted(self) -> bool:
        """Whether nothing is to be warned of."""
        return not self.warnings

    def as_dict(self) -> dict[str, Any]:
        """Plain data, keys of result.json."""
        return {
            "estimate": dict(self.estimate),
            "verdict": list(self.sentences),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class Aim:
    """The tolerance of a solve, None where it has none; whether a file gives it or it is the
    default; whether a search estimated the error, whether it searched among networks that are
    smooth over the whole domain, and whether what it chose is as local as the solution asks for;
    and the share of the unknowns that the noise of measured values leaves open.
    """

    tolerance: float | None = None
    given: bool = True
    searched: bool = False
    smooth: bool = False
    local: bool = False
    noise: float = 0.0

    @property
    def limit(self) -> float:
        """What the estimate must not be above."""
        return max(self.noise, UNRESOLVED if self.tolerance is None else self.tolerance)

    def __str__(self) -> str:
        if self.tolerance is None:
            return f"no tolerance given, {UNRESOLVED:g} is the most"
        words = f"tolerance {self.tolerance:g}" + ("" if self.given else " by default")
        if self.noise > self.tolerance:
            words += f"; the noise of the measured values leaves {self.noise:.1e} open"
        return words


def judge(
    unknowns: Sequence[str],
    aim: Aim,
    estimates: Sequence[float | None],
    metrics: Metrics,
    remarks: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Verdict:
    """The verdict on a solve.

    Args:
        unknowns: their names.
        aim: what was asked for.
        estimates: those of a search by unknown, of the relative L2 error (dimensionless); None: it
            cannot tell.
        metrics: with the relative residuals on points that the solve has not seen.
        remarks: warnings of the solve itself and of its problem, each a sentence.
        notes: what else is worth a sentence.
    """
    shares = metrics.relative_residuals
    named = {**shares.get("equations", {}), **shares.get("conditions", {})}
    largest_name, largest = max(
        named.items(), key=lambda item: _ordered(item[1]), default=("", 0.0)
    )
    most = FAR_OFF if aim.local else UNRESOLVED
    missed = {n: s for n, s in shares.get("conditions", {}).items() if not s <= most}
    values = [_estimated(aim, estimate, largest) for estimate in estimates]
    value = _largest(values)
    if aim.searched and missed and value is not None and value <= aim.limit:
        # levels that agree on a field that misses a condition say nothing of its error
        values, value = [None] * len(values), None
    warnings = [_without_prefix(remark) for remark in remarks]
    reached: tuple[str, ...] = ()
    by = "" if aim.searched else f", from the relative residual of {largest_name}"
    wrong = ", since a condition is missed" if aim.searched and missed and value is None else ""
    told = _told(unknowns, values, value) + wrong
    if value is None or value > aim.limit:
        more = "" if remarks else f"{_place(metrics.worst_point)}; {_remedy(aim)}"
        warnings.append(f"not reached: the estimated relative L2 error {told} ({aim}){by}{more}")
    else:
        reached = (f"the estimated relative L2 error {told} ({aim}){by}",)
    for name, share in shares.get("data", {}).items():
        if not share <= MISFIT:
            warnings.append(
                f"not met: the measured values of {name} are missed by {share:.0%} of their size;"
                f" the constants that were found may be wrong: give other starts, or more steps"
            )
    for name, share in missed.items():
        if aim.searched or name != largest_name:
            warnings.append(
                f"not met: the condition '{name}' has a relative residual of {share:.1e}"
            )
    by_unknown = dict(zip(unknowns, values, strict=True))
    return Verdict(by_unknown, (*reached, *notes, *warnings), tuple(warnings))


def _largest(values: Sequence[float | None]) -> float | None:
    """The largest estimate, None where one cannot be told."""
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


def _told(unknowns: Sequence[str], values: Sequence[float | None], largest: float | None) -> str:
    """The largest estimate in words, and that of each unknown where they differ."""
    if largest is None:
        return "cannot be told"
    if len(set(values)) == 1:
        return f"is {largest:.1e}"
    each = ", ".join(f"{name} {value:.1e}" for name, value in zip(unknowns, values, strict=True))
    return f"is {largest:.1e} ({each})"


def _estimated(aim: Aim, estimate: float | None, largest: float) -> float | None:
    """What the error is taken to be; None where that cannot be told."""
    value = estimate if aim.searched else largest
    if value is None or not math.isfinite(value):
        return None
    return max(value, largest / FARTHEST) if aim.smooth else value


def _without_prefix(remark: str) -> str:
    return remark.removeprefix("warning: ")


def _place(worst_point: Sequence[float] | None) -> str:
    """Where the largest residual is."""
    if worst_point is None:
        return ""
    point = ", ".join(f"{x:.4g}" for x in worst_point)
    return f"; the equations are met worst near ({point})"


def _remedy(aim: Aim) -> str:
    if not aim.searched:
        return "remove trial and schedule, so that the program chooses them, or give more of both"
    return "give more seconds, or a larger tolerance"


def _ordered(share: float) -> float:
    return math.inf if math.isnan(share) else share
