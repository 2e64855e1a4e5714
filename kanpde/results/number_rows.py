"""What reports say of numbers among the quantities, from the entries of result.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def number_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """One row of a report per number in the content of result.json."""
    lines, units = [], result.get("units", {})
    for name, entry in result.get("quantities", {}).items():
        value, estimate = entry["value"], entry["estimate"]
        told = "its error cannot be told"
        if estimate is not None:
            told = f"estimated error {estimate:.1e}"
        unit = f" {units[name]}" if name in units else ""
        lines.append((name, "not finite" if value is None else f"{value:.12g}{unit} ({told})"))
    return lines
