"""A computed solution where no closed formula exists: values at quadrature points, with an error of
its own.

`problems/references/NAME.npz` holds float64 arrays `x` (N, d) with time last, weights `w` (N,),
`values` (N, m) and the scalar `error`, the relative L2 error of the values themselves
(dimensionless), and the text `digest` of the problem that was solved: a reference serves no other
equation, condition, domain, time or parameter. `kanpde reference` and
`scripts/references/periodic_in_space.py` compute it. What `kanpde reference` computed lies in a
cache under its digest, and serves every problem of that digest that has neither `exact` nor
`reference`.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kanpde.config import ProblemConfig, shipped
from kanpde.config.problem.statement import problem_tree
from kanpde.domains import Domain
from kanpde.errors import ConfigError, StorageError
from kanpde.names import MANUFACTURED
from kanpde.storage import replacing

Array = NDArray[np.float64]

KEYS = ("x", "w", "values", "error")
FOLDER = "KANPDE_REFERENCES"
"""The environment variable that names the folder of computed references."""
NOT_STATED = ("name", "description", "recommended", "reference", "exact", "vectors", "quantities")


@dataclass(frozen=True, eq=False)
class Reference:
    """A solution known at points.

    Attributes:
        name: the file's name, or that of the problem.
        x: points (N, d), time last.
        w: quadrature weights (N,), positive, in the units of the domain's measure.
        values: (N, m), one column for every unknown.
        error: relative L2 error of the values themselves, dimensionless.
        digest: `statement_digest` of the problem that was solved.
    """

    name: str
    x: Array
    w: Array
    values: Array
    error: float
    digest: str

    @classmethod
    def of(cls, config: ProblemConfig, domain: Domain) -> Reference | None:
        """The shipped reference that a problem names, else a computed one of the same digest unless
        it has `exact`, or None.

        Raises:
            ConfigError: there is no such reference, or it belongs to another problem.
            StorageError: its file is damaged.
        """
        name, unknowns = config.reference, len(config.unknowns)
        if config.exact is not None or config.fit is not None:
            return None
        digest = statement_digest(config)
        if name is None:
            path = cached_path(digest)
            return read(path, config.name) if path.is_file() else None
        stored = read(shipped.reference(name), name)
        where, d = f"problem.reference: '{name}'", domain.dimension
        if stored.x.shape[1] != d or stored.values.shape[1] != unknowns:
            raise ConfigError(
                f"{where} holds {stored.values.shape[1]} unknowns in {stored.x.shape[1]}"
                f" coordinates, but the problem has {unknowns} in {d}; name the reference of this"
                " problem"
            )
        outside = ~domain.contains(stored.x)
        if outside.any():
            raise ConfigError(
                f"{where} has {int(outside.sum())} of {len(stored.x)} points outside the domain,"
                f" the first at {stored.x[outside][0].tolist()}; name the reference of this problem"
            )
        if stored.digest != digest:
            raise ConfigError(
                f"{where} was computed for another problem: its equations, conditions,"
                " definitions, domain, time or parameters are not those given here; remove the key"
                " (problem.reference=null) and compute one with kanpde reference"
            )
        return stored


def statement_digest(config: ProblemConfig) -> str:
    """32 hexadecimal digits of what is solved: all of a problem but its name, description,
    recommendations and errors.
    """
    tree = {key: value for key, value in problem_tree(config).items() if key not in NOT_STATED}
    if MANUFACTURED in config.definitions.values():
        tree["exact"] = dict(config.exact or {})
    for condition in tree["conditions"]:
        for key in ("weight", "name"):  # they change neither the solution nor its errors
            condition.pop(key, None)
    text = json.dumps(_plain(tree), sort_keys=True, ensure_ascii=True)
    return sha256(text.encode()).hexdigest()[:32]


def _plain(value: object) -> object:
    """Texts without spaces, numbers as float64."""
    if isinstance(value, str):
        return "".join(value.split())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def cached_path(digest: str) -> Path:
    """Where a computed reference lies: $KANPDE_REFERENCES, else kanpde/references in the user's
    cache.
    """
    name = f"{digest}.npz"
    if folder := os.environ.get(FOLDER):
        return Path(folder) / name
    cache = os.environ.get("XDG_CACHE_HOME")
    base = Path(cache) if cache else Path.home() / ".cache"
    return base / "kanpde" / "references" / name


def write(path: Path, reference: Reference) -> None:
    """Write a reference atomically; StorageError when that fails."""
    arrays = {key: np.asarray(getattr(reference, key), dtype=np.float64) for key in KEYS}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{path.parent}: cannot be made: {error.strerror or error}") from error
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary, allow_pickle=False, digest=np.array(reference.digest), **arrays
        )


def read(path: Path, name: str) -> Reference:
    """The reference in a file; StorageError unless it holds what it should and every number is
    finite.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            x, w, values, error = (np.asarray(file[key]) for key in KEYS)
            digest = np.asarray(file["digest"])
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as cause:
        raise StorageError(
            f"{path}: cannot be read as a reference; remove it or install kanpde again: {cause}"
        ) from cause
    arrays = {"x": x, "w": w, "values": values, "error": error}
    dimensions = tuple(array.ndim for array in arrays.values())
    shaped = dimensions == (2, 1, 2, 0) and 0 < len(x) == len(w) == len(values)
    finite = all(a.dtype == np.float64 and np.isfinite(a).all() for a in arrays.values())
    signed = digest.ndim == 0 and digest.dtype.kind == "U"
    if not (shaped and finite and signed and (w > 0).all() and error >= 0):
        present = ", ".join(f"{key} {a.dtype} {a.shape}" for key, a in arrays.items())
        raise StorageError(
            f"{path}: a reference needs finite float64 arrays x (N, d), w (N,) > 0, values (N, m),"
            f" a number error ≥ 0 and a text digest, found {present}; remove it or install kanpde"
            " again"
        )
    return Reference(name, x, w, values, error=float(error), digest=str(digest))
