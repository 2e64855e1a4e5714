"""The trial solutions that a tolerance is searched for with, level by level.

Families, cheap ones first: sums of univariate functions, the characteristic directions of the
equation alone, the directions of its source alone, those of linear forms in its formulas, the
distance to its centre, even directions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from kanpde.ansatz.characteristics import characteristics
from kanpde.ansatz.linear_forms import formula_directions
from kanpde.ansatz.projection_pursuit import source_centers, source_directions
from kanpde.ansatz.radial_units import round_holes
from kanpde.config import STAGE, Config, OptimizerStage, SamplerConfig
from kanpde.problem.problem import Problem

CHARACTERISTIC, SOURCE, EVEN = (
    "characteristic directions",
    "directions of the source",
    "even directions",
)
FORMS = "directions of the formulas"
RADIAL = "distance to the centre of the source"

STEPS = (8, 16, 32, 64, 128, 256, 512)
"""Intervals of the levels of a family that is climbed by them."""

PLANE = (
    (12, 4),
    (20, 8),
    (32, 12),
    (40, 18),
    (48, 24),
    (64, 32),
    (80, 40),
    (96, 48),
    (128, 64),
)
"""Even directions and intervals of the levels in two coordinates."""

CUBES = ((48, 7, 1), (96, 11, 1), (160, 15, 1), (240, 15, 2), (300, 15, 4))
"""Even directions, degree and intervals of the levels in three coordinates."""

MOST_UNITS = 4000
"""Even directions in more coordinates, at most."""

Shape = tuple[int, int, int]
"""Hidden units, degree and intervals of the outer layer; 0 units: a sum of univariate functions."""


class Families:
    """The levels of a search as configs, family by family, or `only` those of one; the source is
    pursued where its families are reached.
    """

    def __init__(self, config: Config, problem: Problem, only: str | None = None) -> None:
        self._config, self._problem, self._only = config, problem, only

    def first(self) -> Config:
        """The config of the first level."""
        _, candidates = next(iter(self))
        return candidates[0]

    def __iter__(self) -> Iterator[tuple[str, list[Config]]]:
        """Name and configs of every family, coarse ones first."""
        for name, configs in self._all():
            if self._only in (None, name):
                yield name, configs

    def _all(self) -> Iterator[tuple[str, list[Config]]]:
        problem = self._problem
        d = problem.domain.dimension
        intervals = (*STEPS, 1024, 2048) if d == 1 else STEPS[:4]
        yield self._family("univariate functions", 0, intervals)
        count = len(characteristics(problem))
        if count:
            yield self._family(
                CHARACTERISTIC, count, (32, *STEPS[3:], 1024), directions="characteristic"
            )
        directions = source_directions(problem)
        if directions:
            yield self._family(SOURCE, len(directions), STEPS[2:], directions=directions)
        forms = () if directions or d == 1 else formula_directions(problem)
        if forms:
            yield self._family(FORMS, len(forms), (*STEPS[2:], 1024), directions=forms)
        centers = source_centers(problem)
        if centers:
            yield self._family(RADIAL, len(centers), STEPS[2:], centers=centers)
        shapes = self._even(d)
        if shapes:
            yield EVEN, [self._candidate(shape, ends="clamped") for shape in shapes]

    def _even(self, d: int) -> list[Shape]:
        """The shapes of even directions in d coordinates; none on a line."""
        order = self._problem.order
        if d == 2:
            return [(units, self._high, intervals) for units, intervals in PLANE]
        if d == 3:
            return [(units, max(degree, order + 3), count) for units, degree, count in CUBES]
        if d == 1:
            return []
        # all polynomials of degree p are sums of ridge functions in so many directions
        full = [(math.comb(d - 1 + p, p), p) for p in range(order + 1, order + 6)]
        few = min(MOST_UNITS, round(1.2 * math.comb(d + 1, 2)))
        return [(few, order + 1, 1), *((min(MOST_UNITS, units), p, 1) for units, p in full)]

    @property
    def _high(self) -> int:
        """The degree of the outer layer where its resolution is climbed by intervals."""
        return max(13, self._problem.order + 9)

    def _family(
        self, name: str, units: int, intervals: Iterable[int], **keys: Any
    ) -> tuple[str, list[Config]]:
        return name, [self._candidate((units, self._high, count), **keys) for count in intervals]

    def _candidate(
        self,
        shape: Shape,
        directions: str | tuple[tuple[float, ...], ...] = "even",
        centers: str | tuple[tuple[float, ...], ...] = "none",
        ends: str = "extended",
    ) -> Config:
        """The config of a level: points grow with the columns, holes get half of the units at most,
        least squares is all.
        """
        units, degree, intervals = shape
        config, radial = self._config, self._config.trial.radial
        if radial:
            radial = min(radial, units // (2 * max(1, len(round_holes(self._problem)))))
        trial = replace(
            config.trial,
            width=(units,) if units else (),
            basis=("bspline",) * (2 if units else 1),
            radial=radial,
            degree=(max(5, self._problem.order + 1), degree) if units else (degree,),
            intervals=(2, intervals) if units else (intervals,),
            directions=directions,
            centers=centers,
            start="ridge",
            margin=0.0,
            ends=ends,
        )
        stage = OptimizerStage("least_squares", **STAGE["least_squares"])
        return replace(config, trial=trial, sampler=self._sampler(shape), schedule=(stage,))

    def _sampler(self, shape: Shape) -> SamplerConfig:
        """Points for the columns of a level, and for its splines along each direction."""
        units, degree, intervals = shape
        d, splines, sampler = (
            self._problem.domain.dimension,
            degree + intervals,
            self._config.sampler,
        )
        if d == 1:
            interior = max(200, 2 * max(units, 1) * splines, 10 * splines)
            return replace(sampler, interior=interior, boundary=2)
        columns = (units if units else d) * splines
        boundary = 16 * splines if d == 2 else 2 * columns
        return replace(
            sampler,
            interior=max(1000, 2 * columns, 10 * splines),
            boundary=max(400 * (d - 1), boundary),
        )
