"""Planes across which formulas jump: the flux of the equations is continuous there, not ∂_n u.

    [a_kl ∂_n u_l] + Σ_{l,j} D_klj ∂_j u_l + D_kl u_l = 0    on x_axis = c

a_kl is the coefficient of ∂_n²u_l in equation k, D what the equation has concentrated on the plane
(`problem.concentrated`). Where the equation is a divergence, D_kln = [a_kl]; u and its derivatives
along the plane are continuous, so the other terms may count on one side alone. Where nothing is
concentrated, as in k Δu, ∂_n u is continuous, and traces remain as they are.

Source: the jump conditions of divergence equations, e.g. Evans, Partial Differential Equations
(2010), 3.4.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kanpde.expressions import jets
from kanpde.numerics.polynomials import Index
from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.patches.layout import Face, Patch
from kanpde.patches.nonlinear_fluxes import Numbers, concentrated, draws, frozen, through
from kanpde.problem.concentrated import Edge, edges_of
from kanpde.problem.findings import numbers
from kanpde.problem.problem import Problem

SAME = 1e-8
"""Places nearer to each other than this share of the domain are one; so far beside a plane, as a
share of a patch, coefficients are those of one side.
"""

CLOSE, SECOND = 1e-6, 2
"""How near the strength of a flux is to the jump of its coefficient, as a share of the largest."""

SAMPLES = 1 << 12


@dataclass(frozen=True)
class Fluxes:
    """What is known of the planes across which formulas of equations of second order jump.

    Attributes:
        equations: F_k, as many as unknowns, at a state where they are not linear.
        edges: what they have concentrated.
        planes: along every axis places at which traces are fluxes.
        settled: along every axis places at which jumps of coefficients are taken into account.
        units: the size (m,) of a flux for a derivative of 1.
    """

    equations: tuple[Affine, ...]
    edges: tuple[Edge, ...]
    planes: tuple[Array, ...]
    settled: tuple[Array, ...]
    units: Array
    extent: Array

    def of_state(self, equations: tuple[Affine, ...]) -> Fluxes:
        """The fluxes of the equations as they are taken apart, at a state or for good."""
        return replace(self, equations=equations)

    def are_on(self, face: Face) -> bool:
        """Whether the traces of a face are fluxes."""
        return _holds(self.planes[face.axis], face.at, float(self.extent[face.axis]))

    def tips(self, lower: Array, upper: Array) -> Array:
        """Points (N, 2) in the plane where planes of fluxes meet each other or the sides of a
        rectangle: u has a singularity there.
        """
        every = [np.array([*ends]) for ends in zip(lower, upper, strict=True)]
        points = [
            [(x, y) for x in self.planes[0] for y in (*every[1], *self.planes[1])],
            [(x, y) for x in every[0] for y in self.planes[1]],
        ]
        return np.array([*points[0], *points[1]]).reshape(-1, 2)

    def terms(self, patch: Patch, face: Face, x: Array) -> list[dict[tuple[int, Index], Array]]:
        """Of every equation the coefficients (N,) of the flux along the axis of a face, at its
        points x (N, d), on the side of a patch.
        """
        axis = face.axis
        step = SAME * float(patch.upper[axis] - patch.lower[axis])
        above = (patch.lower[axis] + patch.upper[axis]) / 2 > face.at
        beside = x.copy()
        beside[:, axis] += step if above else -step
        flux = [_diffusion(equation, axis, beside) for equation in self.equations]
        if above:
            for number, strengths in enumerate(_strengths(self.edges, len(flux), axis, x, step)):
                for (unknown, index), values in strengths.items():
                    # those of the normal derivative are the jump of the diffusion itself
                    if index != _unit(axis, len(index)):
                        flux[number][unknown, index] = values
        return flux


@dataclass(frozen=True)
class Surfaces:
    """What jumps of formulas mean for the solve: fluxes, and the edges that are left out."""

    fluxes: Fluxes | None = None
    missed: tuple[Edge, ...] = ()

    @classmethod
    def of(cls, problem: Problem) -> Surfaces:
        """Of a problem; on regions nothing is looked at."""
        edges = edges_of(problem)
        if problem.regions or not problem.kinks or not _is_plain(problem, edges):
            return cls(None, tuple(edge for edge in edges if not edge.is_empty))
        sample = problem.domain.interior(SAMPLES, "sobol", np.random.default_rng(0)).x
        drawn: Sequence[Numbers] = ()
        if problem.is_linear:
            equations = tuple(Affine.of(node) for node in problem.equations)
        else:
            drawn = draws(problem.equations, edges)
            equations = tuple(frozen(node, drawn[0]) for node in problem.equations)
        off_planes = [edge for edge in edges if not _is_on_planes(edge, problem, sample)]
        extent = problem.domain.upper - problem.domain.lower
        planes: list[Array] = []
        settled: list[Array] = []
        missed = {edge.test: edge for edge in off_planes if not edge.is_empty}
        for axis, places in enumerate(problem.kinks):
            kinds = [
                _kind_by_numbers(drawn, edges, (axis, float(at)), problem, sample)
                if drawn
                else _kind(equations, edges, (axis, float(at)), problem, sample)
                for at in places
            ]
            chosen = np.array([kind == "flux" for kind in kinds], dtype=bool)
            known = np.array([kind != "unclear" for kind in kinds], dtype=bool)
            planes.append(places[chosen])
            settled.append(places[known])
            for at in places[~known]:
                at_plane = [edge for edge in edges if _changes(edge, axis, float(at), sample)]
                missed |= {edge.test: edge for edge in at_plane if not edge.is_empty}
        units = _units(equations, sample)
        # D of the normal derivative is the jump of the diffusion itself, and tried to be all there is
        of_linear = () if drawn else edges
        fluxes = Fluxes(equations, of_linear, tuple(planes), tuple(settled), units, extent)
        return cls(fluxes, tuple(missed.values()))


def _is_plain(problem: Problem, edges: Sequence[Edge]) -> bool:
    """Whether there is one equation of second order for every unknown, and no formula jumps where
    an unknown says.
    """
    if len(problem.equations) != len(problem.unknowns):
        return False
    for number, node in enumerate(problem.equations):
        orders = [jet.order for jet in jets(node) if jet.unknown == number]
        if max(orders, default=0) != SECOND:
            return False
    return problem.order == SECOND and not any(jets(edge.test) for edge in edges)


def _unit(axis: int, dimension: int, times: int = 1) -> Index:
    return tuple(times * int(k == axis) for k in range(dimension))


def _holds(places: Array, at: float, extent: float) -> bool:
    return bool(len(places)) and float(np.abs(places - at).min()) <= SAME * extent


def _diffusion(equation: Affine, axis: int, x: Array) -> dict[tuple[int, Index], Array]:
    """a_kl by the derivatives ∂_n u_l that they belong to."""
    dimension, slopes = x.shape[1], equation.at(x)[0]
    second = _unit(axis, dimension, 2)
    return {
        (unknown, _unit(axis, dimension)): values
        for (unknown, index, _), values in zip(equation.slopes, slopes, strict=True)
        if index == second
    }


def _strengths(
    edges: Sequence[Edge], count: int, axis: int, x: Array, step: float
) -> list[dict[tuple[int, Index], Array]]:
    """D of every equation at points (N, d) of a plane, 0 where no test changes its sign within a
    `step`.
    """
    sums: list[dict[tuple[int, Index], Array]] = [{} for _ in range(count)]
    for edge in edges:
        change = _change(edge, axis, x, step)
        if edge.constant is None or not change.any():
            continue
        of_jets, _ = edge.strengths(x)
        of_equation = sums[edge.equation]
        for jet, values in of_jets.items():
            of_equation[jet] = of_equation.get(jet, 0.0) + np.where(change, values, 0.0)
    return sums


def _change(edge: Edge, axis: int, x: Array, step: float) -> NDArray[np.bool_]:
    """Whether a test changes its sign across a plane at points (N, d), (N,)."""
    return edge.changes(x, step * np.eye(x.shape[1])[axis])


def _on_plane(sample: Array, plane: tuple[int, float], problem: Problem) -> tuple[Array, float]:
    """Points of a plane inside the domain, and how far beside it coefficients are those of a side."""
    axis, at = plane
    x = sample.copy()
    x[:, axis] = at
    extent = float(problem.domain.upper[axis] - problem.domain.lower[axis])
    return np.asarray(x[problem.domain.contains(x, 0.0)]), SAME * extent


def _changes(edge: Edge, axis: int, at: float, sample: Array) -> bool:
    x = sample.copy()
    x[:, axis] = at
    return bool(_change(edge, axis, x, SAME * float(np.ptp(sample[:, axis]))).any())


def _is_on_planes(edge: Edge, problem: Problem, sample: Array) -> bool:
    """Whether the sign of a test is the same between planes of kinks."""
    numbers_of_boxes = np.zeros(len(sample), dtype=np.int64)
    for axis, places in enumerate(problem.kinks):
        where = np.searchsorted(places, sample[:, axis])
        numbers_of_boxes = numbers_of_boxes * (len(places) + 1) + where
    positive = numbers((edge.plain,), sample)[0] > 0
    both = set(numbers_of_boxes[positive].tolist()) & set(numbers_of_boxes[~positive].tolist())
    return not both


def _kind(
    equations: Sequence[Affine],
    edges: Sequence[Edge],
    plane: tuple[int, float],
    problem: Problem,
    sample: Array,
) -> str:
    """ "flux", "plain" where nothing is concentrated on a plane, or "unclear"."""
    axis = plane[0]
    x, step = _on_plane(sample, plane, problem)
    mine = [edge for edge in edges if len(x) and _change(edge, axis, x, step).any()]
    if not mine:  # what jumps without a word for it, as abs(x)/x, is not understood
        jumps = [_jumps(equation, axis, x, step) for equation in equations]
        return "unclear" if any(_is_large(of_equation) for of_equation in jumps) else "plain"
    if all(edge.is_empty for edge in mine):
        return "plain"
    if any(edge.constant is None for edge in mine):
        return "unclear"
    for edge in mine:
        change = _change(edge, axis, x, step)
        if np.abs(edge.strengths(x[change])[1]).max() > 0:
            return "unclear"  # a source on a plane
    strengths = _strengths(mine, len(equations), axis, x, step)
    for equation, of_equation in zip(equations, strengths, strict=True):
        if not _is_divergence(_jumps(equation, axis, x, step), of_equation, axis):
            return "unclear"
    return "flux"


def _kind_by_numbers(
    drawn: Sequence[Numbers],
    edges: Sequence[Edge],
    plane: tuple[int, float],
    problem: Problem,
    sample: Array,
) -> str:
    """The same for equations that are not linear, with numbers in the place of the unknowns."""
    axis = plane[0]
    x, step = _on_plane(sample, plane, problem)
    changes = [(edge, _change(edge, axis, x, step)) for edge in edges if len(x)]
    mine = [(edge, change) for edge, change in changes if change.any()]
    if mine and all(edge.is_empty for edge, _ in mine):
        return "plain"
    for values in drawn:
        for number, node in enumerate(problem.equations):
            jumps = _jumps(frozen(node, values), axis, x, step)
            if not mine and _is_large(jumps):
                return "unclear"
            expected = through(jumps, values, len(x))
            total = np.zeros(len(x))
            for edge, change in mine:
                if edge.equation == number:
                    total += np.where(change, concentrated(edge, values, x), 0.0)
            sizes = [np.abs(jump).max(initial=0.0) for jump in jumps.values()]
            if not np.abs(total - expected).max(initial=0.0) <= CLOSE * max(map(float, sizes)):
                return "unclear"
    return "flux" if mine else "plain"


def _jumps(equation: Affine, axis: int, x: Array, step: float) -> dict[tuple[int, Index], Array]:
    """[a_kl] at points of a plane."""
    sides = []
    for sign in (-1.0, 1.0):
        beside = x.copy()
        beside[:, axis] += sign * step
        sides.append(_diffusion(equation, axis, beside))
    below, above = sides
    return {jet: above[jet] - below[jet] for jet in above}


def _is_large(jumps: Mapping[tuple[int, Index], Array]) -> bool:
    """Whether a coefficient jumps, beyond what it changes by beside a plane."""
    return any(float(np.abs(values).max(initial=0.0)) > CLOSE for values in jumps.values())


def _is_divergence(
    jumps: Mapping[tuple[int, Index], Array],
    strengths: Mapping[tuple[int, Index], Array],
    axis: int,
) -> bool:
    """Whether what is concentrated is what the jump of the diffusion makes of it."""
    sizes = [np.abs(values).max() for values in (*jumps.values(), *strengths.values())]
    largest = max(map(float, sizes), default=0.0)
    for unknown, index in {*jumps, *strengths}:
        if sum(index) > 1:
            return False
        if index == _unit(axis, len(index)):
            jet = unknown, index
            gap = np.abs(jumps.get(jet, 0.0) - strengths.get(jet, 0.0)).max()
            if gap > CLOSE * largest:
                return False
    return True


def _units(equations: Sequence[Affine], x: Array) -> Array:
    """The mean size of the diffusion of every unknown along the axis where it is largest."""
    units = []
    for number, equation in enumerate(equations):
        sizes = [0.0]
        for axis in range(x.shape[1]):
            across = _diffusion(equation, axis, x).get((number, _unit(axis, x.shape[1])))
            if across is not None:
                sizes.append(float(np.abs(across).mean()))
        units.append(max(sizes) or 1.0)
    return np.array(units)
