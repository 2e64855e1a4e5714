"""Differentiation and analysis of formulas.

The total derivative of F(x, ∂^α u, ...) by the coordinate x_i is  D_i F = ∂F/∂x_i + Σ_α ∂F/∂(∂^α u) · ∂^(α + e_i) u.
Every function walks the distinct nodes once (no recursion), so shared subtrees stay shared and
depth does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from kanpde.expressions.simplify import (
    HALF,
    MINUS_ONE,
    ONE,
    ZERO,
    add,
    call,
    choose,
    divide,
    is_zero,
    multiply,
    negate,
    number,
    power,
    rebuild,
)
from kanpde.expressions.tree import (
    Add,
    Call,
    Constant,
    Coordinate,
    Derivative,
    Field,
    FormulaError,
    Mul,
    Node,
    Normal,
    Number,
    Pow,
    TooLargeError,
    postorder,
)

MAX_ORDER = 4
"""Highest differential order of any formula."""

MAX_WORK = 200_000
"""Elementary steps that one operation on a formula may take."""

Leaf = Callable[[Node], Node]
"""The derivative of a leaf by what is differentiated by."""


class Meter:
    """A budget of elementary steps, so that a short formula cannot ask for unbounded work."""

    def __init__(self, limit: int = MAX_WORK) -> None:
        self.limit = limit
        self.spent = 0

    def spend(self, steps: int) -> None:
        """Take `steps` from the budget; TooLargeError when it is exhausted."""
        self.spent += steps
        if self.spent > self.limit:
            raise TooLargeError(
                f"it expands to more than {self.limit} operations; write it with fewer or simpler"
                f" terms"
            )

    def charge(self, operands: Iterable[Node]) -> None:
        """Take what it costs to combine the operands."""
        self.spend(sum(1 + len(operand.children) for operand in operands))


def _complement(sign: Node, node: Node) -> Node:
    """1 ± node²."""
    return add(ONE, multiply(sign, node, node))


SLOPES: dict[str, Callable[[Node, Node], Node]] = {
    "sin": lambda a, f: call("cos", a),
    "cos": lambda a, f: negate(call("sin", a)),
    "tan": lambda a, f: _complement(ONE, f),
    "exp": lambda a, f: f,
    "log": lambda a, f: power(a, MINUS_ONE),
    "tanh": lambda a, f: _complement(MINUS_ONE, f),
    "sinh": lambda a, f: call("cosh", a),
    "cosh": lambda a, f: call("sinh", a),
    "asin": lambda a, f: power(_complement(MINUS_ONE, a), number(-0.5)),
    "acos": lambda a, f: negate(power(_complement(MINUS_ONE, a), number(-0.5))),
    "atan": lambda a, f: power(_complement(ONE, a), MINUS_ONE),
    "abs": lambda a, f: call("sign", a),
    "sign": lambda a, f: ZERO,
    "erf": lambda a, f: _bell(a),
    "erfc": lambda a, f: negate(_bell(a)),
    "gamma": lambda a, f: multiply(f, call("polygamma", ZERO, a)),
    "lgamma": lambda a, f: call("polygamma", ZERO, a),
}
"""f'(a) of every function of one argument, given a and f(a)."""


def _bell(a: Node) -> Node:
    """2/√π exp(-a²), the derivative of erf."""
    return multiply(number(2 / math.sqrt(math.pi)), call("exp", negate(multiply(a, a))))


def _bessel(order: Number, a: Node) -> Node:
    """J_n' = (J_{n-1} - J_{n+1})/2, and J_0' = -J_1 (DLMF 10.6.1)."""
    above = call("besselj", number(order.value + 1), a)
    if order.value == 0:
        return negate(above)
    below = call("besselj", number(order.value - 1), a)
    return multiply(HALF, add(below, negate(above)))


