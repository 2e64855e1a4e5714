"""Figures that need no domain: the history of a solve, the edge functions of a KAN, the errors of a
comparison.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from kanpde.results.comparison import LABELS, MEASURES, Comparison
from kanpde.results.plotting.canvas import (
    BELOW,
    INK,
    KAN,
    LEFT,
    LINE,
    MLP,
    QUIET,
    RIGHT,
    arranged,
    blank,
    heading,
    logarithmic,
    place,
    save,
    tidy,
)
from kanpde.results.plotting.settings import defaults

if TYPE_CHECKING:
    from kanpde.progress import History

Edges = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Arguments (in, S) and values (in, out, S) of the edge functions of one layer."""

_MOST_EDGES, _COLUMNS, _FEWEST_COLUMNS, _MOST_LABELS = 48, 12, 6, 8
_MARKERS = {"equal_parameters": "o", "equal_time": "s", "best": "^"}
_MEASURES = {**MEASURES, "residual_rms": "held-out residual, rms"}


def draw_history(history: History, problem: str) -> Figure:
    """The objective against steps and against seconds; dashed lines where the grid or the stage
    changed.
    """
    width, height, head = 3.8, 2.7, 0.2 + LINE
    figure = blank(LEFT + 2 * (width + RIGHT), head + height + BELOW)
    last = f"{history.objective[-1]:.2e}" if len(history.objective) else "none"
    heading(figure, f"{problem}: objective, last {last}")
    panels = [place(figure, LEFT + k * (width + RIGHT), head, width, height) for k in (0, 1)]
    objective = np.asarray(history.objective, dtype=np.float64)
    steps = np.asarray(history.step, dtype=np.float64)
    seconds = np.asarray(history.seconds, dtype=np.float64)
    for axes, x, label in ((panels[0], steps, "step"), (panels[1], seconds, "seconds")):
        marker = "o" if len(x) <= 30 else None
        axes.plot(x, objective, color=KAN, linewidth=1.3, marker=marker, markersize=4)
        if np.any(objective > 0) and not np.any(objective < 0):  # an energy may be negative
            axes.set_yscale("log")
            logarithmic(axes.yaxis, *axes.get_ylim())
        tidy(axes, label, "objective (dimensionless)" if label == "step" else "")
    panels[1].tick_params(labelleft=False)
    panels[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    for count, (step, text) in enumerate(history.events):
        _event(panels[0], float(step), text if count < _MOST_LABELS else "")
        if len(steps):
            _event(
                panels[1],
                float(seconds[min(int(np.searchsorted(steps, step)), len(steps) - 1)]),
                "",
            )
    return figure


def draw_edges(layers: Sequence[Edges], title: str) -> Figure:
    """Every edge function over its grid, one block per layer; darker is larger, each in its own
    vertical scale.

    Of a layer with more than 48 edges the 48 with the largest mean |φ| are drawn, and the block's
    title says so.
    """
    shown = [_largest(values) for _, values in layers]
    columns = [
        _columns(values.shape[1], len(edges))
        for (_, values), edges in zip(layers, shown, strict=True)
    ]
    heights = [
        0.85 * math.ceil(len(edges) / count) + 0.35
        for edges, count in zip(shown, columns, strict=True)
    ]
    head = 0.2 + LINE
    figure = blank(11.0, head + sum(heights) + 0.1)
    heading(figure, title)
    for index, (edges, (grid, values)) in enumerate(zip(shown, layers, strict=True)):
        top = head + sum(heights[:index]) + LINE
        axes = place(figure, 0.1, top, 10.8, heights[index] - LINE)
        inputs, outputs = values.shape[:2]
        text = f"layer {index + 1}: {inputs} inputs × {outputs} outputs = {inputs * outputs} edges"
        if len(edges) < inputs * outputs:
            text += f", the {len(edges)} largest shown"
        axes.set_title(text, fontsize=9.5)
        _draw_layer(axes, edges, grid, values, columns[index])
    return figure


@defaults()
def write_comparison(path: Path, comparison: Comparison) -> Path:
    """Write the picture of error against seconds: every solve small, the median of each mode and
    kind large.

    Raises:
        StorageError: the file cannot be written.
    """
    return save(draw_comparison(comparison), path)


def draw_comparison(comparison: Comparison) -> Figure:
    """Error against seconds, both logarithmic; colour is the kind, the marker is the mode."""
    figure = arranged(9.4, 4.8)
    axes = tidy(figure.subplots(), "seconds of the solve", _MEASURES[comparison.measure])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    figure.suptitle(
        f"{comparison.problem}: KAN against MLP"
        + ("" if comparison.estimated else ", small markers are seeds, large ones medians"),
        fontsize=11,
    )
    for entry in comparison.entries:
        _point(
            axes,
            entry.seconds,
            comparison.value(entry),
            entry.kind,
            entry.mode,
            size=5.0,
            alpha=0.35,
        )
    handles = []
    for summary in comparison.summaries():
        _point(
            axes,
            summary.median_seconds,
            summary.median,
            summary.kind,
            summary.mode,
            size=11.0,
            alpha=1.0,
        )
        trial = f"{summary.kind.upper()} {list(summary.shape)}"
        if comparison.estimated:
            trial = summary.trial
        label = f"{trial}, {summary.parameters} parameters\n"
        label += LABELS.get(summary.mode, summary.mode)
        handles.append(
            Line2D([], [], markersize=8, label=label, **_style(summary.kind, summary.mode))
        )
    axes.margins(0.12)
    figure.legend(
        handles=handles, fontsize=8, frameon=False, loc="outside right center", labelspacing=1.0
    )
    return figure


def _point(
    axes: Axes, seconds: float, value: float, kind: str, mode: str, *, size: float, alpha: float
) -> None:
    if math.isfinite(value):
        axes.plot(
            max(seconds, 1e-3),
            max(value, 1e-17),
            markersize=size,
            alpha=alpha,
            **_style(kind, mode),
        )


def _event(axes: Axes, x: float, text: str) -> None:
    axes.axvline(x, color=QUIET, linestyle="--", linewidth=0.8, zorder=0)
    if text:
        place = axes.get_xaxis_transform()
        axes.text(
            x,
            0.98,
            f" {text}",
            rotation=90,
            va="top",
            ha="left",
            fontsize=7,
            color=INK,
            transform=place,
        )


def _largest(values: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Indices (input, output) of at most 48 edges with the largest mean |φ|, in reading order."""
    size = np.abs(values).mean(axis=2)
    order = np.argsort(-size, axis=None, kind="stable")[:_MOST_EDGES]
    return [
        (int(i), int(o)) for i, o in zip(*np.unravel_index(np.sort(order), size.shape), strict=True)
    ]


def _columns(outputs: int, edges: int) -> int:
    """How many edges stand in a row: one row per input where that fits."""
    return outputs if 1 < outputs <= _COLUMNS and edges % outputs == 0 else min(edges, _COLUMNS)


def _draw_layer(
    axes: Axes,
    edges: Sequence[tuple[int, int]],
    grid: NDArray[np.float64],
    values: NDArray[np.float64],
    columns: int,
) -> None:
    """All edges in one axes: edge k in the unit cell (k mod columns, k div columns), its name above
    it.
    """
    sizes = np.array([np.abs(values[i, o]).mean() for i, o in edges])
    opacity = 0.25 + 0.75 * np.sqrt(sizes / (sizes.max() or 1.0))
    lines, frames = [], []
    for k, (i, o) in enumerate(edges):
        left, top = k % columns, -(k // columns)
        corner = np.array([left + 0.05, top - 0.95])
        frames.append(corner + np.array([[0, 0], [0.9, 0], [0.9, 0.72], [0, 0.72]]))
        curve = np.column_stack([_unit(grid[i]), _unit(values[i, o])])
        lines.append(corner + np.array([0.04, 0.06]) + curve * np.array([0.82, 0.6]))
        axes.text(
            left + 0.5,
            top - 0.2,
            f"{i + 1}→{o + 1}",
            fontsize=6.5,
            ha="center",
            va="bottom",
            color=INK,
        )
    axes.add_collection(
        PolyCollection(frames, facecolors="none", edgecolors="#DDDDDD", linewidths=0.7)
    )
    axes.add_collection(
        LineCollection(lines, colors=[(*to_rgb(KAN), float(a)) for a in opacity], linewidths=1.2)
    )
    spare = max(0.0, (_FEWEST_COLUMNS - columns) / 2)
    axes.set_xlim(-spare, columns + spare)
    axes.set_ylim(-math.ceil(len(edges) / columns), 0)
    axes.set_axis_off()


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values moved to [0, 1]; a constant stands in the middle."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.full_like(values, 0.5)


def _style(kind: str, mode: str) -> dict[str, Any]:
    colour = KAN if kind == "kan" else MLP
    marker = _MARKERS.get(mode, "D")
    return {"marker": marker, "linestyle": "none", "color": colour, "markeredgecolor": "white"}
