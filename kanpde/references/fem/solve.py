"""Newton's method for the weak form of a problem on a space of finite elements.

With ρ_b = ∫ s φ_b - q·∇φ_b dx - ∮ h φ_b / μ ds a step w solves  Σ_c ∂ρ_b/∂u_c w_c = -ρ_b  for the
free coefficients: those of Dirichlet parts are the L2 projection of the given values on their
sides, those of periodic parts are shared, and a mean condition adds a row and its Lagrange
multiplier. A step is halved while it makes ρ longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
HALVINGS = 12
SMALLEST_STEP = 1e-13


@dataclass(frozen=True)
class System:
    """ρ and its matrix at some u: rows (N,), matrix (N, N), what gives condensed coefficients back,
    M with u_t.
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
    free = constraints(form, space, condensed=not len(mean[1]))
    u = given_values(form, space)
    multiplier = np.zeros(len(mean[1]))
    for _ in range(MOST_STEPS):
        system = (assemble_full if len(mean[1]) else assemble)(form, space, u)
        step, multiplier = _step(system, space, free, mean, u)
        u, length, taken = _damped(form, space, u, step, free, mean, multiplier)
        if form.linear or length <= SMALLEST_STEP * max(1.0, float(np.abs(u).max())) * 10:
            return u
        if taken < 0.5**HALVINGS:
            break
    raise NumericalError(
        "reference: Newton's method does not converge from zero; no reference by finite elements"
    )


def _damped(
    form: WeakForm,
    space: Space,
    u: Array,
    step: Array,
    free: csc_matrix,
    mean: tuple[Array, Array],
    multiplier: Array,
) -> tuple[Array, float, float]:
    """u after a step, the step's largest number and the share of it that was taken."""
    length = float(np.abs(step).max())
    if form.linear:
        return u + step, length, 1.0

    def size(v: Array) -> float:
        rows = free.T @ (residual(form, space, v) + mean[0].T @ multiplier)
        return float(np.linalg.norm(np.append(rows, mean[0] @ v - mean[1])))

    before, share = size(u), 1.0
    while share >= 0.5**HALVINGS and not size(u + share * step) <= (
        1 - share / 4
    ) * before + 1e-12 * (1 + before):
        share /= 2
    return u + share * step, length, share


def _step(
    system: System, space: Space, free: csc_matrix, mean: tuple[Array, Array], u: Array
) -> tuple[Array, Array]:
    """Newton's step (N,) and the Lagrange multipliers."""
    n = space.outer
    square = csc_matrix(free.T @ system.matrix @ free)
    rows, wanted = mean
    right: Array = -(free.T @ system.load)
    if len(wanted):
        border = csc_matrix(rows @ free)
        square = bordered(square, border)
        right = np.append(right, wanted - rows @ u)
    try:
        found = solved(square, right)
    except RuntimeError as error:
        raise NumericalError(
            f"reference: the finite-element matrix is singular ({error}); is the solution unique?"
        ) from error
    step = free @ found[: free.shape[1]]
    if system.inner is not None:
        back, load = system.inner
        outer = step[space.dofs[:n].T]
        step[space.dofs[n:].T] = load + np.einsum("eij,ej->ei", back, outer)
    return step, found[free.shape[1] :]


def bordered(square: csc_matrix, border: csc_matrix) -> csc_matrix:
    """The matrix [[square, borderᵀ], [border, 0]]."""
    corner = csc_matrix((border.shape[0], border.shape[0]))
    return csc_matrix(vstack([hstack([square, border.T]), hstack([border, corner])]))


def solved(square: csc_matrix, right: Array) -> Array:
    """Sparse LU with one step of refinement."""
    lu = splu(square, permc_spec="COLAMD")
    found = lu.solve(right)
    return np.asarray(found + lu.solve(right - square @ found))


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
    found = np.stack([value.numpy() for value in evaluate(nodes, x, normal, known)])
    return found.reshape(len(nodes), *chunk.w.shape)


def residual(form: WeakForm, space: Space, u: Array) -> Array:
    """ρ (N,)."""
    parts = np.zeros(space.dofs.T.shape)
    for chunk in space.interior():
        density = fields(form.densities, chunk, _jets(form, space, chunk, u)) * chunk.w
        parts[chunk.cells] += np.einsum("aebq,aeq->eb", chunk.tests, density, optimize=True)
    for chunk, load, _ in _boundary(form, space, u):
        np.add.at(parts, chunk.cells, np.einsum("ebq,eq->eb", chunk.tests[0], load))
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
        weight = fields([form.mass], chunk, {})[0] * chunk.w
        masses[chunk.cells] = (chunk.tests[0] * weight[:, None]) @ chunk.tests[0].swapaxes(1, 2)
    return System(space.vector(parts), space.matrix(blocks), None, space.matrix(masses))


