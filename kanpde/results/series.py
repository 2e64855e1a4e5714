"""A time series for ParaView: one VTU file per instant on the mesh of space, and a .pvd file that
lists them.

    <VTKFile type="Collection"><Collection><DataSet timestep="t" part="0"
file="NAME/NAME_00000.vtu"/> …

NAME.pvd stands beside the folder NAME/. Every file is whole or absent, and the list is written
again after each of them, so that a viewer may watch a run. A reference is known at scattered points
only, so u_exact and u_error stand in a series where `exact` is a formula; `export_reference` writes
the points of a reference.
Source: ParaView's PVD format, a VTK XML collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.assembly.collocation import Collocation
from kanpde.domains import Composite, Domain, SpaceTime
from kanpde.domains.meshes import files as meshfile
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem
from kanpde.results import export
from kanpde.results.fields import bridged, sample, with_regions
from kanpde.storage import make_folder, replacing, write_text
from kanpde.trial.piecewise import AnyTrial

Array = NDArray[np.float64]

SERIES = "series.pvd"
"""What a time series is called in a run folder."""

RESOLUTION = {1: 400, 2: 128, 3: 32}
"""Cells along the longest side of an exported mesh, by number of its coordinates."""

INSTANTS = 51
"""Instants of a series where nothing else is asked for."""


def space_of(problem: Problem) -> SpaceTime:
    """The space-time of a problem; ConfigError where there is no time or no mesh of its space."""
    domain = problem.domain
    if isinstance(domain, Composite):
        domain = _joined(domain)
    if not isinstance(domain, SpaceTime):
        raise ConfigError(
            f"a time series of '{problem.name}': the problem has no time; export it to vtu"
        )
    if domain.space.dimension not in RESOLUTION:
        raise ConfigError(
            f"a time series of '{problem.name}' needs at most 3 coordinates of space, found"
            f" {domain.space.dimension};"
            " export it to csv or npz"
        )
    return domain


def _joined(domain: Composite) -> Domain:
    """The space-time over regions of space in place of space-times side by side; any other domain
    as it is.
    """
    members = [member for member in domain.members if isinstance(member, SpaceTime)]
    if len(members) < len(domain.members):
        return domain
    return SpaceTime(
        Composite(domain.names, tuple(member.space for member in members)),
        members[0].start,
        members[0].end,
    )


def instants(problem: Problem, times: int | Sequence[float] | None) -> tuple[float, ...]:
    """So many equal steps with both ends, or the times themselves; ConfigError for a time outside
    the interval.
    """
    domain = space_of(problem)
    if times is None or isinstance(times, int):
        return tuple(np.linspace(domain.start, domain.end, times or INSTANTS).tolist())
    wrong = [t for t in times if not domain.start <= t <= domain.end]
    if wrong:
        raise ConfigError(
            f"a time series: {wrong[0]} is not in the time interval {[domain.start, domain.end]}"
        )
    return tuple(sorted(float(t) for t in times))


def at_time(points: Array, t: float) -> Array:
    """Points of space (V, d - 1) at one instant, (V, d) with time last."""
    return np.pad(points, ((0, 0), (0, 1)), constant_values=t)


class Series:
    """Writes the instants of a problem in their order, as far as its trial solution is known."""

    def __init__(
        self,
        path: Path,
        problem: Problem,
        times: Sequence[float],
        resolution: int | None = None,
        gradients: bool = False,
    ) -> None:
        space = space_of(problem).space
        self._path, self._problem, self._gradients = path, problem, gradients
        self._waiting, self._written = list(times), list[float]()
        self._mesh = space.mesh(resolution or RESOLUTION[space.dimension])

    def add(self, trial: AnyTrial, end: float) -> None:
        """Write every instant up to `end` that is not written yet.

        Raises:
            StorageError: a file cannot be written.
        """
        folder = make_folder(self._path.with_suffix(""))
        for t in list(takewhile(lambda t: t <= end, self._waiting)):
            fields = sample(
                self._problem,
                trial,
                at_time(self._mesh.points, t),
                self._gradients,
                self._mesh.regions,
            )
            fields = with_regions(bridged(self._problem, fields, self._mesh), self._mesh)
            export.write_field(
                folder / self._name(len(self._written)),
                self._mesh,
                fields,
                self._problem.coordinates[:-1],
                units=self._problem.config.units,
            )
            self._written.append(self._waiting.pop(0))
            self._list()
        if not self._waiting:
            self._sweep(folder)

    def _name(self, number: int) -> str:
        return f"{self._path.stem}_{number:05d}.vtu"

    def _list(self) -> None:
        from xml.sax.saxutils import quoteattr

        lines = [
            '<?xml version="1.0"?>',
            '<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">',
        ]
        lines.append("  <Collection>")
        for number, t in enumerate(self._written):
            file = quoteattr(f"{self._path.stem}/{self._name(number)}")
            lines.append(f'    <DataSet timestep="{t!r}" group="" part="0" file={file}/>')
        write_text(self._path, "\n".join([*lines, "  </Collection>", "</VTKFile>", ""]))

    def _sweep(self, folder: Path) -> None:
        """Remove what a longer series left behind under the same name."""
        number = len(self._written)
        while (stale := folder / self._name(number)).is_file():
            stale.unlink()
            number += 1


def export_points(path: Path, points: Collocation) -> tuple[str, ...]:
    """Write collocation points as vertices: weights, the number of the part they belong to, and a
    0/1 field per part, `on_NAME`; that of the points inside is `interior`.

    Args:
        path: .vtu or .vtk, three coordinates at most.
        points: of a solve; averages have none of their own.

    Returns:
        The names that the numbers in the field `part` stand for: interior, then the boundary parts.
    """
    # a part may be called interior too, so that these are pairs and no dictionary
    parts = [("interior", points.interior)]
    parts += [(f"on_{name}", part) for name, part in points.parts.items()]
    x = torch.cat([part.x for _, part in parts]).double().numpy()
    number = np.repeat(np.arange(len(parts)), [len(part.x) for _, part in parts])
    fields: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
        "part": number,
        "weight": torch.cat([part.w for _, part in parts]).double().numpy(),
    }
    fields |= {field: (number == k).astype(np.int64) for k, (field, _) in enumerate(parts)}
    _vertices(path, x, fields)
    return "interior", *points.parts


def export_reference(path: Path, problem: Problem, trial: AnyTrial) -> None:
    """Write u, u_reference and their difference u_error at the points of the problem's reference,
    as vertices.
    """
    known = problem.reference
    if known is None:
        raise ConfigError(f"'{problem.name}' has no reference; export the field to vtu")
    values = trial.evaluate(torch.tensor(known.x).to(trial.scale.dtype)).double().numpy()
    fields: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
    for o, name in enumerate(problem.unknowns):
        fields[name], fields[f"{name}_reference"] = values[:, o], known.values[:, o]
        fields[f"{name}_error"] = values[:, o] - known.values[:, o]
    _vertices(path, known.x, fields)


def _vertices(
    path: Path, x: Array, fields: dict[str, NDArray[np.float64] | NDArray[np.int64]]
) -> None:
    if x.shape[1] > 3:
        raise ConfigError(
            f"points of {x.shape[1]} coordinates do not fit a {path.suffix} file, which has three"
        )
    cells = [("vertex", np.arange(len(x), dtype=np.int64)[:, None])]
    with replacing(path) as temporary:
        meshfile.write(temporary, np.pad(x, ((0, 0), (0, 3 - x.shape[1]))), cells, fields)
