"""The range of the colours of a field, for figures and for ParaView."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BOTH_SIGNS = 0.1
"""A field has both signs where its smaller side is so large, as a share of the larger one."""


class ColourRange(NamedTuple):
    """The ends of a range, and whether it is even on both sides of zero."""

    low: float
    high: float
    signed: bool


def colour_range(values: NDArray[np.float64]) -> ColourRange:
    """The range of a field (N,): even around zero where it has both signs, and of some width where
    it is constant.
    """
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low < 0 < high and min(-low, high) >= BOTH_SIGNS * max(-low, high):
        most = max(-low, high)
        return ColourRange(-most, most, True)
    return ColourRange(*((low, high) if high > low else (low - 0.5, high + 0.5)), False)
