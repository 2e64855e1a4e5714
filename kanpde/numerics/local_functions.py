"""The functions that a network spans on a patch: what the rows of a patch ask of it.

| network | functions |
|---|---|
| kan | all polynomials of total degree p, which its ridges of splines span |
| mlp | as many activations of one hidden layer of fixed random weights, made orthonormal |

Either is orthonormal for the mean over the box of a patch, those that stand for little last, and
linear in what the outer layer of the network holds, so that one elimination solves for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kanpde.numerics import polynomials, random_features
from kanpde.numerics.polynomials import Index
from kanpde.numerics.quadrature import Array


@dataclass(frozen=True)
class LocalFunctions:
    """The functions of one `network` by degree; `highest` are the highest degrees by the number of
    coordinates.

    `count(degree, dimension)` says how many there are, `table` is as `polynomials.derivatives`,
    `reference` as `polynomials.reference`, `weights` as `polynomials.directions`.
    """

    network: str
    highest: tuple[int, int, int]
    count: Callable[[int, int], int]
    table: Callable[[Array, Array, Array, int, Iterable[Index]], dict[Index, Array]]
    reference: Callable[[int, int, tuple[Index, ...]], dict[Index, Array]]
    weights: Callable[[Array, int, int], Array]

    @property
    def are_polynomials(self) -> bool:
        """Whether they are those of a KAN."""
        return self.network == "kan"

    def __reduce__(self) -> tuple[Any, ...]:
        return of_network, (self.network,)


POLYNOMIALS = LocalFunctions(
    network="kan",
    highest=(16, 16, 22),
    count=polynomials.size,
    table=polynomials.derivatives,
    reference=polynomials.reference,
    weights=polynomials.directions,
)

ACTIVATIONS = LocalFunctions(
    network="mlp",
    highest=(16, 14, 14),
    count=lambda degree, dimension: random_features.transform(degree, dimension).shape[1],
    table=random_features.derivatives,
    reference=random_features.reference,
    weights=random_features.directions,
)

NETWORKS = {functions.network: functions for functions in (POLYNOMIALS, ACTIVATIONS)}


def of_network(network: str) -> LocalFunctions:
    """The functions of a kind of network."""
    return NETWORKS[network]
