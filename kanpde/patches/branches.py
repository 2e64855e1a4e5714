"""Several solutions of one nonlinear problem: one is searched for as ever, others from it by
deflation on cells that show it, and each of these to the tolerance with cells of its own.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS
from kanpde.numerics.quadrature import Array
from kanpde.patches.cells import Cover
from kanpde.patches.covers import cover_of
from kanpde.patches.deflation import DIFFERENT, others
from kanpde.patches.kans import values_at
from kanpde.patches.layout import balanced
from kanpde.patches.levels import Cells, Ground, Level
from kanpde.patches.newton import Newton
from kanpde.patches.patched import Patched
from kanpde.patches.search import NEWTON_SAMPLES, search
from kanpde.patches.starts import seen
from kanpde.problem.starts import Start
from kanpde.progress import Overdue, Progress, Timed

FIRST, HUNT = 0.4, 0.3
ROUGH = 1e-6
"""The tolerance of solutions that others are looked for from."""

FINER = {1: 2}
"""How often first cells are halved before others are looked for, by the number of coordinates."""


def branches(config: Config, progress: Progress, start: Start | None) -> list[Patched]:
    """At most as many solutions as are asked for, each from a search of its own.

    The first is the one that a given start leads to, or else that of least norm; the others follow
    by their norms. The first may take FIRST of the seconds, the hunt HUNT of what is left then, and
    the others share the rest.
    """
    count, seconds = config.starts.solutions, config.seconds or SECONDS
    until = time.perf_counter() + seconds
    first = search(replace(config, seconds=FIRST * seconds), progress, start=start)
    if first.estimate is None or first.problem.is_linear:
        return [first]
    solutions, sample = [first], first.problem.domain.quadrature(NEWTON_SAMPLES)
    network = first.trial.kind
    ground = Ground(cover_of(first.problem, _cells(config), network), sample)
    hunt = Timed(progress, time.perf_counter() + HUNT * (until - time.perf_counter()))
    hunted = _hunted(config, (ground, first), hunt, start)
    for number, level in enumerate(hunted):
        if progress.stop is not None:
            break
        progress.message(f"another solution was found: number {len(solutions) + 1}")
        share = (until - time.perf_counter()) / (len(hunted) - number)
        within = replace(config, seconds=max(1.0, share))
        further = search(within, progress, start=partial(_values, ground.cover, level))
        known = [_at(each, sample.x) for each in solutions]
        values = _at(further, sample.x)
        if all(ground.norm(values - each) > DIFFERENT * ground.norm(each) for each in known):
            solutions.append(further)
    solutions = solutions[:count]
    by_norm = sorted(solutions, key=lambda each: ground.norm(_at(each, sample.x)))
    if start is None:
        return by_norm
    return [first, *(each for each in by_norm if each is not first)]


def _cells(config: Config) -> int | None:
    patches = config.trial.patches
    assert patches is not None
    return patches.cells


def _hunted(
    config: Config, known: tuple[Ground, Patched], progress: Progress, start: Start | None
) -> list[Level]:
    """Other solutions than the known one on cells that show it."""
    (ground, first), patches = known, config.trial.patches
    assert patches is not None
    cover, problem = ground.cover, first.problem
    leaves = dict.fromkeys(cover.start(), patches.degree)
    for _ in range(FINER.get(cover.dimension, 0)):
        axes = range(cover.dimension)
        halves = [half for cell in leaves for half in cover.children(cell, axes)]
        leaves = dict.fromkeys(halves, patches.degree)
    shown = partial(_at, first)
    cells = Cells.of(cover, seen(ground, balanced(cover, leaves), shown))
    try:
        same = Newton(ground, problem, progress, ROUGH, shown).solved(cells, None)
        newton = Newton(ground, problem, progress, ROUGH, start)
        return others(newton, cells, [same], config.starts.solutions - 1)
    except Overdue:
        return []


def _at(patched: Patched, x: Array) -> Array:
    """The values (N, m) of a solution."""
    return np.asarray(patched.trial.evaluate(torch.tensor(x)).numpy())


def _values(cover: Cover, level: Level, x: Array) -> Array:
    return values_at(cover, level.patches, level.coefficients, x)
