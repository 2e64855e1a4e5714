"""The clock in the middle of a slab: in space the factors of one on finer cells may take longer than
all slabs before. Measured: heat from a Gaussian in a cube, 10 s and 9 s for two marches and more than
100 s for a slab of the third.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class OutOfTime(Exception):
    """A slab is broken off between two blocks of its factors; those before it stand."""


@dataclass(frozen=True)
class Deadline:
    """`over` says whether the time is over."""

    over: Callable[[], bool]

    def require(self) -> None:
        """OutOfTime if it is."""
        if self.over():
            raise OutOfTime


NEVER = Deadline(lambda: False)
