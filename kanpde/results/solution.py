"""What came out of a solve: the trial solution, its errors, its history and why it stopped, as
data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde.assembly.collocation import Collocation
from kanpde.config import Config
from kanpde.domains import Mesh
from kanpde.errors import ConfigError
from kanpde.numerics.array_likes import plain_array
from kanpde.numerics.torch_state import plain_torch
from kanpde.problem.problem import Problem
from kanpde.progress import History, StageResult, StopReason
from kanpde.results import export, numpy_file
from kanpde.results.access import Access, plain_rows
from kanpde.results.curved_cells import curved_mesh
from kanpde.results.fields import bridged, patches_of, sample, with_regions
from kanpde.results.metrics import Metrics
from kanpde.results.numbers import Value
from kanpde.results.parameter_intervals import Estimate
from kanpde.results.series import RESOLUTION, Series, export_points, export_reference, instants
from kanpde.results.verdict import Verdict
from kanpde.trial.chain import ProductChain
from kanpde.trial.networks import KAN, bare
from kanpde.trial.patchwork import Patchwork
from kanpde.trial.piecewise import AnyTrial

Array = NDArray[np.float64]

UNTRUSTED = StopReason.UNREACHED.exit_code


@dataclass(frozen=True)
class Result:
    """The figures of a solve; `as_dict` is result.json.

    `verdict` holds the estimate of the relative L2 error; after the search of a fit `validation` is
    that from the rows that validate.
    """

    problem: str
    trial: Mapping[str, Any]
    metrics: Metrics
    seconds: float
    stop_reason: StopReason
    seed: int
    dtype: str
    threads: int
    stages: tuple[StageResult, ...]
    points: Mapping[str, int]
    version: str
    tolerance: float | None = None
    verdict: Verdict = field(default_factory=Verdict)
    validation: float | None = None
    parameters: Mapping[str, Estimate] = field(default_factory=dict)
    data: Mapping[str, Any] | None = None
    eigenvalues: tuple[Mapping[str, Any], ...] = ()
    solutions: tuple[Mapping[str, Any], ...] = ()
    quantities: Mapping[str, Value] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def estimate(self) -> float | None:
        """The largest estimated relative L2 error of an unknown, dimensionless; None where it cannot
        be told.
        """
        return self.verdict.worst

    @property
    def exit_code(self) -> int:
        """Exit code of a command that ends with this result: that of the stop reason, else 8 where
        the verdict warns.
        """
        return self.stop_reason.exit_code or (0 if self.verdict.trusted else UNTRUSTED)

    def as_dict(self) -> dict[str, Any]:
        """Plain data; errors are None without an exact solution or a reference."""
        return (
            {
                "problem": self.problem,
                "trial": dict(self.trial),
                **{key: value for key, value in vars(self.metrics).items() if key != "fit"},
                "seconds": self.seconds,
                "stop_reason": self.stop_reason.name.lower(),
                "stop_message": self.stop_reason.value,
                "seed": self.seed,
                "dtype": self.dtype,
                "threads": self.threads,
                "stages": [
                    {**vars(stage), "stop_reason": stage.stop_reason.lower()}
                    for stage in self.stages
                ],
                "points": dict(self.points),
                "version": self.version,
                "tolerance": self.tolerance,
                **self.verdict.as_dict(),
            }
            | ({} if self.validation is None else {"validation": self.validation})
            | (
                {"parameters": {k: estimate.as_dict() for k, estimate in self.parameters.items()}}
                if self.parameters
                else {}
            )
            | ({"data": dict(self.data)} if self.data else {})
            | (
                {"quantities": {name: each.as_dict() for name, each in self.quantities.items()}}
                if self.quantities
                else {}
            )
            | ({"eigenvalues": [dict(e) for e in self.eigenvalues]} if self.eigenvalues else {})
            | ({"solutions": [dict(each) for each in self.solutions]} if self.solutions else {})
            | ({"units": dict(self.units)} if self.units else {})
            | ({"fit": self.metrics.fit} if self.metrics.fit else {})
        )


def plain_points(points: Any) -> Array:
    """Points of any kind as an array of their own; ConfigError where they are no real numbers."""
    return plain_array(points, "solution: points", booleans=False)


@dataclass(frozen=True, eq=False)
class Sampled:
    """All fields of a solution, (V,) or (V, 3) by name, at the V vertices of a mesh of its domain:
    a file and the figures of a run share them.
    """

    mesh: Mesh
    fields: Mapping[str, Array]


@dataclass(frozen=True, repr=False)
class Solution(Access):
    """u(x; θ) with everything known about it. Call it at points (N, d) to get (N, m).

    `points` are those of the solve; with time slabs those of the first. `branches` are other
    solutions of the same problem, where several were asked for. `keep` writes what it can be read
    from into a folder.
    """

    config: Config
    problem: Problem
    trial: AnyTrial
    result: Result
    history: History
    points: Collocation | None = None
    branches: tuple[Solution, ...] = ()
    keep: Callable[[Path], None] | None = None

    def __repr__(self) -> str:
        """One line for a console: what was solved for, by what, and how well."""
        names = ", ".join(self.problem.unknowns)
        at = ", ".join(self.problem.coordinates)
        estimate = self.result.estimate
        error = "cannot be told" if estimate is None else f"{estimate:.1e}"
        trial = self.result.trial
        return (
            f"<Solution of '{self.problem.name}': {names} at ({at}) by a {trial['kind']} of"
            f" {trial['parameters']} parameters; estimated relative L2 error {error}>"
        )

    @overload
    def __call__(self, points: Tensor, outside: str = "error") -> Tensor: ...
    @overload
    def __call__(self, points: Array, outside: str = "error") -> Array: ...
    @plain_torch()
    def __call__(self, points: Tensor | Array, outside: str = "error") -> Tensor | Array:
        """u at points (N, d), a tensor for a tensor and an array for anything like one, (N, m).

        Points outside the domain are an error unless `outside` is "allow": the trial solution means
        nothing there.
        """
        given = self._plain(points)
        self.require_inside(given, outside)
        if isinstance(points, Tensor) and points.requires_grad and torch.is_grad_enabled():
            return self.function(points)
        values = self._values(given)
        if not isinstance(points, Tensor):
            return values.double().numpy()
        return values.to(
            points.device, points.dtype if points.is_floating_point() else values.dtype
        )

    def _plain(self, points: Any) -> Array:
        """Points of any kind as an array (N, d); ConfigError for another shape."""
        return plain_rows(points, self.problem)

    def _values(self, points: Array) -> Tensor:
        x = torch.tensor(points).to(self.trial.scale.dtype)
        return self.problem.choose(
            self.trial.evaluate(x), self.problem.region_of(torch.tensor(points))
        )

    @property
    def relative_l2(self) -> dict[str, float | None]:
        """Relative L2 error per unknown on held-out points; None without an exact solution or a
        reference.
        """
        return self.result.metrics.relative_l2

    @property
    def max_error(self) -> dict[str, float | None]:
        """Largest error per unknown on held-out points; None without an exact solution or a
        reference.
        """
        return self.result.metrics.max_error

    @property
    def rmse(self) -> dict[str, float]:
        """Root mean square error of a fit per unknown: on its test, or without one on what was
        fitted; empty without a fit.
        """
        fit = self.result.metrics.fit or {}
        errors = fit.get("test") or fit.get("train") or {"rmse": {}}
        return dict(errors["rmse"])

    @property
    def residual_rms(self) -> float:
        """Root mean square of the equations' residual on held-out points."""
        return self.result.metrics.residual_rms

    @property
    def boundary_max(self) -> float:
        """Largest residual of any condition on held-out points."""
        return self.result.metrics.boundary_max

    @property
    def parameters(self) -> dict[str, Estimate]:
        """The unknown parameters that were solved for, with standard errors and 95 % intervals
        where data give them.
        """
        return dict(self.result.parameters)

    @property
    def quantities(self) -> dict[str, Value]:
        """Those quantities that are numbers, as (value, estimate): the estimated absolute error,
        None where it cannot be told.
        """
        return dict(self.result.quantities)

    @property
    def eigenvalues(self) -> tuple[complex, ...]:
        """The eigenvalues of an eigenproblem in the order of its modes; otherwise none."""
        return tuple(complex(e["value"], e["imaginary"]) for e in self.result.eigenvalues)

    @property
    def seconds(self) -> float:
        """Wall seconds of the solve."""
        return self.result.seconds

    @property
    def stop_reason(self) -> StopReason:
        """Why it ended."""
        return self.result.stop_reason

    def coefficients(self) -> Tensor:
        """All trained numbers in one vector (P,)."""
        return torch.cat([parameter.detach().reshape(-1) for parameter in self.trial.parameters()])

    @plain_torch()
    def fields(
        self, points: Array, gradients: bool | None = None, regions: NDArray[np.int64] | None = None
    ) -> dict[str, Array]:
        """Every field worth looking at, (N,) or (N, 3) each: u, u_exact, u_error (u - exact), the
        `quantities` and `vectors` of the problem, u_gradient where the argument or else
        `output.gradients` says so, and the equations' residual. On a domain of regions `regions`
        (N,) are their numbers (those of a mesh say on which side of an interface a vertex is).
        """
        wanted = self.config.output.gradients if gradients is None else gradients
        return sample(self.problem, self.trial, self._plain(points), wanted, regions)

    def fields_on(self, mesh: Mesh) -> dict[str, Array]:
        """The same at the vertices of a mesh, for files: a derived field without a value at a
        single vertex (a residual at a singular corner) has the mean of the vertices around it there
        (see `kanpde.results.fields.bridged`).
        """
        return bridged(self.problem, self.fields(mesh.points, regions=mesh.regions), mesh)

    @property
    def meshable(self) -> bool:
        """Whether the domain has few enough coordinates (three) for a mesh."""
        return self.problem.domain.dimension in RESOLUTION

    @plain_torch()
    def mesh(self, resolution: int | None = None) -> Mesh:
        """A mesh of the domain for pictures and files; ConfigError beyond three coordinates."""
        return self.problem.domain.mesh(
            resolution or RESOLUTION.get(self.problem.domain.dimension, 8)
        )

    @plain_torch()
    def sampled(self, resolution: int | None = None) -> Sampled:
        """The fields on a mesh of the domain; ConfigError beyond three coordinates.

        `resolution` is the number of cells along the longest side.
        """
        mesh = self.mesh(resolution)
        return Sampled(mesh, self.fields(mesh.points, regions=mesh.regions))

    @plain_torch()
    def export(
        self,
        path: str | Path,
        resolution: int | None = None,
        sampled: Sampled | None = None,
        degree: int = 1,
    ) -> Path:
        """Write the fields on a mesh of the domain; the suffix decides (.vtu, .vtk, .csv, .npz,
        .pvd: see `export_series`, and .py of a chain of products: numpy alone evaluates it).

        `resolution` is the number of cells along the longest side; fields that are `sampled`
        already are not evaluated again. Cells of a `degree` up to 10 (.vtu) show what a mesh of
        degree 1 needs many more for. Raises ConfigError or StorageError.
        """
        if degree != 1:
            sampled = self._on_curved_cells(Path(path), degree, resolution)
        if Path(path).suffix == ".pvd":
            return self.export_series(path, None, resolution)
        if Path(path).suffix == numpy_file.SUFFIX:
            return numpy_file.write_module(Path(path), self.problem, self.trial)
        sampled = sampled or self.sampled(resolution)
        mesh, fields = sampled.mesh, bridged(self.problem, sampled.fields, sampled.mesh)
        fields = with_regions(fields, mesh)
        of_cells = patches_of(self.trial, mesh)
        names, units = self.problem.coordinates, self.problem.config.units
        return export.write_field(path, mesh, fields, names, of_cells, units)

    def _on_curved_cells(self, path: Path, degree: int, resolution: int | None) -> Sampled:
        if path.suffix != ".vtu":
            raise ConfigError(f"cells of degree {degree} need a .vtu file, found '{path.name}'")
        mesh = curved_mesh(self.problem.domain, self.trial, degree, resolution)
        return Sampled(mesh, self.fields(mesh.points, regions=mesh.regions))

    @plain_torch()
    def export_series(
        self,
        path: str | Path,
        times: int | Sequence[float] | None = None,
        resolution: int | None = None,
    ) -> Path:
        """Write a time series: `path` (.pvd) and a folder of VTU files on a mesh of space.

        `times` are a number of instants or the times; by default what `output.series` says, or 51.
        The series of a run that was stopped ends where the run did. Raises ConfigError or
        StorageError.
        """
        target = Path(path).with_suffix(".pvd")
        wanted = self.instants(times)
        Series(target, self.problem, wanted, resolution, self.config.output.gradients).add(
            self.trial, wanted[-1]
        )
        return target

    def instants(self, times: int | Sequence[float] | None = None) -> tuple[float, ...]:
        """The instants of a series, as far as the run got; ConfigError for others."""
        return instants(self.problem, self.config.output.series if times is None else times)

    @plain_torch()
    def export_points(self, folder: str | Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
        """Write points.vtu, the collocation points, into a folder, and reference.vtu where the
        problem has a reference.

        Returns the files and the names of the parts by their number in points.vtu. Raises
        ConfigError or StorageError.
        """
        if self.points is None:
            raise ConfigError(
                f"points of '{self.problem.name}': this solution was made without them; load it"
                f" from its run"
            )
        files = [Path(folder) / "points.vtu"]
        parts = export_points(files[0], self.points)
        if self.problem.reference is not None:
            files.append(Path(folder) / "reference.vtu")
            export_reference(files[1], self.problem, self.trial)
        return tuple(files), parts


def describe_trial(trial: AnyTrial) -> dict[str, Any]:
    """The `trial` node of result.json; of time slabs it is that of the last one, but for
    `parameters` and `slabs`, of patches that of the highest degree, but for `parameters`.
    """
    network = bare(trial.network)
    slabs = {"slabs": len(trial.slab_ends)} if trial.slab_ends else {}
    patches = {"patches": trial.count} if isinstance(trial, Patchwork) else {}
    pieces = slabs | patches
    if isinstance(trial, ProductChain):
        return {
            "kind": trial.kind,
            "nodes": "product",
            "ranks": trial.ranks,
            "degree": trial.degrees,
            "shape": trial.shape,
            "parameters": trial.parameter_count,
        }
    return pieces | {
        "kind": trial.net.kind,
        "width": trial.net.shape[1:-1],
        "shape": trial.net.shape,
        "basis": network.bases if isinstance(network, KAN) else None,
        "on": network.on if isinstance(network, KAN) else None,
        "degree": network.degrees if isinstance(network, KAN) else None,
        "intervals": network.intervals if isinstance(network, KAN) else None,
        "parameters": trial.parameter_count,
    }
