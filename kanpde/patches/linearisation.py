"""Formulas that are not linear in the unknowns, taken apart at a state v:

    F(u) ≈ Σ_α ∂F/∂(∂^α u)(v) · ∂^α u + [F(v) - Σ_α ∂F/∂(∂^α u)(v) · ∂^α v]

A state is asked for its jets at points; which patch a point belongs to is its own affair, so that
the points may be those of other patches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Protocol

import numpy as np
import torch

from kanpde.errors import NumericalError
from kanpde.expressions import Constant, Derivative, Node, jets, partial
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.local_functions import LocalFunctions
from kanpde.numerics.polynomials import Index
from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.patches.layout import Patch
from kanpde.trial.patchwork import Locator

INWARD = 1e-12
"""A point of the boundary is looked for this far inside, as a share of the domain's size: it may
lie on the outer side of a cell by rounding.
"""

CHUNK = 4000
"""Points whose polynomials are held at a time."""


class State(Protocol):
    """Values of the unknowns and their derivatives."""

    def at(self, x: Array, wanted: Sequence[Derivative], normal: Array | None) -> list[Array]:
        """The values (N,) of the jets at points x (N, d), on the boundary with normals (N, d)."""


@dataclass(frozen=True)
class Uniform:
    """The same value everywhere, for every unknown."""

    value: float

    def at(self, x: Array, wanted: Sequence[Derivative], normal: Array | None) -> list[Array]:
        """The value, and zero for its derivatives."""
        return [np.full(len(x), self.value if jet.order == 0 else 0.0) for jet in wanted]


@dataclass(frozen=True)
class Pieces:
    """Polynomials on patches: `coefficients` (n, m) of each; `locator` knows where they are."""

    patches: Sequence[Patch]
    coefficients: Sequence[Array]
    locator: Locator

    def beside(self, other: Pieces) -> bool:
        """Whether both are on the same patches."""
        return self.patches is other.patches

    @cached_property
    def _by_degree(self) -> dict[int, tuple[Array, Array, Array, Array]]:
        """By degree the numbers of the patches, their boxes and their coefficients (J, n, m)."""
        numbers: dict[int, list[int]] = {}
        for number, patch in enumerate(self.patches):
            numbers.setdefault(patch.degree, []).append(number)
        return {
            degree: (
                np.array(same),
                np.array([self.patches[k].lower for k in same]),
                np.array([self.patches[k].upper for k in same]),
                np.stack([self.coefficients[k] for k in same]),
            )
            for degree, same in numbers.items()
        }

    @cached_property
    def _inward(self) -> float:
        low = np.min([patch.lower for patch in self.patches], axis=0)
        high = np.max([patch.upper for patch in self.patches], axis=0)
        return INWARD * float((high - low).max())

    def at(self, x: Array, wanted: Sequence[Derivative], normal: Array | None) -> list[Array]:
        """The jets from the polynomials of the patches that the points lie in."""
        number = self.locator.patch_of(x if normal is None else x - self._inward * normal)
        values = [np.empty(len(x)) for _ in wanted]
        functions = self.patches[0].functions
        for degree, (same, lower, upper, coefficients) in self._by_degree.items():
            slot = np.full(len(self.patches), -1)
            slot[same] = np.arange(len(same))
            chosen = np.flatnonzero(slot[number] >= 0)
            for start in range(0, len(chosen), CHUNK):
                some = chosen[start : start + CHUNK]
                at = slot[number[some]]
                kind, box = (functions, degree), (lower[at], upper[at])
                pieces = _jets(x[some], box, kind, (coefficients, at), wanted)
                for column, piece in zip(values, pieces, strict=True):
                    column[some] = piece
        return values


def _jets(
    x: Array,
    box: tuple[Array, Array],
    kind: tuple[LocalFunctions, int],
    coefficients: tuple[Array, Array],
    wanted: Sequence[Derivative],
) -> list[Array]:
    """Jets at points each of which has a box of its own, all of one degree."""
    lower, upper = box
    stacked, at = coefficients
    scale = 2.0 / (upper - lower)
    one = np.ones(x.shape[1])
    local = (x - (lower + upper) / 2) * scale
    functions, degree = kind
    table = functions.table(local, -one, one, degree, sorted({jet.index for jet in wanted}))
    values = []
    for jet in wanted:
        stretch = np.prod(scale ** np.array(jet.index), axis=1)
        picked = stacked[at, :, jet.unknown]
        values.append(np.einsum("kn,kn->k", table[jet.index], picked) * stretch)
    return values


@dataclass(frozen=True)
class Between:
    """(1 - share) · first + share · second."""

    first: State
    second: State
    share: float

    def at(self, x: Array, wanted: Sequence[Derivative], normal: Array | None) -> list[Array]:
        """The jets of both, added."""
        pairs = zip(
            self.first.at(x, wanted, normal), self.second.at(x, wanted, normal), strict=True
        )
        return [(1 - self.share) * a + self.share * b for a, b in pairs]


def between(first: State, second: State, share: float) -> State:
    """The state on the line from one to the other; of two on the same patches one on them."""
    if share == 1.0:
        return second
    if isinstance(first, Pieces) and isinstance(second, Pieces) and first.beside(second):
        pairs = zip(first.coefficients, second.coefficients, strict=True)
        mixed = [(1 - share) * a + share * b for a, b in pairs]
        return Pieces(first.patches, mixed, second.locator)
    return Between(first, second, share)


@dataclass(frozen=True)
class Linearised(Affine):
    """A formula at a state; `constant` is the formula. With `tested` its values are those at that
    state, with the slopes at `state`: what the rows say of `tested` with weights that stay.
    """

    state: State = Uniform(0.0)
    tested: State | None = None

    @classmethod
    def at_state(
        cls, node: Node, weight: float, state: State, tested: State | None = None
    ) -> Linearised:
        """Take a formula apart at a state."""
        return cls(_slopes(node), node, weight, state, tested)

    def at(self, x: Array, normal: Array | None = None) -> tuple[Array, Array]:
        """Slopes (S, N) and constant (N,) at points (N, d); NumericalError if one is not finite."""
        wanted = [Derivative(unknown, index) for unknown, index, _ in self.slopes]
        known = dict(zip(wanted, self.state.at(x, wanted, normal), strict=True))
        nodes = [*(slope for _, _, slope in self.slopes), self.constant]
        values = _evaluated(nodes, x, normal, known)
        slopes, constant = values[:-1], values[-1]
        if self.tested is None:
            constant = constant - sum(
                slope * known[jet] for slope, jet in zip(slopes, wanted, strict=True)
            )
        else:
            known = dict(zip(wanted, self.tested.at(x, wanted, normal), strict=True))
            (constant,) = _evaluated([self.constant], x, normal, known)
        return slopes, constant


@cache
def _slopes(node: Node) -> tuple[tuple[int, Index, Node], ...]:
    """The derivatives of a formula by its jets."""
    present = sorted(jets(node), key=lambda jet: (jet.unknown, jet.index))
    return tuple((jet.unknown, jet.index, partial(node, jet)) for jet in present)


def _evaluated(
    nodes: Sequence[Node], x: Array, normal: Array | None, known: Mapping[Derivative, Array]
) -> Array:
    unit = None if normal is None else torch.tensor(normal)
    tensors: dict[Derivative | Constant, torch.Tensor] = {
        jet: torch.from_numpy(values) for jet, values in known.items()
    }
    values = torch.stack(evaluate(nodes, torch.tensor(x), unit, tensors)).numpy()
    wrong = ~np.isfinite(values).all(axis=0)
    if wrong.any():
        raise NumericalError(
            f"a formula or its derivative by the unknowns is not finite at"
            f" {x[wrong][0].tolist()} for the present solution; change it so that it has a value"
            f" there"
        )
    return values
