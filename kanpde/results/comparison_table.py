"""A comparison of KAN and MLP as a table of plain rows, a line for each kind in each mode."""

from __future__ import annotations

from kanpde.results.comparison import LABELS, MEASURES, Comparison, Summary
from kanpde.results.report import Row, number


def comparison_header(comparison: Comparison) -> Row:
    """The heads of the columns."""
    measure = MEASURES[comparison.measure]
    if comparison.estimated:
        measures = [measure] if comparison.measure == "estimate" else [measure, "estimate"]
        return (
            "mode",
            "trial solution",
            "parameters",
            *measures,
            f"tolerance {comparison.tolerance:g}",
            "seconds",
            "",
        )
    what = "relative L2" if comparison.measure == "relative_l2" else "residual"
    return ("mode", "trial solution", "parameters", f"median {what}", "worst", "median seconds", "")


def comparison_rows(comparison: Comparison) -> list[Row]:
    """One row per mode and kind: mode, trial solution, parameters, median and worst measure (or the
    error, its estimate and whether the tolerance is met), seconds, winner.
    """
    winners = {verdict.mode: verdict.winner for verdict in comparison.verdicts()}
    rows = []
    for s in comparison.summaries():
        wins = "wins" if winners.get(s.mode) == s.kind else ""
        mode = LABELS.get(s.mode, s.mode)
        if comparison.estimated:
            rows.append((mode, s.trial, str(s.parameters), *_estimated(comparison, s), wins))
            continue
        trial = f"{s.kind.upper()} {list(s.shape)}"
        numbers = (number(s.median), number(s.worst), f"{s.median_seconds:.2f}")
        rows.append((mode, trial, str(s.parameters), *numbers, wins))
    return rows


def _estimated(comparison: Comparison, summary: Summary) -> list[str]:
    """The measure, the estimate beside a known error, what the solve says of it, and seconds."""
    told = "cannot be told" if summary.estimate is None else number(summary.estimate)
    cells = [told]
    if comparison.measure == "relative_l2":
        cells = [number(summary.median), told]
    met = _is_met(comparison.tolerance, summary.estimate)
    return [*cells, met, f"{summary.median_seconds:.2f}"]


def _is_met(tolerance: float | None, estimate: float | None) -> str:
    """Whether an estimate meets the tolerance."""
    if tolerance is None or estimate is None:
        return ""
    return "met" if estimate <= tolerance else "not met"
