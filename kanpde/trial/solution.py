"""The trial solution u(x; θ): a network of the scaled coordinates, and an exact boundary lifting if
there is one,

    u_o(x) = g_o(x) + D_o(x) · N_o(s(x)),     s: bounding box → [-1, 1]^d affine.

Without lifting g = 0 and D = 1. Periodic coordinates may become points on circles behind s. Unknown
constants of the problem are trained with it (`constants`). It does not know a KAN from an MLP: both
give jets, and both are linear in their outer layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from kanpde.expressions import Node
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.jets import Jet, JetSpace, by_autograd, coordinates, multiply
from kanpde.trial.constants import Constants
from kanpde.trial.networks.circles import Circles
from kanpde.trial.networks.enriched import jet_of

CHUNK = 1024
"""Points that are evaluated at a time where no graph is needed: their jets stay in the cache."""

_TOGETHER = 64
"""Points are evaluated in multiples of this, a multiple of every vector length; divides `CHUNK`."""


class Features(Protocol):
    """The functions that the outer layer of a network combines at N points, with the derivatives
    that a jet needs.

    `columns` (k, N) are the numbers of their parameters where but k of P functions are not zero at
    a point; else None.
    """

    @property
    def columns(self) -> Tensor | None:
        """Which parameters belong to the rows of `rows`; None for all in their order."""

    @property
    def size(self) -> int:
        """The number of stored numbers."""

    def jet(self, parameters: Tensor) -> Jet:
        """The jet of the outputs for outer parameters (P, m)."""

    def rows(self, functional: Tensor) -> Tensor:
        """Σ_α F_α ∂^α of every function, for F (A, m, N): (m, k, N)."""


class Network(Protocol):
    """The protocol of a network, which is also a module (N, d) → (N, m)."""

    kind: str

    @property
    def shape(self) -> list[int]:
        """Inputs, hidden widths, outputs."""

    def jet(self, x: Jet) -> Jet:
        """The jet of the outputs in closed form."""

    def features(self, x: Jet) -> Features:
        """The functions that the outer layer combines, at the jet of the scaled coordinates."""

    @property
    def outer(self) -> Tensor:
        """Outer parameters (P, m)."""

    def set_outer(self, values: Tensor) -> None:
        """Write the outer parameters (P, m)."""

    def outside_share(self, x: Tensor) -> float:
        """Largest share of inputs outside a layer's grid at scaled points x (N, d)."""

    @property
    def inner(self) -> list[nn.Parameter]:
        """All other parameters."""

    def inner_rows(self, x: Jet, functional: Tensor) -> Tensor:
        """The matrix (N, P) of the derivatives of a linear functional (A, m, N) on the outputs by
        `inner`.
        """


