"""A slab as it is kept: where its patches are and what they hold, without what solved it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kanpde.numerics.polynomials import derivatives, size
from kanpde.trial.patchwork import Locator, Tiles

Array = NDArray[np.float64]

CHUNK = 1000
"""Points that are evaluated at a time."""


@dataclass(frozen=True)
class Strip:
    """From t over h: the places of the patches, and of each the Legendre coefficients in time
    (n, m (s + 1)), unknown by unknown.
    """

    t: float
    h: float
    tiles: Tiles
    series: tuple[Array, ...]

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.tiles)

    def at(self, x: Array) -> Array:
        """The coefficients in time (N, m (s + 1)) at places (N, d)."""
        tiles, owner = self.tiles, self._locator.patch_of(x)
        values = np.empty((len(x), self.series[0].shape[1]))
        dimension = x.shape[1]
        ones, zero = np.ones(dimension), (0,) * dimension
        of_points = tiles.degrees[owner]
        for degree in sorted(set(of_points.tolist())):
            chosen = np.flatnonzero(of_points == degree)
            for start in range(0, len(chosen), CHUNK):
                some = chosen[start : start + CHUNK]
                low, high = tiles.lower[owner[some]], tiles.upper[owner[some]]
                local = (2 * x[some] - low - high) / (high - low)
                table = derivatives(local, -ones, ones, degree, [zero])[zero]
                picked = np.stack([self.series[number] for number in owner[some]])
                values[some] = np.einsum("kn,knc->kc", table, picked)
        return values

    def arrays(self, prefix: str) -> Mapping[str, Array]:
        """All numbers by names that begin with a prefix."""
        named = {f"{prefix}{key.name}": getattr(self.tiles, key.name) for key in fields(Tiles)}
        return named | {f"{prefix}series": np.concatenate(self.series)}

    @classmethod
    def restored(cls, t: float, h: float, arrays: Mapping[str, Array], prefix: str) -> Strip:
        """From the numbers of a file."""
        tiles = Tiles(**{key.name: arrays[f"{prefix}{key.name}"] for key in fields(Tiles)})  # type: ignore[arg-type]
        ends = np.cumsum([size(int(degree), tiles.lower.shape[1]) for degree in tiles.degrees])[:-1]
        return cls(t, h, tiles, tuple(np.split(arrays[f"{prefix}series"], ends)))
