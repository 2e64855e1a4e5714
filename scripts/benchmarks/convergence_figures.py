"""The two figures of docs/convergence.md: one panel per problem, error against G (log-log) and
against p (semilog).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

from kanpde.results.plotting.canvas import INK, KAN, MLP, QUIET, blank, tidy

COLUMNS, RESOLVED = 5, 0.1


def draw(study: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Write convergence_G.png and convergence_p.png."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, panel in (("G", against_intervals), ("p", against_degree)):
        rows = math.ceil(len(study) / COLUMNS)
        figure = blank(2.55 * COLUMNS, 2.15 * rows + 0.3)
        axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for place, (name, problem_study) in zip(axes, study.items(), strict=False):
            panel(place, problem_study)
            place.set_title(name, fontsize=9)
        for place in axes[len(study) :]:
            place.set_axis_off()
        figure.supylabel("relative L2 error", fontsize=10)
        figure.supxlabel(
            "intervals G of the outer layer; grey: slope −(p + 1)"
            if kind == "G"
            else "degree p of the outer layer",
            fontsize=10,
        )
        figure.savefig(folder / f"convergence_{kind}.png", dpi=84, metadata={"Software": "kanpde"})


def against_intervals(axes: Axes, problem_study: Mapping[str, Any]) -> None:
    """Error over G at each degree, with the slope of the splines."""
    ticks: set[int] = set()
    tidy(axes)
    axes.set_xscale("log")
    for colour, marker, (p, points) in zip(
        (KAN, MLP), "os", problem_study["intervals"].items(), strict=False
    ):
        if not points:
            continue
        g, errors = zip(*points, strict=True)
        ticks |= set(g)
        start = next((k for k, error in enumerate(errors) if error <= RESOLVED), len(g) - 1)
        line = [errors[start] * (at / g[start]) ** -(int(p) + 1) for at in g[start:]]
        axes.plot(g[start:], [max(value, 1e-16) for value in line], color=QUIET, linewidth=0.7)
        axes.plot(
            g, errors, color=colour, marker=marker, markersize=3.5, linewidth=1.2, label=f"p = {p}"
        )
    axes.xaxis.set_major_locator(FixedLocator(sorted(ticks)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.legend(fontsize=7, frameon=False, labelcolor=INK, loc="best")
    errors_axis(axes)


def against_degree(axes: Axes, problem_study: Mapping[str, Any]) -> None:
    """Error over p at one G."""
    tidy(axes)
    if problem_study["degrees"]:
        p, errors = zip(*problem_study["degrees"], strict=True)
        axes.plot(
            p,
            errors,
            color=KAN,
            marker="o",
            markersize=3.5,
            linewidth=1.2,
            label=f"G = {problem_study['at']}",
        )
        axes.legend(fontsize=7, frameon=False, labelcolor=INK, loc="best")
    axes.set_xlim(2, 16)
    axes.xaxis.set_major_locator(FixedLocator([3, 5, 7, 9, 11, 13, 15]))
    errors_axis(axes)


def errors_axis(axes: Axes) -> None:
    """The same decades in every panel."""
    axes.set_yscale("log")
    axes.set_ylim(1e-16, 10)
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=7)