def derive(root: Node, leaf: Leaf, memo: dict[Node, Node], meter: Meter) -> Node:
    """The derivative of `root` by the rule `leaf` for its leaves.

    memo: the derivatives by the same rule that are known already; those of the nodes below `root`
    are added. Raises FormulaError when the budget of `meter` is exhausted.
    """
    for node in postorder((root,), memo):
        slopes = [memo[child] for child in node.children]
        meter.charge((node, *slopes))
        if not slopes:
            memo[node] = leaf(node)
        elif all(is_zero(slope) for slope in slopes):
            memo[node] = ZERO
        else:
            memo[node] = _derivative(node, slopes, meter)
    return memo[root]


def _derivative(node: Node, slopes: Sequence[Node], meter: Meter) -> Node:
    match node:
        case Add():
            return add(*slopes)
        case Mul(args=args):
            return _product_rule(args, slopes, meter)
        case Pow(base=base, exponent=exponent):
            return _power_rule(node, base, exponent, *slopes)
        case Call(name="atan2", args=(y, x)):
            y_slope, x_slope = slopes
            top = add(multiply(x, y_slope), negate(multiply(y, x_slope)))
            return divide(top, add(multiply(x, x), multiply(y, y)))
        case Call(name="where", args=(test, _, _)):
            return choose(test, *slopes[1:])
        case Call(name="besselj", args=(Number() as index, a)):
            return multiply(_bessel(index, a), slopes[1])
        case Call(name="polygamma", args=(Number(value=index), a)):
            return multiply(call("polygamma", number(index + 1), a), slopes[1])
        case Call(name="edge", args=(Number(value=index), a)):
            return multiply(call("edge", number(index + 1), a), slopes[1])
        case Call(name=name, args=(a,)):
            (slope,) = slopes
            return multiply(SLOPES[name](a, node), slope)
    raise AssertionError(f"no rule for {node!r}")


def _product_rule(args: Sequence[Node], slopes: Sequence[Node], meter: Meter) -> Node:
    terms = []
    for i, slope in enumerate(slopes):
        if not is_zero(slope):
            factors = (*args[:i], slope, *args[i + 1 :])
            meter.charge(factors)
            terms.append(multiply(*factors))
    return add(*terms)


def _power_rule(
    node: Node, base: Node, exponent: Node, base_slope: Node, exponent_slope: Node
) -> Node:
    """(a**b)' = b·a**(b−1)·a' + a**b·log(a)·b', without the logarithm where b' = 0."""
    terms = []
    if not is_zero(base_slope):
        terms.append(multiply(exponent, power(base, add(exponent, MINUS_ONE)), base_slope))
    if not is_zero(exponent_slope):
        terms.append(multiply(node, call("log", base), exponent_slope))
    return add(*terms)


def total(coordinate: int, frozen_normal: bool = False) -> Leaf:
    """Leaf rule of D_i. The normal is refused, or held fixed: (n·∇)n = 0 for the extension of n
    along itself.
    """

    def leaf(node: Node) -> Node:
        match node:
            case Coordinate(index=index):
                return ONE if index == coordinate else ZERO
            case Derivative(unknown=unknown, index=alpha):
                if node.order >= MAX_ORDER:
                    raise FormulaError(
                        f"the differential order exceeds {MAX_ORDER}, the highest allowed"
                    )
                raised = (*alpha[:coordinate], alpha[coordinate] + 1, *alpha[coordinate + 1 :])
                return Derivative(unknown, raised)
            case Field(grid=grid, index=alpha) if coordinate < len(alpha):
                raised = (*alpha[:coordinate], alpha[coordinate] + 1, *alpha[coordinate + 1 :])
                if not grid.has(raised):
                    raise FormulaError(f"'{grid.name}' is {grid.kind} and has no more derivatives")
                return Field(grid, raised)
            case Normal() if not frozen_normal:
                raise FormulaError(
                    "the normal cannot be differentiated along a coordinate; apply dn last"
                )
            case _:
                return ZERO

    return leaf


def differentiate(node: Node, coordinate: int) -> Node:
    """D_i of the node by coordinate number i; FormulaError beyond order 4, or when the node holds
    the normal.
    """
    return derive(node, total(coordinate), {}, Meter())


def partial(node: Node, by: Derivative | Constant) -> Node:
    """∂F/∂(jet or unknown constant): all coordinates and all other jets and constants held
    fixed.
    """
    return derive(node, _only(by), {}, Meter())


