"""Points of the user's own, given as arrays, as the tables that a config holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kanpde.config.problem.tables import Table
from kanpde.errors import ConfigError
from kanpde.numerics.array_likes import plain_array


def own_points(points: Mapping[str, Any]) -> dict[str, Table]:
    """Points (N, d) by the name of their place, as tables whose columns have numbers for names.

    Raises:
        ConfigError: something is no array of finite numbers (N, d).
    """
    if not isinstance(points, Mapping):
        raise ConfigError(
            "points: needs arrays (N, d) by the name of their place, as in {'interior': x, 'left':"
            f" y}}, found {type(points).__name__}"
        )
    return {str(name): _table(f"points.{name}:", array) for name, array in points.items()}


def _table(name: str, given: Any) -> Table:
    x = plain_array(given, name, booleans=False)
    if x.ndim != 2 or not x.size:
        raise ConfigError(
            f"{name} needs an array (N, d) of N > 0 points, found the shape {x.shape}"
        )
    finite = abs(x) <= 1e300
    if not finite.all():
        row = int((~finite.all(axis=1)).argmax())
        raise ConfigError(f"{name} must be finite numbers, found {x[row].tolist()} in row {row}")
    columns = tuple(str(k + 1) for k in range(x.shape[1]))
    return Table(columns, x.astype("<f8").tobytes())
