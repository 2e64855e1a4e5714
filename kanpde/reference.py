"""A computed solution where no closed formula exists: values at quadrature points, with an error of its own.

`problems/references/NAME.npz` holds float64 arrays `x` (N, d) with time last, weights `w` (N,), `values` (N, m) and the
scalar `error`, the relative L2 error of the values themselves (dimensionless). `scripts/make_references.py` makes it.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kanpde import shipped
from kanpde.domains import Domain
from kanpde.errors import ConfigError, StorageError

Array = NDArray[np.float64]

KEYS = ("x", "w", "values", "error")


@dataclass(frozen=True, eq=False)
class Reference:
    """Values (N, m) at points x (N, d) with weights w (N,), and their own relative L2 error."""

    name: str
    x: Array
    w: Array
    values: Array
    error: float

    @classmethod
    def of(cls, name: str, domain: Domain, unknowns: int) -> Reference:
        """The shipped reference `name` for m unknowns on a domain.

        Raises:
            ConfigError: there is no such reference, or it belongs to another domain or to other unknowns.
            StorageError: its file is damaged.
        """
        found = read(shipped.reference(name), name)
        where, d = f"problem.reference: '{name}'", domain.dimension
        if found.x.shape[1] != d or found.values.shape[1] != unknowns:
            raise ConfigError(
                f"{where} holds {found.values.shape[1]} unknowns in {found.x.shape[1]} coordinates, but the problem has"
                f" {unknowns} in {d}; name the reference of this problem"
            )
        outside = ~domain.contains(found.x)
        if outside.any():
            raise ConfigError(
                f"{where} has {int(outside.sum())} of {len(found.x)} points outside the domain, the first at"
                f" {found.x[outside][0].tolist()}; name the reference of this problem"
            )
        return found


def read(path: Path, name: str) -> Reference:
    """The reference in a file; StorageError unless it holds what it should and every number is finite."""
    try:
        with np.load(path, allow_pickle=False) as file:
            x, w, values, error = (np.asarray(file[key]) for key in KEYS)
    except (OSError, ValueError, TypeError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as cause:
        raise StorageError(f"{path}: cannot be read as a reference; install kanpde again: {cause}") from cause
    arrays = (x, w, values, error)
    shaped = (x.ndim, w.ndim, values.ndim, error.ndim) == (2, 1, 2, 0) and 0 < len(x) == len(w) == len(values)
    exact = all(array.dtype == np.float64 and np.isfinite(array).all() for array in arrays)
    if not (shaped and exact and (w > 0).all() and error >= 0):
        raise StorageError(
            f"{path}: a reference needs finite float64 arrays x (N, d), w (N,) > 0, values (N, m) and a number error ≥ 0,"
            f" found {', '.join(f'{key} {a.dtype} {a.shape}' for key, a in zip(KEYS, arrays, strict=True))}; install kanpde again"
        )
    return Reference(name, x, w, values, float(error))
