"""What a formula without unknowns does on whole boxes: its values and slopes enclosed, so that
nothing between points stays unseen.

    f(B) ⊂ [a, b],    ∂_i f(B) ⊂ [a_i, b_i],    f(B) ⊂ f(c) + Σ_i [a_i, b_i]·[-h_i/2, h_i/2]

Interval arithmetic over the tree, slopes by the chain rule, each node's values cut down to the
mean-value form around the centre c. Rounding is not outward: enclosures are meant for finding
features, not for proofs. Source: Moore, Kearfott & Cloud, Introduction to Interval Analysis,
2009, ch. 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from kanpde.expressions.simplify import add, negate
from kanpde.expressions.tree import Add, Call, Coordinate, Mul, Node, Number, Pow, postorder
from kanpde.numerics.quadrature import Array

Interval = tuple[Array, Array]
"""Lower and upper ends, of one shape."""

Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

EVERYTHING = (np.array(-np.inf), np.array(np.inf))


@dataclass(frozen=True)
class Enclosure:
    """Value at the centre (N,), values (N,) and slopes (N, d) of a node on N boxes."""

    centre: Array
    values: Interval
    slopes: Interval

    @property
    def steepness(self) -> Array:
        """Largest slope along every axis, (N, d)."""
        return np.maximum(np.abs(self.slopes[0]), np.abs(self.slopes[1]))


def enclose(node: Node, lower: Array, upper: Array) -> dict[Node, Enclosure]:
    """Enclosures of every node below `node` and of itself, on the boxes between `lower` (N, d)
    and `upper` (N, d).

    Raises ValueError for a formula that holds something else than coordinates and numbers.
    """
    return enclose_all((node,), lower, upper)


def enclose_all(nodes: Iterable[Node], lower: Array, upper: Array) -> dict[Node, Enclosure]:
    """Enclosures of `nodes` and of every node below them, as `enclose` gives them."""
    known: dict[Node, Enclosure] = {}
    half = (upper - lower) / 2
    with np.errstate(all="ignore"):
        for part in postorder(nodes):
            if not part.children:
                known[part] = _leaf(part, lower, upper)
                continue
            plain = _RULES[type(part)](part, [known[child] for child in part.children])
            known[part] = _tightened(plain, half)
    return known


def _leaf(node: Node, lower: Array, upper: Array) -> Enclosure:
    count, d = lower.shape
    none = np.zeros((count, d))
    match node:
        case Number(value=value):
            same = np.full(count, value)
            return Enclosure(same, (same, same), (none, none))
        case Coordinate(index=index) if index < d:
            along = none.copy()
            along[:, index] = 1.0
            ends = lower[:, index], upper[:, index]
            return Enclosure((ends[0] + ends[1]) / 2, ends, (along, along))
    raise ValueError(f"{node!r} is neither a coordinate nor a number")


def _tightened(plain: Enclosure, half: Array) -> Enclosure:
    """Values that lie in the mean-value form too."""
    reach = (plain.steepness * half).sum(axis=1)  # not a number where a slope is infinite
    centre = plain.centre
    sure = np.isfinite(reach) & np.isfinite(centre)
    lower = np.where(sure, np.maximum(plain.values[0], centre - reach), plain.values[0])
    upper = np.where(sure, np.minimum(plain.values[1], centre + reach), plain.values[1])
    return Enclosure(centre, (lower, np.maximum(lower, upper)), plain.slopes)


def _times(a: Interval, b: Interval) -> Interval:
    """The products of two intervals; 0·∞ = 0."""
    products = np.stack(np.broadcast_arrays(a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]))
    products[np.isnan(products)] = 0.0
    return products.min(axis=0), products.max(axis=0)


def _plus(a: Interval, b: Interval) -> Interval:
    lower, upper = a[0] + b[0], a[1] + b[1]
    return np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper)


def _column(a: Interval) -> Interval:
    return a[0][..., None], a[1][..., None]


def _sum(node: Node, args: list[Enclosure]) -> Enclosure:
    total = args[0]
    for arg in args[1:]:
        total = Enclosure(
            total.centre + arg.centre,
            _plus(total.values, arg.values),
            _plus(total.slopes, arg.slopes),
        )
    return total


def _product(node: Node, args: list[Enclosure]) -> Enclosure:
    total = args[0]
    for arg in args[1:]:
        first = _times(_column(total.values), arg.slopes)
        second = _times(_column(arg.values), total.slopes)
        values = _times(total.values, arg.values)
        total = Enclosure(total.centre * arg.centre, values, _plus(first, second))
    return total


def _chain(inner: Enclosure, centre: Array, values: Interval, slope: Interval) -> Enclosure:
    """A function of one argument, from its values and its slopes."""
    values = np.minimum(*values), np.maximum(*values)
    return Enclosure(centre, values, _times(_column(slope), inner.slopes))


def powers(a: Interval, exponent: float) -> Interval:
    """a**exponent; a fractional power of what is negative counts as that of 0."""
    if exponent == 0:
        return np.ones_like(a[0]), np.ones_like(a[1])
    if not exponent.is_integer():
        a = np.maximum(a[0], 0.0), np.maximum(a[1], 0.0)
    ends = a[0] ** exponent, a[1] ** exponent
    lower, upper = np.minimum(*ends), np.maximum(*ends)
    across = (a[0] <= 0) & (a[1] >= 0)
    even = exponent % 2 == 0
    if exponent > 0:
        return (np.where(across, 0.0, lower), upper) if even else (lower, upper)
    if exponent.is_integer() and not even:
        inside = (a[0] < 0) & (a[1] > 0)
        return np.where(inside, -np.inf, lower), np.where(inside, np.inf, upper)
    return lower, np.where(across, np.inf, upper)


def _power(node: Node, args: list[Enclosure]) -> Enclosure:
    assert isinstance(node, Pow)
    base, exponent = args
    centre = np.asarray(base.centre**exponent.centre)
    if isinstance(node.exponent, Number):
        p = node.exponent.value
        slope = _times(powers(base.values, p - 1), (np.array(p), np.array(p)))
        return _chain(base, centre, powers(base.values, p), slope)
    logarithm = _function(Call("log", (node.base,)), [base])
    grown = _function(Call("exp", (node,)), [_product(node, [logarithm, exponent])])
    return Enclosure(centre, grown.values, grown.slopes)


def _turning(a: Interval, shift: float) -> Interval:
    """Ends of sin(a + shift)."""
    lower, upper = a[0] + shift, a[1] + shift
    ends = np.sin(lower), np.sin(upper)
    top = np.floor((upper - math.pi / 2) / (2 * math.pi)) >= (lower - math.pi / 2) / (2 * math.pi)
    low = np.floor((upper + math.pi / 2) / (2 * math.pi)) >= (lower + math.pi / 2) / (2 * math.pi)
    return np.where(low, -1.0, np.minimum(*ends)), np.where(top, 1.0, np.maximum(*ends))


def _tangent(a: Interval) -> Interval:
    ends = np.tan(a[0]), np.tan(a[1])
    pole = np.floor(a[1] / math.pi + 0.5) > np.floor(a[0] / math.pi + 0.5)
    return np.where(pole, -np.inf, ends[0]), np.where(pole, np.inf, ends[1])


def _even(function: Callable[[Array], Array], a: Interval) -> Interval:
    """A function that grows with |a|."""
    ends = function(a[0]), function(a[1])
    across = (a[0] <= 0) & (a[1] >= 0)
    least = np.where(across, function(np.zeros(1)), np.minimum(*ends))
    return least, np.maximum(*ends)


def _less_square(a: Interval, sign: float) -> Interval:
    """1 + sign·a²."""
    square = powers(a, 2.0)
    return _plus((np.array(1.0), np.array(1.0)), _times((np.array(sign),) * 2, square))


def _monotone(function: Callable[[Array], Array], a: Interval) -> Interval:
    return function(a[0]), function(a[1])


def _within(a: Interval) -> Interval:
    return np.clip(a[0], -1.0, 1.0), np.clip(a[1], -1.0, 1.0)


def _minus(a: Interval) -> Interval:
    return -a[1], -a[0]


def _special(name: str) -> Callable[..., Array]:
    """A function of scipy.special, whose import is slow and which few formulas need."""

    def function(*args: Array | int) -> Array:
        from scipy import special

        return np.asarray(getattr(special, name)(*args))

    return function


_erf, _erfc, _gamma, _lgamma, _digamma, _polygamma_at, _jv = map(
    _special, ("erf", "erfc", "gamma", "gammaln", "digamma", "polygamma", "jv")
)


def _bell(a: Interval) -> Interval:
    """2/√π exp(-a²), the slope of erf."""
    fall = _minus(_even(lambda x: -np.exp(-(x**2)), a))
    scale = np.array(2 / math.sqrt(math.pi))
    return fall[0] * scale, fall[1] * scale


LEAST_GAMMA = 1.4616321449683623
"""Where Γ and log Γ are least for positive arguments."""


def _cup(function: Callable[[Array], Array], a: Interval) -> Interval:
    """Γ or log Γ, which are convex for positive arguments; nothing is known for others."""
    ends = function(a[0]), function(a[1])
    across = (a[0] <= LEAST_GAMMA) & (a[1] >= LEAST_GAMMA)
    least = np.where(across, function(np.array([LEAST_GAMMA])), np.minimum(*ends))
    return _if_positive(a, (least, np.maximum(*ends)))


def _of_positive(function: Callable[[Array], Array], a: Interval) -> Interval:
    """A function that is monotone for positive arguments."""
    ends = function(a[0]), function(a[1])
    return _if_positive(a, (np.minimum(*ends), np.maximum(*ends)))


def _if_positive(a: Interval, values: Interval) -> Interval:
    positive = a[0] > 0
    return np.where(positive, values[0], -np.inf), np.where(positive, values[1], np.inf)


_VALUES: Mapping[str, Callable[[Interval], Interval]] = {
    "exp": lambda a: _monotone(np.exp, a),
    "log": lambda a: _monotone(np.log, (np.maximum(a[0], 0.0), np.maximum(a[1], 0.0))),
    "tanh": lambda a: _monotone(np.tanh, a),
    "sinh": lambda a: _monotone(np.sinh, a),
    "cosh": lambda a: _even(np.cosh, a),
    "atan": lambda a: _monotone(np.arctan, a),
    "asin": lambda a: _monotone(np.arcsin, _within(a)),
    "acos": lambda a: _monotone(np.arccos, _within(a)),
    "sin": lambda a: _turning(a, 0.0),
    "cos": lambda a: _turning(a, math.pi / 2),
    "tan": _tangent,
    "abs": lambda a: _even(np.abs, a),
    "sign": lambda a: _monotone(np.sign, a),
    "erf": lambda a: _monotone(_erf, a),
    "erfc": lambda a: _minus(_monotone(lambda x: -_erfc(x), a)),
    "gamma": lambda a: _cup(_gamma, a),
    "lgamma": lambda a: _cup(_lgamma, a),
}
_SLOPES: Mapping[str, Callable[[Interval], Interval]] = {
    "exp": lambda a: _monotone(np.exp, a),
    "log": lambda a: powers((np.maximum(a[0], 0.0), np.maximum(a[1], 0.0)), -1.0),
    "tanh": lambda a: _less_square(_monotone(np.tanh, a), -1.0),
    "sinh": lambda a: _even(np.cosh, a),
    "cosh": lambda a: _monotone(np.sinh, a),
    "atan": lambda a: powers(_less_square(a, 1.0), -1.0),
    "asin": lambda a: powers(_less_square(_within(a), -1.0), -0.5),
    "acos": lambda a: _minus(powers(_less_square(_within(a), -1.0), -0.5)),
    "sin": lambda a: _turning(a, math.pi / 2),
    "cos": lambda a: _minus(_turning(a, 0.0)),
    "tan": lambda a: _less_square(_tangent(a), 1.0),
    "abs": lambda a: _monotone(np.sign, a),
    "sign": lambda a: (np.zeros_like(a[0]), np.where((a[0] <= 0) & (a[1] >= 0), np.inf, 0.0)),
    "erf": lambda a: _bell(a),
    "erfc": lambda a: _minus(_bell(a)),
    "gamma": lambda a: _times(_cup(_gamma, a), _of_positive(_digamma, a)),
    "lgamma": lambda a: _of_positive(_digamma, a),
}
_POINTS: Mapping[str, Callable[[Array], Array]] = {
    "exp": np.exp, "log": np.log, "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh,
    "atan": np.arctan, "asin": np.arcsin, "acos": np.arccos, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "abs": np.abs, "sign": np.sign, "erf": _erf, "erfc": _erfc,
    "gamma": _gamma, "lgamma": _lgamma,
}  # fmt: skip


def _function(node: Node, args: list[Enclosure]) -> Enclosure:
    assert isinstance(node, Call)
    if node.name in _SEVERAL:
        return _SEVERAL[node.name](node, args)
    (inner,) = args
    values, slope = _VALUES[node.name](inner.values), _SLOPES[node.name](inner.values)
    return _chain(inner, _POINTS[node.name](inner.centre), values, slope)


def _angle(y: Enclosure, x: Enclosure) -> Enclosure:
    """atan2; on a box of (x, y) that holds neither 0 nor the cut its ends are at corners."""
    corners = [np.arctan2(b, a) for a in x.values for b in y.values]
    split = (x.values[0] <= 0) & (y.values[0] <= 0) & (y.values[1] >= 0)
    lower = np.where(split, -math.pi, np.min(corners, axis=0))
    upper = np.where(split, math.pi, np.max(corners, axis=0))
    first = _times(_column(x.values), y.slopes)
    second = _minus(_times(_column(y.values), x.slopes))
    squares = _plus(powers(x.values, 2.0), powers(y.values, 2.0))
    slopes = _times(_plus(first, second), _column(powers(squares, -1.0)))
    jump = np.where(split[:, None], np.inf, 0.0)
    slopes = slopes[0] - jump, slopes[1] + jump  # no difference quotient is bounded over the cut
    return Enclosure(np.arctan2(y.centre, x.centre), (lower, upper), slopes)


def _chosen(node: Call, args: list[Enclosure]) -> Enclosure:
    """where(a, b, c): b, or c, or both of them where the sign of a is not known."""
    test, positive, other = args
    yes, no = test.values[0] > 0, test.values[1] <= 0
    undecided = ~(yes | no)
    values = _picked(yes, no, positive.values, other.values)
    slopes = _picked(yes[:, None], no[:, None], positive.slopes, other.slopes)
    if not _is_continuous(node):
        open_ends = np.where(undecided[:, None], np.inf, 0.0)
        slopes = slopes[0] - open_ends, slopes[1] + open_ends
    centre = np.where(test.centre > 0, positive.centre, other.centre)
    return Enclosure(centre, values, slopes)


def _picked(yes: Mask, no: Mask, a: Interval, b: Interval) -> Interval:
    """a, b, or what holds both."""
    lower, upper = np.minimum(a[0], b[0]), np.maximum(a[1], b[1])
    return np.where(yes, a[0], np.where(no, b[0], lower)), np.where(
        yes, a[1], np.where(no, b[1], upper)
    )


def _is_continuous(node: Call) -> bool:
    """Whether the choice is the larger or the smaller one of two values."""
    test, positive, other = node.args
    return test in (add(positive, negate(other)), add(other, negate(positive)))


def _bessel(node: Call, args: list[Enclosure]) -> Enclosure:
    """J_n and its slope lie between -1 and 1."""
    order, inner = args
    centre = _jv(order.centre, inner.centre)
    unit = -np.ones_like(centre), np.ones_like(centre)
    return _chain(inner, centre, unit, unit)


def _polygamma(node: Call, args: list[Enclosure]) -> Enclosure:
    """Monotone for positive arguments."""
    order, inner = args
    index = int(order.centre[0]) if len(order.centre) else 0
    values = _of_positive(lambda a: _polygamma_at(index, a), inner.values)
    slope = _of_positive(lambda a: _polygamma_at(index + 1, a), inner.values)
    return _chain(inner, _polygamma_at(index, inner.centre), values, slope)


_SEVERAL: Mapping[str, Callable[[Call, list[Enclosure]], Enclosure]] = {
    "atan2": lambda node, args: _angle(*args),
    "where": _chosen,
    "besselj": _bessel,
    "polygamma": _polygamma,
}


_RULES: Mapping[type[Node], Callable[[Node, list[Enclosure]], Enclosure]] = {
    Add: _sum,
    Mul: _product,
    Pow: _power,
    Call: _function,
}
