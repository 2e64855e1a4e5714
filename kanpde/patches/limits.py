"""What a search is held to where its solution is compared with another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kanpde.numerics.polynomials import size
from kanpde.patches.cells import Cell
from kanpde.patches.layout import Patch
from kanpde.patches.refinement import STEP


@dataclass(frozen=True)
class Limits:
    """Given `cells` with their degrees, the only level; or the most outer `parameters` of MLPs in the
    enrichment of a level.
    """

    cells: Mapping[Cell, int] | None = None
    parameters: int | None = None

    def allow(self, patches: Sequence[Patch], unknowns: int) -> bool:
        """Whether a level on patches may follow."""
        if self.parameters is None:
            return True
        outer = sum(size(patch.degree + STEP, patch.dimension) for patch in patches)
        return outer * unknowns <= self.parameters


UNLIMITED = Limits()
