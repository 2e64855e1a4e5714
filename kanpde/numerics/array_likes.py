"""What people give as arrays, as plain arrays of their own: lists, views, masked arrays without a
mask, objects with `__array__` such as tables, and tensors of any device and precision.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, strided

from kanpde.errors import ConfigError

Array = NDArray[np.float64]


def plain_array(given: Any, name: str, booleans: bool = True) -> Array:
    """`given` as a new array of float64, of any shape; ConfigError that begins with `name` where it
    holds no real numbers, rows of several lengths, unknown (masked) ones, or booleans where those
    can be no more than a mistake.
    """
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise ConfigError(f"{name} must all be known, found masked ones; leave them out")
    try:
        plain = np.array(_from_tensor(given) if isinstance(given, Tensor) else given)
    except ValueError as error:
        raise ConfigError(f"{name} must be rows of equal length, found {error}") from error
    except Exception as error:  # whatever the conversion of a foreign object raises
        raise ConfigError(
            f"{name} must be an array of numbers, found {type(given).__name__} that is none"
            f" ({type(error).__name__}: {' '.join(str(error).split())[:80]})"
        ) from error
    if plain.dtype.kind == "b" and not booleans:
        raise ConfigError(
            f"{name} must be real numbers, found booleans; a mask chooses rows of points: x[mask]"
        )
    if plain.dtype.kind == "O" and all(_is_number(item) for item in plain.flat):
        plain = plain.astype(np.float64)
    if plain.dtype.kind not in "biuf":
        raise ConfigError(
            f"{name} must be real numbers, found {plain.dtype}; give an array of floats"
        )
    return plain.astype(np.float64)


def _is_number(item: object) -> bool:
    return isinstance(item, Real) and not isinstance(item, bool)


def _from_tensor(given: Tensor) -> NDArray[Any]:
    """NumPy knows neither bfloat16 nor tensors elsewhere, sparse ones, or those of a graph."""
    dense = given.detach().to_dense() if given.layout is not strided else given.detach()
    dense = dense.double() if dense.is_floating_point() else dense
    return np.asarray(dense.cpu().resolve_conj().resolve_neg().numpy())
