"""Newton's method for the weak form of a problem on a space of finite elements.

With ρ_b = ∫ s φ_b - q·∇φ_b dx - ∮ h φ_b / μ ds a step w solves  Σ_c ∂ρ_b/∂u_c w_c = -ρ_b  for the
free coefficients: those of Dirichlet parts are the L2 projection of the given values on their
sides, those of periodic parts are shared, and a mean condition adds a row and its Lagrange
multiplier. A step is halved while it makes ρ longer.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csc_matrix, hstack, vstack
from scipy.sparse.linalg import splu

from kanpde.errors import ConfigError, NumericalError
from kanpde.expressions import Constant, Derivative, Node
from kanpde.expressions.evaluate import evaluate
from kanpde.references.fem.cells import Side
from kanpde.references.fem.space import Chunk, Space
from kanpde.references.fem.weak import Flux, Given, Mean, WeakForm

Array = NDArray[np.float64]

MOST_STEPS = 40
"""Steps of Newton's method."""

HALVINGS = 12
"""Halvings of a step."""

SMALLEST_STEP = 1e-13
"""Step, relative to u, at which rounding is reached."""


@dataclass(frozen=True)
class System:
    """ρ and its matrix at some u.

    Attributes:
        load: ρ, (N,).
        matrix: ∂ρ/∂u, (N, N).
        inner: the step of the condensed coefficients of each cell: back @ (that of its outer ones)
            + load, (E, B - n, n) and (E, B - n).
        mass: M, (N, N) for an equation with u_t, else (0, 0).
    """

    load: Array
    matrix: csc_matrix
    inner: tuple[Array, Array] | None = None
    mass: csc_matrix = field(default_factory=lambda: csc_matrix((0, 0)))


def solve(form: WeakForm, space: Space) -> Array:
    """The coefficients (N,) of the solution; NumericalError when Newton's method does not
    converge.
    """
    mean = mean_rows(form, space)
    # A mean condition couples inner functions of all cells, so they cannot be eliminated.
    assembled = assemble_full if len(mean.values) else assemble
    free = constraints(form, space, condensed=not len(mean.values))
    u = given_values(form, space)
    for _ in range(MOST_STEPS):
        step = _step(assembled(form, space, u), space, free, mean=mean, u=u)
        share = _share(form, space, u, step=step, free=free, mean=mean)
        u = u + share * step.move
        length = float(np.abs(step.move).max())
        if form.linear or length <= SMALLEST_STEP * max(1.0, float(np.abs(u).max())) * 10:
            return u
        if share < 0.5**HALVINGS:
            break
    raise NumericalError(
        "reference: Newton's method does not converge from zero; no reference by finite elements"
    )


class Step(NamedTuple):
    """A step of Newton's method (N,), and the Lagrange multipliers (K,) of the mean conditions."""

    move: Array
    multipliers: Array


class MeanRows(NamedTuple):
    """rows @ u = values: the K mean conditions, (K, N) and (K,)."""

    rows: Array
    values: Array


def _share(
    form: WeakForm, space: Space, u: Array, step: Step, free: csc_matrix, mean: MeanRows
) -> float:
    """The share of a step that makes the residual shorter: 1, or a power of 1/2."""
    if form.linear:
        return 1.0

    def size(v: Array) -> float:
        rows = free.T @ (residual(form, space, v) + mean.rows.T @ step.multipliers)
        return float(np.linalg.norm(np.append(rows, mean.rows @ v - mean.values)))

    before, share = size(u), 1.0
    while share >= 0.5**HALVINGS:
        # 1e-12: near the solution rounding alone makes the residual longer or shorter.
        if size(u + share * step.move) <= (1 - share / 4) * before + 1e-12 * (1 + before):
            break
        share /= 2
    return share


