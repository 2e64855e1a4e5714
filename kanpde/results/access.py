"""What a solution offers to scripts and notebooks: unknowns as functions, gradients, pictures, tables,
and its fields as objects of other packages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.errors import ConfigError
from kanpde.lazy import attributes
from kanpde.names import did_you_mean
from kanpde.numerics.array_likes import plain_array
from kanpde.numerics.torch_state import plain_torch
from kanpde.problem.problem import Problem
from kanpde.results import interchange
from kanpde.results.evaluation import Component, Function, derivatives
from kanpde.results.numpy_file import as_numpy
from kanpde.results.pictures import Pictures
from kanpde.trial.numpy_chain import Sensitivity
from kanpde.trial.piecewise import AnyTrial

_later = attributes(
    "kanpde.results",
    {"draw_in_memory": "plotting", "save_solution": "saving", "summary": "web_page"},
)
"""Pictures and pages know solutions, so a solution finds what makes them when it is asked."""

Array = NDArray[np.float64]


def plain_rows(points: Any, problem: Problem) -> Array:
    """Points of any kind as an array (N, d); ConfigError for another shape."""
    d = problem.domain.dimension
    given = plain_array(points, "solution: points", booleans=False)
    if given.ndim != 2 or given.shape[1] != d:
        raise ConfigError(
            f"solution: needs points of shape (N, {d}) for {problem.coordinates}, found"
            f" {given.shape}"
        )
    return given


def _unknowns(problem: Problem | None) -> tuple[str, ...]:
    """The names of the unknowns, none before there is a problem (in the middle of a copy)."""
    return () if problem is None else problem.unknowns


_ELSEWHERE = {
    **dict.fromkeys(("predict", "evaluate", "eval", "forward"), "; call it: solution(points)"),
    **dict.fromkeys(("error", "errors", "l2"), "; it has relative_l2, and result.estimate"),
    **dict.fromkeys(("show", "saveplot", "figure"), "; it has plot()"),
    **dict.fromkeys(("loss", "losses", "losshistory"), "; it has history"),
}
"""What other packages call what a solution has."""


class Access:
    """The part of `Solution` that is built on its values alone."""

    problem: Problem
    trial: AnyTrial
    result: Any

    def sensitivity(self, points: Any) -> Sensitivity:
        """Mean, variance and Sobol indices over the `parameter_ranges` at points of space (and time),
        by closed formulas; ConfigError where the solution is no chain of products.
        """
        chain = as_numpy(self.problem, self.trial)
        if not chain.ranges:
            raise ConfigError("sensitivity: needs parameter_ranges, and the problem has none")
        x = plain_array(points, "sensitivity: points", booleans=False)
        others = [name for k, name in enumerate(chain.names) if k not in chain.ranges]
        if x.ndim != 2 or x.shape[1] != len(others):
            raise ConfigError(
                f"sensitivity: needs points of shape (N, {len(others)}) for {others}, found {x.shape}"
            )
        return chain.sensitivity(x)

    @property
    def _whole(self) -> Any:
        return self

    def require_inside(self, points: Array, outside: str = "error") -> None:
        """ConfigError where points (N, d) lie outside the domain, unless `outside` is "allow"."""
        if outside not in ("error", "allow"):
            raise ConfigError(f"solution: outside must be 'error' or 'allow', found {outside!r}")
        if outside == "error" and len(points):
            wrong = ~self.problem.domain.contains(points)
            if wrong.any():
                raise ConfigError(
                    f"solution: {int(wrong.sum())} of {len(points)} points lie outside the domain,"
                    f" the first at"
                    f' {points[wrong][0].tolist()}; leave them out or give outside="allow"'
                )

    def save(self, path: str | Path) -> Path:
        """Write the solution as one file, NAME.safetensors: its tensors and, as text, its config and
        its result. `kanpde.load(path)` has it again; other solutions beside it are left out.

        Raises:
            ConfigError: the name ends otherwise, or only the run folder holds the solution.
            StorageError: the file cannot be written.
        """
        return Path(_later("save_solution")(self, Path(path)))

    @property
    def function(self) -> Function:
        """u as a function of tensors, differentiable by its points to any order."""
        return Function(self._whole)

    def __getitem__(self, name: str) -> Component:
        """An unknown by its name, as a function of the coordinates: `solution["u"](x, y)`."""
        if name not in self.problem.unknowns:
            known = self.problem.unknowns
            raise KeyError(f"no unknown {name!r}{did_you_mean(name, known)} ({', '.join(known)})")
        return Component(self._whole, name, (0,) * self.problem.domain.dimension)

    def __getattr__(self, name: str) -> Component:
        """The same as an attribute, where nothing else has that name: `solution.u(x, y)`."""
        if name.startswith("_") or name not in _unknowns(vars(self).get("problem")):
            raise AttributeError(f"a solution has no {name!r}{_ELSEWHERE.get(name, '')}")
        return self[name]

    @plain_torch()
    def grad(self, points: Array, outside: str = "error") -> Array:
        """The gradient of every unknown at points (N, d), (N, m, d)."""
        given = plain_rows(points, self.problem)
        self.require_inside(given, outside)
        d = given.shape[1]
        units = [tuple(int(k == axis) for k in range(d)) for axis in range(d)]
        x = torch.tensor(given)
        return (
            torch.stack([derivatives(self._whole, x, unit) for unit in units], dim=2)
            .double()
            .numpy()
        )

    def plot(self) -> Pictures:
        """The figures of the solution, which a notebook shows; `.save(folder)` writes them."""
        return cast(Pictures, _later("draw_in_memory")(self))

    def to_xarray(self, resolution: int = 64) -> Any:
        """The fields on an even grid as an xarray.Dataset; NaN outside the domain."""
        return interchange.to_xarray(self._whole, resolution)

    def to_pyvista(self, resolution: int | None = None) -> Any:
        """The fields on a mesh of the domain as a pyvista.UnstructuredGrid."""
        return interchange.to_pyvista(self._whole, resolution)

    def _repr_html_(self) -> str:
        """A table for notebooks: what was solved, by what, and the verdict."""
        return str(_later("summary")(self.result.as_dict()))
