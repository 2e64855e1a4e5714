"""The MLP beside what the program chooses, on a file with neither `trial` nor `schedule` (or with
patches): the same problem, the same search and the same estimate of the error.

    KAN                whatever `kanpde solve` chooses: patches, slabs of time, products, one network
    equal parameters   patches of MLPs on the KAN's own cells, each with as many outer numbers as
                       the KAN there; where that is not on patches, refined up to as many numbers
    equal time         patches of MLPs, refined for the seconds that the KAN took, to its accuracy
    each at its best   patches of MLPs, refined to the tolerance within `seconds`, or one wide MLP
                       over the whole domain if its estimate is smaller

A problem that patches cannot solve is met by one MLP over the whole domain in every mode, whose
estimate is its largest relative residual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from kanpde.api import contenders
from kanpde.api.patch_plan import Patches
from kanpde.api.planning import plan_of
from kanpde.api.solving import solution_of
from kanpde.config import STAGE, Config, OptimizerStage
from kanpde.config.solve.defaults import SECONDS
from kanpde.config.solve.patches import PatchesConfig
from kanpde.errors import ConfigError, KanpdeError
from kanpde.numerics.polynomials import size
from kanpde.patches.cells import Cell
from kanpde.patches.refinement import STEP
from kanpde.patches.search import SHARE
from kanpde.progress import Progress
from kanpde.results.solution import Solution
from kanpde.trial.patchwork import Patchwork

HIGHEST = 24
"""Degrees of MLPs on given cells at most: from about 16 on further activations are rounding."""

FEWEST = 4


def are_met(config: Config) -> bool:
    """Whether a config leaves the way to the program, or to patches."""
    compare, problem = config.compare, config.problem
    own = compare.mlp is not None or compare.mlp_schedule is not None
    plain = problem.fit is None and problem.eigen is None and not problem.unknown_parameters
    return plain and not own and (config.chooses or config.trial.patches is not None)


@dataclass(frozen=True)
class Rivals:
    """The solves of MLPs beside one solution `kan` of a `config`."""

    config: Config
    kan: Solution
    progress: Progress

    def solved(self, mode: str) -> Solution:
        """The MLP of a mode."""
        patches = self._patches()
        if patches is None:
            return self._one_network(mode)
        if mode == "equal_parameters":
            return self._on_as_many(patches)
        if mode == "equal_time":
            return self._in_as_long(patches)
        return self._best(patches)

    def _patches(self) -> Patches | None:
        """Patches of MLPs, None where they cannot solve the problem."""
        given = self.config.trial.patches or PatchesConfig()
        trial = replace(self.config.trial, patches=replace(given, network="mlp"))
        try:
            return Patches(replace(self.config, chooses=False, trial=trial)).prepare()
        except ConfigError:
            return None

    def _on_as_many(self, patches: Patches) -> Solution:
        """On the KAN's cells, or refined up to its number of parameters."""
        trial = self.kan.trial
        if isinstance(trial, Patchwork) and trial.kind == "kan":
            limited = replace(patches, cells=matching_cells(trial))
        else:
            # a search that ends at the tolerance would end far below that number
            reached = replace(patches.config, tolerance=self._reached())
            limited = replace(patches, config=reached, parameters=trial.parameter_count)
        return self._run(limited)

    def _in_as_long(self, patches: Patches) -> Solution:
        """For as long as the KAN took, to what it reached."""
        seconds = self.config.compare.seconds or self.kan.seconds
        timed = replace(patches.config, seconds=seconds / SHARE, tolerance=self._reached())
        return self._run(replace(patches, config=timed))

    def _reached(self) -> float | None:
        """The estimate of the KAN, where it has one, else the tolerance."""
        estimate = self.kan.result.estimate
        known = estimate is not None and 0.0 < estimate < 1.0
        return estimate if known else self.config.tolerance

    def _best(self, patches: Patches) -> Solution:
        """To the tolerance, or over the whole domain."""
        local = self._run(patches)
        try:
            wide = self._one_network("best")
        except KanpdeError:
            return local
        return min(local, wide, key=lambda solution: _estimate(solution))

    def _one_network(self, mode: str) -> Solution:
        """One MLP over the whole domain: random features and one linear solve."""
        fixed = replace(self.config, chooses=False, tolerance=None, seconds=None)
        fixed = replace(fixed, trial=replace(fixed.trial, patches=None))
        seconds = self.config.seconds or SECONDS
        linear = OptimizerStage("least_squares", **STAGE["least_squares"], seconds=seconds)
        fixed = replace(fixed, schedule=(linear,))
        if mode == "best":
            # its other slopes cost as much and are no better by default
            return self._solved(contenders.widest_mlp(fixed, fixed.seed))
        most = contenders.parameters_of_widest(fixed)
        parameters = min(self.kan.trial.parameter_count, most)
        return self._solved(contenders.equal_mlp(fixed, fixed.seed, parameters))

    def _solved(self, config: Config) -> Solution:
        return solution_of(plan_of(config).run(self.progress))

    def _run(self, patches: Patches) -> Solution:
        return solution_of(patches.run(self.progress))


def matching_cells(trial: Patchwork) -> dict[Cell, int]:
    """The cells of KANs with degrees for MLPs that end with as many outer numbers on each; a search
    on given cells ends STEP degrees above.
    """
    tiles = trial.tiles
    counts = trial.outer_sizes
    degrees: dict[Cell, int] = {}
    for levels, indices, owner in zip(tiles.levels, tiles.indices, tiles.owner, strict=True):
        cell = Cell(tuple(levels.tolist()), tuple(indices.tolist()))
        degree = as_many(counts[int(tiles.degrees[owner])], tiles.dimension) - STEP
        degrees[cell] = max(degrees.get(cell, 0), degree)
    return degrees


def as_many(count: int, dimension: int) -> int:
    """The degree of the MLP whose number of outer parameters is nearest to `count`."""
    every = range(FEWEST + STEP, HIGHEST + 1)
    return min(every, key=lambda degree: abs(size(degree, dimension) - count))


def _estimate(solution: Solution) -> float:
    estimate = solution.result.estimate
    return math.inf if estimate is None else estimate