def _step(system: System, space: Space, free: csc_matrix, mean: MeanRows, u: Array) -> Step:
    """The step at u."""
    n = space.outer
    square = csc_matrix(free.T @ system.matrix @ free)
    right: Array = -(free.T @ system.load)
    if len(mean.values):
        square = bordered(square, csc_matrix(mean.rows @ free))
        right = np.append(right, mean.values - mean.rows @ u)
    try:
        unknowns = solved(square, right)
    except RuntimeError as error:
        raise NumericalError(
            f"reference: the finite-element matrix is singular ({error}); is the solution unique?"
        ) from error
    count = free.shape[1]
    move = free @ unknowns[:count]
    if system.inner is not None:
        back, load = system.inner
        outer = move[space.dofs[:n].T]
        move[space.dofs[n:].T] = load + np.einsum("eij,ej->ei", back, outer)
    return Step(move, unknowns[count:])


def bordered(square: csc_matrix, border: csc_matrix) -> csc_matrix:
    """The matrix [[square, borderᵀ], [border, 0]]."""
    corner = csc_matrix((border.shape[0], border.shape[0]))
    return csc_matrix(vstack([hstack([square, border.T]), hstack([border, corner])]))


def solved(square: csc_matrix, right: Array) -> Array:
    """Sparse LU with one step of refinement."""
    lu = splu(square, permc_spec="COLAMD")
    solution = lu.solve(right)
    return np.asarray(solution + lu.solve(right - square @ solution))


def _jets(
    form: WeakForm, space: Space, chunk: Chunk, u: Array
) -> dict[Derivative | Constant, torch.Tensor]:
    values = space.values(u, chunk).reshape(len(form.jets), -1)
    return {jet: torch.from_numpy(row) for jet, row in zip(form.jets, values, strict=True)}


def fields(
    nodes: Sequence[Node], chunk: Chunk, known: dict[Derivative | Constant, torch.Tensor]
) -> Array:
    """Values (len(nodes), E, Q) of formulas on a chunk."""
    x = torch.from_numpy(np.ascontiguousarray(chunk.x.reshape(len(chunk.x), -1).T))
    normal = None
    if chunk.normal is not None:
        normal = torch.from_numpy(np.ascontiguousarray(chunk.normal.reshape(len(chunk.x), -1).T))
    values = np.stack([value.numpy() for value in evaluate(nodes, x, normal, known)])
    return values.reshape(len(nodes), *chunk.w.shape)


def scalar_field(node: Node, chunk: Chunk) -> Array:
    """Values (E, Q) of a formula of the coordinates on a chunk."""
    (values,) = fields([node], chunk, {})
    return np.asarray(values)


def residual(form: WeakForm, space: Space, u: Array) -> Array:
    """ρ (N,)."""
    parts = np.zeros(space.dofs.T.shape)
    for chunk in space.interior():
        density = fields(form.densities, chunk, _jets(form, space, chunk, u)) * chunk.w
        parts[chunk.cells] += np.einsum("aebq,aeq->eb", chunk.tests, density, optimize=True)
    for sides in _boundary(form, space, u):
        values = sides.chunk.tests[0]
        np.add.at(parts, sides.chunk.cells, np.einsum("ebq,eq->eb", values, sides.load))
    return space.vector(parts)


def assemble(form: WeakForm, space: Space, u: Array) -> System:
    """ρ and its matrix, the inner functions of every cell eliminated."""
    blocks, parts = _blocks(form, space, u)
    n = space.outer
    if blocks.shape[1] == n:
        return System(space.vector(parts), space.matrix(blocks))
    inner = np.linalg.solve(
        blocks[:, n:, n:], np.concatenate([blocks[:, n:, :n], parts[:, n:, None]], axis=2)
    )
    back, load = -inner[..., :n], -inner[..., n]
    matrix = blocks[:, :n, :n] + blocks[:, :n, n:] @ back
    rows = parts[:, :n] + np.einsum("eij,ej->ei", blocks[:, :n, n:], load)
    return System(space.vector(rows), space.matrix(matrix), (back, load))


