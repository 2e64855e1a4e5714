"""A KAN as a diagram: inputs below, outputs above, every edge a little picture of its function over
the inputs that it meets.

Opacity is tanh(3 v / v_max), v the mean |φ - mean φ| of an edge and v_max the largest of its layer;
each picture has its own scale. Edges that were pruned are not drawn, and of wide layers the most
important units only.
Source: Liu et al., KAN: Kolmogorov–Arnold Networks, arXiv 2404.19756, fig. 2.4 (layout and
opacity).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from kanpde.errors import ConfigError
from kanpde.results.plotting.canvas import INK, LINE, blank, heading, place, save
from kanpde.results.plotting.canvas import KAN as COLOUR
from kanpde.results.plotting.canvas import MLP as KNOWN
from kanpde.results.plotting.settings import defaults
from kanpde.results.solution import Solution
from kanpde.trial.networks import KAN, bare
from kanpde.trial.networks.edge_sizes import view
from kanpde.trial.patchwork import Patchwork

Array = NDArray[np.float64]
Labels = Mapping[tuple[int, int, int], str]
"""Names of edges (layer, input, output)."""

MOST_EDGES = 40
"""Edges that are drawn between two layers, where whole units can be left out."""

_STEP, _BOX, _STRIP, _FLOOR, _SAMPLES = 0.78, 0.62, 0.17, 2.3, 120
"""Inches from picture to picture, of a picture, of the name below it, of a layer; points of a
curve.
"""


@dataclass(frozen=True)
class Drawn:
    """One edge: its ends among the units that are drawn, curve (S, 2) in the unit square, opacity,
    label.
    """

    begin: int
    end: int
    curve: Array
    opacity: float
    label: str


@dataclass(frozen=True)
class Diagram:
    """What is drawn: per layer of units their names, between two layers the edges; `hidden` counts
    the units left out.
    """

    names: tuple[tuple[str, ...], ...]
    edges: tuple[tuple[Drawn, ...], ...]
    hidden: int


@defaults()
def write_diagram(
    path: Path, solution: Solution, title: str = "", labels: Labels | None = None
) -> Path:
    """Draw the network of a solution, on time slabs that of the last one; `labels` name edges that
    are known functions.

    Raises:
        ConfigError: the trial solution is no KAN.
        StorageError: the file cannot be written.
    """
    if isinstance(solution.trial, Patchwork):
        raise ConfigError(
            f"diagram of '{solution.problem.name}': needs one network, found"
            f" {solution.trial.count} patches; draw one of them with solution.trial.piece"
        )
    trial = solution.trial.each[-1]
    network = bare(trial.network)
    name, problem = solution.problem.name, solution.problem
    if not isinstance(network, KAN):
        raise ConfigError(
            f"diagram of '{name}': needs a kan, found an {trial.net.kind}; its edges are no"
            f" functions"
        )
    if solution.points is None:
        raise ConfigError(
            f"diagram of '{name}': this solution was made without its points; load it from its run"
        )
    s = trial.scaled(solution.points.interior.x)
    wrapping = getattr(trial, "wrapping", None)
    inputs = wrapping.circles.names(problem.coordinates) if wrapping else problem.coordinates
    picture = diagram(network, s.detach(), inputs, problem.outputs, labels)
    return save(draw_diagram(picture, title or f"{name}: KAN {network.shape}"), path)


def diagram(
    network: KAN,
    s: Tensor,
    inputs: Sequence[str],
    outputs: Sequence[str],
    labels: Labels | None = None,
) -> Diagram:
    """The diagram of a network over points s (N, d) of its own coordinates.

    `inputs` and `outputs` name the ends; `labels` are given to edges that are known functions.
    """
    views, labels = view(network, s), labels or {}
    kept = _kept(
        [layer.variations.numpy(force=True) * layer.kept_edges.numpy(force=True) for layer in views]
    )
    names = [
        [inputs[i] for i in kept[0]],
        *([""] * len(units) for units in kept[1:-1]),
        [outputs[o] for o in kept[-1]],
    ]
    edges = []
    for number, layer in enumerate(views):
        sizes = layer.variations.numpy(force=True)
        kept_edges, top = (
            layer.kept_edges.numpy(force=True),
            sizes[layer.kept_edges.numpy(force=True)].max(initial=0.0) or 1.0,
        )
        edges.append(
            tuple(
                Drawn(
                    b,
                    e,
                    _curve(
                        *(part.numpy(force=True) for part in (layer.inputs[i], layer.values[o, i]))
                    ),
                    float(np.tanh(3 * sizes[o, i] / top)),
                    labels.get((number, i, o), ""),
                )
                for b, i in enumerate(kept[number])
                for e, o in enumerate(kept[number + 1])
                if kept_edges[o, i]
            )
        )
    return Diagram(tuple(map(tuple, names)), tuple(edges), sum(network.shape) - sum(map(len, kept)))


def draw_diagram(picture: Diagram, title: str) -> Figure:
    """The picture of a diagram."""
    most = max(len(edges) for edges in picture.edges)
    width = max(5.0, _STEP * most, 0.9 * max(map(len, picture.names)))
    height = _FLOOR * len(picture.edges)
    figure = blank(width + 0.2, height + 1.1 + LINE + 0.2)
    text = title + (
        f"; {picture.hidden} less important units are not drawn" if picture.hidden else ""
    )
    heading(figure, text)
    axes = place(figure, 0.0, 0.2 + LINE, width + 0.2, height + 1.1)
    places = [_even(len(names), width) for names in picture.names]
    for number, edges in enumerate(picture.edges):
        _draw_edges(axes, edges, (places[number], places[number + 1]), number * _FLOOR, width)
    for number, (names, x) in enumerate(zip(picture.names, places, strict=True)):
        _draw_units(axes, names, x, number, len(picture.edges))
    axes.set_xlim(-0.1, width + 0.1)
    axes.set_ylim(-0.55, height + 0.55)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure


def _draw_edges(
    axes: Axes, edges: Sequence[Drawn], ends: tuple[Array, Array], bottom: float, width: float
) -> None:
    """The pictures of one layer in a row, each with a line from its input and a line to its output;
    names stand in the frames, where they hide no line.
    """
    below, above = ends
    by_output = len(above) > len(below)
    order = sorted(edges, key=lambda e: (e.end, e.begin) if by_output else (e.begin, e.end))
    middle = bottom + _FLOOR / 2
    lines, frames, curves, colours = [], [], [], []
    for x, edge in zip(_even(len(order), width), order, strict=True):
        low, high, left = middle - _BOX / 2, middle + _BOX / 2, x - _BOX / 2
        foot = low - _STRIP * bool(edge.label)
        lines += [
            [(below[edge.begin], bottom + 0.07), (x, foot)],
            [(x, high), (above[edge.end], bottom + _FLOOR - 0.12)],
        ]
        frames.append([(left, foot), (left + _BOX, foot), (left + _BOX, high), (left, high)])
        curves.append(np.array([left, low]) + _BOX * (0.08 + 0.84 * edge.curve))
        colours.append((*to_rgb(KNOWN if edge.label else COLOUR), edge.opacity))
        if edge.label:
            axes.text(
                x, low + 0.02, edge.label, fontsize=9, ha="center", va="top", color=KNOWN, zorder=4
            )
    shade = [(*to_rgb(INK), colour[3]) for colour in colours]
    axes.add_collection(
        LineCollection(lines, colors=np.repeat(shade, 2, axis=0), linewidths=0.9, zorder=1)
    )
    axes.add_collection(
        PolyCollection(frames, facecolors="white", edgecolors=shade, linewidths=0.9, zorder=2)
    )
    axes.add_collection(LineCollection(curves, colors=colours, linewidths=1.7, zorder=3))


def _draw_units(axes: Axes, names: Sequence[str], x: Array, number: int, last: int) -> None:
    """Inputs as dots with names, all others as circles with a sum in them."""
    y = np.full(len(x), number * _FLOOR)
    if number == 0:
        axes.plot(x, y, "o", color=INK, markersize=7, zorder=4)
    else:
        axes.plot(x, y, "o", color=INK, markerfacecolor="white", markersize=13, zorder=4)
        for at in x:
            axes.text(at, y[0] - 0.005, "Σ", fontsize=9, ha="center", va="center", zorder=5)
    if number in (0, last):
        for at, name in zip(x, names, strict=True):
            up = number == last
            axes.text(
                at,
                y[0] + (0.2 if up else -0.2),
                name,
                fontsize=13,
                ha="center",
                va="bottom" if up else "top",
            )


def _kept(sizes: Sequence[Array]) -> list[list[int]]:
    """The units that are drawn: all, but of hidden layers with too many edges those with the
    largest outgoing edges.
    """
    kept = [
        list(range(sizes[0].shape[1])),
        *(list(range(layer_sizes.shape[0])) for layer_sizes in sizes),
    ]
    for number in range(1, len(kept) - 1):
        edges = max(len(kept[number - 1]), len(kept[number + 1]) if number + 2 == len(kept) else 1)
        most = max(2, MOST_EDGES // edges)
        if len(kept[number]) > most:
            order = np.argsort(-sizes[number].max(0), kind="stable")[:most]
            kept[number] = sorted(int(k) for k in order)
    return kept


def _curve(z: Array, values: Array) -> Array:
    """The points in the order of z, at most so many, moved into the unit square, (S, 2)."""
    order = np.argsort(z)
    order = order[np.unique(np.linspace(0, len(order) - 1, _SAMPLES).astype(int))]
    return np.column_stack([_unit(z[order]), _unit(values[order])])


def _unit(values: Array) -> Array:
    """Values moved to [0, 1]; a constant stands in the middle."""
    low, high = float(values.min()), float(values.max())
    flat = high - low <= 1e-12 * max(abs(low), abs(high))
    return np.full_like(values, 0.5) if flat else (values - low) / (high - low)


def _even(count: int, width: float) -> Array:
    return np.asarray((np.arange(count) + 0.5) * (width / max(1, count)), dtype=np.float64)
