"""All figures of one solve: the fields where the domain is, the history, and the edge functions of
a KAN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kanpde.config.problem.units import label
from kanpde.results.plotting.canvas import (
    BELOW,
    LEFT,
    LINE,
    MAGNITUDE,
    RIGHT,
    blank,
    field_scale,
    heading,
    place,
    save,
    scale_bar,
)
from kanpde.results.plotting.curves import draw_edges, draw_history
from kanpde.results.plotting.fitted import draw_fit
from kanpde.results.plotting.settings import defaults
from kanpde.results.plotting.views import Scale, View, view_of
from kanpde.results.plotting.volume import write_volume
from kanpde.results.report import describe_trial, number
from kanpde.storage import make_folder
from kanpde.trial.networks import bare

if TYPE_CHECKING:
    from kanpde.results.solution import Sampled, Solution

Array = NDArray[np.float64]
Panel = tuple[str, Array]

_NOTHING = 1e-17
"""Top of the scale of a magnitude that is zero everywhere."""

_BETWEEN, _BAR = 0.7, 1.25
"""Inches between the pictures of a row, and beside them for the colour bar."""

_LOWEST_BAR = 0.9
"""Inches of the lowest colour bar."""

_DECADES = 8.0
"""Most decades that a picture of a magnitude spans below its largest value."""


@defaults()
def write_figures(
    folder: Path, solution: Solution, sampled: Sampled | None = None
) -> tuple[Path, ...]:
    """Write solution, exact, error, residual, fit, history and edges as PNG into `folder`; what
    does not exist is left out.

    Args:
        folder: made when it is missing.
        solution: of a solve; its fields are evaluated at points that training never saw.
        sampled: its fields on a mesh of the domain, where they are known already; figures of one
        or two coordinates then show those.

    Returns:
        The files written.

    Raises:
        StorageError: a file cannot be written.
    """
    make_folder(folder)
    result = solution.result.as_dict()
    mesh = None if sampled is None else sampled.mesh
    problem, units = solution.problem, result.get("units", {})
    view = view_of(problem.domain, problem.coordinates, mesh, units)
    if sampled is not None and view.points is sampled.mesh.points:
        fields = sampled.fields
    else:
        fields = solution.fields(view.points, regions=view.regions)
    figures = _fields(view, fields, tuple(problem.unknowns), result, units)
    if (fit := draw_fit(solution, result)) is not None:
        figures["fit"] = fit
    figures["history"] = draw_history(solution.history, str(result["problem"]))
    layers = getattr(bare(solution.trial.network), "stack", None)
    if result["trial"]["kind"] == "kan" and layers is not None:
        figures["edges"] = draw_edges(
            [
                tuple(part.numpy(force=True) for part in layer.edge_functions(200))
                for layer in layers
            ],
            f"{result['problem']}: edge functions of the {describe_trial(result['trial'])}"
            + ("; those of the last" if result["trial"].get("slabs", 1) > 1 else ""),
        )
    written = [save(figure, folder / f"{name}.png") for name, figure in figures.items()]
    if problem.domain.dimension == 3 and problem.config.time is None:
        written.append(write_volume(folder, solution, sampled))
    return tuple(written)


def _fields(
    view: View,
    fields: Mapping[str, Array],
    unknowns: Sequence[str],
    result: Mapping[str, Any],
    units: Mapping[str, str],
) -> dict[str, Figure]:
    """Figures of the fields by file name."""
    labels = [label(name, units) for name in unknowns]
    head = f"{result['problem']}: "
    values = [(name, fields[name]) for name in unknowns]
    exact = [
        (f"exact {name}", fields[f"{name}_exact"]) for name in unknowns if f"{name}_exact" in fields
    ]
    error = [(name, fields[f"{name}_error"]) for name in unknowns if f"{name}_error" in fields]
    residual = [(name, field) for name, field in fields.items() if name.startswith("residual")]
    title = f"{result['problem']}\n{describe_trial(result['trial'])}"
    figures = {"solution": _signed(view, values, exact or values, title, labels)}
    if exact:
        figures["exact"] = _signed(view, exact, exact, head + "exact solution", labels)
    if error:
        l2, largest = result["relative_l2"], result["max_error"]
        panels = [
            (
                f"|{name} − exact|:  relative L2 {number(l2[name])},  max {number(largest[name])}",
                field,
            )
            for name, field in error
        ]
        labels = [
            text.replace(name, f"|{name} − exact|", 1)
            for (name, _), text in zip(error, labels, strict=True)
        ]
        figures["error"] = _magnitudes(view, panels, head + "error", labels)
    title = f"{head}residual of the equations, held-out rms {number(result['residual_rms'])}"
    if residual:
        sizes = [(f"|{name}|", field) for name, field in residual]
        figures["residual"] = _magnitudes(view, sizes, title, [name for name, _ in sizes])
    return figures


def _signed(
    view: View,
    panels: Sequence[Panel],
    scale: Sequence[Panel],
    title: str,
    labels: Sequence[str],
) -> Figure:
    """Fields in their own units; the colours of panel i span the values of `scale[i]`."""
    spans = [field_scale(field) for _, field in scale]
    scales = [Scale(*span, name) for span, name in zip(spans, labels, strict=True)]
    return _grid(view, panels, scales, title)


def _magnitudes(view: View, panels: Sequence[Panel], title: str, labels: Sequence[str]) -> Figure:
    """Magnitudes in a logarithmic scale, at most eight decades below the largest."""
    shown, scales = [], []
    for (heading_of, field), name in zip(panels, labels, strict=True):
        magnitude = np.abs(field)
        finite = magnitude[np.isfinite(magnitude)]
        top = float(finite.max()) if finite.size and finite.max() > 0 else _NOTHING
        clipped = np.maximum(magnitude, top * 10.0**-_DECADES)
        low = float(np.quantile(clipped[np.isfinite(clipped)], 0.01)) if finite.size else top
        shown.append((heading_of, clipped))
        scales.append(Scale(MAGNITUDE, LogNorm(min(low, top / 10.0), top), name))
    return _grid(view, shown, scales, title)


def _grid(view: View, panels: Sequence[Panel], scales: Sequence[Scale], title: str) -> Figure:
    """One row per panel, one column per picture of the view, one colour bar per row."""
    width, height = view.size
    tall = max(height, _LOWEST_BAR) if view.coloured else height
    step = width + _BETWEEN
    right = LEFT + view.panels * step - _BETWEEN
    head = 0.1 + LINE * (1 + title.count("\n"))
    alone = len(panels) == 1 and not isinstance(scales[0].norm, LogNorm)
    above = LINE * ((not alone) + (view.panels > 1)) + 0.05
    row = above + tall + BELOW
    figure = blank(right + (_BAR if view.coloured else RIGHT), head + len(panels) * row)
    heading(figure, title)
    for index, ((heading_of, values), scale) in enumerate(zip(panels, scales, strict=True)):
        top = head + index * row + above
        middle = top + (tall - height) / 2
        axes = [place(figure, LEFT + k * step, middle, width, height) for k in range(view.panels)]
        view.draw(axes, values, scale, "" if alone else heading_of)
        if view.coloured:
            scale_bar(place(figure, right + 0.1, top, 0.16, tall), *scale)
    return figure
