"""A solution as an object of other packages, which are loaded here and nowhere else, when they are
asked for.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.config.problem.units import units_of
from kanpde.errors import ConfigError

MOST_POINTS = 5_000_000


def _missing(name: str, error: ImportError) -> ConfigError:
    return ConfigError(f"{name} is not installed ({error}); pip install {name}")


def to_xarray(solution: Any, resolution: int) -> Any:
    """The unknowns on an even grid of `resolution` points along every coordinate, as an
    xarray.Dataset; NaN outside the domain. Raises ConfigError.
    """
    try:
        import xarray
    except ImportError as error:
        raise _missing("xarray", error) from error
    domain, names = solution.problem.domain, solution.problem.coordinates
    if resolution < 2 or resolution ** len(names) > MOST_POINTS:
        raise ConfigError(
            f"to_xarray: needs at least 2 and in all at most {MOST_POINTS} points, found"
            f" {resolution} along each of {len(names)} coordinates"
        )
    ends = zip(domain.lower, domain.upper, strict=True)
    axes = [np.linspace(lower, upper, resolution) for lower, upper in ends]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    inside = domain.contains(grid)
    shape = (resolution,) * len(names)
    values = np.full((len(grid), len(solution.problem.unknowns)), np.nan)
    values[inside] = solution(grid[inside])
    fields = {
        name: (names, column.reshape(shape))
        for name, column in zip(solution.problem.unknowns, values.T, strict=True)
    }
    units = solution.problem.config.units
    attributes = {"problem": solution.problem.name, "estimate": str(solution.result.estimate)}
    data = xarray.Dataset(fields, dict(zip(names, axes, strict=True)), attributes)
    for name, unit in units_of(list(data.variables), units, names).items():
        data[name].attrs["units"] = unit
    return data


def to_pyvista(solution: Any, resolution: int | None) -> Any:
    """All fields on a mesh of the domain, as field.vtu has them. Raises ConfigError."""
    try:
        import pyvista
    except ImportError as error:
        raise _missing("pyvista", error) from error
    with tempfile.TemporaryDirectory() as folder:
        return pyvista.read(solution.export(Path(folder) / "field.vtu", resolution))