def _only(by: Derivative | Constant) -> Leaf:
    return lambda leaf: ONE if leaf == by else ZERO


def constants(node: Node) -> frozenset[Constant]:
    """The unknown constants in the node."""
    return frozenset(part for part in postorder((node,)) if isinstance(part, Constant))


def jets(node: Node) -> frozenset[Derivative]:
    """The jets (value and derivatives of unknowns) in the node."""
    return frozenset(part for part in postorder((node,)) if isinstance(part, Derivative))


def order(node: Node) -> int:
    """The highest differential order in the node, 0 without derivatives."""
    return max((jet.order for jet in jets(node)), default=0)


def depends_on_normal(node: Node) -> bool:
    """Whether the outward normal appears in the node."""
    return any(isinstance(part, Normal) for part in postorder((node,)))


def substitute(node: Node, mapping: Mapping[Node, Node]) -> Node:
    """The node with every subtree that is a key replaced, all at once; FormulaError when a constant
    has no value.
    """
    done: dict[Node, Node] = dict(mapping)
    meter = Meter()
    for part in postorder((node,), done):
        children = [done[child] for child in part.children]
        meter.charge(children)
        done[part] = part if children == list(part.children) else rebuild(part, children)
    return done[node]


def substitute_unknowns(node: Node, exact: Sequence[Node]) -> Node:
    """The node with ∂^α u_k replaced by ∂^α of exact[k]: what the equation says of an exact
    solution.
    """
    meter = Meter()
    memos: dict[int, dict[Node, Node]] = {}
    mapping: dict[Node, Node] = {}
    for jet in jets(node):
        value = exact[jet.unknown]
        for coordinate, times in enumerate(jet.index):
            for _ in range(times):
                value = derive(value, total(coordinate), memos.setdefault(coordinate, {}), meter)
        mapping[jet] = value
    return substitute(node, mapping)


def linear_parts(node: Node) -> tuple[dict[Derivative, Node], Node]:
    """(a, b) with F = Σ a[jet]·jet + b, a and b free of jets; ValueError when F is not affine in
    its jets.

    A formula with an unknown constant counts as not affine: its coefficients are not known.
    """
    if constants(node):
        raise ValueError("the formula holds an unknown constant, so its coefficients are not known")
    holders = _holders(node)
    if any(_switches(part, holders) for part in holders):
        raise ValueError("the formula is not affine in the unknowns: it holds their sign")
    present = [part for part in holders if isinstance(part, Derivative)]
    present.sort(key=lambda jet: (jet.unknown, jet.index))
    meter = Meter()
    # term by term: with a hundred coordinates every jet stands in few of the terms
    terms = node.args if isinstance(node, Add) else (node,)
    jets_of = {term: jets(term) for term in terms}
    slopes: dict[Derivative, Node] = {}
    for jet in present:
        parts = [derive(term, _only(jet), {}, meter) for term in terms if jet in jets_of[term]]
        slope = add(*parts)
        if _holders(slope):
            raise ValueError("the formula is not affine in the unknowns and their derivatives")
        if not is_zero(slope):
            slopes[jet] = slope
    try:
        return slopes, substitute(node, dict.fromkeys(present, ZERO))
    except FormulaError as error:
        raise ValueError(f"the formula is not affine in the unknowns: {error}") from error


def _switches(node: Node, holders: set[Node]) -> bool:
    """Whether the slopes of a node change with the sign of what is in it."""
    match node:
        case Call(name="sign"):
            return True
        case Call(name="where", args=(test, _, _)):
            return test in holders
    return False


def _holders(node: Node) -> set[Node]:
    """The jets in the node and every node above one."""
    holders: set[Node] = set()
    for part in postorder((node,)):
        if isinstance(part, Derivative) or not holders.isdisjoint(part.children):
            holders.add(part)
    return holders


def is_linear(node: Node) -> bool:
    """Whether the node is affine in all its jets with known coefficients (a node without jets
    is).
    """
    try:
        linear_parts(node)
    except ValueError:
        return False
    return True
