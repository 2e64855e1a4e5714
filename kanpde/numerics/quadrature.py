"""Points with weights that sum to a measure.

    ∫_Ω f dx ≈ Σ_i w_i f(x_i),    w_i > 0,    Σ_i w_i = |Ω|

All rules here live on the unit interval [0, 1] or the unit cube [0, 1]^k (Σw = 1); a domain maps
them to itself.

- `grid`: the midpoints of equal cells; each point moves inside its own cell by up to jitter/2 of
the cell.
- `chebyshev`: u = (1 − cos θ)/2 with θ_i = (i + ½ + s) π/n, dense near both ends. One phase s per
axis, uniform in
  ±jitter/4. The weight of a node is its cell in θ, w_i = (cos θ_{i−½} − cos θ_{i+½})/2; the outer
  cells reach the ends.
- `sobol`, `latin_hypercube`: low-discrepancy sequences, scrambled by the generator for every
  jitter > 0 and by a fixed seed for jitter 0; equal weights.
- `gauss`: Gauss–Legendre, from a table of at most 64 nodes; jitter has no effect.

Source: Davis & Rabinowitz, Methods of Numerical Integration (1984); Trefethen, SIAM Review 50
(2008) 67–87.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kanpde.errors import ConfigError
from kanpde.numerics.sobol import sobol

Array = NDArray[np.float64]
Rule = tuple[Array, Array]

KINDS = ("grid", "chebyshev", "sobol", "latin_hypercube", "gauss")
SEQUENCES = ("sobol", "latin_hypercube")
MOST_PRODUCT_COORDINATES = 3
MOST_GAUSS_COORDINATES = 4
LARGEST_GAUSS_PANEL = 64
GAUSS_TABLE = Path(__file__).with_name("gauss_legendre.npy")
"""Nodes and weights on [-1, 1] of the rules of 1 to 64 nodes, one after the other, (2, 2080)."""


@dataclass(frozen=True, eq=False)
class PointSet:
    """Points `x` (N, d), weights `w` (N,) and, on a boundary part, outward unit normals `normal`
    (N, d).

    The arrays are float64 and dimensionless; they are copied, checked and made read-only on
    construction. Raises ConfigError when shapes disagree, a number is not finite, a weight not
    positive or a normal not of length 1.
    """

    x: Array
    w: Array
    normal: Array | None = None

    def __post_init__(self) -> None:
        x, w = _read_only(self.x), _read_only(self.w)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "w", w)
        if x.ndim != 2 or x.size == 0 or w.shape != x.shape[:1]:
            raise ConfigError(
                f"point set: x must be (N, d) and w (N,) with N ≥ 1, found {x.shape} and"
                f" {w.shape}; reshape the arrays"
            )
        if not (np.isfinite(x).all() and np.isfinite(w).all() and (w > 0).all()):
            raise ConfigError(
                "point set: points must be finite and weights positive, found others; check the"
                " rule"
            )
        if self.normal is not None:
            normal = _read_only(self.normal)
            object.__setattr__(self, "normal", normal)
            if normal.shape != x.shape or not np.allclose(
                np.linalg.norm(normal, axis=1), 1.0, rtol=0, atol=1e-12
            ):
                raise ConfigError(
                    f"point set: normals must be unit vectors of shape {x.shape}, found"
                    f" {normal.shape}; normalise them"
                )

    def __len__(self) -> int:
        return int(self.w.shape[0])


@dataclass(frozen=True, eq=False)
class Layout:
    """How points are laid out: a kind of KINDS, the generator that moves them, and how much (jitter
    in [0, 1]).

    Raises ConfigError for an unknown kind or a jitter outside [0, 1].
    """

    kind: str
    rng: np.random.Generator
    jitter: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(
                f"sampler.kind: must be one of {', '.join(KINDS)}, found {self.kind!r}; choose one"
            )
        if not 0.0 <= self.jitter <= 1.0:
            raise ConfigError(
                f"sampler.jitter: must lie in [0, 1], found {self.jitter!r}; use 0 to keep points"
                f" still"
            )

    def shift(self) -> float:
        """A Chebyshev phase s, uniform in ±jitter/4."""
        return float(self.rng.uniform(-0.25, 0.25)) * self.jitter

    def turn(self) -> float:
        """A phase for equally spaced points on a closed curve, uniform in ±jitter/2 of a
        spacing.
        """
        return float(self.rng.uniform(-0.5, 0.5)) * self.jitter


def gauss(count: int) -> Rule:
    """Gauss–Legendre on [0, 1]: nodes (n,) and weights (n,); more than 64 nodes are split into
    equal panels.
    """
    panels = -(-count // LARGEST_GAUSS_PANEL)
    u, w = _gauss_panel(-(-count // panels))
    if panels == 1:
        return u, w
    nodes = (np.arange(panels)[:, None] + u[None, :]) / panels
    return nodes.ravel(), np.tile(w / panels, panels)


def chebyshev(count: int, shift: float = 0.0) -> Rule:
    """Chebyshev nodes on (0, 1) with the phase `shift` in ±¼ and their cells in θ as weights
    (second-order rule).
    """
    theta = (np.arange(count) + 0.5 + shift) * np.pi / count
    edges = (np.arange(count + 1) + shift) * np.pi / count
    edges[0], edges[-1] = 0.0, np.pi
    # cos a − cos b = 2 sin((a + b)/2) sin((b − a)/2) keeps the tiny cells at the ends accurate
    weights = np.sin((edges[:-1] + edges[1:]) / 2) * np.sin((edges[1:] - edges[:-1]) / 2)
    return np.sin(theta / 2) ** 2, weights


def periodic(count: int, turn: float = 0.0) -> Rule:
    """The trapezoidal rule on a closed curve of unit length: equally spaced, turned by `turn`
    spacings.
    """
    return np.mod((np.arange(count) + 0.5 + turn) / count, 1.0), np.full(count, 1.0 / count)


def tensor(rules: Sequence[Rule]) -> Rule:
    """The product of k rules: points (N, k) and weights (N,); k = 0 gives one point of weight 1."""
    if not rules:
        return np.zeros((1, 0)), np.ones(1)
    axes = np.meshgrid(*[u for u, _ in rules], indexing="ij")
    weights = rules[0][1]
    for _, w in rules[1:]:
        weights = np.multiply.outer(weights, w)
    return np.stack([a.ravel() for a in axes], axis=1), weights.ravel()


def cube(count: int, dimension: int, layout: Layout) -> Rule:
    """About `count` points (N, k) in the unit cube of k = `dimension` coordinates with weights
    (N,), Σw = 1.
    """
    if dimension == 0:
        return tensor(())
    if layout.kind in SEQUENCES:
        return _sequence(count, dimension, layout), np.full(count, 1.0 / count)
    require_product(layout.kind, dimension)
    n = per_axis(count, dimension)
    if layout.kind == "chebyshev":
        return tensor([chebyshev(n, layout.shift()) for _ in range(dimension)])
    if layout.kind == "gauss":
        return tensor([gauss(n)] * dimension)
    points, weights = tensor([((np.arange(n) + 0.5) / n, np.full(n, 1.0 / n))] * dimension)
    moved = layout.rng.uniform(-0.5, 0.5, points.shape) * layout.jitter
    return points + moved / n, weights


def cube_quadrature(count: int, dimension: int) -> Rule:
    """A deterministic rule of about `count` points in the unit cube: points (N, k), weights (N,),
    Σw = 1.

    Up to 4 coordinates the product Gauss–Legendre rule; beyond, where a product explodes, `count`
    points of a Sobol sequence with a fixed scrambling (equal weights, error about 1/count).
    """
    if dimension > MOST_GAUSS_COORDINATES:
        return _fixed(count, dimension)
    return tensor([gauss(per_axis(count, dimension))] * dimension)


@lru_cache(maxsize=2)
def _fixed(count: int, dimension: int) -> Rule:
    """A sequence that all faces of a box in many coordinates have; it may not be written to."""
    points, weights = cube(count, dimension, Layout("sobol", np.random.default_rng(0), 0.0))
    points.setflags(write=False)
    weights.setflags(write=False)
    return points, weights


def per_axis(count: int, dimension: int) -> int:
    """The number of points per axis of a product rule of about `count` points."""
    return max(1, round(count ** (1.0 / dimension))) if dimension else 1


def require_product(kind: str, dimension: int) -> None:
    """Raise ConfigError where a product rule would need too many points."""
    if kind not in SEQUENCES and dimension > MOST_PRODUCT_COORDINATES:
        raise ConfigError(
            f"sampler.kind: {kind!r} is a product rule for at most {MOST_PRODUCT_COORDINATES}"
            f" coordinates, "
            f"found {dimension}; use 'sobol'"
        )


def require_count(count: int) -> None:
    """Raise ConfigError unless `count` is a whole number ≥ 1."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise ConfigError(
            f"number of points: must be a whole number ≥ 1, found {count!r}; ask for at least one"
            f" point"
        )


def _sequence(count: int, dimension: int, layout: Layout) -> Array:
    """`count` points of a scrambled low-discrepancy sequence in the unit cube, shape (count,
    dimension).
    """
    rng = layout.rng if layout.jitter > 0 else np.random.default_rng(0)
    if layout.kind == "latin_hypercube":
        from scipy.stats import qmc

        return np.asarray(qmc.LatinHypercube(dimension, rng=rng).random(count), dtype=np.float64)
    return sobol(count, dimension, rng)


@lru_cache(maxsize=1)
def _gauss_table() -> Array:
    table: Array = np.load(GAUSS_TABLE, allow_pickle=False)
    return table


@lru_cache(maxsize=LARGEST_GAUSS_PANEL)
def _gauss_panel(count: int) -> Rule:
    before = count * (count - 1) // 2
    nodes, weights = _gauss_table()[:, before : before + count]
    return _read_only((nodes + 1.0) / 2.0), _read_only(weights / weights.sum())


def _read_only(values: Array) -> Array:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
