"""Jets: a field's value and partial derivatives at points, and the chain rule through a map.

A jet over a downward-closed set A of multi-indices α holds ∂^α z at every point. Composition with a
univariate f follows Faà di Bruno's formula over set partitions π of the slots of α,

    ∂^α f(z) = Σ_π f^{(|π|)}(z) Π_{B ∈ π} ∂^B z ,

and a product follows Leibniz' rule  ∂^α (u v) = Σ_{β ≤ α} binom(α, β) ∂^β u ∂^{α-β} v.
Reference: Griewank & Walther, Evaluating Derivatives, SIAM 2008, ch. 13.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

MultiIndex = tuple[int, ...]


@dataclass(frozen=True)
class JetSpace:
    """A downward-closed set of multi-indices, sorted by order; the first one is the value
    itself.
    """

    indices: tuple[MultiIndex, ...]

    @classmethod
    def closure(cls, indices: Iterable[MultiIndex], dimension: int) -> JetSpace:
        """The smallest downward-closed set that contains `indices` in `dimension` coordinates."""
        closed = {(0,) * dimension}
        for alpha in indices:
            closed.update(itertools.product(*(range(a + 1) for a in alpha)))
        return cls(tuple(sorted(closed, key=lambda a: (sum(a), tuple(-k for k in a)))))

    @property
    def order(self) -> int:
        """Highest differential order."""
        return max(sum(alpha) for alpha in self.indices)

    @cached_property
    def position(self) -> dict[MultiIndex, int]:
        """Where each multi-index stands."""
        return {alpha: k for k, alpha in enumerate(self.indices)}

    @cached_property
    def chain(self) -> tuple[tuple[tuple[int, int, tuple[int, ...]], ...], ...]:
        """Faà di Bruno: for each α the terms (k, multiplicity, positions of the k blocks)."""
        table = []
        for alpha in self.indices:
            slots = [axis for axis, count in enumerate(alpha) for _ in range(count)]
            terms: Counter[tuple[int, ...]] = Counter()
            for partition in _set_partitions(slots):
                terms[tuple(sorted(self._block(block) for block in partition))] += 1
            table.append(tuple((len(blocks), count, blocks) for blocks, count in terms.items()))
        return tuple(table)

    @cached_property
    def leibniz(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """Leibniz: for each α the terms (binomial, position of β, position of α - β)."""
        table = []
        for alpha in self.indices:
            terms = []
            for beta in itertools.product(*(range(a + 1) for a in alpha)):
                rest = tuple(a - b for a, b in zip(alpha, beta, strict=True))
                factor = math.prod(math.comb(a, b) for a, b in zip(alpha, beta, strict=True))
                terms.append((factor, self.position[beta], self.position[rest]))
            table.append(tuple(terms))
        return tuple(table)

    def _block(self, axes: Sequence[int]) -> int:
        dimension = len(self.indices[0])
        return self.position[tuple(axes.count(axis) for axis in range(dimension))]


def _set_partitions(slots: list[int]) -> Iterator[list[list[int]]]:
    """All partitions of a list of distinguishable slots into non-empty blocks."""
    if not slots:
        yield []
        return
    head, tail = slots[0], slots[1:]
    for partition in _set_partitions(tail):
        for k in range(len(partition)):
            yield [*partition[:k], [head, *partition[k]], *partition[k + 1 :]]
        yield [[head], *partition]


@dataclass(frozen=True)
class Jet:
    """Values ∂^α of m components at N points; `data` has shape (A, m, N) in the order of
    `space.indices`.

    Points stand last, so that every operation of the chain rule runs over contiguous memory.
    `scale` (d,) is given where component i is scale_i times coordinate i plus a constant: then most
    derivatives are known to be zero.
    """

    space: JetSpace
    data: Tensor
    scale: Tensor | None = None

    @property
    def value(self) -> Tensor:
        """The field itself, (m, N)."""
        return self.data[0]

    def derivative(self, alpha: MultiIndex) -> Tensor:
        """∂^α of every component, (m, N); KeyError if the space does not hold α."""
        return self.data[self.space.position[alpha]]

    def points(self, start: int, stop: int, step: int = 1) -> Jet:
        """The jet at the points number start, start + step, … below stop."""
        return Jet(self.space, self.data[:, :, start:stop:step], self.scale)

    @property
    def gradient(self) -> Tensor:
        """All first derivatives, (d, m, N); KeyError if one is missing."""
        d = len(self.space.indices[0])
        return torch.stack([self.derivative(unit(i, d)) for i in range(d)])

    @property
    def laplacian(self) -> Tensor:
        """Σ_i ∂_ii of every component over all coordinates, (m, N); KeyError if one is missing."""
        d = len(self.space.indices[0])
        return torch.stack([self.derivative(unit(i, d, 2)) for i in range(d)]).sum(0)


def unit(axis: int, dimension: int, order: int = 1) -> MultiIndex:
    """The multi-index of ∂^order along one axis."""
    return tuple(order if i == axis else 0 for i in range(dimension))


def coordinates(x: Tensor, space: JetSpace, scale: Tensor, shift: Tensor) -> Jet:
    """The jet of the affine map x ↦ (x - shift)·scale, shapes (N, d), (d,), (d,)."""
    d = x.shape[1]
    data = x.new_zeros(len(space.indices), d, x.shape[0])
    data[0] = ((x - shift) * scale).T
    for axis in range(d):
        k = space.position.get(unit(axis, d))
        if k is not None:
            data[k, axis] = scale[axis]
    return Jet(space, data, scale)


def chain_factors(jet: Jet) -> list[list[tuple[int, Tensor | None]]]:
    """For each α the pairs (k, P) with ∂^α f(z) = Σ_k f^{(k)}(z) P_{α,k}; P None stands for one,
    else (m, N).
    """
    parts = jet.data.unbind(0)
    factors: list[list[tuple[int, Tensor | None]]] = []
    for terms in jet.space.chain:
        by_order: dict[int, Tensor | None] = {}
        for k, count, blocks in terms:
            if k == 0:
                by_order[0] = None
                continue
            product = parts[blocks[0]]
            for block in blocks[1:]:
                product = product * parts[block]
            product = product if count == 1 else count * product
            earlier = by_order.get(k)
            by_order[k] = product if earlier is None else earlier + product
        factors.append(sorted(by_order.items()))
    return factors


def compose(jet: Jet, derivatives: Sequence[Tensor]) -> Jet:
    """The jet of f(z) from f^{(k)}(z), k = 0 … order, each (m, N)."""
    rows = []
    for terms in chain_factors(jet):
        row = None
        for k, factor in terms:
            term = derivatives[k] if factor is None else derivatives[k] * factor
            row = term if row is None else row + term
        rows.append(row)
    return Jet(jet.space, torch.stack([r for r in rows if r is not None]))


def multiply(left: Jet, right: Jet) -> Jet:
    """The jet of a product; the component counts must agree or be one."""
    ours, theirs = left.data.unbind(0), right.data.unbind(0)
    rows = []
    for terms in left.space.leibniz:
        rows.append(
            sum((c * ours[b] * theirs[r] for c, b, r in terms), start=left.data.new_zeros(()))
        )
    return Jet(left.space, torch.stack(rows))


def pull_back(step: Callable[[Jet], Jet], jet: Jet, functional: Tensor) -> Tensor:
    """The adjoint of the derivative of step(jet): F (A, O, N) on the outputs becomes one on the
    inputs, (A, I, N).

    The points must be independent of each other, so one reverse pass serves them all.
    """
    data = jet.data.detach().requires_grad_(True)
    with torch.enable_grad():
        outputs = step(Jet(jet.space, data)).data
    (pulled,) = torch.autograd.grad(outputs, data, functional)
    return pulled


def by_autograd(function: Callable[[Tensor], Tensor], x: Tensor, space: JetSpace) -> Jet:
    """The jet of any differentiable map (N, d) → (N, m) whose rows are independent, by nested
    reverse mode.

    The reference engine: slow, general. The graph is kept, so the result can be differentiated by
    parameters.
    """
    points = x.detach().requires_grad_(True)
    with torch.enable_grad():
        value = function(points).T
        known: dict[MultiIndex, Tensor] = {space.indices[0]: value}
        for alpha in space.indices[1:]:
            axis = max(i for i, a in enumerate(alpha) if a)
            lower = tuple(a - (i == axis) for i, a in enumerate(alpha))
            known[alpha] = _partial(known[lower], points, axis)
    return Jet(space, torch.stack([known[alpha] for alpha in space.indices]))


def _partial(field: Tensor, points: Tensor, axis: int) -> Tensor:
    rows = []
    for component in field:
        gradient: Tensor | None = None
        if component.requires_grad:
            (gradient,) = torch.autograd.grad(
                component.sum(), points, create_graph=True, allow_unused=True
            )
        rows.append(torch.zeros_like(component) if gradient is None else gradient[:, axis])
    return torch.stack(rows)
