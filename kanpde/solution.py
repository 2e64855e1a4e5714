"""What came out of a solve: the trial solution, its errors, its history and why it stopped, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde import export
from kanpde.config import Config
from kanpde.domains import Mesh
from kanpde.errors import ConfigError
from kanpde.estimation import Estimate
from kanpde.expressions.evaluate import evaluate
from kanpde.metrics import Metrics
from kanpde.networks import KAN
from kanpde.problem import Problem
from kanpde.residual import Assembly, equation_terms
from kanpde.result import StopReason
from kanpde.slabs import AnyTrial

Array = NDArray[np.float64]

RESOLUTION = {1: 400, 2: 128, 3: 32}
"""Cells along the longest side of an exported mesh, by number of coordinates."""


@dataclass(frozen=True)
class StageResult:
    """One finished stage: objective at its end (dimensionless), wall seconds, name of its stop reason."""

    name: str
    steps: int
    objective: float
    seconds: float
    stop_reason: str


@dataclass(frozen=True)
class History:
    """Objective over steps and wall seconds; `stage` counts from 0; events are (step, text)."""

    step: tuple[int, ...]
    objective: tuple[float, ...]
    seconds: tuple[float, ...]
    stage: tuple[int, ...]
    events: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Result:
    """The figures of a solve; `as_dict` is result.json.

    `estimate` is that of the relative L2 error where a `tolerance` was given, from residuals alone.
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
    estimate: float | None = None
    parameters: Mapping[str, Estimate] = field(default_factory=dict)
    data: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data; errors are None without an exact solution or a reference."""
        return (
            {
                "problem": self.problem,
                "trial": dict(self.trial),
                **vars(self.metrics),
                "seconds": self.seconds,
                "stop_reason": self.stop_reason.name.lower(),
                "stop_message": self.stop_reason.value,
                "seed": self.seed,
                "dtype": self.dtype,
                "threads": self.threads,
                "stages": [{**vars(stage), "stop_reason": stage.stop_reason.lower()} for stage in self.stages],
                "points": dict(self.points),
                "version": self.version,
                "tolerance": self.tolerance,
                "estimate": self.estimate,
            }
            | ({"parameters": {k: one.as_dict() for k, one in self.parameters.items()}} if self.parameters else {})
            | ({"data": dict(self.data)} if self.data else {})
        )


@dataclass(frozen=True)
class Solution:
    """u(x; θ) with everything known about it. Call it at points (N, d) to get (N, m)."""

    config: Config
    problem: Problem
    trial: AnyTrial
    result: Result
    history: History

    @overload
    def __call__(self, points: Tensor, outside: str = "error") -> Tensor: ...
    @overload
    def __call__(self, points: Array, outside: str = "error") -> Array: ...
    def __call__(self, points: Tensor | Array, outside: str = "error") -> Tensor | Array:
        """u at points (N, d) as the same kind of array, (N, m).

        Points outside the domain are an error unless `outside` is "allow": the trial solution means nothing there.
        """
        d = self.problem.domain.dimension
        if points.ndim != 2 or points.shape[1] != d:
            raise ConfigError(
                f"solution: needs points of shape (N, {d}) for {self.problem.coordinates}, found {tuple(points.shape)}"
            )
        given = (
            points.detach().double().cpu().numpy() if isinstance(points, Tensor) else np.asarray(points, dtype=float)
        )
        if outside not in ("error", "allow"):
            raise ConfigError(f"solution: outside must be 'error' or 'allow', found {outside!r}")
        if outside == "error" and len(given):
            wrong = ~self.problem.domain.contains(given)
            if wrong.any():
                raise ConfigError(
                    f"solution: {int(wrong.sum())} of {len(given)} points lie outside the domain, the first at"
                    f' {given[wrong][0].tolist()}; leave them out or give outside="allow"'
                )
        values = self._values(given)
        if not isinstance(points, Tensor):
            return values.double().numpy()
        return values.to(points.device, points.dtype if points.is_floating_point() else values.dtype)

    def _values(self, points: Array) -> Tensor:
        return self.trial.evaluate(torch.tensor(points).to(self.trial.scale.dtype))

    @property
    def relative_l2(self) -> dict[str, float | None]:
        """Relative L2 error per unknown on held-out points; None without an exact solution or a reference."""
        return self.result.metrics.relative_l2

    @property
    def max_error(self) -> dict[str, float | None]:
        """Largest error per unknown on held-out points; None without an exact solution or a reference."""
        return self.result.metrics.max_error

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
        """The unknown parameters that were solved for, with standard errors and 95 % intervals where data give them."""
        return dict(self.result.parameters)

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

    def fields(self, points: Array) -> dict[str, Array]:
        """Every field worth looking at, (N,) each: u, u_exact, u_error (u - exact) and the equations' residual."""
        values = self._values(points).double().numpy()
        found: dict[str, Array] = {name: values[:, o] for o, name in enumerate(self.problem.unknowns)}
        if self.problem.exact is not None:
            exact = evaluate(self.problem.exact, torch.tensor(points))
            for name, field in zip(self.problem.unknowns, exact, strict=True):
                found[f"{name}_exact"] = field.numpy()
                found[f"{name}_error"] = found[name] - found[f"{name}_exact"]
        x = torch.tensor(points).to(self.trial.scale.dtype)
        with torch.no_grad():
            residuals = Assembly(equation_terms(self.problem, x), self.trial).residuals(self.trial)
        for k, residual in enumerate(residuals, start=1):
            found["residual" if len(residuals) == 1 else f"residual_{k}"] = residual.double().numpy()
        return found

    @property
    def meshable(self) -> bool:
        """Whether the domain has few enough coordinates (three) for a mesh."""
        return self.problem.domain.dimension in RESOLUTION

    def mesh(self, resolution: int | None = None) -> Mesh:
        """A mesh of the domain for pictures and files; ConfigError beyond three coordinates."""
        return self.problem.domain.mesh(resolution or RESOLUTION.get(self.problem.domain.dimension, 8))

    def export(self, path: str | Path, resolution: int | None = None) -> Path:
        """Write the fields on a mesh of the domain; the suffix decides (.vtu, .vtk, .csv, .npz).

        `resolution` is the number of cells along the longest side. Raises ConfigError or StorageError.
        """
        mesh = self.mesh(resolution)
        return export.write_field(path, mesh, self.fields(mesh.points), self.problem.coordinates)


def describe_trial(trial: AnyTrial) -> dict[str, Any]:
    """The `trial` node of result.json."""
    network = trial.network
    return {
        "kind": trial.net.kind,
        "width": trial.net.shape[1:-1],
        "shape": trial.net.shape,
        "degree": network.degrees if isinstance(network, KAN) else None,
        "intervals": network.intervals if isinstance(network, KAN) else None,
        "parameters": trial.parameter_count,
    }
