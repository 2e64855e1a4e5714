"""Where scripts/kan_paper/scaling.py writes: docs/scaling.json, a table of docs/paper.md,
docs/figures/scaling.png.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from kanpde.results.plotting.canvas import blank, tidy
from scripts.common import tables

DOCS = Path(__file__).resolve().parents[2] / "docs"
FLOOR = 100 * 2.0**-52
GRIDS = (3, 5, 10, 20, 50, 100, 200, 500, 1000)
COLUMNS = (
    "toy function",
    "degree",
    "shape",
    "slope",
    "−(p+1)",
    "grids of the slope",
    *(f"G = {g}" for g in GRIDS),
)

Found = dict[str, tuple[float, int, float]]


def slope(errors: Found) -> tuple[float | None, list[int]]:
    """The fitted exponent of G and the grids that decide it; None where fewer than three do."""
    used = [int(g) for g, (error, _, _) in errors.items() if FLOOR < error < 0.01]
    if len(used) < 3:
        return None, used
    return float(np.polyfit(np.log(used), np.log([errors[str(g)][0] for g in used]), 1)[0]), used


def write(name: str, degree: int, shape: tuple[int, ...], errors: Found) -> None:
    """Figures into docs/scaling.json, a row into docs/paper.md."""
    path = DOCS / "scaling.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    stored[f"{name} p={degree}"] = errors
    path.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fitted, used = slope(errors)
    shown = ("–", "–") if fitted is None else (f"{fitted:.2f}", f"{used[0]} … {used[-1]}")
    cells = (f"`{name}`", str(degree), str(list(shape)), shown[0], str(-degree - 1), shown[1])
    row = dict(zip(COLUMNS, cells, strict=False)) | {
        f"G = {g}": f"{error:.1e}" for g, (error, _, _) in errors.items()
    }
    page = DOCS / "paper.md"
    rows = tables.read(page, COLUMNS, 2) | {cells[:2]: row}
    tables.write(page, COLUMNS, [rows[key] for key in sorted(rows)], 2)
    plot(stored)


def plot(stored: dict[str, Found]) -> None:
    """RMSE against G, one panel per degree, with a line of slope −(p+1)."""
    degrees = sorted({key.rpartition("p=")[2] for key in stored})
    figure = blank(4.2 * len(degrees), 3.4)
    for place, degree in enumerate(degrees, start=1):
        axes = figure.add_subplot(1, len(degrees), place, xscale="log", yscale="log")
        tidy(axes, "intervals G", "test RMSE / deviation", f"degree {degree}")
        for key, errors in sorted(stored.items()):
            if key.endswith(f"p={degree}"):
                axes.plot(
                    [int(g) for g in errors],
                    [max(e, 1e-16) for e, _, _ in errors.values()],
                    ".-",
                    label=key.rpartition(" p=")[0],
                )
        grids = np.array([10.0, 1000.0])
        axes.plot(grids, 10 * grids ** -(int(degree) + 1), "k:", label=f"slope −{int(degree) + 1}")
        axes.set_ylim(1e-16, 1e5)
        axes.legend(fontsize=6)
    figure.savefig(DOCS / "figures" / "scaling.png", dpi=84, metadata={"Software": "kanpde"})
