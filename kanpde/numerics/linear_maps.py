"""Derivatives in other coordinates ξ = S x:  ∂_i = Σ_k S_ki ∂_ξk, one after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Index = tuple[int, ...]


def turned(index: Index, matrix: NDArray[np.float64]) -> dict[Index, float]:
    """∂^α as a sum of derivatives by ξ: their multi-indices with the factor of each.

    Args:
        index: α.
        matrix: S.
    """
    total = {(0,) * len(index): 1.0}
    for axis, times in enumerate(index):
        for _ in range(times):
            further: dict[Index, float] = {}
            for known, factor in total.items():
                for k, share in enumerate(matrix[:, axis].tolist()):
                    if share:
                        one_more = (*known[:k], known[k] + 1, *known[k + 1 :])
                        further[one_more] = further.get(one_more, 0.0) + factor * share
            total = further
    return total
