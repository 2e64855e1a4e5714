"""Poisson scaling of docs/paper.md: errors in L2 and H1 against parameters, KAN and MLP by one
engine (the KAN paper, section 3.4).

    L2² = mean (u - u*)²,    H1² = mean (u - u*)² + |∇(u - u*)|²

over 10,000 uniform points that training never saw; u* = sin(πx) sin(πy²) on [-1, 1]²,
`poisson_paper`, no lengths or units.

    python -m scripts poisson_scaling [--write] [--seeds N] [family ...]

A family is a kind of network at several sizes; its slope is that of log error (not squared) against
log parameters over all sizes whose error is above 100 times rounding. Every row is the median of
its seeds. --write puts the rows, docs/poisson_scaling.json and the picture into docs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import kanpde
from kanpde.results.plotting.canvas import blank, tidy
from scripts.common import tables

DOCS = Path(__file__).resolve().parents[2] / "docs"
COLUMNS = (
    "network",
    "shape",
    "intervals",
    "parameters",
    "L2²",
    "H1²",
    "CPU s",
    "slope of L2",
    "slope of H1",
    "seeds",
)
FLOOR = 100 * 2.0**-52
PROJECTED = (
    {"optimizer": "least_squares"},
    {"optimizer": "variable_projection", "steps": 60, "tolerance": 0.0},
)
"""Stages that train every layer."""

FAMILIES: dict[str, tuple[dict[str, Any], ...]] = {
    "KAN, outer layer by least squares": tuple(
        {"kind": "kan", "width": [w], "degree": [5, 13], "intervals": [2, g]}
        for w, g in ((6, 3), (10, 5), (16, 8), (24, 14), (40, 24))
    ),
    "cubic KAN, every layer": tuple(
        {"kind": "kan", "width": [10], "degree": [3, 3], "intervals": [g, g], "margin": 0.8}
        for g in (3, 5, 9, 16)
    ),
    "MLP, tanh, every layer": tuple({"kind": "mlp", "width": [w, w]} for w in (8, 13, 18)),
    "MLP, sine features, every layer": tuple(
        {"kind": "mlp", "width": [w], "start": "features", "activation": "sine", "scale": 8.0}
        for w in (26, 54, 90)
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    kept = DOCS / "poisson_scaling.json"
    known: dict[str, list[dict[str, Any]]] = (
        json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    )
    for name in arguments.names or FAMILIES:
        known[name] = []
        for trial in FAMILIES[name]:
            known[name].append(measured(trial, arguments.seeds))
            if arguments.write:
                kept.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
                write(known)


def measured(trial: dict[str, Any], seeds: int) -> dict[str, Any]:
    """The median by L2 of the solves of one network."""
    runs = []
    for seed in range(seeds):
        start = time.process_time()
        solution = solved(trial, seed)
        shape, count = list(solution.trial.net.shape), solution.trial.parameter_count
        runs.append((*errors(solution, seed), time.process_time() - start))
    l2, h1, _ = sorted(runs)[seeds // 2]
    figures = {
        "shape": shape,
        "intervals": trial.get("intervals", ["", ""])[-1],
        "parameters": count,
        "l2": l2,
        "h1": h1,
    }
    figures |= {"seconds": statistics.median(run[2] for run in runs), "seeds": seeds}
    print(figures, flush=True)
    return figures


def solved(trial: dict[str, Any], seed: int) -> kanpde.Solution:
    """One solve; at least two equations for every parameter of the outer layer."""
    outer = (
        trial["width"][-1] * (sum(trial["degree"][-1:]) + trial["intervals"][-1])
        if trial["kind"] == "kan"
        else 0
    )
    side = max(28, round((2 * outer) ** 0.5))
    sampler = {"interior": side**2, "boundary": 4 * side + 16, "kind": "chebyshev"}
    schedule = (
        [{"optimizer": "least_squares"}] if trial.get("degree") == [5, 13] else list(PROJECTED)
    )
    return kanpde.solve("poisson_paper", trial=trial, sampler=sampler, schedule=schedule, seed=seed)


def errors(solution: kanpde.Solution, seed: int, count: int = 10_000) -> tuple[float, float]:
    """L2 and H1 errors, not squared."""
    x = 2 * np.random.default_rng(20_000 + seed).random((count, 2)) - 1
    at = torch.as_tensor(x).requires_grad_()
    u = torch.sin(torch.pi * at[:, 0]) * torch.sin(torch.pi * at[:, 1] ** 2)
    gradient = torch.autograd.grad(u.sum(), at)[0].numpy()
    fields = solution.fields(x, gradients=True)
    square = float(np.mean((fields["u"] - u.detach().numpy()) ** 2))
    return square**0.5, (
        square + float(np.mean(((fields["u_gradient"][:, :2] - gradient) ** 2).sum(1)))
    ) ** 0.5


def slope(rows: list[dict[str, Any]], key: str) -> str:
    """The exponent of P, – where fewer than three sizes are above rounding."""
    used = [(row["parameters"], row[key]) for row in rows if row[key] > FLOOR]
    if len(used) < 3:
        return "–"
    return f"{np.polyfit(*np.log(np.array(used)).T, 1)[0]:.1f}"


def write(known: dict[str, list[dict[str, Any]]]) -> None:
    """The table of docs/paper.md and docs/figures/poisson_scaling.png."""
    lines = []
    for name in (name for name in FAMILIES if name in known):
        slopes = [slope(known[name], key) for key in ("l2", "h1")]
        for row in known[name]:
            cells = [name, str(row["shape"]), str(row["intervals"]), str(row["parameters"])]
            cells += [f"{row[key] ** 2:.1e}" for key in ("l2", "h1")]
            cells += [f"{row['seconds']:.1f}", *slopes, str(row["seeds"])]
            lines.append(dict(zip(COLUMNS, cells, strict=True)))
    tables.write(DOCS / "paper.md", COLUMNS, lines, 2)
    figure = blank(8.4, 3.8)
    for place, (key, title) in enumerate((("l2", "L2² error"), ("h1", "H1² error")), start=1):
        axes = figure.add_subplot(1, 2, place, xscale="log", yscale="log")
        tidy(axes)
        axes.set_xlabel("parameters")
        axes.set_ylabel(title)
        for name, rows in known.items():
            axes.plot(
                [r["parameters"] for r in rows], [r[key] ** 2 for r in rows], ".-", label=name
            )
        axes.legend(fontsize=6)
    figure.savefig(
        DOCS / "figures" / "poisson_scaling.png", dpi=84, metadata={"Software": "kanpde"}
    )
