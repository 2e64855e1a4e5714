"""A domain: a bounded set with a measure, named boundary parts and outward unit normals.

    ∫_Ω div F dx = Σ_parts ∫_part F·n ds

Every domain gives points with weights that sum to its measure, for collocation (`interior`, `part`:
laid out by kind and moved by a generator) and for integration (`quadrature`, `part_quadrature`:
deterministic and of high order). All coordinates are dimensionless, arrays are float64, shapes are
(N, d); time is the last coordinate.

A domain implements `contains`, `chebyshev`, `chart`, `part_chebyshev`, `translation` and the four
methods behind the checked ones (`_quadrature`, `_part_quadrature`, `_part_measure`, `_mesh`).
Domains made of other domains call only their public methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from kanpde.domains.mesh import Mesh
from kanpde.errors import ConfigError
from kanpde.names import did_you_mean
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import Array, Layout, PointSet

MOST_CANDIDATES = 4_000_000
"""Points of a bounding box that are tried for those inside the domain: 32 MB per coordinate."""

FEWER = 16
"""Where that many give too few, this share of the points asked for will do."""

MOST_MESH_COORDINATES = 3
"""Coordinates of a cell that mesh files and figures can hold."""


class Domain(ABC):
    """A bounded set Ω in d coordinates.

    `lower`, `upper` (d,) are the bounding box, `measure` is |Ω|, `parts` are the names of the
    boundary parts, `vanished` those that another operand of a combination covers or cuts away
    entirely, and `box` says whether Ω is an axis-aligned box (space-time over a box is one). Raises
    ConfigError for unknown parts and kinds.
    """

    lower: Array
    upper: Array
    parts: tuple[str, ...]
    vanished: tuple[str, ...] = ()
    measure: float
    box: bool

    @property
    def dimension(self) -> int:
        """The number of coordinates d (time included)."""
        return int(self.lower.shape[0])

    def interior(
        self, count: int, kind: str, rng: np.random.Generator, jitter: float = 1.0
    ) -> PointSet:
        """About `count` points of Ω laid out by `kind`, moved by `rng` as much as `jitter` says; Σw
        = measure.

        Equal states of `rng` give equal points. On boxes grid, chebyshev and gauss take
        count**(1/d) points per axis.
        """
        layout = self._layout(count, kind, rng, jitter)
        if kind == "gauss":
            return self._quadrature(count)
        if kind == "chebyshev":
            return self.chebyshev(count, layout)
        return equally_weighted(self.scattered(count, layout), self.measure)

    def part(
        self, name: str, count: int, kind: str, rng: np.random.Generator, jitter: float = 1.0
    ) -> PointSet:
        """About `count` points of the part `name` with outward unit normals (N, d); Σw = measure of
        the part.

        A part of an interval is one point of weight 1, whatever `count` is.
        """
        self._require_part(name)
        layout = self._layout(count, kind, rng, jitter)
        if kind == "gauss":
            return self._part_quadrature(name, count)
        if kind == "chebyshev":
            return self.part_chebyshev(name, count, layout)
        return self.part_scattered(name, count, layout)

    def quadrature(self, count: int) -> PointSet:
        """A deterministic high-order rule of about `count` points inside Ω, positive weights, Σw =
        measure.
        """
        rules.require_count(count)
        return self._quadrature(count)

    def part_quadrature(self, name: str, count: int) -> PointSet:
        """A deterministic high-order rule of about `count` points on a part, with outward unit
        normals.
        """
        self._require_part(name)
        rules.require_count(count)
        return self._part_quadrature(name, count)

    def part_measure(self, name: str) -> float:
        """The length or area of a part; 1 for an end point of an interval."""
        self._require_part(name)
        return self._part_measure(name)

    def periodic_shift(self, a: str, b: str) -> Array:
        """The translation (d,) that maps part `a` onto part `b`; ConfigError unless they are
        opposite faces.
        """
        self._require_part(a)
        self._require_part(b)
        shift = self.translation(a, b)
        if shift is None:
            raise ConfigError(
                f"periodic: [{a}, {b}] must be opposite faces of a box, found parts that no such"
                " translation maps onto each other; name two opposite sides of an interval,"
                " rectangle or box"
            )
        return shift

    def common_points(self, a: str, b: str) -> Array:
        """Points (N, d) that the closures of two parts have in common, N = 0 where they do not
        meet.
        """
        self._require_part(a)
        self._require_part(b)
        return np.zeros((0, self.dimension))

    def mesh(self, resolution: int) -> Mesh:
        """Simplices of about 1/`resolution` of the longest side, with vertices in the closed
        domain.

        Meant for export and figures. Raises ConfigError for more than 3 coordinates.
        """
        rules.require_count(resolution)
        if self.dimension > MOST_MESH_COORDINATES:
            raise ConfigError(
                f"mesh: fields with more than {MOST_MESH_COORDINATES} coordinates cannot be"
                f" exported as a mesh, found {self.dimension}; set output.vtu and output.plots to"
                " false"
            )
        return self._mesh(resolution)

    @abstractmethod
    def contains(
        self, x: Array, tolerance: float = 1e-12
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of the points `x` (N, d) lies in the closed domain, widened by `tolerance` ×
        its size; (N,).
        """

    @abstractmethod
    def chebyshev(self, count: int, layout: Layout) -> PointSet:
        """About `count` points of Ω, denser towards the boundary, moved by `layout`; Σw =
        measure.
        """

    @abstractmethod
    def chart(self, name: str, u: Array) -> tuple[Array, Array]:
        """Map the unit cube (N, d−1) onto a part, keeping ratios of measure: points (N, d) and
        normals (N, d).
        """

    @abstractmethod
    def part_chebyshev(self, name: str, count: int, layout: Layout) -> PointSet:
        """About `count` points of a part, denser towards its edges, with outward unit normals; Σw
        = measure of the part.
        """

    @abstractmethod
    def translation(self, a: str, b: str) -> Array | None:
        """The translation (d,) that maps part `a` onto part `b` with opposite normals, None where
        there is none.
        """

    @abstractmethod
    def _quadrature(self, count: int) -> PointSet: ...

    @abstractmethod
    def _part_quadrature(self, name: str, count: int) -> PointSet: ...

    @abstractmethod
    def _part_measure(self, name: str) -> float: ...

    @abstractmethod
    def _mesh(self, resolution: int) -> Mesh: ...

    def _charted(self, name: str, rule: rules.Rule) -> PointSet:
        """A rule on the unit cube (N, d−1) carried onto a part by its chart."""
        u, w = rule
        x, normal = self.chart(name, u)
        return PointSet(x, w * self._part_measure(name), normal)

    def part_scattered(self, name: str, count: int, layout: Layout) -> PointSet:
        """Points of a part from a grid or a sequence, with outward unit normals; Σw = measure of
        the part.
        """
        return self._charted(name, rules.cube(count, self.dimension - 1, layout))

    def scattered(self, count: int, layout: Layout) -> Array:
        """The points (N, d) of a layout of the bounding box that fall into the domain; N is about
        `count`, less by up to FEWER in a domain that fills very little of its box.
        """
        side = self.upper - self.lower
        # the share of the box that the domain fills is known, but not which points fall inside:
        # twice as many candidates until at least half of the points asked for do
        candidates = count * max(1.0, float(np.prod(side)) / self.measure)
        most = max(MOST_CANDIDATES, count)
        while True:
            candidates = min(candidates, most)
            u, _ = rules.cube(max(1, round(candidates)), self.dimension, layout)
            x = self.lower + u * side
            x = x[self.contains(x)]
            if len(x) >= min(count, 1 + count // (2 if candidates < most else FEWER)):
                return x
            if candidates == most:
                break
            candidates *= 2
        raise ConfigError(
            f"sampler.kind: {layout.kind!r} picks points from the bounding box, of which the"
            f" domain fills only {self.measure / float(np.prod(side)):.1e} parts; use 'chebyshev'"
            " or 'gauss'"
        )

    def _layout(self, count: int, kind: str, rng: np.random.Generator, jitter: float) -> Layout:
        layout = Layout(kind, rng, jitter)
        rules.require_count(count)
        rules.require_product(kind, self.dimension)
        return layout

    @staticmethod
    def vanished_part(name: str) -> str:
        """The sentence for a part of which combining the shapes left nothing."""
        return (
            f"part {name!r}: must bound the domain, found none of it left after combining the"
            " shapes; list it under `free`, or move its shape"
        )

    def _require_part(self, name: str) -> None:
        if name in self.vanished:
            raise ConfigError(self.vanished_part(name))
        if name not in self.parts:
            raise ConfigError(
                f"part {name!r}: the domain has the parts"
                f" {', '.join(self.parts)}{did_you_mean(name, self.parts)}; use one of these names"
            )


def equally_weighted(x: Array, measure: float) -> PointSet:
    """Points (N, d) of a set with the same weight each, Σw = measure of the set."""
    return PointSet(x, np.full(len(x), measure / len(x)))


def length_scale(lower: Array, upper: Array) -> float:
    """The size that relative tolerances refer to: the longest side or, far from the origin, the
    largest coordinate.
    """
    return float(max(np.max(upper - lower), np.max(np.abs(lower)), np.max(np.abs(upper))))


def frozen_array(values: object) -> Array:
    """A read-only float64 copy."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
