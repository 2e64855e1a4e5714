"""How scripts write problems/references/NAME.npz: with the digest of the shipped problem of that
name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kanpde.api.solving import configure
from kanpde.problem.stored_reference import KEYS, Reference, statement_digest, write

FOLDER = Path(__file__).resolve().parents[2] / "problems" / "references"

Array = np.ndarray[Any, Any]


def store(name: str, x: Array, w: Array, values: Array, error: float) -> None:
    """Write points x (N, d), weights (N,), values (N, m) and their own relative L2 error, and say
    so.
    """
    relative_error = max(float(error), 2.0**-52)  # values are rounded when they are stored
    arrays = (array.astype(np.float64) for array in (x, w, values))
    digest = statement_digest(configure(name).problem)
    path = FOLDER / f"{name}.npz"
    write(path, Reference(name, *arrays, relative_error, digest))
    print(
        f"  {len(x)} points, own error {relative_error:.1e}, {path.stat().st_size // 1000} kB",
        flush=True,
    )


def stamp(name: str) -> None:
    """Renew the digest alone."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        store(name, *(file[key] for key in KEYS))
