"""One Kolmogorov–Arnold layer: y_o = Σ_i φ_oi(z_i), with the edge function φ = w_b b(z) + Σ_m c_m B_m(z), b = silu.

Derivatives come in closed form: with the chain factors P_{α,k} of the inputs (see `jets`),

    ∂^α y_o = Σ_i Σ_k P_{α,k}[i] S_k[o, i],     S_k[o, i] = Σ_r c_{o, i, s(i)+r} B_r^{(k)}(z_i),

so a layer costs p + 1 functions per edge and point, whatever the number of intervals.
Source: Liu et al., KAN: Kolmogorov–Arnold Networks, arXiv 2404.19756 (the spline scale w_s is folded into c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kanpde.bases import SplineGrid, gather, local_basis
from kanpde.errors import ConfigError
from kanpde.jets import Jet, JetSpace, chain_factors
from kanpde.networks.activations import derivatives


@dataclass(frozen=True)
class Local:
    """Those functions of a layer that are not zero at N points, each with its derivatives by the layer's input.

    `values` is (order + 1, r, I, N); `columns` (r·I, N) are the numbers of their parameters; `factors` are those of the inputs.
    Of edges that are not `left`, (O, I), the functions count as zero.
    """

    space: JetSpace
    factors: list[list[tuple[int, Tensor | None]]]
    values: Tensor
    columns: Tensor
    left: Tensor | None = None

    @property
    def size(self) -> int:
        """How many numbers it holds, but for few."""
        return self.values.numel() + self.columns.numel()

    def jet(self, parameters: Tensor) -> Jet:
        """The jet of the outputs for parameters (P, O)."""
        data = self.values.new_empty(len(self.factors), parameters.shape[1], self.columns.shape[1])
        for o, own in enumerate(parameters.T):
            picked = own[self.columns].reshape(self.values.shape[1:])
            edges = self.values[:, 0] * picked[0]
            for r in range(1, len(picked)):
                edges.addcmul_(self.values[:, r], picked[r])
            if self.left is not None:
                edges *= self.left[o][:, None]
            for row, terms in zip(data, self.factors, strict=True):
                row[o] = torch.stack([edges[k] if p is None else edges[k] * p for k, p in terms]).sum((0, 1))
        return Jet(self.space, data)

    def rows(self, functional: Tensor) -> Tensor:
        """Σ_α F_α ∂^α of the functions for O functionals (A, O, N), (O, r·I, N)."""
        found = []
        for o, weight in enumerate(functional.unbind(1)):
            by_order = torch.zeros_like(self.values[:, 0])
            for f, terms in zip(weight, self.factors, strict=True):
                for k, p in terms:
                    by_order[k] += f if p is None else f * p
            local = self.values[0] * by_order[0]
            for k in range(1, len(by_order)):
                local.addcmul_(self.values[k], by_order[k])
            if self.left is not None:
                local *= self.left[o][:, None]
            found.append(local.flatten(0, 1))
        return torch.stack(found)


class SplineLayer(nn.Module):
    """I inputs, O outputs; coefficients (O, I, K), base weights (O, I) or None, knots a buffer (I, G + 2p + 1).

    Edges that a `mask` (O, I) leaves out are zero whatever their parameters, which no derivative moves; None leaves out none.
    """

    knots: Tensor
    base: nn.Parameter | None
    mask: Tensor | None

    def __init__(
        self, grid: SplineGrid, coefficients: Tensor, base: Tensor | None = None, mask: Tensor | None = None
    ) -> None:
        super().__init__()
        needed = (grid.knots.shape[0], grid.size)
        if coefficients.shape[1:] != needed:
            raise ConfigError(
                f"spline layer: needs coefficients (O, {needed[0]}, {needed[1]}), found {tuple(coefficients.shape)}"
            )
        self.degree, self.uniform, self.periodic = grid.degree, grid.uniform, grid.periodic
        self.register_buffer("knots", grid.knots.clone())
        packed = torch.contiguous_format
        self.coefficients = nn.Parameter(coefficients.clone(memory_format=packed))
        self.base = None if base is None else nn.Parameter(base.clone(memory_format=packed))
        if mask is not None and (mask.dtype != torch.bool or mask.shape != coefficients.shape[:2]):
            found, rule = f"{tuple(mask.shape)} of {mask.dtype}", tuple(coefficients.shape[:2])
            raise ConfigError(f"spline layer: needs a mask {rule} of booleans, found {found}")
        self.register_buffer("mask", None if mask is None or bool(mask.all()) else mask.clone())
        self._forget()

    def _forget(self) -> None:
        """What is left out is zero in the parameters too, so that files and pictures say so."""
        if self.mask is not None:
            with torch.no_grad():
                self.coefficients.mul_(self.mask[:, :, None])
                if self.base is not None:
                    self.base.mul_(self.mask)

    def get_extra_state(self) -> tuple[bool, bool]:
        """What a state_dict holds beside the tensors: whether the knots are evenly spaced, and whether they repeat."""
        return self.uniform, self.periodic

    def set_extra_state(self, state: tuple[bool, bool]) -> None:
        """Take it over."""
        self.uniform, self.periodic = state

    @property
    def grid(self) -> SplineGrid:
        """The knots as they are now."""
        return SplineGrid(self.knots, self.degree, self.uniform, self.periodic)

    @property
    def inputs(self) -> int:
        """I."""
        return self.coefficients.shape[1]

    @property
    def outputs(self) -> int:
        """O."""
        return self.coefficients.shape[0]

    @property
    def left(self) -> Tensor:
        """Which edges there are, booleans (O, I)."""
        mask = self.coefficients.new_ones(self.coefficients.shape[:2], dtype=torch.bool)
        return mask if self.mask is None else self.mask

    def masked(self, mask: Tensor) -> SplineLayer:
        """The same without the edges that a mask (O, I) leaves out, besides those that are left out already."""
        base = None if self.base is None else self.base.detach()
        return SplineLayer(self.grid, self.coefficients.detach(), base, mask & self.left)

    def forward(self, z: Tensor) -> Tensor:
        """(I, N) → (O, N)."""
        return self.edges(z).sum(1)

    def edges(self, z: Tensor) -> Tensor:
        """Every edge function at its input (I, N), (O, I, N)."""
        return self._edges(z, 0)[0]

    def jet(self, z: Jet) -> Jet:
        """The jet of the outputs from the jet of the inputs."""
        edges = self._edges(z.value, z.space.order).unbind(0)
        if z.scale is not None:
            return _along_axes(z.space, edges, z.scale)
        rows = []
        for terms in chain_factors(z):
            row = sum(
                (edges[k] if factor is None else edges[k] * factor for k, factor in terms), start=edges[0].new_zeros(())
            )
            rows.append(row.sum(1))
        return Jet(z.space, torch.stack(rows))

    def _edges(self, z: Tensor, order: int) -> Tensor:
        """Every edge function and its derivatives at its input, (order + 1, O, I, N)."""
        edges = spline_edges(z, self.coefficients, self.grid, order)
        if self.base is not None:
            edges = edges + torch.stack(derivatives("silu", z, order))[:, None] * self.base[:, :, None]
        return edges if self.mask is None else edges * self.mask[:, :, None]

    def local(self, z: Jet) -> Local:
        """The layer's functions at the jet of its inputs; not recorded by autograd."""
        grid, order = self.grid, z.space.order
        with torch.no_grad():
            interval, values = grid.basis(z.value, order)
            columns = grid.slots(interval)
            if self.base is not None:
                values = torch.cat([values, torch.stack(derivatives("silu", z.value, order))[:, None]], dim=1)
                last = torch.arange(self.inputs, device=z.value.device)[:, None] + self.inputs * grid.size
                columns = torch.cat([columns, last.expand(1, *z.value.shape)])
            return Local(z.space, chain_factors(z), values, columns.flatten(0, 1), self.mask)

    def blocks(self, z: Jet, functional: Tensor) -> Tensor:
        """The matrices (O, I·K + base columns, N) of Σ_α F_α ∂^α of the layer's functions for O functionals (A, O, N).

        Row i·K + m belongs to coefficient m of input i, base weights follow.
        """
        local = self.local(z)
        count = self.inputs * (self.grid.size + (self.base is not None))
        blocks = z.value.new_zeros(functional.shape[1], count, z.value.shape[1])
        for block, values in zip(blocks, local.rows(functional), strict=True):
            block.scatter_(0, local.columns, values)
        return blocks

    def refined(self, intervals: int, z: Tensor | None = None) -> SplineLayer:
        """Grid extension: the same functions on `intervals` intervals.

        A multiple of G splits every interval evenly, so the old breakpoints stay and the extension is exact;
        otherwise the function is kept best where the inputs z (I, N) are.
        """
        grid = self.grid
        if intervals < grid.intervals:
            raise ConfigError(
                f"extend_grid: {intervals} intervals are fewer than the {grid.intervals} there are; an extension only refines"
            )
        if grid.uniform:
            finer = SplineGrid.even(grid.lower, grid.upper, intervals, grid.degree)
        else:
            finer = grid.over(_subdivide(grid.breakpoints, intervals))
        return self._moved(finer, z)

    def updated(self, z: Tensor, mix: float, room: float = 0.0) -> SplineLayer:
        """Grid update: knots over the range of the inputs z (I, N), `mix` ∈ [0, 1] from uniform to their quantiles.

        The old grid's range is kept where the inputs do not reach, so that the function stays what it was there; on either side
        there is `room` at least, as a share of the inputs' range.
        """
        grid = self.grid
        reach = room * (z.amax(1) - z.amin(1))
        lower, upper = torch.minimum(z.amin(1) - reach, grid.lower), torch.maximum(z.amax(1) + reach, grid.upper)
        levels = torch.linspace(0, 1, grid.intervals + 1, dtype=z.dtype, device=z.device)
        even = lower[:, None] + (upper - lower)[:, None] * levels
        if mix == 0 and grid.uniform:
            return self._moved(SplineGrid.even(lower, upper, grid.intervals, grid.degree), z)
        quantiles = torch.quantile(z, levels, dim=1).T.clone()
        quantiles[:, 0], quantiles[:, -1] = lower, upper
        share = min(mix, 0.99)
        return self._moved(grid.over((1 - share) * even + share * quantiles), z)

    def _moved(self, grid: SplineGrid, z: Tensor | None) -> SplineLayer:
        base = None if self.base is None else self.base.detach()
        return SplineLayer(grid, self.grid.transfer(self.coefficients.detach(), grid, z), base, self.mask)

    def outside_share(self, z: Tensor) -> float:
        """Share of the inputs z (I, N) that lie outside the grid, dimensionless."""
        if self.periodic:
            return 0.0
        grid = self.grid
        slack = 1e-9 * (grid.upper - grid.lower)[:, None]
        return float(((z < grid.lower[:, None] - slack) | (z > grid.upper[:, None] + slack)).double().mean())

    def edge_functions(self, samples: int) -> tuple[Tensor, Tensor]:
        """Every edge function on its grid: arguments (I, S) and values (I, O, S)."""
        grid = self.grid
        levels = torch.linspace(0, 1, samples, dtype=self.knots.dtype, device=self.knots.device)
        z = grid.lower[:, None] + (grid.upper - grid.lower)[:, None] * levels
        with torch.no_grad():
            return z, self._edges(z, 0)[0].permute(1, 0, 2)


