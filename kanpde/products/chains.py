"""Arithmetic of chains: arrays in d indices as products of matrices, one per index.

    a[i_1, …, i_d] = A_1[:, i_1, :] · A_2[:, i_2, :] ⋯ A_d[:, i_d, :],    A_k (r_{k-1}, n_k, r_k),  r_0 = r_d = 1

Sums add the ranks r_k, products multiply them, and `rounded` finds the smallest ranks for a given
error. Source: Oseledets, Tensor-train decomposition, SIAM J. Sci. Comput. 33 (2011), 2295–2317.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Chain = list[Array]
"""Cores (r_{k-1}, n_k, r_k), real or complex."""

MOST_RANK = 200
"""Ranks beyond this say that the function is no sum of few products."""


class RankError(ArithmeticError):
    """A function needs more products than a chain is meant for."""


class LateError(ArithmeticError):
    """The time for arithmetic is used up."""


# Sums of some hundred chains take minutes where ranks grow, in which no level ends: all arithmetic
# on chains looks at the clock.
_LATEST: ContextVar[float] = ContextVar("latest", default=math.inf)


@contextmanager
def until(latest: float) -> Iterator[None]:
    """Arithmetic inside raises LateError after a moment of `time.perf_counter`, seconds."""
    token = _LATEST.set(latest)
    try:
        yield
    finally:
        _LATEST.reset(token)


def look_at_the_clock() -> None:
    """Raise LateError where the time is used up."""
    if time.perf_counter() > _LATEST.get():
        raise LateError("the time is used up")


def ranks(chain: Chain) -> list[int]:
    """The inner ranks r_1 … r_{d-1}."""
    return [core.shape[2] for core in chain[:-1]]


def of_factors(factors: Sequence[Array]) -> Chain:
    """The product of one vector per index, of rank one."""
    return [np.asarray(factor).reshape(1, -1, 1) for factor in factors]


def zero(sizes: Sequence[int]) -> Chain:
    """The array of zeros."""
    return of_factors([np.zeros(size) for size in sizes])


def scaled(chain: Chain, factor: complex) -> Chain:
    """factor · chain."""
    return [chain[0] * factor, *chain[1:]]


def added(a: Chain, b: Chain) -> Chain:
    """a + b, with the sum of the ranks."""
    if len(a) == 1:
        return [a[0] + b[0]]
    cores = [np.concatenate([a[0], b[0]], axis=2)]
    for x, y in zip(a[1:-1], b[1:-1], strict=True):
        (p, n, q), (r, _, s) = x.shape, y.shape
        core = np.zeros((p + r, n, q + s), dtype=np.result_type(x, y))
        core[:p, :, :q] = x
        core[p:, :, q:] = y
        cores.append(core)
    return [*cores, np.concatenate([a[-1], b[-1]], axis=0)]


def multiplied(a: Chain, b: Chain) -> Chain:
    """The product index by index, with the product of the ranks; RankError where that is large."""
    worst = max((x * y for x, y in zip(ranks(a), ranks(b), strict=True)), default=1)
    if worst > 2 * MOST_RANK:
        raise RankError(f"a product of ranks {max(ranks(a))} and {max(ranks(b))}")
    cores = []
    for x, y in zip(a, b, strict=True):
        core = x[:, None, :, :, None] * y[None, :, :, None, :]
        p, r, n, q, s = core.shape
        cores.append(core.reshape(p * r, n, q * s))
    return cores


def mapped(chain: Chain, matrices: Sequence[Array]) -> Chain:
    """A matrix (m_k, n_k) applied to every index."""
    return [
        np.tensordot(core, matrix, axes=(1, 1)).swapaxes(1, 2)
        for core, matrix in zip(chain, matrices, strict=True)
    ]


def inner(a: Chain, b: Chain) -> complex:
    """Σ conj(a) · b over all indices."""
    carried = np.ones((1, 1))
    for x, y in zip(a, b, strict=True):
        ahead = np.tensordot(carried, y, axes=(1, 0))
        carried = np.tensordot(x.conj(), ahead, axes=((0, 1), (0, 1)))
    return complex(carried[0, 0])


def norm(chain: Chain) -> float:
    """The Euclidean norm, to rounding errors of the norm itself."""
    return float(np.linalg.norm(_left_orthogonal(chain)[-1]))


def _left_orthogonal(chain: Chain) -> Chain:
    cores = list(chain)
    for k in range(len(cores) - 1):
        r, n, s = cores[k].shape
        q, upper = np.linalg.qr(cores[k].reshape(r * n, s))
        cores[k] = q.reshape(r, n, -1)
        cores[k + 1] = np.tensordot(upper, cores[k + 1], axes=(1, 0))
    return cores


def right_orthogonal(chain: Chain) -> Chain:
    """The same array with all cores but the first orthonormal in their last two indices."""
    cores = list(chain)
    for k in range(len(cores) - 1, 0, -1):
        r, n, s = cores[k].shape
        q, upper = np.linalg.qr(cores[k].reshape(r, n * s).T)
        cores[k] = q.T.reshape(-1, n, s)
        cores[k - 1] = np.tensordot(cores[k - 1], upper.T, axes=(2, 0))
    return cores


def centred(chain: Chain) -> list[Array]:
    """For every index the core that carries all of the norm when the other cores are orthonormal:
    a matrix applied to one index changes the norm as it changes that of the core.
    """
    ahead = right_orthogonal(chain)
    centres = [ahead[0]]
    for k in range(len(ahead) - 1):
        r, n, s = centres[k].shape
        upper = np.linalg.qr(centres[k].reshape(r * n, s), mode="r")
        centres.append(np.tensordot(upper, ahead[k + 1], axes=(1, 0)))
    return centres


def rounded(
    chain: Chain,
    relative: float,
    weights: Sequence[Array] | None = None,
    most: int | None = None,
) -> Chain:
    """The chain of smallest ranks within an error of `relative` times the norm.

    Args:
        chain: any chain.
        relative: dimensionless.
        weights: for every index positive numbers (n_k,) whose product weighs the squares in the
            norm, ones if None.
        most: ranks are cut to this whatever the error.

    Raises:
        RankError: more than MOST_RANK products are needed and `most` is not given.
        LateError: see `until`.
    """
    look_at_the_clock()
    if weights is not None:
        roots = [np.sqrt(w) for w in weights]
        smooth = [c * r[:, None] for c, r in zip(chain, roots, strict=True)]
        smooth = rounded(smooth, relative, most=most)
        return [c / r[:, None] for c, r in zip(smooth, roots, strict=True)]
    cores = _left_orthogonal(chain)
    size = float(np.linalg.norm(cores[-1]))
    if size == 0 or not math.isfinite(size):
        return zero([core.shape[1] for core in chain])
    allowed = relative * size / math.sqrt(max(1, len(cores) - 1))
    for k in range(len(cores) - 1, 0, -1):
        r, n, s = cores[k].shape
        u, values, v = _singular(cores[k].reshape(r, n * s))
        tails = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
        kept = max(1, int(np.sum(tails > allowed)))
        kept = kept if most is None else min(kept, most)
        if kept > MOST_RANK:
            raise RankError(f"rank {kept}")
        cores[k] = v[:kept].reshape(kept, n, s)
        cores[k - 1] = np.tensordot(cores[k - 1], u[:, :kept] * values[:kept], axes=(2, 0))
    return cores


def _singular(matrix: Array) -> tuple[Array, Array, Array]:
    """The singular value decomposition, of a wide matrix by that of its triangle.

    LAPACK's divide and conquer fails on some graded matrices; its QR iteration does not.
    """
    q, upper = np.linalg.qr(matrix.T)
    try:
        u, values, v = np.linalg.svd(upper.T, full_matrices=False)
    except np.linalg.LinAlgError:
        from scipy.linalg import svd  # seldom, and a slow import

        u, values, v = svd(upper.T, full_matrices=False, lapack_driver="gesvd")
    return u, values, v @ q.T


def total(
    chains: Sequence[Chain], relative: float, weights: Sequence[Array] | None = None
) -> Chain:
    """The sum of one or more chains, rounded after every step of a tree of sums."""
    level = list(chains)
    while len(level) > 1:
        pairs = [
            rounded(added(level[k], level[k + 1]), relative, weights)
            for k in range(0, len(level) - 1, 2)
        ]
        level = pairs + level[len(level) - len(level) % 2 :]
    return level[0]


def entries(chain: Chain, rows: Sequence[Array]) -> Array:
    """Values where row p of every matrix `rows[k]` (N, n_k) is contracted with index k, (N,)."""
    carried = np.ones((len(rows[0]), 1))
    for core, row in zip(chain, rows, strict=True):
        along = np.einsum("pi,aib->pab", row, core, optimize=True)
        carried = np.einsum("pa,pab->pb", carried, along)
    return np.asarray(carried[:, 0])