def assemble_full(form: WeakForm, space: Space, u: Array) -> System:
    """ρ, its matrix and M with all functions."""
    blocks, parts = _blocks(form, space, u)
    if form.mass is None:
        return System(space.vector(parts), space.matrix(blocks))
    masses = np.zeros(blocks.shape)
    for chunk in space.interior():
        weight = scalar_field(form.mass, chunk) * chunk.w
        values = chunk.tests[0]
        masses[chunk.cells] = (values * weight[:, None]) @ values.swapaxes(1, 2)
    return System(space.vector(parts), space.matrix(blocks), mass=space.matrix(masses))


def _blocks(form: WeakForm, space: Space, u: Array) -> tuple[Array, Array]:
    """The matrices (E, B, B) and rows (E, B) of the cells."""
    count, b, size = space.dofs.shape[1], len(space.dofs), len(form.jets)
    blocks, parts = np.zeros((count, b, b)), np.zeros((count, b))
    rates = list(itertools.chain.from_iterable(form.slopes))
    for chunk in space.interior():
        known = _jets(form, space, chunk, u)
        density = fields(form.densities, chunk, known) * chunk.w
        parts[chunk.cells] += np.einsum("aebq,aeq->eb", chunk.tests, density, optimize=True)
        slopes = fields(rates, chunk, known).reshape(size, size, *chunk.w.shape) * chunk.w
        for a in range(size):
            trials = [
                slopes[a, c][:, None] * chunk.tests[c] for c in range(size) if slopes[a, c].any()
            ]
            if trials:
                blocks[chunk.cells] += chunk.tests[a] @ sum(trials[1:], trials[0]).swapaxes(1, 2)
    for sides in _boundary(form, space, u):
        values, cells = sides.chunk.tests[0], sides.chunk.cells
        np.add.at(parts, cells, np.einsum("ebq,eq->eb", values, sides.load))
        np.add.at(blocks, cells, (values * sides.rate[:, None]) @ values.swapaxes(1, 2))
    return blocks, parts


def project(value: Node, space: Space) -> Array:
    """The coefficients (N,) of the L2 projection of a formula."""
    blocks = np.zeros((space.dofs.shape[1], len(space.dofs), len(space.dofs)))
    parts = np.zeros(space.dofs.T.shape)
    for chunk in space.interior():
        weighted = chunk.tests[0] * chunk.w[:, None]
        blocks[chunk.cells] = weighted @ chunk.tests[0].swapaxes(1, 2)
        parts[chunk.cells] = np.einsum("ebq,eq->eb", weighted, scalar_field(value, chunk))
    return solved(space.matrix(blocks), space.vector(parts))


class BoundaryLoad(NamedTuple):
    """Sides at their points, with -h/μ and its derivative by u times the weights, (E, Q) each."""

    chunk: Chunk
    load: Array
    rate: Array


def _boundary(form: WeakForm, space: Space, u: Array) -> list[BoundaryLoad]:
    """What the Neumann and Robin conditions add to ρ and to its matrix."""
    loads = []
    for condition in form.conditions:
        if not isinstance(condition, Flux):
            continue
        sides = [side for side in space.cells.sides if side.part == condition.part]
        for chunk in space.boundary(sides):
            known = _jets(form, space, chunk, u)
            mu = _conormal_factor(form, condition, chunk, known)
            value, rate = fields((condition.value, condition.rate), chunk, known)
            loads.append(BoundaryLoad(chunk, -value / mu * chunk.w, -rate / mu * chunk.w))
    return loads


def _conormal_factor(
    form: WeakForm, condition: Flux, chunk: Chunk, known: dict[Derivative | Constant, torch.Tensor]
) -> Array:
    """μ (E, Q) with β = μ A n; ConfigError where there is none."""
    d = len(chunk.x)
    entries = list(itertools.chain.from_iterable(form.matrix))
    matrix = fields(entries, chunk, known).reshape(d, d, *chunk.w.shape)
    beta = fields(condition.slopes, chunk, known)
    conormal = np.einsum("ijeq,jeq->ieq", matrix, np.asarray(chunk.normal))
    mu = (beta * conormal).sum(axis=0) / (conormal**2).sum(axis=0)
    off = np.abs(beta - mu * conormal).max()
    if off > 1e-9 * np.abs(beta).max() or not np.abs(mu).min() > 0:
        raise ConfigError(
            f"no reference by finite elements: the condition on '{condition.part}' is not on the"
            " conormal derivative; with -div(A grad(u)) in the equation it must hold"
            " n·A grad(u), which is k*dn(u) for A = k"
        )
    return np.asarray(mu)


