"""What reports say of eigenvalues, from the entries of result.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Entries = Sequence[Mapping[str, Any]]

DIGITS = 15
"""Digits of an eigenvalue in a table."""


def estimates_of(unknowns: Sequence[str], entries: Entries) -> dict[str, float | None]:
    """The estimated relative L2 error of every field of the modes, by its name: those of the first
    mode come first, each as often as it has unknowns and parts.
    """
    parts = [2 if entry["imaginary"] else 1 for entry in entries]
    each = len(unknowns) // max(1, sum(parts))
    values: list[float | None] = []
    for entry, count in zip(entries, parts, strict=True):
        values += [entry["mode_estimate"]] * (count * each)
    return dict(zip(unknowns, values, strict=True))


def eigenvalue_rows(entries: Entries) -> list[tuple[str, str]]:
    """One row for each eigenvalue: its value, the estimated errors, and the error where it is
    known.
    """
    rows = []
    for number, entry in enumerate(entries, start=1):
        estimate, of_mode = _told(entry["estimate"]), _told(entry["mode_estimate"])
        text = f"{_value(entry)}, estimated relative error {estimate}, of the mode {of_mode}"
        if entry["multiplicity"] > 1:
            text += f" ({entry['multiplicity']} times)"
        if "error" in entry:
            text += f"; error {entry['error']:.1e}"
        rows.append((f"eigenvalue {number}", text))
    return rows


def _value(entry: Mapping[str, Any]) -> str:
    """The number, with its imaginary part where it has one."""
    value, imaginary = entry["value"], entry["imaginary"]
    text = f"{value:.{DIGITS}g}"
    if imaginary:
        text += f" {'-' if imaginary < 0 else '+'} {abs(imaginary):.{DIGITS}g} i"
    return text


def _told(estimate: float | None) -> str:
    return "unknown" if estimate is None else f"{estimate:.1e}"
