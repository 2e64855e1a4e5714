"""The protocol of a univariate basis for a layer; I inputs, K functions on each, N points."""

from __future__ import annotations

from typing import Any, Protocol, Self

from torch import Tensor


class Basis(Protocol):
    """K = G + p functions with derivatives of any order in closed form, on a range of each of I
    inputs.

    G `intervals` and the `degree` p say how many functions there are; each basis gives them a
    meaning of its own beyond that.
    """

    @property
    def name(self) -> str:
        """Its name in a config."""

    @property
    def wraps(self) -> bool:
        """Whether no argument lies outside the range, since the functions repeat."""

    @property
    def knots(self) -> Tensor:
        """The tensor that fixes the functions, (I, …)."""

    @property
    def degree(self) -> int:
        """p."""

    @property
    def intervals(self) -> int:
        """G."""

    @property
    def size(self) -> int:
        """K."""

    @property
    def lower(self) -> Tensor:
        """Left end of each range, (I,)."""

    @property
    def upper(self) -> Tensor:
        """Right end of each range, (I,)."""

    @property
    def facts(self) -> dict[str, Any]:
        """Plain data that `bases.restored` makes the same basis of, together with the knots."""

    def at(self, knots: Tensor) -> Self:
        """The same basis on other knots."""

    def basis(self, z: Tensor, order: int) -> tuple[Tensor, Tensor]:
        """The interval of each z (I, N) and the functions not zero there with derivatives, (order
        + 1, r, I, N).
        """

    def slots(self, interval: Tensor) -> Tensor:
        """Flat numbers i·K + m of these functions, (r, I, N)."""

    def edges(self, z: Tensor, coefficients: Tensor, order: int) -> Tensor:
        """Sums with coefficients (O, I, K) and their derivatives, (order + 1, O, I, N); autograd
        follows to any order.
        """

    def line(self) -> Tensor:
        """Coefficients (I, K) of the function z, of the best fit where the basis does not contain
        it.
        """

    def refined(self, intervals: int) -> Self:
        """More functions on the same range; ConfigError for fewer."""

    def updated(self, z: Tensor, mix: float, room: float) -> Self:
        """Knots over the range of the inputs z (I, N); ConfigError if the basis has none that could
        move.
        """

    def transfer(self, coefficients: Tensor, finer: Self, inputs: Tensor | None = None) -> Tensor:
        """Coefficients (O, I, K') of the same functions (O, I, K) in another basis of the kind;
        where the bases do not nest, of the fit that is best on the range of `inputs` (I, N).
        """
