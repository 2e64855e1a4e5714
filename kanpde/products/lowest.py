"""The lowest eigenvalues of a symmetric matrix on chains, all modes in one chain, by sweeps.

    A u_i = λ_i u_i,    u_i = X_1 X_2 ⋯ X_d[:, :, i]

With orthonormal cores to the left and to the right the core between them, which holds the number i,
solves a small symmetric eigenproblem. Truncation finds the ranks, and directions of A u that the
cores lack are added to them, so that ranks grow where that lowers a value. Sources: Dolgov,
Khoromskij, Oseledets & Savostyanov, Computation of extreme eigenvalues in higher dimensions using
block tensor train format, Comput. Phys. Commun. 185 (2014), 1207–1216; Hubig, McCulloch,
Schollwöck & Wolf, Strictly single-site DMRG algorithm with subspace expansion, Phys. Rev. B 91
(2015), 155115.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kanpde.products.chains import (
    MOST_RANK,
    Array,
    Chain,
    RankError,
    added,
    inner,
    look_at_the_clock,
    norm,
    right_orthogonal,
    scaled,
)

ROUNDS = 20
"""Most pairs of half sweeps."""

ADDED = 4
"""Directions of A u that are added to every core."""

SKETCH = 12
"""Random mixtures of A u among which these directions are looked for."""

DENSE = 300
"""Cores with fewer numbers are solved for by a dense decomposition."""

STEPS = 30
"""Most steps of the iteration for larger ones: the next sweep goes on from where it ends."""

FIRST = 6
"""Functions of a coordinate that a random start is made of."""

ROUNDING = 1e-13
"""Changes of eigenvalues that rounding leaves, relative to the largest wanted one."""


Map = Callable[[Array], Array]


@dataclass(frozen=True)
class Lowest:
    """Eigenvalues by size (m,), the modes as a chain with r_d = m, and what the last round changed:
    the largest relative difference of a mode, and of an eigenvalue to the largest one.
    """

    values: Array
    chain: Chain
    of_modes: float
    of_values: float


@dataclass
class _Block:
    """Modes whose number stands in the first core, `centre` (1, n, s, m); `matrix` is A as cores
    (w, n, n, v).
    """

    matrix: list[Array]
    cores: Chain
    centre: Array
    accuracy: float
    generator: np.random.Generator
    left: list[Array] = field(default_factory=list)
    right: list[Array] = field(default_factory=list)
    values: Array = field(init=False)

    def prepare(self) -> None:
        """Products of A with all cores but the first."""
        self.left, self.right = [np.ones((1, 1, 1))], [np.ones((1, 1, 1))]
        self.flip()
        for k in range(len(self.matrix) - 1):
            self._extend(k)
        self.flip()

    def flip(self) -> None:
        """The same with the last coordinate first."""
        self.matrix = [core.transpose(3, 1, 2, 0) for core in self.matrix[::-1]]
        self.cores = [core.transpose(2, 1, 0) for core in self.cores[::-1]]
        self.centre = self.centre.transpose(2, 1, 0, 3)
        self.left, self.right = self.right, self.left

    def sweep(self) -> None:
        """Solve for every core from the first to the last, where the number then stands."""
        self.left = self.left[:1]
        last = len(self.matrix) - 1
        for k in range(last + 1):
            look_at_the_clock()
            self.values, self.centre = self._solved(k)
            if k < last:
                self._step(k)
                self._extend(k)
                self.right.pop()

    def chain(self) -> Chain:
        """All modes, after a sweep: the last core holds their number."""
        return [*self.cores[:-1], self.centre[:, :, 0]]

    def _ahead(self, k: int, core: Array) -> Array:
        """A times the cores to the left and this one: (a, s, m, i, v)."""
        side = np.tensordot(self.left[k], core, axes=(2, 0))
        return np.tensordot(side, self.matrix[k], axes=((1, 2), (0, 2)))

    def _applied(self, k: int, core: Array) -> Array:
        """A on a core (r, n, s, m) between orthonormal ones."""
        ahead = np.tensordot(self._ahead(k, core), self.right[-1], axes=((1, 4), (2, 1)))
        return np.asarray(ahead.transpose(0, 2, 3, 1))

    def _solved(self, k: int) -> tuple[Array, Array]:
        shape, count = self.centre.shape, self.centre.shape[-1]
        size = math.prod(shape[:3])

        def apply(vectors: Array) -> Array:
            return self._applied(k, vectors.reshape(*shape[:3], -1)).reshape(size, -1)

        if size <= max(DENSE, 6 * count):
            from scipy.linalg import eigh  # a slow import

            matrix = apply(np.eye(size))
            vectors = eigh((matrix + matrix.T) / 2, subset_by_index=(0, count - 1))[1]
        else:
            vectors = self._iterated(k, apply)
        # the quotient is exact to the square of the error of a mode, and to rounding errors
        # of the mode's own size, where eigenvalues of the matrix carry those of its norm
        small = vectors.T @ apply(vectors)
        values, turns = np.linalg.eigh((small + small.T) / 2)
        return values, (vectors @ turns).reshape(shape)

    def _iterated(self, k: int, apply: Map) -> Array:
        from scipy.sparse.linalg import LinearOperator, lobpcg  # seldom, and a slow import

        shape, size = self.centre.shape, math.prod(self.centre.shape[:3])
        start = np.linalg.qr(self.centre.reshape(size, -1))[0]
        scale = float(np.abs(np.diag(start.T @ apply(start))).max())
        precondition = self._preconditioner(k, scale)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # STEPS may not end it; the next sweep goes on
            _, vectors = lobpcg(
                LinearOperator((size, size), matvec=apply, matmat=apply, dtype=float),
                start,
                M=LinearOperator(
                    (size, size), matvec=precondition, matmat=precondition, dtype=float
                ),
                tol=0.1 * self.accuracy * scale,
                maxiter=STEPS,
                largest=False,
            )
        if not np.isfinite(vectors).all():
            raise RankError(f"a core of {shape[0]} times {shape[2]} products has no mode")
        return np.linalg.qr(vectors)[0]

    def _preconditioner(self, k: int, scale: float) -> Map:
        """The inverse of the sum of three small matrices, the means of A over the other two
        indices each, moved above zero.
        """
        left, right, own = self.left[k], self.right[-1], self.matrix[k]
        r, n, s, _ = self.centre.shape
        of_left = np.einsum("awa->w", left) / r
        of_right = np.einsum("bvb->v", right) / s
        of_own = np.einsum("wiiv->wv", own) / n
        means = (
            np.einsum("awc,wv,v->ac", left, of_own, of_right),
            np.einsum("w,wijv,v->ij", of_left, own, of_right),
            np.einsum("w,wv,bvc->bc", of_left, of_own, right),
        )
        pairs = [np.linalg.eigh((mean + mean.T) / 2) for mean in means]
        (a, first), (b, second), (c, third) = pairs
        sums = a[:, None, None] + b[:, None] + c
        sums = sums - sums.min() + 0.3 * scale

        def precondition(vectors: Array) -> Array:
            core = vectors.reshape(r, n, s, -1)
            core = np.einsum("abcm,ax,by,cz->xyzm", core, first, second, third, optimize=True)
            core = core / sums[..., None]
            core = np.einsum("xyzm,ax,by,cz->abcm", core, first, second, third, optimize=True)
            return np.asarray(core.reshape(r * n * s, -1))

        return precondition

    def _step(self, k: int) -> None:
        """Truncate, add directions of A u, make the core orthonormal and move the number on."""
        r, n, s, count = self.centre.shape
        matrix = self.centre.reshape(r * n, s * count)
        u, values, _ = np.linalg.svd(matrix, full_matrices=False)
        allowed = self.accuracy * float(np.linalg.norm(values)) / math.sqrt(len(self.matrix))
        tails = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
        kept = max(1, int(np.sum(tails > allowed)))
        if kept > MOST_RANK:
            raise RankError(f"rank {kept}")
        u = u[:, :kept]
        image = self._ahead(k, self.centre).transpose(0, 3, 1, 2, 4).reshape(r * n, -1)
        mixed = image @ self.generator.standard_normal((image.shape[1], SKETCH))
        mixed -= u @ (u.T @ mixed)
        further = np.linalg.svd(mixed, full_matrices=False)[0][:, :ADDED]
        wide = np.linalg.qr(np.concatenate([u, further], axis=1))[0]
        self.cores[k] = wide.reshape(r, n, -1)
        carried = (wide.T @ matrix).reshape(-1, s, count)
        moved = np.tensordot(carried, self.cores[k + 1], axes=(1, 0))
        self.centre = moved.transpose(0, 2, 3, 1)

    def _extend(self, k: int) -> None:
        """Products of A with the cores up to and with number k."""
        core = self.cores[k]
        side = np.tensordot(self.left[k], core, axes=(2, 0))
        side = np.tensordot(side, self.matrix[k], axes=((1, 2), (0, 2)))
        side = np.tensordot(core, side, axes=((0, 1), (0, 2)))
        self.left.append(side.transpose(0, 2, 1))


def lowest(
    matrix: Sequence[Array], count: int, accuracy: float, start: Chain | None = None
) -> Lowest:
    """The `count` lowest eigenvalues and their modes.

    Args:
        matrix: A symmetric, cores (w, n, n, v) with w = 1 first and v = 1 last.
        count: m.
        accuracy: what truncation may change of a mode, relative to its length, dimensionless.
        start: a chain with r_d = m to begin with, else a random one of rank two.

    Raises:
        RankError: more than MOST_RANK products are needed.
        LateError: see `kanpde.products.chains.until`.
    """
    generator = np.random.default_rng(0)
    chain = start or _random([core.shape[1] for core in matrix], count, generator)
    ahead = right_orthogonal([core.transpose(2, 1, 0) for core in chain[::-1]])
    backward = [core.transpose(3, 1, 2, 0) for core in matrix[::-1]]
    block = _Block(backward, ahead, ahead[0].transpose(1, 2, 0)[None], accuracy, generator)
    block.prepare()
    scaled_by = np.linalg.norm(block.centre.reshape(-1, count), axis=0)
    block.centre = block.centre / scaled_by
    values, of_modes, of_values = np.full(count, np.inf), math.inf, math.inf
    for _ in range(ROUNDS):
        before = chain
        block.sweep()
        block.flip()
        block.sweep()
        chain = block.chain()
        largest = float(np.abs(block.values).max())
        of_values = float(np.abs(block.values - values).max()) / largest
        of_modes = max(distances(chain, before, np.ones((count, count), dtype=bool)))
        values = block.values
        if of_modes <= 10 * accuracy and of_values <= max(accuracy, ROUNDING):
            break
        block.flip()
    return Lowest(values, chain, of_modes, of_values)


def distances(modes: Chain, others: Chain, together: Array) -> list[float]:
    """How far every mode is from the space of those modes of another chain that belong to it.

    Args:
        modes, others: chains with r_d = m, each of orthonormal modes.
        together: (m, m), whether mode j of the other chain belongs to mode i.
    """
    result = []
    for i in range(modes[-1].shape[2]):
        mode = one_of(modes, i)
        shares = [
            inner(one_of(others, j), mode).real if together[i, j] else 0.0
            for j in range(others[-1].shape[2])
        ]
        nearest = [*others[:-1], others[-1] @ np.array(shares)[:, None]]
        result.append(norm(added(mode, scaled(nearest, -1.0))))
    return result


def one_of(modes: Chain, number: int) -> Chain:
    """One mode of a chain that holds several."""
    return [*modes[:-1], modes[-1][:, :, number : number + 1]]


def _random(sizes: Sequence[int], count: int, generator: np.random.Generator) -> Chain:
    """Modes of rank two of the first functions of every coordinate."""
    bonds = [1, *[2] * (len(sizes) - 1), count]
    cores = []
    for k, size in enumerate(sizes):
        core = np.zeros((bonds[k], size, bonds[k + 1]))
        core[:, :FIRST] = generator.standard_normal(core[:, :FIRST].shape)
        cores.append(core)
    return cores
