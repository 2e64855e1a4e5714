"""How often a function bends while its argument runs over an interval.

exp bends once when its argument changes by one, but not where it is faded beside its largest
value; tanh only around 0; a negative power once for every factor e of a small argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from kanpde.expressions import Call, Node, Number, Pow
from kanpde.expressions.intervals import Enclosure, Interval
from kanpde.numerics.quadrature import Array

FADED = 14.0
"""e^-14 of its largest value is nothing."""

FLOOR, ROOT = 1e-12, 1e-4
"""Shares of their largest argument below which logarithms and powers are not followed to 0."""

Bending = Callable[[Interval, float], Array]
"""Bends (N,) on boxes with values of the argument (N,), given the largest activity at a point."""


def _plain(a: Interval, top: float) -> Array:
    return np.asarray(a[1] - a[0])


def _step(a: Interval, top: float) -> Array:
    """Of tanh: only near 0."""
    return np.asarray(np.clip(a[1], -FADED / 2, FADED / 2) - np.clip(a[0], -FADED / 2, FADED / 2))


def _slow_step(a: Interval, top: float) -> Array:
    """Of atan, whose tails are long."""
    return np.asarray(np.arcsinh(a[1]) - np.arcsinh(a[0]))


def _growth(a: Interval, top: float) -> Array:
    """Of exp: only where it is not faded."""
    return np.asarray(np.maximum(a[1] - np.maximum(a[0], top - FADED), 0.0))


def sizes(a: Interval) -> Interval:
    """Smallest and largest |a|."""
    across = (a[0] <= 0) & (a[1] >= 0)
    ends = np.abs(a[0]), np.abs(a[1])
    return np.where(across, 0.0, np.minimum(*ends)), np.maximum(*ends)


def _both_growths(a: Interval, top: float) -> Array:
    return _growth(sizes(a), top)


def _logarithm(a: Interval, top: float) -> Array:
    """Of what is large beside FLOOR of the largest argument: below, log has no feature more."""
    return _ratio(sizes(a), FLOOR * np.exp(top))


def _ratio(a: Interval, least: float) -> Array:
    """log of the ratio of the ends of an interval of positive numbers, cut below."""
    change = np.log(np.maximum(a[1], least)) - np.log(np.maximum(a[0], least))
    return np.asarray(np.nan_to_num(change, nan=0.0, posinf=np.inf))


def _kink(a: Interval, top: float) -> Array:
    return np.where((a[0] <= 0) & (a[1] >= 0), np.inf, 0.0)


_FUNCTIONS: Mapping[str, Bending] = {
    "exp": _growth, "tanh": _step, "atan": _slow_step, "sinh": _both_growths,
    "cosh": _both_growths, "sin": _plain, "cos": _plain, "tan": _plain, "log": _logarithm,
    "abs": _kink, "sign": _kink, "erf": _step, "erfc": _step,
}  # fmt: skip
SINGULAR = ("abs", "sign")


def bending_of(node: Node) -> Bending | None:
    """How often the function of a node bends, None where it never does by itself."""
    match node:
        case Call(name=name):
            return _FUNCTIONS.get(name)
        case Pow(exponent=Number(value=p)) if p < 0:
            return lambda a, top: _fall(a, top, -p)
        case Pow(exponent=Number(value=p)) if not p.is_integer():
            return _root
        case Pow(exponent=exponent) if not isinstance(exponent, Number):
            return _root
    return None


def _fall(a: Interval, top: float, p: float) -> Array:
    """Of a**-p: only where |a| is not much larger than at its smallest."""
    small, big = sizes(a)
    faded = np.exp(-top + FADED / p)
    change = np.log(np.minimum(big, faded)) - np.log(np.minimum(small, faded))
    return np.asarray(np.nan_to_num(p * change, nan=0.0, posinf=np.inf))


def _root(a: Interval, top: float) -> Array:
    """Of a fractional power or one whose exponent varies."""
    return _ratio(sizes(a), ROOT * np.exp(top))


def activity(node: Node, centre: Array) -> Array:
    """Grows with the size of the function at points whose arguments are `centre` (N,)."""
    match node:
        case Call(name="exp"):
            return centre
        case Call(name="sinh" | "cosh"):
            return np.abs(centre)
        case Pow(exponent=Number(value=p)) if p < 0:
            with np.errstate(all="ignore"):
                return -np.log(np.abs(centre))
        case Pow() | Call(name="log"):
            with np.errstate(all="ignore"):
                return np.log(np.abs(centre))
    return np.zeros_like(centre)


def inner_of(node: Node, known: Mapping[Node, Enclosure]) -> Enclosure:
    """The enclosure of what a function is taken of."""
    if isinstance(node, Pow) and not isinstance(node.exponent, Number):
        return known[node]
    return known[node.children[0]]
