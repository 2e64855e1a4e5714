"""A family of linear systems A(p) u = b(p) as one chain: functions of space, then a layer per parameter.

    A(p) = Σ_q Π_k θ_qk(p_k) A_q,    u(x, p) = Φ(x) C_1(p_1) C_2(p_2) ⋯ C_K(p_K)

1. Φ: solutions at random parameters, each solved for from what those before it give, until new ones
   hardly differ from that.
2. Layer after layer: what the products so far span, times polynomials of the next parameter, is projected
   on (Galerkin), solved at random values of all later parameters, and reduced to the fewest combinations
   that hold these solutions. Systems are as small as the ranks.

Source: Dolgov & Scheichl, A hybrid alternating least squares - TT-cross algorithm for parametric PDEs,
SIAM/ASA J. Uncertain. Quantif. 7 (2019), 260-291, with random values in place of a cross.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix
from scipy.sparse.linalg import LinearOperator, gmres, splu

from kanpde.expressions import Node
from kanpde.expressions.evaluate import evaluate
from kanpde.products.chains import RankError, added, centred, look_at_the_clock, rounded

Array = NDArray[Any]
Factors = tuple[Node | None, ...]

AGREEING = 12
"""So many new solutions in turn are to agree with what those before them give."""

MOST_SOLUTIONS = 600

DEGREES = (40, 120)
"""Highest degree of the polynomials of a parameter, and where that is too low."""

SPREAD = 6
"""Places at which the degree of a parameter is found."""

SPARE = 20
"""Solutions beyond twice the rank that a layer is reduced from."""

DIRECT = 3
"""Restarts of the iteration after which a matrix is factorized."""


class NotReducedError(ArithmeticError):
    """Solutions of the family are no combinations of a few hundred."""


@dataclass(frozen=True, eq=False)
class Ranges:
    """The box [lower, upper] of K parameters, behind `first` coordinates of space."""

    lower: Array
    upper: Array
    first: int

    def random(self, count: int, generator: np.random.Generator) -> Array:
        """Parameters (count, K)."""
        return np.asarray(generator.uniform(self.lower, self.upper, (count, len(self.lower))))

    def at_the_ends(self, count: int, generator: np.random.Generator) -> Array:
        """Parameters (count, K), most of them near the ends of their ranges, as Chebyshev points are."""
        shares = (1 - np.cos(np.pi * generator.uniform(size=(count, len(self.lower))))) / 2
        return np.asarray(self.lower + shares * (self.upper - self.lower))

    def mixed(self, count: int, generator: np.random.Generator) -> Array:
        """Of both kinds in turn."""
        result = self.random(count, generator)
        result[::2] = self.at_the_ends(len(result[::2]), generator)
        return result

    def gauss(self, k: int, count: int) -> tuple[Array, Array]:
        """Points of a parameter (count,), and weights of its mean."""
        z, w = legendre.leggauss(count)
        low, high = self.lower[k], self.upper[k]
        return (low + high) / 2 + z * (high - low) / 2, w / 2

    def values(self, factors: Factors, k: int, p: Array) -> Array:
        """θ_qk at values (N,) of parameter k."""
        node = factors[k]
        if node is None:
            return np.ones(len(p))
        x = np.zeros((len(p), self.first + len(factors)))
        x[:, self.first + k] = p
        (values,) = evaluate((node,), torch.tensor(x))
        return np.broadcast_to(values.numpy(), (len(p),)).astype(float)


@dataclass(frozen=True, eq=False)
class Family:
    """Sparse A_q and b_q with their factors, and the matrix of the mean square over space."""

    matrices: dict[Factors, csr_matrix]
    loads: dict[Factors, Array]
    mass: csr_matrix
    ranges: Ranges

    def products(self, parameters: Array, factors: Factors) -> float:
        """Π_k θ_qk(p_k) at one set of parameters."""
        values = [
            self.ranges.values(factors, k, parameters[k : k + 1])[0] for k in _present(factors)
        ]
        return float(np.prod(values))

    def system(self, parameters: Array) -> tuple[csr_matrix, Array]:
        """A(p) and b(p)."""
        known = {f: self.products(parameters, f) for f in {*self.matrices, *self.loads}}
        first, *others = (known[f] * a for f, a in self.matrices.items())
        matrix = functools.reduce(operator.add, others, first)
        right = np.sum([known[f] * b for f, b in self.loads.items()], axis=0)
        return csr_matrix(matrix), np.asarray(right)

    @cached_property
    def middle(self) -> Any:
        """The factors of A in the middle of all ranges."""
        look_at_the_clock()
        return splu(csc_matrix(self.system((self.ranges.lower + self.ranges.upper) / 2)[0]))

    def solution(self, parameters: Array, start: Array, relative: float) -> Array:
        """u(p) from a start, its error below about `relative` of its size."""
        look_at_the_clock()
        matrix, right = self.system(parameters)
        shape = matrix.shape
        rest = right - matrix @ start
        size, missing = self.middle.solve(right), self.middle.solve(rest)
        wanted = relative * float(np.linalg.norm(size))
        if np.linalg.norm(missing) <= wanted:
            return np.asarray(start + missing)
        share = wanted / float(np.linalg.norm(missing))
        # of the preconditioned residual: that of the plain one is dominated by thin elements
        preconditioned = LinearOperator(shape, lambda v: self.middle.solve(matrix @ v))
        step, failed = gmres(
            preconditioned, missing, rtol=share, atol=0.0, restart=60, maxiter=DIRECT
        )
        if failed:
            return np.asarray(splu(csc_matrix(matrix)).solve(right))
        return np.asarray(start + step)

    def size(self, u: Array) -> float:
        """The root of the mean square over space."""
        return float(np.sqrt(max(0.0, u @ (self.mass @ u))))


@dataclass(frozen=True, eq=False)
class Small:
    """A family projected on a few functions: dense A_q and b_q with their factors."""

    matrices: dict[Factors, Array]
    loads: dict[Factors, Array]
    ranges: Ranges

    @classmethod
    def of(cls, family: Family, basis: Array) -> Small:
        """On the columns of a basis (n, m)."""
        matrices = {f: basis.T @ (a @ basis) for f, a in family.matrices.items()}
        loads = {f: basis.T @ b for f, b in family.loads.items()}
        return cls(matrices, loads, family.ranges)

    @property
    def rank(self) -> int:
        """The number of functions."""
        return len(next(iter(self.loads.values())))

    def systems(self, parameters: Array, k: int) -> tuple[Array, Array]:
        """A and b at parameters (N, K - k) of those from number k on, (N, r, r) and (N, r)."""
        parts = []
        for known in (self.matrices, self.loads):
            rows = [self._products(f, parameters, k) for f in known]
            flat = np.array(list(known.values())).reshape(len(known), -1)
            parts.append(np.array(rows).T @ flat)
        count, rank = len(parameters), self.rank
        return parts[0].reshape(count, rank, rank), parts[1]

    def _products(self, factors: Factors, parameters: Array, k: int) -> Array:
        result = np.ones(len(parameters))
        for number in _present(factors):
            result = result * self.ranges.values(factors, number, parameters[:, number - k])
        return result

    def solutions(self, parameters: Array, k: int) -> Array:
        """(N, r) at parameters (N, K - k)."""
        look_at_the_clock()
        step = max(1, 4_000_000 // self.rank**2)
        parts = []
        for start in range(0, len(parameters), step):
            matrices, right = self.systems(parameters[start : start + step], k)
            parts.append(np.linalg.solve(matrices, right[:, :, None])[:, :, 0])
        return np.concatenate(parts)

    def projected(self, k: int, layer: Array, points: tuple[Array, Array]) -> Small:
        """On the products with a layer (r, g, s) at Gauss points of parameter k."""
        p, w = points

        def merged(known: dict[Factors, Array], apply: Any) -> dict[Factors, Array]:
            result: dict[Factors, Array] = {}
            for factors, array in known.items():
                weights = w * self.ranges.values(factors, k, p)
                rest = (*(None,) * (k + 1), *factors[k + 1 :])
                result[rest] = result.get(rest, 0.0) + apply(array, weights)
            return result

        def matrix(array: Array, weights: Array) -> Array:
            image = np.tensordot(array, layer, axes=(1, 0)) * weights[None, :, None]
            return np.asarray(np.tensordot(layer, image, axes=((0, 1), (0, 1))))

        def load(array: Array, weights: Array) -> Array:
            return np.asarray(np.einsum("a,ags,g->s", array, layer, weights, optimize=True))

        return Small(merged(self.matrices, matrix), merged(self.loads, load), self.ranges)


def _present(factors: Factors) -> list[int]:
    return [k for k, node in enumerate(factors) if node is not None]


def basis_of(family: Family, relative: float) -> Array:
    """Functions of space (n, m), orthonormal in the mean, whose combinations hold solutions at random
    parameters up to `relative` in the mean; NotReducedError.
    """
    generator = np.random.default_rng(0)
    count = len(next(iter(family.loads.values())))
    basis = np.zeros((count, 0))
    small: Small | None = None
    recent: list[float] = []
    for p in family.ranges.mixed(MOST_SOLUTIONS, generator):
        parameters = p[None]
        start = np.zeros(count)
        if small is not None:
            start = basis @ small.solutions(parameters, 0)[0]
        u = family.solution(p, start, 0.1 * relative)
        size = family.size(u)
        if not math.isfinite(size):
            raise NotReducedError("a system of the family has no solution")
        if size == 0.0:
            recent.append(0.0)
            if len(recent) >= AGREEING and basis.shape[1] == 0:
                raise NotReducedError("the solution is zero")
            continue
        change = family.size(u - start) / size
        recent.append(change)
        if len(recent) >= AGREEING and _root_mean_square(recent[-AGREEING:]) <= relative:
            return _compressed(family, basis, small, relative)
        if change > 0.1 * relative:
            basis = _with(family, basis, u)
            small = _grown(family, basis, small)
    raise NotReducedError(f"{MOST_SOLUTIONS} solutions do not hold the others")


def _with(family: Family, basis: Array, u: Array) -> Array:
    """The basis with one more function, orthonormal in the mean."""
    v = u / family.size(u)
    for _ in range(2):
        v = v - basis @ (basis.T @ (family.mass @ v))
        v = v / family.size(v)
    return np.column_stack([basis, v])


def _grown(family: Family, basis: Array, small: Small | None) -> Small:
    """The projection on a basis whose last function is new."""
    if small is None:
        return Small.of(family, basis)
    new = basis[:, -1]
    matrices = {}
    for factors, matrix in family.matrices.items():
        column, row = basis.T @ (matrix @ new), basis.T @ (matrix.T @ new)
        wide = np.empty((len(column), len(column)))
        wide[:-1, :-1] = small.matrices[factors]
        wide[:, -1], wide[-1] = column, row
        matrices[factors] = wide
    loads = {f: basis.T @ b for f, b in family.loads.items()}
    return Small(matrices, loads, family.ranges)


def _compressed(family: Family, basis: Array, small: Small | None, relative: float) -> Array:
    """The fewest combinations of a basis that hold its solutions at random parameters."""
    assert small is not None
    parameters = family.ranges.mixed(2 * small.rank + SPARE, np.random.default_rng(1))
    return basis @ _leading(small.solutions(parameters, 0).T, 0.5 * relative)


def _leading(columns: Array, relative: float) -> Array:
    """The fewest orthonormal vectors whose combinations hold the columns up to a share of their norm."""
    u, values, _ = np.linalg.svd(columns, full_matrices=False)
    tails = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
    return np.asarray(u[:, : max(1, int(np.sum(tails > relative * tails[0])))])


def layers_of(small: Small, relative: float) -> list[Array]:
    """Coefficients C_k (r_{k-1}, n_k, r_k) of all parameters by orthonormal Legendre polynomials, r_K = 1."""
    generator = np.random.default_rng(2)
    count = len(small.ranges.lower)
    share = relative / math.sqrt(count + 1)
    result = []
    for k in range(count):
        degree = _degree(small, k, share, generator)
        points = small.ranges.gauss(k, degree + 1)
        samples = 2 * small.rank + SPARE if k < count - 1 else 1
        later = small.ranges.mixed(samples, generator)[:, k + 1 :]
        every = np.column_stack([np.repeat(points[0], samples), np.tile(later, (degree + 1, 1))])
        columns = small.solutions(every, k).reshape(degree + 1, samples, -1).transpose(2, 0, 1)
        # values at Gauss points times the roots of the weights are coefficients but for a rotation
        polynomials = _polynomials(degree, points[1])
        coefficients = np.einsum("rgs,gj->rjs", columns, polynomials, optimize=True)
        if k == count - 1:
            result.append(coefficients)
            break
        rank = small.rank
        kept = _leading(coefficients.reshape(-1, samples), share).reshape(rank, degree + 1, -1)
        result.append(kept)
        nodal = np.einsum("rjs,gj->rgs", kept, polynomials / points[1][:, None], optimize=True)
        small = small.projected(k, nodal, points)
    return result


def with_constant(layers: Sequence[Array]) -> list[Array]:
    """Layers of one more function of space, which is multiplied by one."""
    constants = []
    for layer in layers:
        constant = np.zeros((1, layer.shape[1], 1))
        constant[0, 0, 0] = 1.0
        constants.append(constant)
    m = layers[0].shape[0]
    below, last = np.eye(m + 1)[:, :m], np.eye(m + 1)[:, m:]
    whole = added([below[None], *layers], [last[None], *constants])
    return [np.tensordot(whole[0][0], whole[1], axes=(1, 0)), *whole[2:]]


def shortened(layers: Sequence[Array], relative: float) -> tuple[Array, list[Array]]:
    """Combinations (m, r) of the functions of space and layers of the smallest ranks and degrees, up to an
    error of `relative` in the mean.
    """
    whole = [np.eye(layers[0].shape[0])[None], *layers]
    try:
        whole = rounded(whole, relative)
    except RankError:
        return whole[0][0], list(layers)
    # half as much for the degrees, whose errors come on top
    allowed = 0.5 * relative / math.sqrt(len(layers))
    first, *rest = whole
    kept = []
    for layer, centre in zip(rest, centred(whole)[1:], strict=True):
        sizes = np.linalg.norm(centre, axis=(0, 2))
        tails = np.sqrt(np.cumsum(sizes[::-1] ** 2))[::-1]
        kept.append(layer[:, : max(1, int(np.sum(tails > allowed * tails[0])))])
    return first[0], kept


def _polynomials(degree: int, weights: Array) -> Array:
    """Orthonormal Legendre polynomials times weights at as many Gauss points, (g, degree + 1)."""
    z = legendre.leggauss(degree + 1)[0]
    norms = np.sqrt(2 * np.arange(degree + 1) + 1)
    return np.asarray(legendre.legvander(z, degree) * norms * weights[:, None])


def _degree(small: Small, k: int, relative: float, generator: np.random.Generator) -> int:
    """The degree of parameter k that solutions need at random values of the others."""
    others = small.ranges.mixed(SPREAD, generator)[:, k + 1 :]
    for most in DEGREES:
        p, w = small.ranges.gauss(k, most + 1)
        polynomials = _polynomials(most, w)
        needed = 1
        for later in others:
            every = np.column_stack([p, np.tile(later, (len(p), 1))])
            sizes = np.linalg.norm(polynomials.T @ small.solutions(every, k), axis=1)
            tails = np.sqrt(np.cumsum(sizes[::-1] ** 2))[::-1]
            needed = max(needed, int(np.sum(tails > 0.5 * relative * tails[0])))
        if needed <= most:
            break
    return min(needed, most)


def values_at(layers: Sequence[Array], ranges: Ranges, parameters: Array) -> Array:
    """What multiplies the functions of space at parameters (N, K), (N, m)."""
    carried = np.ones((len(parameters), 1))
    for k in range(len(layers) - 1, -1, -1):
        left, count, right = layers[k].shape
        low, high = ranges.lower[k], ranges.upper[k]
        z = (2 * parameters[:, k] - low - high) / (high - low)
        rows = legendre.legvander(z, count - 1) * np.sqrt(2 * np.arange(count) + 1)
        wide = carried @ layers[k].reshape(left * count, right).T
        carried = np.einsum("pan,pn->pa", wide.reshape(-1, left, count), rows)
    return carried


def _root_mean_square(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
