"""Newton's method for the outer parameters c of an energy,

    g = Σ_q w_q Φ_qᵀ s_q,  s = ∂E/∂z,      H = Σ_q w_q Φ_qᵀ K_q Φ_q,  K = ∂²E/∂z∂z,      H γ = -g,

z (A,) the jets that E holds and Φ_q (A, P) their derivatives by c. Neither is formed: with UᵀU = K
+ δ² κ I the rows √w U Φ and the right-hand side -√w U⁻ᵀ s are a least-squares problem less the
shift (`optimizers.shifted`), which keeps the digits that the normal equations lose. Penalties add
their rows √2 M and -√2 r. One step where J is quadratic, with one of refinement; else steps that
are halved until J falls. z is taken in coordinates in which the domain is as long as [-1, 1]^d.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde import optimizers
from kanpde.assembly.energy import Density, EnergyObjective
from kanpde.assembly.outer_system import POINTS, OuterSystem
from kanpde.errors import NumericalError
from kanpde.trial.solution import TrialSolution

SHIFT = 1e-2
"""δ²: K + δ² κ I has a Cholesky factor, and its part δ² κ I is small beside a coercive H."""

FAINT = 1e-3
"""κ at a point is at least this share of its mean: an energy may be flat somewhere (the p-Laplacian
where ∇u = 0).
"""

CONCAVE = 1e-10
"""Eigenvalues of K down to minus this share of the largest are rounding."""

SHORTEST_SHARE = 1e-4
"""Where a step shorter than this share of itself still does not lower J, it is given up."""

NOISE = 1e-13
"""J is known to this share of Σ w |E|: a step that raises it by no more has not failed, and a whole
one that lowers it by no more is the last, since the error after it is the square of one that J does
not show.
"""


@dataclass(frozen=True)
class RitzStep:
    """J after a step; `last` if the step was not halved and J is the same but for rounding."""

    value: float
    last: bool

    def ended(self, tolerance: float, goal: float) -> bool:
        """Whether no further step is needed. J has no value to reach, so neither of the numbers is
        looked at.
        """
        return self.last


@dataclass(frozen=True)
class _Block:
    """The rows of a density: first row, U (N, A, A), and δ² κ U⁻ᵀ U⁻¹ (N, A, A)."""

    density: Density
    first: int
    root: Tensor
    shift: Tensor

    @property
    def rows(self) -> slice:
        """Its rows: all points of the first one, of the second one, …"""
        return slice(self.first, self.first + self.root.shape[0] * self.root.shape[1])


class Ritz:
    """Steps on one trial solution; `value` is the present J."""

    def __init__(self, objective: EnergyObjective, trial: TrialSolution) -> None:
        self._objective, self._trial = objective, trial
        self._penalty = (
            None if objective.essential is None else OuterSystem(objective.essential, trial)
        )
        self.value, self._noise = self._energy()
        if not math.isfinite(self.value):
            raise NumericalError(
                f"energy: J of the start is {self.value}; change the formula, the domain or"
                f" trial.start"
            )

    def step(self, regularisation: float, constants: bool = False) -> RitzStep | None:
        """One step; None where no share of it lowers J: nothing has moved then. Raises
        NumericalError where K is not convex.
        """
        net = self._trial.net
        blocks, matrix = self._system()
        factors = optimizers.Shifted(matrix, regularisation, net.outer.shape[1])
        move = self._move(factors, blocks)
        if self._objective.linear:
            net.set_outer(net.outer + move)
            net.set_outer(net.outer + self._move(factors, blocks))
            self.value, self._noise = self._energy()
            return RitzStep(self.value, True)
        start, share = net.outer, 1.0
        while share > SHORTEST_SHARE:
            net.set_outer(start + share * move)
            value, noise = self._energy()
            if value <= self.value + self._noise:
                last = share == 1.0 and self.value - value <= self._noise
                self.value, self._noise = value, noise
                return RitzStep(value, last)
            share /= 2
        net.set_outer(start)
        return None

    def _energy(self) -> tuple[float, float]:
        """J, and what of it is rounding."""
        with torch.no_grad():
            values = self._objective.weighted(self._trial)
            penalty = 0.0 if self._penalty is None else self._penalty.objective()
        scale = sum(float(value.abs().sum()) for value in values)
        return sum(float(value.sum()) for value in values) + penalty, NOISE * (scale + penalty)

    def _move(self, factors: optimizers.Shifted, blocks: list[_Block]) -> Tensor:
        """Newton's step of the outer parameters (P, m) from where they are."""

        def shift(rows: Tensor) -> Tensor:
            shifted = torch.zeros_like(rows)
            for block in blocks:
                n, a, _ = block.root.shape
                at = rows[block.rows].reshape(a, n).T[:, :, None]
                shifted[block.rows] = (block.shift @ at)[:, :, 0].T.reshape(-1)
            return shifted

        step = factors.step(self._right(blocks), shift)
        return step.reshape(self._trial.net.outer.shape[1], -1).T

    def _right(self, blocks: list[_Block]) -> Tensor:
        """-√w U⁻ᵀ s of every density, then -√2 r, (R,)."""
        sides = []
        for block in blocks:
            density = block.density
            with torch.no_grad():
                slopes = torch.stack(
                    density.values(density.slopes, self._trial.jet(density.at)), dim=1
                )
            scaled = (slopes / self._units(density))[:, :, None]
            solved = torch.linalg.solve_triangular(block.root.mT, scaled, upper=False)[:, :, 0]
            sides.append(-(density.points.w.sqrt()[:, None] * solved).T.reshape(-1))
        return torch.cat(
            sides if self._penalty is None else [*sides, -math.sqrt(2) * self._penalty.weighted()]
        )

    def _units(self, density: Density) -> Tensor:
        """What a derivative is multiplied by to be one in the scaled coordinates, (A,)."""
        powers = torch.tensor([jet.index for jet in density.jets]).to(self._trial.scale)
        return torch.prod((1 / self._trial.scale) ** powers, dim=1)

    def _system(self) -> tuple[list[_Block], Tensor]:
        """The blocks, and the matrix with free rows for the regularisation (R + P·m, P·m)."""
        count, unknowns = self._trial.net.outer.shape
        total = self._objective.rows
        matrix = self._trial.scale.new_zeros(count * unknowns, total + count * unknowns)
        blocks, first = self._blocks(), 0
        for block in blocks:
            self._fill(block, matrix[:, block.rows])
            first = block.rows.stop
        if self._penalty is not None:
            matrix[:, first:total] = math.sqrt(2) * self._penalty.matrix().T
        return blocks, matrix.T

    def _blocks(self) -> list[_Block]:
        """U of every density at the present jets; a boundary density has the κ of the inside,
        spread over its part.
        """
        blocks: list[_Block] = []
        first, mean, spread = 0, 0.0, 0.0
        for number, density in enumerate(self._objective.densities):
            curvature, w = self._curvature(density), density.points.w
            diagonal = curvature.diagonal(dim1=1, dim2=2).amax(1)
            if number == 0:
                mean, spread = float((w * diagonal).sum() / w.sum()), float(w.sum())
                if not mean > 0:
                    raise NumericalError(
                        "least_squares: the energy has no second derivatives by u and its"
                        " gradient, so it has no minimum to solve"
                        " for; correct the formula"
                    )
            level = (
                diagonal.clamp_min(FAINT * mean)
                if number == 0
                else torch.full_like(w, mean * spread / float(w.sum()))
            )
            added = SHIFT * level[:, None, None] * torch.eye(curvature.shape[1]).to(curvature)
            root = torch.linalg.cholesky(curvature + added).mT
            inverse = torch.linalg.solve_triangular(
                root, torch.eye(root.shape[1]).to(root), upper=True
            )
            blocks.append(_Block(density, first, root, inverse.mT @ added @ inverse))
            first = blocks[-1].rows.stop
        return blocks

    def _curvature(self, density: Density) -> Tensor:
        """K in the scaled coordinates (N, A, A); NumericalError where it is not finite or has a
        negative eigenvalue.
        """
        a, units = len(density.jets), self._units(density)
        with torch.no_grad():
            values = density.values(density.curvatures, self._trial.jet(density.at))
        curvature = torch.stack(values, dim=1).reshape(-1, a, a) / (units[:, None] * units)
        if not bool(curvature.isfinite().all()):
            raise NumericalError(
                "least_squares: second derivatives of the energy are not finite; change formula or"
                " start"
            )
        least = torch.linalg.eigvalsh(curvature)[:, 0]
        worst = int(least.argmin())
        if float(least[worst]) < -CONCAVE * float(curvature.abs().max()):
            where = [round(number, 6) for number in density.points.x[worst].tolist()]
            raise NumericalError(
                f"least_squares: the energy is not convex in u and its gradient at {where} (its"
                f" second derivatives have the"
                f" eigenvalue {float(least[worst]):.1e}), so Newton's step need not lower it; use"
                f" lbfgs or adam"
            )
        return curvature

    def _fill(self, block: _Block, matrix: Tensor) -> None:
        """Write √w U Φ into the columns of the rows of a block, (P·m, A·N)."""
        density, (n, a, _) = block.density, block.root.shape
        net, space = self._trial.net, density.at.space
        count = len(net.outer)
        unknowns = sorted({jet.unknown for jet in density.jets})
        units = self._units(density)
        for start in range(0, n, POINTS):
            stop = min(start + POINTS, n)
            features = self._trial.features(density.at.rows(start, stop))
            weighted = (
                density.points.w[start:stop].sqrt()[:, None, None] * block.root[start:stop] * units
            )
            for row in range(a):
                functional = weighted.new_zeros(
                    len(space.indices), net.outer.shape[1], stop - start
                )
                for column, derivative in enumerate(density.jets):
                    functional[space.position[derivative.index], derivative.unknown] = weighted[
                        :, row, column
                    ]
                place = matrix[:, row * n + start : row * n + stop]
                for unknown, values in zip(
                    unknowns, features.rows(functional, unknowns), strict=True
                ):
                    share = place[unknown * count : (unknown + 1) * count]
                    if features.columns is None:
                        share += values
                    else:
                        share.scatter_add_(0, features.columns, values)
