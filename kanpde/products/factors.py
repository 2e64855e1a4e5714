"""Formulas as chains: their values at products of Gauss points, as sums of few products.

    f(x_k) g(x_l)                      one product
    exp(a + b)                         exp(a) exp(b)
    sin(a + b), cos(a + b)             sums of products of sines and cosines of a and of b
    f(a) otherwise                     Σ_j c_j T_j(scaled a) on the enclosed range of a, by Clenshaw's recurrence

where a and b have different coordinates. Ranks are reduced after every operation.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.polynomial import chebyshev

from kanpde.expressions import Add, Call, Coordinate, Mul, Node, Number, Pow, add, multiply
from kanpde.expressions.evaluate import evaluate
from kanpde.expressions.intervals import enclose
from kanpde.expressions.simplify import rebuild
from kanpde.expressions.tree import postorder
from kanpde.products.chains import (
    Array,
    Chain,
    RankError,
    added,
    multiplied,
    of_factors,
    rounded,
    scaled,
    total,
)
from kanpde.products.separable import chain_of, depends_on, is_product, terms_of
from kanpde.products.univariate import Axis

MOST_DEGREE = 64
"""Highest degree of a polynomial of a chain."""

HIGHEST_POWER = 12
"""Whole powers up to this are products."""


class NotProductsError(ValueError):
    """A formula that is no sum of few products; the message says why."""


@dataclass(frozen=True, eq=False)
class Values:
    """Formulas at the products of the Gauss points of `axes`, with ranks reduced to a relative
    error.
    """

    axes: tuple[Axis, ...]
    relative: float
    _known: dict[Node, Chain] = field(default_factory=dict)

    @cached_property
    def _weights(self) -> list[Array]:
        return [axis.weights for axis in self.axes]

    def of(self, node: Node) -> Chain:
        """The chain of a formula; NotProductsError where it has none."""
        for part in self._parts(node):
            if part not in self._known:
                try:
                    self._known[part] = self._of(part)
                except RankError as error:
                    raise NotProductsError(f"needs too many products: {error}") from error
        return self._known[node]

    def _parts(self, node: Node) -> list[Node]:
        """Subtrees that are no products of functions of one coordinate, children first, or the
        formula itself.
        """
        below = postorder((node,))
        single = {part for part in below if len(depends_on(part)) <= 1 or is_product(part)}
        return [part for part in postorder((node,), single) if part not in single] or [node]

    def constant(self, value: float) -> Chain:
        """A number everywhere."""
        factors = [np.ones(len(axis.points)) for axis in self.axes]
        return scaled(of_factors(factors), value)

    def _of(self, node: Node) -> Chain:
        if len(depends_on(node)) <= 1:
            return self._univariate(node)
        match node:
            case Add(args=terms):
                return self._sum(terms)
            case Mul(args=factors):
                return self._product(factors)
            case Pow(base=base, exponent=Number(value=power)):
                return self._power(base, power, node)
            case Call(args=(argument,)):
                groups = _groups(terms_of(argument))
                if len(groups) > 1 and node.name == "exp":
                    return self._product([rebuild(node, (group,)) for group in groups])
                if len(groups) > 1 and node.name in ("sin", "cos"):
                    return self._wave(node.name, groups)
                return self._composed(node)
        raise NotProductsError("holds a function or a power of several arguments")

    def _univariate(self, node: Node) -> Chain:
        factors = [np.ones(len(axis.points)) for axis in self.axes]
        index, values = self._along(node)
        factors[index] = values
        return of_factors(factors)

    def _along(self, node: Node) -> tuple[int, Array]:
        """The coordinate of a formula of at most one, the first for a number, and the values."""
        index = min(depends_on(node), default=0)
        return index, self.along(index, node)

    def along(self, index: int, node: Node) -> Array:
        """The values (q,) of a formula of one coordinate at its Gauss points."""
        x = np.zeros((len(self.axes[index].points), len(self.axes)))
        x[:, index] = self.axes[index].points
        return _values(node, x)

    def _sum(self, terms: Sequence[Node]) -> Chain:
        if all(len(depends_on(term)) <= 1 for term in terms):
            return self._separate_sum(terms)
        simple = [term for term in terms if len(depends_on(term)) <= 1 or is_product(term)]
        chains = [self._chain(term) for term in terms if term not in simple]
        if simple:
            chains.append(self._sum_of_products(simple))
        return total(chains, self.relative, self._weights)

    def _sum_of_products(self, terms: Sequence[Node]) -> Chain:
        """A sum of products of functions of one coordinate, with few ranks from its form."""
        sizes = [len(axis.points) for axis in self.axes]
        chain = chain_of(tuple(terms), len(sizes), sizes, self.along)
        return chain if len(terms) == 1 else rounded(chain, self.relative, self._weights)

    def _separate_sum(self, terms: Sequence[Node]) -> Chain:
        """A sum of functions of one coordinate each, of rank two."""
        along = [np.zeros((len(axis.points), 1)) for axis in self.axes]
        for term in terms:
            index, values = self._along(term)
            along[index][:, 0] += values
        return laplace_like(along, [np.ones_like(values) for values in along])

    def _chain(self, node: Node) -> Chain:
        return self._known[node] if node in self._known else self._of(node)

    def _product(self, factors: Sequence[Node]) -> Chain:
        single = [factor for factor in factors if len(depends_on(factor)) <= 1]
        result = self._sum_of_products([multiply(*single)])
        for factor in factors:
            if len(depends_on(factor)) > 1:
                product = multiplied(result, self._chain(factor))
                result = rounded(product, self.relative, self._weights)
        return result

    def _power(self, base: Node, power: float, node: Node) -> Chain:
        if not (power.is_integer() and 2 <= power <= HIGHEST_POWER):
            return self._composed(node)
        chain = result = self._chain(base)
        for _ in range(int(power) - 1):
            result = rounded(multiplied(result, chain), self.relative, self._weights)
        return result

    def _wave(self, name: str, groups: Sequence[Node]) -> Chain:
        """sin or cos of a sum, by the sines and cosines of its groups."""
        waves = [
            (self._chain_of_call("sin", group), self._chain_of_call("cos", group))
            for group in groups
        ]
        sine, cosine = waves[0]
        for s, c in waves[1:]:
            mixed = added(multiplied(sine, c), multiplied(cosine, s))
            other = added(multiplied(cosine, c), scaled(multiplied(sine, s), -1.0))
            sine = rounded(mixed, self.relative, self._weights)
            cosine = rounded(other, self.relative, self._weights)
        return sine if name == "sin" else cosine

    def _chain_of_call(self, name: str, argument: Node) -> Chain:
        return self.of(Call(name, (argument,)))

    def _composed(self, node: Node) -> Chain:
        """f(a) as a polynomial of a on its enclosed range."""
        argument = node.children[0]
        low, high = self._range(argument)
        coefficients = self._polynomial(node, argument, low, high)
        chain = self._chain(argument)
        middle, half = (low + high) / 2, (high - low) / 2
        z = scaled(added(chain, self.constant(-middle)), 1 / half)
        z = rounded(z, self.relative, self._weights)
        return self._clenshaw(coefficients, z)

    def _range(self, argument: Node) -> tuple[float, float]:
        lower = np.array([[axis.lower for axis in self.axes]])
        upper = np.array([[axis.upper for axis in self.axes]])
        low, high = (float(end[0]) for end in enclose(argument, lower, upper)[argument].values)
        if not (np.isfinite([low, high]).all() and high > low):
            raise NotProductsError("holds a function whose argument has no finite range")
        return low, high

    def _polynomial(self, node: Node, argument: Node, low: float, high: float) -> Array:
        """Chebyshev coefficients of a function of one number, up to where they are negligible."""
        count = 2 * MOST_DEGREE
        z = np.cos(np.pi * (np.arange(count) + 0.5) / count)
        children = tuple(Coordinate(0) if child == argument else child for child in node.children)
        stand_in = rebuild(node, children)
        values = _values(stand_in, ((low + high) / 2 + z * (high - low) / 2)[:, None])
        if not np.isfinite(values).all():
            raise NotProductsError("holds a function without value on the range of its argument")
        coefficients = chebyshev.chebfit(z, values, count - 1)
        tails = np.cumsum(np.abs(coefficients[::-1]))[::-1]
        needed = int(np.sum(tails > self.relative * np.abs(values).max()))
        if needed > MOST_DEGREE:
            raise NotProductsError("holds a function that is no polynomial of low degree")
        return coefficients[: max(1, needed)]

    def _clenshaw(self, coefficients: Array, z: Chain) -> Chain:
        """Σ_j c_j T_j(z) = c_0 + z b_1 - b_2 with b_j = c_j + 2 z b_{j+1} - b_{j+2}."""
        ahead = further = self.constant(0.0)
        for coefficient in coefficients[:0:-1]:
            twice = scaled(multiplied(z, ahead), 2.0)
            mixed = added(added(twice, scaled(further, -1.0)), self.constant(coefficient))
            further, ahead = ahead, rounded(mixed, self.relative, self._weights)
        last = added(multiplied(z, ahead), scaled(further, -1.0))
        return rounded(added(last, self.constant(coefficients[0])), self.relative, self._weights)


def laplace_like(singles: Sequence[Array], others: Sequence[Array]) -> Chain:
    """Σ_k o_1 ⊗ … ⊗ s_k ⊗ … ⊗ o_d for matrices or columns s_k, o_k (m_k, n_k), of rank two; the
    index of the chain runs over all entries.
    """
    d = len(singles)
    cores = []
    for k, (single, other) in enumerate(zip(singles, others, strict=True)):
        core = np.zeros((2, single.size, 2), dtype=np.result_type(single, other))
        core[0, :, 0] = other.ravel()
        core[0, :, 1] = single.ravel()
        core[1, :, 1] = other.ravel()
        if k == 0:
            core = core[:1]
        if k == d - 1:
            core = core[:, :, 1:]
        cores.append(core)
    return cores


def _groups(terms: Sequence[Node]) -> list[Node]:
    """Sums of terms that share coordinates, so that different groups have different ones."""
    groups: list[tuple[frozenset[int], list[Node]]] = []
    for term in terms:
        present = depends_on(term)
        joined = [group for group in groups if group[0] & present]
        apart = [group for group in groups if not group[0] & present]
        together = frozenset(itertools.chain(present, *(group[0] for group in joined)))
        members = [member for group in joined for member in group[1]]
        groups = [*apart, (together, [*members, term])]
    return [add(*members) for _, members in groups]


def _values(node: Node, x: Array) -> Array:
    (values,) = evaluate((node,), torch.tensor(x))
    return np.broadcast_to(values.numpy(), (len(x),)).astype(float)