def _along_axes(space: JetSpace, edges: Sequence[Tensor], scale: Tensor) -> Jet:
    """Σ_i φ_i(scale_i x_i): a derivative along one axis sees one edge function, a mixed one sees none."""
    rows = [edges[0].sum(1)]
    for alpha in space.indices[1:]:
        axis, order = max(range(len(alpha)), key=alpha.__getitem__), max(alpha)
        row = edges[order][:, axis] * scale[axis] ** order
        rows.append(row if order == sum(alpha) else torch.zeros_like(row))
    return Jet(space, torch.stack(rows))


class _Edges(torch.autograd.Function):
    """S[k, o] = Σ_r B_r^{(k)}(z) c[o, r] for every input and point, (order + 1, O, I, N), from z (I, N) and c (O, I, K).

    One order more than asked for is kept, since it is the derivative by z: dS[k]/dz = S[k + 1]. Sums run over the short leading
    axes; the batch stands last. Where the backward pass is itself recorded, it is made of differentiable calls.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, coefficients: Tensor, grid: SplineGrid, order: int) -> Tensor:
        """The splines and their derivatives."""
        ctx.grid, ctx.order = grid, order
        interval, values = grid.basis(z, order + 1 if ctx.needs_input_grad[0] else order)
        slots = grid.slots(interval)
        gathered = gather(coefficients, slots)
        edges = values[:, None, 0] * gathered[None, :, 0]
        for r in range(1, values.shape[1]):
            edges.addcmul_(values[:, None, r], gathered[None, :, r])
        ctx.save_for_backward(z, coefficients, slots, values, edges)
        return edges[: order + 1]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        """dz = Σ_{k, o} g[k, o] S[k + 1, o] and dc[o, r] = Σ_k g[k, o] B_r^{(k)}, added up where the basis functions live."""
        (grad,), (z, coefficients, slots, values, edges) = grads, ctx.saved_tensors
        to_z = to_coefficients = None
        if torch.is_grad_enabled():
            values = local_basis(z, ctx.grid, ctx.order)[1]
            if ctx.needs_input_grad[0]:
                edges = spline_edges(z, coefficients, ctx.grid, ctx.order + 1)
        if ctx.needs_input_grad[0]:
            to_z = (grad * edges[1:]).sum((0, 1))
        if ctx.needs_input_grad[1]:
            share = grad[0, :, None] * values[0, None]
            for k in range(1, len(grad)):
                share = torch.addcmul(share, grad[k, :, None], values[k, None])
            count = len(coefficients)
            nothing = torch.zeros_like(coefficients).reshape(count, -1)
            index = slots.reshape(1, -1).expand(count, -1)
            to_coefficients = nothing.scatter_add(1, index, share.reshape(count, -1)).reshape(coefficients.shape)
        return to_z, to_coefficients, None, None


def spline_edges(z: Tensor, coefficients: Tensor, grid: SplineGrid, order: int) -> Tensor:
    """Every spline edge and its derivatives up to `order` at its input, (order + 1, O, I, N)."""
    edges: Tensor = _Edges.apply(z, coefficients, grid, order)  # type: ignore[no-untyped-call]
    return edges


def _subdivide(breakpoints: Tensor, intervals: int) -> Tensor:
    """Breakpoints (I, G + 1) refined to `intervals`: each interval gets its even share, longer ones not preferred."""
    coarse = breakpoints.shape[1] - 1
    position = torch.arange(intervals + 1, dtype=breakpoints.dtype, device=breakpoints.device) * (coarse / intervals)
    index = position.floor().clamp(0, coarse - 1).long()
    share = position - index
    return breakpoints[:, index] * (1 - share) + breakpoints[:, index + 1] * share
