"""B-splines of degree p on G intervals, evaluated locally: at a point only p + 1 of the K = G + p
functions are non-zero.

Cox–de Boor on knots t, with z in the interval [t_i, t_{i+1}) and r = 0 … j counting the functions
that live there:

    B_{i-j+r}^j(z) = (z - t_{i-j+r}) / (t_{i+r} - t_{i-j+r}) B^{j-1}_{i-j+r}(z)
                   + (t_{i+r+1} - z) / (t_{i+r+1} - t_{i-j+r+1}) B^{j-1}_{i-j+r+1}(z),
    d/dz B_m^j = j [ B_m^{j-1} / (t_{m+j} - t_m) - B_{m+1}^{j-1} / (t_{m+j+1} - t_{m+1}) ].

Outside the grid [t_p, t_{p+G}] every spline goes on as the line through its end value and end
slope: C¹, never a clamp.

Source: C. de Boor, A Practical Guide to Splines, Springer 2001, ch. IX–X; Piegl & Tiller, The NURBS
Book, A2.2–A2.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from kanpde.errors import ConfigError, NumericalError
from kanpde.optimizers.linear_algebra import fit
from kanpde.trial.bases.cardinal import cardinal_pieces
from kanpde.trial.bases.edge_functions import gather, spline_edges
from kanpde.trial.bases.refit import fitting_points, nested, subdivide, weights


@dataclass(frozen=True)
class SplineGrid:
    """Knots of I independent univariate spline spaces of one degree.

    `knots` is (I, G + 2p + 1), non-decreasing, with G intervals of positive length inside; the p
    knots beyond either end only shape the functions: spaced on, or `clamped` at the ends, where
    high degrees on few intervals are conditioned far better (on one interval like Bernstein's
    polynomials). `uniform` says that all spacings of a row agree, which makes evaluation cheaper. A
    `periodic` space repeats after upper - lower: function m + G is function m, and no argument lies
    outside; its knots repeat too.
    """

    name: ClassVar[str] = "bspline"

    knots: Tensor
    degree: int
    uniform: bool
    periodic: bool = False

    def __post_init__(self) -> None:
        if self.degree < 1 or self.intervals < 1:
            raise ConfigError(
                f"spline grid: needs degree ≥ 1 and ≥ 1 interval, found {self.degree},"
                f" {self.intervals}"
            )
        if not bool((self.breakpoints.diff(dim=1) > 0).all()) or not bool(
            (self.knots.diff(dim=1) >= 0).all()
        ):
            raise ConfigError(
                "spline grid: breakpoints must increase strictly; remove repeated or unsorted ones"
            )
        if self.periodic and self.intervals <= self.degree:
            raise ConfigError(
                f"spline grid: a periodic one needs more intervals than its degree {self.degree},"
                f" found {self.intervals}"
            )

    @classmethod
    def even(
        cls, lower: Tensor, upper: Tensor, intervals: int, degree: int, periodic: bool = False
    ) -> SplineGrid:
        """Uniform knots on [lower, upper], each (I,), extended by p knots on either side."""
        steps = torch.arange(
            -degree, intervals + degree + 1, dtype=lower.dtype, device=lower.device
        )
        width = (upper - lower)[:, None]
        if intervals < 1 or not bool((width > 0).all()):
            raise ConfigError(
                f"spline grid: needs lower < upper and ≥ 1 interval, found {intervals} intervals"
            )
        return cls(lower[:, None] + width * (steps / intervals), degree, True, periodic)

    @classmethod
    def given(cls, breakpoints: Tensor, degree: int, clamped: bool = False) -> SplineGrid:
        """Any increasing breakpoints (I, G + 1); beyond the ends the last spacings are repeated, if
        clamped the ends.
        """
        steps = (0 if clamped else 1) * torch.arange(
            1, degree + 1, dtype=breakpoints.dtype, device=breakpoints.device
        )
        left, right = breakpoints[:, :1], breakpoints[:, -1:]
        before = left - (breakpoints[:, 1:2] - left) * steps.flip(0)
        after = right + (right - breakpoints[:, -2:-1]) * steps
        return cls(torch.cat([before, breakpoints, after], dim=1), degree, False)

    def at(self, knots: Tensor) -> SplineGrid:
        """Other knots, all else the same."""
        return SplineGrid(knots, self.degree, self.uniform, self.periodic)

    @property
    def wraps(self) -> bool:
        """Whether no argument lies outside."""
        return self.periodic

    @property
    def facts(self) -> dict[str, Any]:
        """All but the knots, plain."""
        return {
            "name": self.name,
            "degree": self.degree,
            "uniform": self.uniform,
            "periodic": self.periodic,
        }

    def over(self, breakpoints: Tensor) -> SplineGrid:
        """Other breakpoints (I, G + 1), the same degree and kind of ends."""
        return SplineGrid.given(
            breakpoints, self.degree, bool((self.knots[:, 0] == self.lower).all())
        )

    @property
    def intervals(self) -> int:
        """G."""
        return self.knots.shape[1] - 2 * self.degree - 1

    @property
    def size(self) -> int:
        """K = G + p basis functions, or G if periodic."""
        return self.intervals + (0 if self.periodic else self.degree)

    @property
    def breakpoints(self) -> Tensor:
        """The G + 1 knots inside, (I, G + 1)."""
        return self.knots[:, self.degree : self.knots.shape[1] - self.degree]

    @property
    def lower(self) -> Tensor:
        """Left end of each grid, (I,)."""
        return self.knots[:, self.degree]

    @property
    def upper(self) -> Tensor:
        """Right end of each grid, (I,)."""
        return self.knots[:, -self.degree - 1]

    def greville(self) -> Tensor:
        """Knot averages ξ_m = (t_{m+1} + … + t_{m+p}) / p, (I, K): coefficients s·ξ + b give the
        line s·z + b exactly.
        """
        return self.knots[:, 1:-1].unfold(1, self.degree, 1).mean(dim=-1)

    def line(self) -> Tensor:
        """Coefficients (I, K) of the function z, exactly."""
        return self.greville()

    def locate(self, z: Tensor) -> Tensor:
        """The interval 0 … G - 1 of each input (I, N); the right end belongs to the last one, the
        outside to the ends.
        """
        if self.uniform:
            rate = self.intervals / (self.upper - self.lower)
            position = (z - self.lower[:, None]) * rate[:, None]
            return position.floor_().long().clamp_(0, self.intervals - 1)
        return torch.searchsorted(
            self.breakpoints[:, 1:-1].contiguous(), z.contiguous(), right=True
        )

    def basis(self, z: Tensor, order: int) -> tuple[Tensor, Tensor]:
        """Interval (I, N) and the p + 1 non-zero functions with derivatives up to `order`: (order +
        1, p + 1, I, N).

        Function r of a point has the coefficient number interval + r. Not recorded by autograd.
        """
        with torch.no_grad():
            if self.periodic:
                lower = self.lower[:, None]
                inside = lower + torch.remainder(z - lower, self.upper[:, None] - lower)
                interval = self.locate(inside)
                return interval, self._local(inside, interval, order)
            inside = torch.minimum(torch.maximum(z, self.lower[:, None]), self.upper[:, None])
            interval = self.locate(inside)
            values = self._local(inside, interval, order)
            beyond = z - inside
            if bool((beyond != 0).any()):
                slope = values[1] if order >= 1 else self._local(inside, interval, 1)[1]
                values[0] += beyond * slope
                values[2:] *= beyond == 0
        return interval, values

    def _local(self, z: Tensor, interval: Tensor, order: int) -> Tensor:
        """The p + 1 functions on these intervals with derivatives, (order + 1, p + 1, I, N)."""
        if self.uniform:
            return self._cardinal(z, interval, order)
        return self._recursion(z, interval, order)

    def _cardinal(self, z: Tensor, interval: Tensor, order: int) -> Tensor:
        """Even knots: every piece is the same p + 1 polynomials of s ∈ [-1/2, 1/2], so all
        derivatives are one product.
        """
        p, (inputs, count) = self.degree, z.shape
        rate = (self.intervals / (self.upper - self.lower))[:, None]
        if order == 0:
            # products of matrices round a column as its place among the others has it, on some
            # processors; values of a solution are the same whichever points come with them
            s = (z - self.lower[:, None]) * rate - (interval + 0.5)
            pieces = z.new_tensor(cardinal_pieces(p, 0)).reshape(p + 1, p + 1, 1, 1)
            alone = pieces[:, p].repeat(1, inputs, count)
            for k in range(p - 1, -1, -1):
                alone.mul_(s).add_(pieces[:, k])
            return alone[None]
        powers = z.new_empty(p + 1, inputs, count)
        powers[0] = 1
        torch.sub((z - self.lower[:, None]) * rate, interval + 0.5, out=powers[1])
        for k in range(2, p + 1):
            torch.mul(powers[k - 1], powers[1], out=powers[k])
        table = z.new_tensor(cardinal_pieces(p, order)).reshape(-1, p + 1)
        values = (table @ powers.reshape(p + 1, -1)).reshape(order + 1, p + 1, inputs, count)
        for k in range(1, order + 1):
            values[k] *= rate**k
        return values

    def _recursion(self, z: Tensor, interval: Tensor, order: int) -> Tensor:
        """Any knots: Cox–de Boor's recursion, the k-th derivatives from the functions of degree p -
        k.
        """
        p = self.degree
        left, right = self._distances(z, interval)
        result = z.new_empty(order + 1, p + 1, *z.shape)
        result[p + 1 :] = 0
        level = z.new_ones(1, *z.shape)
        for j in range(1, p + 1):
            if p - j + 1 <= order:
                result[p - j + 1] = self._differentiated(level, left, right)
            scaled = level / (right[:j] + left[p - j :])
            level = z.new_zeros(j + 1, *z.shape)
            torch.mul(right[:j], scaled, out=level[:j])
            level[1:].addcmul_(left[p - j :], scaled)
        result[0] = level
        return result

    def _differentiated(self, level: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """From the functions of degree p - k the k-th derivatives of those of degree p."""
        for j in range(level.shape[0], self.degree + 1):
            scaled = level * j / (right[:j] + left[self.degree - j :])
            level = torch.cat([-scaled, torch.zeros_like(scaled[:1])])
            level[1:] += scaled
        return level

    def _distances(self, z: Tensor, interval: Tensor) -> tuple[Tensor, Tensor]:
        """left[r] = z - t_{i-p+1+r} and right[r] = t_{i+1+r} - z for r = 0 … p - 1, each (p, I,
        N).
        """
        p = self.degree
        window = interval + torch.arange(p + 1, p + 1 + p, device=z.device)[:, None, None]
        rows = torch.arange(self.knots.shape[0], device=z.device)[:, None]
        return z - self.knots[rows, window - p], self.knots[rows, window] - z

    def edges(self, z: Tensor, coefficients: Tensor, order: int) -> Tensor:
        """The splines with coefficients (O, I, K) and their derivatives, (order + 1, O, I, N), for
        autograd too.
        """
        return spline_edges(z, coefficients, self, order)

    def evaluate(self, z: Tensor, coefficients: Tensor, order: int = 0) -> Tensor:
        """∂^order of the splines with coefficients (O, I, K) at z (I, N), (O, I, N)."""
        interval, values = self.basis(z, order)
        return torch.einsum(
            "rin,orin->oin", values[order], gather(coefficients, self.slots(interval))
        )

    def slots(self, interval: Tensor) -> Tensor:
        """Flat numbers i·K + interval + r of the non-zero functions, (p + 1, I, N)."""
        rows = torch.arange(self.knots.shape[0], device=interval.device)[:, None] * self.size
        number = interval + torch.arange(self.degree + 1, device=interval.device)[:, None, None]
        return rows + (number % self.size if self.periodic else number)

    def refined(self, intervals: int) -> SplineGrid:
        """Every interval split evenly for a multiple of G, so that the old breakpoints stay."""
        if intervals < self.intervals:
            raise ConfigError(
                f"extend_grid: {intervals} intervals are fewer than the {self.intervals} there"
                " are; an extension only refines"
            )
        if self.uniform:
            return SplineGrid.even(self.lower, self.upper, intervals, self.degree)
        return self.over(subdivide(self.breakpoints, intervals))

    def updated(self, z: Tensor, mix: float, room: float) -> SplineGrid:
        """Knots over the range of the inputs z (I, N), `mix` ∈ [0, 1] from uniform to their
        quantiles.

        The old range is kept where the inputs do not reach, so that the function stays what it was
        there; on either side there is `room` at least, as a share of the inputs' range.
        """
        reach = room * (z.amax(1) - z.amin(1))
        lower = torch.minimum(z.amin(1) - reach, self.lower)
        upper = torch.maximum(z.amax(1) + reach, self.upper)
        levels = torch.linspace(0, 1, self.intervals + 1, dtype=z.dtype, device=z.device)
        even = lower[:, None] + (upper - lower)[:, None] * levels
        if mix == 0 and self.uniform:
            return SplineGrid.even(lower, upper, self.intervals, self.degree)
        quantiles = torch.quantile(z, levels, dim=1).T.clone()
        quantiles[:, 0], quantiles[:, -1] = lower, upper
        share = min(mix, 0.99)  # a hundredth of the even knots keeps breakpoints apart
        return self.over((1 - share) * even + share * quantiles)

    def transfer(
        self, coefficients: Tensor, finer: SplineGrid, inputs: Tensor | None = None
    ) -> Tensor:
        """Coefficients (O, I, K') on another grid of the same function (O, I, K).

        Exact by polar forms when every breakpoint stands in the finer grid and the degree agrees;
        otherwise a least-squares fit at degree + 1 Chebyshev points in every interval of both
        grids, whose misfit is checked. The range of `inputs` (I, N), where they are given, then
        counts far more than what lies beyond it. Source of the polar form: L. Ramshaw, Blossoms are
        polar forms, CAGD 6 (1989).
        """
        if self.periodic:
            raise ConfigError(
                "spline grid: a periodic one cannot be extended or updated; leave the stage out"
            )
        if finer.degree == self.degree and nested(self.breakpoints, finer.breakpoints):
            return self._blossom(coefficients, finer)
        return self._refit(coefficients, finer, inputs)

    def _blossom(self, coefficients: Tensor, finer: SplineGrid) -> Tensor:
        """c'_m = polar form of one polynomial piece inside the support of B'_m, at its knots
        t'_{m+1} … t'_{m+p}.
        """
        p, rows = self.degree, torch.arange(self.knots.shape[0], device=self.knots.device)[:, None]
        middles = (finer.breakpoints[:, 1:] + finer.breakpoints[:, :-1]) / 2
        support = (torch.arange(finer.size, device=self.knots.device) - p // 2).clamp(
            0, finer.intervals - 1
        )
        interval = self.locate(middles[:, support])
        work = [coefficients[:, rows, interval + r] for r in range(p + 1)]
        for level in range(1, p + 1):
            argument = finer.knots[:, level : level + finer.size]
            merged = []
            for r in range(p + 1 - level):
                low, high = (
                    self.knots[rows, interval + r + level],
                    self.knots[rows, interval + r + p + 1],
                )
                share = (argument - low) / (high - low)
                merged.append((1 - share) * work[r] + share * work[r + 1])
            work = merged
        return work[0]

    def _refit(self, coefficients: Tensor, finer: SplineGrid, inputs: Tensor | None) -> Tensor:
        """The least-squares fit of `transfer`, one input after the other."""
        fitted = []
        for i in range(self.knots.shape[0]):
            coarse_row, finer_row = self.row(i), finer.row(i)
            z = fitting_points(coarse_row, finer_row)
            target = coarse_row.evaluate(z, coefficients[:, i : i + 1])[:, 0].T
            weight = weights(z[0], target, None if inputs is None else inputs[i])[:, None]
            matrix, target = weight * finer_row.collocation(z), weight * target
            scale = matrix.norm(dim=0).clamp_min(torch.finfo(z.dtype).tiny)
            fitted_values = fit(matrix / scale, target) / scale[:, None]
            misfit = (matrix @ fitted_values - target).norm() / target.norm().clamp_min(
                torch.finfo(z.dtype).tiny
            )
            if not bool(misfit < 0.5):
                raise NumericalError(
                    f"grid refit of input {i}: relative misfit {float(misfit):.1e}; use more"
                    f" intervals"
                )
            fitted.append(fitted_values.T)
        return torch.stack(fitted, dim=1)

    def row(self, i: int) -> SplineGrid:
        """The grid of one input alone."""
        return SplineGrid(self.knots[i : i + 1], self.degree, self.uniform, self.periodic)

    def collocation(self, z: Tensor) -> Tensor:
        """Dense values (N, K) of one grid (I = 1) at z (1, N)."""
        interval, values = self.basis(z, 0)
        matrix = z.new_zeros(self.size, z.shape[1])
        matrix.scatter_(0, self.slots(interval)[:, 0], values[0, :, 0])
        return matrix.T