def _blocks(form: WeakForm, space: Space, u: Array) -> tuple[Array, Array]:
    """The matrices (E, B, B) and rows (E, B) of the cells."""
    count, b, size = space.dofs.shape[1], len(space.dofs), len(form.jets)
    blocks, parts = np.zeros((count, b, b)), np.zeros((count, b))
    rates = [slope for row in form.slopes for slope in row]
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
    for chunk, load, rate in _boundary(form, space, u):
        np.add.at(parts, chunk.cells, np.einsum("ebq,eq->eb", chunk.tests[0], load))
        np.add.at(
            blocks, chunk.cells, (chunk.tests[0] * rate[:, None]) @ chunk.tests[0].swapaxes(1, 2)
        )
    return blocks, parts


def project(value: Node, space: Space) -> Array:
    """The coefficients (N,) of the L2 projection of a formula."""
    blocks, parts = (
        np.zeros((space.dofs.shape[1], len(space.dofs), len(space.dofs))),
        np.zeros(space.dofs.T.shape),
    )
    for chunk in space.interior():
        weighted = chunk.tests[0] * chunk.w[:, None]
        blocks[chunk.cells] = weighted @ chunk.tests[0].swapaxes(1, 2)
        parts[chunk.cells] = np.einsum("ebq,eq->eb", weighted, fields([value], chunk, {})[0])
    return solved(space.matrix(blocks), space.vector(parts))


def _boundary(form: WeakForm, space: Space, u: Array) -> list[tuple[Chunk, Array, Array]]:
    """Chunks of sides with -h/μ and its derivative by u, times the weights."""
    found = []
    for condition in form.conditions:
        if not isinstance(condition, Flux):
            continue
        for chunk in space.boundary(
            [side for side in space.cells.sides if side.part == condition.part]
        ):
            known = _jets(form, space, chunk, u)
            d = len(chunk.x)
            matrix = fields([a for row in form.matrix for a in row], chunk, known).reshape(
                d, d, *chunk.w.shape
            )
            beta = fields(condition.slopes, chunk, known)
            conormal = np.einsum("ijeq,jeq->ieq", matrix, np.asarray(chunk.normal))
            mu = (beta * conormal).sum(axis=0) / (conormal**2).sum(axis=0)
            if (
                np.abs(beta - mu * conormal).max() > 1e-9 * np.abs(beta).max()
                or not np.abs(mu).min() > 0
            ):
                raise ConfigError(
                    f"no reference by finite elements: the condition on '{condition.part}' is not"
                    f" on the conormal derivative;"
                    " with -div(A grad(u)) in the equation it must hold n·A grad(u), which is"
                    " k*dn(u) for A = k"
                )
            rest, rate = fields((condition.rest, condition.rate), chunk, known)
            found.append((chunk, -rest / mu * chunk.w, -rate / mu * chunk.w))
    return found


def constraints(form: WeakForm, space: Space, condensed: bool) -> csc_matrix:
    """The matrix (N, n) from free coefficients to all: 0 on Dirichlet parts, shared on periodic
    ones, without condensed ones.
    """
    parts = [condition.part for condition in form.conditions if isinstance(condition, Given)]
    keep = np.ones(space.size, dtype=bool)
    if condensed:
        keep[space.dofs[space.outer :].ravel()] = False
    root, ratio = np.arange(space.size), np.ones(space.size)
    for part, other, shift in form.periodic:
        for b, (a, sign) in space.shared(part, other, np.array(shift)).items():
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
    given = [condition for condition in form.conditions if isinstance(condition, Given)]
    if not given:
        return u
    every: list[Side] = []
    rows, columns, entries, load = [], [], [], np.zeros(space.size)
    for condition in given:
        sides: list[Side] = [side for side in space.cells.sides if side.part == condition.part]
        every += sides
        for chunk in space.boundary(sides):
            value = fields([condition.value], chunk, {})[0]
            tests, numbers = chunk.tests[0], space.dofs[:, chunk.cells].T
            blocks = (tests * chunk.w[:, None]) @ tests.swapaxes(1, 2)
            np.add.at(load, numbers, np.einsum("ebq,eq->eb", tests, value * chunk.w))
            rows.append(np.broadcast_to(numbers[:, :, None], blocks.shape).ravel())
            columns.append(np.broadcast_to(numbers[:, None, :], blocks.shape).ravel())
            entries.append(blocks.ravel())
    shape = (space.size, space.size)
    mass = csc_matrix(
        coo_matrix(
            (np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))), shape=shape
        )
    )
    held = space.side_numbers(every)
    u[held] = solved(csc_matrix(mass[held][:, held]), load[held])
    return u


def mean_rows(form: WeakForm, space: Space) -> tuple[Array, Array]:
    """Rows (K, N) and right-hand sides (K,) of the mean conditions."""
    rows, wanted = [], []
    for condition in form.conditions:
        if isinstance(condition, Mean):
            row, right = np.zeros(space.dofs.T.shape), 0.0
            for chunk in space.interior():
                weight, rest = fields([condition.weight, condition.rest], chunk, {})
                row[chunk.cells] += np.einsum("ebq,eq->eb", chunk.tests[0], weight * chunk.w)
                right -= float((rest * chunk.w).sum())
            rows.append(space.vector(row))
            wanted.append(right)
    return np.array(rows).reshape(len(rows), space.size), np.array(wanted)