@dataclass(frozen=True)
class Lifting:
    """Per unknown the extension g of its Dirichlet data and a factor D that is zero exactly where
    they are given.

    `lifted` are the names and formulas of the conditions that hold by it; `note` says where it is
    not smooth.
    """

    extensions: tuple[Node, ...]
    factors: tuple[Node, ...]
    lifted: tuple[tuple[str, Node], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Wrapping:
    """Periodic coordinates as points on `circles`; `met` are the names and formulas of the
    conditions that hold by construction.
    """

    circles: Circles
    met: tuple[tuple[str, Node], ...] = ()


@dataclass(frozen=True)
class Located:
    """Points with everything about them that does not depend on θ: the network's inputs and the
    lifting's jets.
    """

    x: Tensor
    space: JetSpace
    inputs: Jet
    extension: Jet | None
    factor: Jet | None

    def rows(self, start: int, stop: int, step: int = 1) -> Located:
        """The points number start, start + step, … below stop."""

        def part(jet: Jet | None) -> Jet | None:
            return None if jet is None else jet.points(start, stop, step)

        return Located(
            x=self.x[start:stop:step],
            space=self.space,
            inputs=self.inputs.points(start, stop, step),
            extension=part(self.extension),
            factor=part(self.factor),
        )


def join(located: Sequence[Located]) -> Located:
    """The points of all in one, in this order; they need the same derivatives."""
    if len(located) == 1:
        return located[0]
    inputs = _concatenated([at.inputs for at in located])
    assert inputs is not None
    return Located(
        x=torch.cat([at.x for at in located]),
        space=located[0].space,
        inputs=inputs,
        extension=_concatenated([at.extension for at in located if at.extension is not None]),
        factor=_concatenated([at.factor for at in located if at.factor is not None]),
    )


def _concatenated(jets: Sequence[Jet]) -> Jet | None:
    """Jets at the points of all, in this order; None of none."""
    if not jets:
        return None
    return Jet(jets[0].space, torch.cat([jet.data for jet in jets], dim=2), jets[0].scale)


@dataclass(frozen=True)
class Combined:
    """A network's features at prepared points, seen through the lifting: u is linear in the outer
    parameters but for g.
    """

    at: Located
    features: Features

    @property
    def columns(self) -> Tensor | None:
        """Which outer parameters belong to the rows of `rows`; None for all in their order."""
        return self.features.columns

    @property
    def size(self) -> int:
        """The number of stored numbers."""
        return self.features.size

    def jet(self, parameters: Tensor) -> Jet:
        """The jet of u for outer parameters (P, m)."""
        return _lifted(self.at, self.features.jet(parameters))

    def rows(self, functional: Tensor, unknowns: Sequence[int]) -> Tensor:
        """The numbers of the functionals Σ_α F_α ∂^α u_o, F (A, m, N), on the outer parameters of
        some unknowns: (len, k, N).

        The lifting's factor enters by the adjoint of Leibniz' rule; the extension does not: it
        belongs to the right-hand side.
        """
        return self.features.rows(_unlifted(self.at, functional)[:, unknowns])


class TrialSolution(nn.Module):
    """u(x; θ) with its jets; `engine` is `taylor` (closed form) or `autograd` (nested reverse
    mode).
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        network: nn.Module,
        lower: Tensor,
        upper: Tensor,
        lifting: Lifting | None = None,
        engine: str = "taylor",
        constants: Constants | None = None,
        wrapping: Wrapping | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.constants = constants or Constants()
        self.register_buffer("shift", (lower + upper) / 2)
        self.register_buffer("scale", 2 / (upper - lower))
        self.lifting = lifting
        self.wrapping = wrapping
        self.engine = engine

    @property
    def outputs(self) -> int:
        """m, of all regions together."""
        return int(self.net.shape[-1])

    @property
    def net(self) -> Network:
        """The network by its protocol."""
        return self.network  # type: ignore[return-value]

    @property
    def trained(self) -> list[nn.Parameter]:
        """The parameters of the network and the unknown constants."""
        return [*self.network.parameters(), *self.constants.trained]

    @property
    def parameter_count(self) -> int:
        """P, all trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def met(self) -> tuple[tuple[str, Node], ...]:
        """Names and formulas of the conditions that hold whatever the parameters."""
        lifted = () if self.lifting is None else self.lifting.lifted
        return lifted if self.wrapping is None else (*lifted, *self.wrapping.met)

    @property
    def note(self) -> str:
        """Where the lifting is not smooth; empty where it is, or there is none."""
        return "" if self.lifting is None else self.lifting.note

    @property
    def each(self) -> list[TrialSolution]:
        """This trial solution alone, as it holds at all times."""
        return [self]

    @property
    def slab_ends(self) -> tuple[float, ...]:
        """No time slab ends: there are none."""
        return ()

    def scaled(self, x: Tensor) -> Tensor:
        """Points in the network's own coordinates, (N, d), one more for each circle."""
        s = (x - self.shift) * self.scale
        return s if self.wrapping is None else self.wrapping.circles(s)

    def outside_share(self, x: Tensor) -> float:
        """Largest share of inputs outside a grid of a KAN's layers, at points x (N, d)."""
        return self.net.outside_share(self.scaled(x))

    def forward(self, x: Tensor) -> Tensor:
        """(N, d) → (N, m)."""
        value: Tensor = self.network(self.scaled(x))
        if self.lifting is None:
            return value
        extension = torch.stack(evaluate(self.lifting.extensions, x), dim=1)
        return extension + torch.stack(evaluate(self.lifting.factors, x), dim=1) * value

    def evaluate(self, x: Tensor) -> Tensor:
        """u at points x (N, d) without a graph, a few points at a time, (N, m).

        A point has the same bits whichever points come with it, since none is in the remainder of
        a vector instruction, which rounds otherwise: where coefficients of 1e8 cancel, that was
        seen as 1e-11.
        """
        missing = -len(x) % _TOGETHER
        padded = torch.cat([x, x[-1:].expand(missing, -1)]) if missing else x
        with torch.no_grad():
            parts = [self(padded[k : k + CHUNK]) for k in range(0, max(1, len(x)), CHUNK)]
        return torch.cat(parts)[: len(x)]

    def locate(self, x: Tensor, space: JetSpace) -> Located:
        """Prepare points for repeated evaluation."""
        inputs = coordinates(x, space, self.scale, self.shift)
        if self.wrapping is not None:
            inputs = self.wrapping.circles.jet(inputs)
        if self.lifting is None:
            return Located(x, space, inputs, extension=None, factor=None)
        return Located(
            x=x,
            space=space,
            inputs=inputs,
            extension=jet_of(self.lifting.extensions, x, space),
            factor=jet_of(self.lifting.factors, x, space),
        )

    def jet(self, at: Located) -> Jet:
        """The jet of u at prepared points, (A, m, N); without a graph a few points at a time, which
        stay in the cache.
        """
        if not torch.is_grad_enabled() and len(at.x) > CHUNK:
            parts = [
                self.jet(at.rows(k, min(k + CHUNK, len(at.x)))) for k in range(0, len(at.x), CHUNK)
            ]
            return Jet(at.space, torch.cat([part.data for part in parts], dim=2))
        if self.engine == "autograd":
            jet = by_autograd(self, at.x, at.space)
            return jet if torch.is_grad_enabled() else Jet(jet.space, jet.data.detach())
        return _lifted(at, self.net.jet(at.inputs))

    def features(self, at: Located) -> Combined:
        """The functions that u is linear in, at prepared points; valid while the inner parameters
        stay the same.
        """
        return Combined(at, self.net.features(at.inputs))

    def inner_rows(self, at: Located, functional: Tensor) -> Tensor:
        """The matrix (N, P) of the derivatives of Σ_{α, o} F_{α, o} ∂^α u_o by the inner
        parameters, F (A, m, N).
        """
        return self.net.inner_rows(at.inputs, _unlifted(at, functional))


def _lifted(at: Located, jet: Jet) -> Jet:
    """The jet of u from that of the network's outputs."""
    if at.extension is None or at.factor is None:
        return jet
    return Jet(at.space, at.extension.data + multiply(at.factor, jet).data)


def _unlifted(at: Located, functional: Tensor) -> Tensor:
    """The functional on the network's outputs that F is on u: the adjoint of Leibniz' rule with the
    lifting's factor.
    """
    if at.factor is None:
        return functional
    pulled = torch.zeros_like(functional)
    for weight, terms in zip(functional, at.space.leibniz, strict=True):
        for count, ours, theirs in terms:
            pulled[theirs] += count * weight * at.factor.data[ours]
    return pulled
