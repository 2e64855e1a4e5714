"""One field over the plane and time, made of slabs: on each a KAN with multiplication nodes on every
patch.

    u_i(x, y, t) = Σ_k φ_ik(x, y) P_k(τ),    τ = 2 (t - t_0)/(t_1 - t_0) - 1,    t_0 < t ≤ t_1

φ are the outputs of the patches of the slab, KANs [2, n, m (s + 1)], the nodes multiply, and the
edges of t hold Legendre polynomials P_k. Source: Liu et al., KAN 2.0, arXiv 2408.10205, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kanpde.expressions import Node
from kanpde.numerics.jets import Jet, JetSpace, coordinates
from kanpde.trial.constants import Constants
from kanpde.trial.networks.products import legendre
from kanpde.trial.patchwork import Patchwork
from kanpde.trial.solution import Located, Network, TrialSolution


class PatchSlabs(nn.Module):
    """Patchworks in space, one for each slab; offers what a `TrialSolution` offers for evaluation.

    Args:
        slabs: patchworks with m (s + 1) outputs, unknown by unknown.
        edges: when slabs begin and end, (J + 1,).
        unknowns: m.
    """

    edges: Tensor

    def __init__(self, slabs: Sequence[Patchwork], edges: Sequence[float], unknowns: int) -> None:
        super().__init__()
        self.slabs = nn.ModuleList(slabs)
        self.register_buffer("edges", torch.tensor(edges, dtype=torch.float64))
        self.unknowns = unknowns
        self.constants = Constants()

    @property
    def _patchworks(self) -> list[Patchwork]:
        return [slab for slab in self.slabs if isinstance(slab, Patchwork)]

    @property
    def count(self) -> int:
        """The number of patches of all slabs."""
        return sum(slab.count for slab in self._patchworks)

    @property
    def each(self) -> list[TrialSolution]:
        """The patches of the last slab, functions of space for every node of t."""
        return self._patchworks[-1].each

    @property
    def slab_ends(self) -> tuple[float, ...]:
        """The times at which the slabs end, first to last."""
        return tuple(self.edges[1:].tolist())

    @property
    def outputs(self) -> int:
        """m."""
        return self.unknowns

    @property
    def met(self) -> tuple[tuple[str, Node], ...]:
        """No condition holds whatever the parameters."""
        return ()

    @property
    def note(self) -> str:
        """Nothing is lifted."""
        return ""

    @property
    def scale(self) -> Tensor:
        """Scale of the coordinates of the first patch of the last slab and of time, (3,)."""
        length = 2 / (self.edges[-1:] - self.edges[-2:-1])
        return torch.cat([self._patchworks[-1].scale, length])

    @property
    def network(self) -> nn.Module:
        """The network of the patch of highest degree of the last slab."""
        return self._patchworks[-1].network

    @property
    def net(self) -> Network:
        """The same by its protocol."""
        return self._patchworks[-1].net

    @property
    def parameter_count(self) -> int:
        """P, the outer coefficients of all KANs."""
        return sum(slab.parameter_count for slab in self._patchworks)

    def outside_share(self, x: Tensor) -> float:
        """Share of points outside the grids: none, since every point lies in the box of a patch."""
        return 0.0

    def slab(self, x: Tensor) -> Tensor:
        """The number of the slab of each point (N, 3), (N,)."""
        return torch.searchsorted(self.edges[1:-1], x[:, -1].double().contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """u at points x (N, 3), (N, m)."""
        return self.evaluate(x)

    def evaluate(self, x: Tensor) -> Tensor:
        """u at points x (N, 3), (N, m)."""
        value = JetSpace(((0,) * x.shape[1],))
        return self.jet(self.locate(x, value)).value.T.contiguous()

    def locate(self, x: Tensor, space: JetSpace) -> Located:
        """Points for `jet`."""
        ones = torch.ones_like(x[0])
        return Located(x, space, coordinates(x, space, ones, 0 * ones), None, None)

    def jet(self, at: Located) -> Jet:
        """The jet of u, (A, m, N), without a graph."""
        data = at.x.new_empty(len(at.space.indices), self.unknowns, len(at.x))
        number = self.slab(at.x)
        with torch.no_grad():
            for k, slab in enumerate(self._patchworks):
                chosen = torch.nonzero(number == k)[:, 0]
                if len(chosen):
                    data[:, :, chosen] = self._of_slab(slab, k, at.x[chosen], at.space)
        return Jet(at.space, data)

    def _of_slab(self, slab: Patchwork, number: int, x: Tensor, space: JetSpace) -> Tensor:
        """The jets (A, m, N) at points of one slab."""
        plane = tuple(sorted({index[:-1] for index in space.indices}))
        in_space = slab.jet(slab.locate(x[:, :-1].contiguous(), JetSpace(plane))).data
        nodes = in_space.shape[1] // self.unknowns
        start, end = self.edges[number], self.edges[number + 1]
        scale = 2 / (end - start)
        orders = max(index[-1] for index in space.indices)
        times = legendre((x[:, -1].double() - start) * scale - 1, nodes, orders)
        rows = []
        for index in space.indices:
            of_index = in_space[plane.index(index[:-1])].reshape(self.unknowns, nodes, -1)
            rows.append((of_index * times[index[-1]] * scale ** index[-1]).sum(dim=1))
        return torch.stack(rows).to(x.dtype)