def constraints(form: WeakForm, space: Space, condensed: bool) -> csc_matrix:
    """The matrix (N, n) from free coefficients to all: 0 on Dirichlet parts, shared on periodic
    ones, without condensed ones.
    """
    parts = [condition.part for condition in form.conditions if isinstance(condition, Given)]
    keep = np.ones(space.size, dtype=bool)
    if condensed:
        keep[space.dofs[space.outer :].ravel()] = False
    # Coefficient b is ratio[b] times coefficient root[b]: where several periodic pairs meet, as in
    # a corner, chains of shared coefficients are followed to one root.
    root, ratio = np.arange(space.size), np.ones(space.size)
    for first, second, shift in form.periodic:
        for b, (a, sign) in space.shared(first, second, np.array(shift)).items():
            while root[a] != a:
                a, sign = int(root[a]), sign * ratio[a]
            if a != b:
                root[b], ratio[b] = a, sign
    for _ in form.periodic:
        root, ratio = root[root], ratio * ratio[root]
    keep[space.side_numbers([side for side in space.cells.sides if side.part in parts])] = False
    keep &= keep[root]
    columns = np.unique(root[keep])
    rows = np.flatnonzero(keep)
    entries = (ratio[rows], (rows, np.searchsorted(columns, root[rows])))
    return csc_matrix(coo_matrix(entries, shape=(space.size, len(columns))))


def given_values(form: WeakForm, space: Space) -> Array:
    """The coefficients (N,) that hold Dirichlet's values on their sides and are 0 elsewhere."""
    u = np.zeros(space.size)
    dirichlet = [condition for condition in form.conditions if isinstance(condition, Given)]
    if not dirichlet:
        return u
    every: list[Side] = []
    rows, columns, entries, load = [], [], [], np.zeros(space.size)
    for condition in dirichlet:
        sides: list[Side] = [side for side in space.cells.sides if side.part == condition.part]
        every += sides
        for chunk in space.boundary(sides):
            tests, numbers = chunk.tests[0], space.dofs[:, chunk.cells].T
            blocks = (tests * chunk.w[:, None]) @ tests.swapaxes(1, 2)
            weighted = scalar_field(condition.value, chunk) * chunk.w
            np.add.at(load, numbers, np.einsum("ebq,eq->eb", tests, weighted))
            rows.append(np.broadcast_to(numbers[:, :, None], blocks.shape).ravel())
            columns.append(np.broadcast_to(numbers[:, None, :], blocks.shape).ravel())
            entries.append(blocks.ravel())
    places = (np.concatenate(rows), np.concatenate(columns))
    shape = (space.size, space.size)
    mass = csc_matrix(coo_matrix((np.concatenate(entries), places), shape=shape))
    numbers = space.side_numbers(every)
    u[numbers] = solved(csc_matrix(mass[numbers][:, numbers]), load[numbers])
    return u


def mean_rows(form: WeakForm, space: Space) -> MeanRows:
    """The mean conditions as rows."""
    rows, values = [], []
    for condition in form.conditions:
        if not isinstance(condition, Mean):
            continue
        row, right = np.zeros(space.dofs.T.shape), 0.0
        for chunk in space.interior():
            weight, constant = fields([condition.weight, condition.constant], chunk, {})
            row[chunk.cells] += np.einsum("ebq,eq->eb", chunk.tests[0], weight * chunk.w)
            right -= float((constant * chunk.w).sum())
        rows.append(space.vector(row))
        values.append(right)
    return MeanRows(np.array(rows).reshape(len(rows), space.size), np.array(values))
