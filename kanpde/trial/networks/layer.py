"""One Kolmogorov–Arnold layer: y_o = Σ_i φ_oi(z_i), with the edge function φ = w_b b(z) + Σ_m c_m
B_m(z), b = silu.

Derivatives come in closed form: with the chain factors P_{α,k} of the inputs (see `jets`),

    ∂^α y_o = Σ_i Σ_k P_{α,k}[i] S_k[o, i],     S_k[o, i] = Σ_r c_{o, i, s(i)+r} B_r^{(k)}(z_i),

so a layer costs p + 1 functions per edge and point, whatever the number of intervals.
Source: Liu et al., KAN: Kolmogorov–Arnold Networks, arXiv 2404.19756 (the spline scale w_s is
folded into c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from kanpde.errors import ConfigError
from kanpde.numerics.jets import Jet, JetSpace, chain_factors
from kanpde.trial.bases import Basis, restored
from kanpde.trial.networks.activations import derivatives


@dataclass(frozen=True)
class Local:
    """Those functions of a layer that are not zero at N points, each with its derivatives by the
    layer's input.

    `values` is (order + 1, r, I, N); `columns` (r·I, N) are the numbers of their parameters;
    `factors` are those of the inputs. The functions of edges that are not in `kept_edges` (O, I)
    count as zero; None keeps all.
    """

    space: JetSpace
    factors: list[list[tuple[int, Tensor | None]]]
    values: Tensor
    columns: Tensor
    kept_edges: Tensor | None = None

    @property
    def size(self) -> int:
        """About the number of stored numbers."""
        return self.values.numel() + self.columns.numel()

    def jet(self, parameters: Tensor) -> Jet:
        """The jet of the outputs for parameters (P, O)."""
        data = self.values.new_empty(len(self.factors), parameters.shape[1], self.columns.shape[1])
        for o, column in enumerate(parameters.T):
            picked = column[self.columns].reshape(self.values.shape[1:])
            edges = self.values[:, 0] * picked[0]
            for r in range(1, len(picked)):
                edges.addcmul_(self.values[:, r], picked[r])
            if self.kept_edges is not None:
                edges *= self.kept_edges[o][:, None]
            for row, terms in zip(data, self.factors, strict=True):
                row[o] = torch.stack(
                    [edges[k] if p is None else edges[k] * p for k, p in terms]
                ).sum((0, 1))
        return Jet(self.space, data)

    def rows(self, functional: Tensor) -> Tensor:
        """Σ_α F_α ∂^α of the functions for O functionals (A, O, N), (O, r·I, N)."""
        rows = []
        for o, weight in enumerate(functional.unbind(1)):
            by_order = torch.zeros_like(self.values[:, 0])
            for f, terms in zip(weight, self.factors, strict=True):
                for k, p in terms:
                    by_order[k] += f if p is None else f * p
            local = self.values[0] * by_order[0]
            for k in range(1, len(by_order)):
                local.addcmul_(self.values[k], by_order[k])
            if self.kept_edges is not None:
                local *= self.kept_edges[o][:, None]
            rows.append(local.flatten(0, 1))
        return torch.stack(rows)


class SplineLayer(nn.Module):
    """I inputs, O outputs; coefficients (O, I, K), base weights (O, I) or None, knots a buffer (I,
    G + 2p + 1).

    Edges where a `mask` (O, I) is False are pruned: they are zero whatever their parameters, and
    the derivatives by these are zero. None prunes none.
    """

    knots: Tensor
    base: nn.Parameter | None
    mask: Tensor | None

    def __init__(
        self,
        grid: Basis,
        coefficients: Tensor,
        base: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> None:
        super().__init__()
        needed = (grid.knots.shape[0], grid.size)
        if coefficients.shape[1:] != needed:
            raise ConfigError(
                f"spline layer: needs coefficients (O, {needed[0]}, {needed[1]}), found"
                f" {tuple(coefficients.shape)}"
            )
        self._basis = grid
        self.register_buffer("knots", grid.knots.clone())
        packed = torch.contiguous_format
        self.coefficients = nn.Parameter(coefficients.clone(memory_format=packed))
        self.base = None if base is None else nn.Parameter(base.clone(memory_format=packed))
        if mask is not None and (mask.dtype != torch.bool or mask.shape != coefficients.shape[:2]):
            raise ConfigError(
                f"spline layer: needs a mask {tuple(coefficients.shape[:2])} of booleans, found"
                f" {tuple(mask.shape)} of {mask.dtype}"
            )
        self.register_buffer("mask", None if mask is None or bool(mask.all()) else mask.clone())
        self.forget()

    def forget(self) -> None:
        """Set the parameters of pruned edges to zero, so that files and figures show zeros."""
        if self.mask is not None:
            with torch.no_grad():
                self.coefficients.mul_(self.mask[:, :, None])
                if self.base is not None:
                    self.base.mul_(self.mask)

    def get_extra_state(self) -> dict[str, Any]:
        """The facts of the basis, which a state_dict holds beside the tensors."""
        return self._basis.facts

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the basis from the facts of a state_dict."""
        self._basis = restored(state, self.knots)

    @property
    def grid(self) -> Basis:
        """The basis on the knots as they are now."""
        return self._basis.at(self.knots)

    @property
    def degree(self) -> int:
        """p."""
        return self._basis.degree

    @property
    def inputs(self) -> int:
        """I."""
        return self.coefficients.shape[1]

    @property
    def outputs(self) -> int:
        """O."""
        return self.coefficients.shape[0]

    @property
    def kept_edges(self) -> Tensor:
        """Which edges are not pruned, booleans (O, I)."""
        mask = self.coefficients.new_ones(self.coefficients.shape[:2], dtype=torch.bool)
        return mask if self.mask is None else self.mask

    def masked(self, mask: Tensor) -> Self:
        """The same layer with the edges pruned where a mask (O, I) is False, besides those that are
        pruned already.
        """
        base = None if self.base is None else self.base.detach()
        return type(self)(self.grid, self.coefficients.detach(), base, mask & self.kept_edges)

    def forward(self, z: Tensor) -> Tensor:
        """(I, N) → (O, N)."""
        return self._joined(self.edges(z))

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
                (edges[k] if factor is None else edges[k] * factor for k, factor in terms),
                start=edges[0].new_zeros(()),
            )
            rows.append(self._joined(row))
        return Jet(z.space, torch.stack(rows))

    def _joined(self, edges: Tensor) -> Tensor:
        """The outputs (O, N) from the values of all edges (O, I, N)."""
        return edges.sum(1)

    def _edges(self, z: Tensor, order: int) -> Tensor:
        """Every edge function and its derivatives at its input, (order + 1, O, I, N)."""
        edges = self.grid.edges(z, self.coefficients, order)
        if self.base is not None:
            silu = torch.stack(derivatives("silu", z, order))
            edges = edges + silu[:, None] * self.base[:, :, None]
        return edges if self.mask is None else edges * self.mask[:, :, None]

    def local(self, z: Jet) -> Local:
        """The layer's functions at the jet of its inputs; not recorded by autograd."""
        grid, order = self.grid, z.space.order
        with torch.no_grad():
            interval, values = grid.basis(z.value, order)
            columns = grid.slots(interval)
            if self.base is not None:
                silu = torch.stack(derivatives("silu", z.value, order))
                values = torch.cat([values, silu[:, None]], dim=1)
                inputs = torch.arange(self.inputs, device=z.value.device)[:, None]
                last = inputs + self.inputs * grid.size
                columns = torch.cat([columns, last.expand(1, *z.value.shape)])
            return Local(
                space=z.space,
                factors=chain_factors(z),
                values=values,
                columns=columns.flatten(0, 1),
                kept_edges=self.mask,
            )

    def blocks(self, z: Jet, functional: Tensor) -> Tensor:
        """The matrices (O, I·K + base columns, N) of Σ_α F_α ∂^α of the layer's functions for O
        functionals (A, O, N).

        Row i·K + m belongs to coefficient m of input i, base weights follow.
        """
        local = self.local(z)
        count = self.inputs * (self.grid.size + (self.base is not None))
        blocks = z.value.new_zeros(functional.shape[1], count, z.value.shape[1])
        for block, values in zip(blocks, local.rows(functional), strict=True):
            block.scatter_(0, local.columns, values)
        return blocks

    def rows(self, z: Jet, functional: Tensor) -> list[Tensor]:
        """The rows of `blocks` by parameter, each (numbers in it, N)."""
        blocks, count = self.blocks(z, functional), self.inputs * self.grid.size
        parts = [blocks[:, :count].flatten(0, 1)]
        return parts if self.base is None else [*parts, blocks[:, count:].flatten(0, 1)]

    def refined(self, intervals: int, z: Tensor | None = None) -> Self:
        """Grid extension: the same functions in a basis of `intervals` intervals.

        Where the bases nest the extension is exact; otherwise the function is kept best where the
        inputs z (I, N) are.
        """
        return self._moved(self.grid.refined(intervals), z)

    def updated(self, z: Tensor, mix: float, room: float = 0.0) -> Self:
        """Grid update: knots over the range of the inputs z (I, N), `mix` ∈ [0, 1] from uniform to
        their quantiles.

        There is `room` at least on either side, as a share of the inputs' range.
        """
        return self._moved(self.grid.updated(z, mix, room), z)

    def _moved(self, grid: Basis, z: Tensor | None) -> Self:
        """The layer on another basis of the same kind."""
        base = None if self.base is None else self.base.detach()
        coefficients = self.grid.transfer(self.coefficients.detach(), grid, z)
        return type(self)(grid, coefficients, base, self.mask)

    def outside_share(self, z: Tensor) -> float:
        """Share of the inputs z (I, N) that lie outside the grid, dimensionless."""
        grid = self.grid
        if grid.wraps:
            return 0.0
        slack = 1e-9 * (grid.upper - grid.lower)[:, None]
        outside = (z < grid.lower[:, None] - slack) | (z > grid.upper[:, None] + slack)
        return float(outside.double().mean())

    def edge_functions(self, samples: int) -> tuple[Tensor, Tensor]:
        """Every edge function on its grid: arguments (I, S) and values (I, O, S)."""
        grid = self.grid
        levels = torch.linspace(0, 1, samples, dtype=self.knots.dtype, device=self.knots.device)
        z = grid.lower[:, None] + (grid.upper - grid.lower)[:, None] * levels
        with torch.no_grad():
            return z, self._edges(z, 0)[0].permute(1, 0, 2)


class NodeSplines(SplineLayer):
    """One spline per node, y_i = s_i(z_i): coefficients (1, I, K), base weights (1, I) or None."""

    @property
    def outputs(self) -> int:
        """I."""
        return self.inputs

    def _joined(self, edges: Tensor) -> Tensor:
        return edges[0]

    def blocks(self, z: Jet, functional: Tensor) -> Tensor:
        """The matrix (1, I·K + base columns, N) for functionals on the outputs, (A, I, N)."""
        return super().blocks(z, functional[:, None])


def _along_axes(space: JetSpace, edges: Sequence[Tensor], scale: Tensor) -> Jet:
    """Σ_i φ_i(scale_i x_i): a derivative along one axis sees one edge function, a mixed one sees
    none.
    """
    rows = [edges[0].sum(1)]
    for alpha in space.indices[1:]:
        axis, order = max(range(len(alpha)), key=alpha.__getitem__), max(alpha)
        row = edges[order][:, axis] * scale[axis] ** order
        rows.append(row if order == sum(alpha) else torch.zeros_like(row))
    return Jet(space, torch.stack(rows))
