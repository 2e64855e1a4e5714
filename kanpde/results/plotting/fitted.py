"""The figure of a fit of a table: with one input the rows and the curve, else values of the fit
over those of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kanpde.config.problem.units import label
from kanpde.results.plotting.canvas import (
    BELOW,
    INK,
    KAN,
    LEFT,
    LINE,
    MLP,
    QUIET,
    RIGHT,
    blank,
    heading,
    place,
    tidy,
)
from kanpde.results.report import describe_trial, number

if TYPE_CHECKING:
    from kanpde.results.solution import Solution

Array = NDArray[np.float64]
Rows = Mapping[str, tuple[Array, Array]]

_CURVE, _MOST = 1000, 5000
"""Points of the curve, and of each set of rows at most."""

_STYLES: Mapping[str, Mapping[str, Any]] = {
    "train": {"color": QUIET, "marker": "o", "label": "fitted"},
    "test": {"color": MLP, "marker": "D", "label": "test"},
}


def draw_fit(solution: Solution, result: Mapping[str, Any]) -> Figure | None:
    """One panel per unknown; None where no table is fitted."""
    data = solution.problem.data
    if data is None:
        return None
    x, y, x_test, y_test = data
    rows: dict[str, tuple[Array, Array]] = {"train": (x, y)}
    if x_test is not None and y_test is not None:
        rows["test"] = x_test, y_test
    rows = {
        name: (a[:: 1 + len(a) // _MOST], b[:: 1 + len(a) // _MOST])
        for name, (a, b) in rows.items()
    }
    unknowns, line = solution.problem.unknowns, x.shape[1] == 1
    width, height, head = 5.4 if line else 3.6, 3.0, 0.2 + 3 * LINE
    step = LEFT + width + RIGHT
    figure = blank(step * len(unknowns), head + height + BELOW)
    heading(figure, f"{result['problem']}\n{describe_trial(result['trial'])}")
    for o, name in enumerate(unknowns):
        axes = place(figure, o * step + LEFT, head, width, height)
        (_curve if line else _parity)(axes, solution, rows, o)
        errors = [
            f"{kind} {number(agreement['rmse'][name])}"
            for kind, agreement in result["fit"].items()
            if agreement is not None
        ]
        axes.set_title(f"{name}: RMSE {', '.join(errors)}", fontsize=10)
        axes.legend(fontsize=8, frameon=False)
    return figure


def _curve(axes: Axes, solution: Solution, rows: Rows, o: int) -> None:
    """The rows, and the fit over the domain."""
    domain = solution.problem.domain
    t = np.linspace(domain.lower[0], domain.upper[0], _CURVE)
    problem = solution.problem
    names = problem.coordinates[0], problem.unknowns[o]
    tidy(axes, *(label(name, problem.config.units) for name in names))
    for kind, (x, y) in rows.items():
        axes.plot(x[:, 0], y[:, o], linestyle="none", markersize=3, **_STYLES[kind])
    axes.plot(t, solution(t[:, None])[:, o], color=KAN, linewidth=1.4, label="fit")


def _parity(axes: Axes, solution: Solution, rows: Rows, o: int) -> None:
    """Values of the fit over the numbers of the rows; a perfect fit lies on the diagonal."""
    name = solution.problem.unknowns[o]
    shown = label(name, solution.problem.config.units)
    tidy(axes, f"{shown} in the table", f"{shown} of the fit")
    ends = [float(pick(y[:, o])) for pick in (np.min, np.max) for _, y in rows.values()]
    axes.plot([min(ends), max(ends)], [min(ends), max(ends)], color=INK, linewidth=0.8, zorder=0)
    for kind, (x, y) in rows.items():
        axes.plot(y[:, o], solution(x)[:, o], linestyle="none", markersize=3, **_STYLES[kind])
