"""Integral operators of one coordinate, as sums of products of their kernels.

    ∫_a^x K(x, s) F(s, u(s)) ds,   K(x, s) ≈ Σ_j l_j(x) K(x_j, s)
      ->  Σ_j l_j(x) V_j,   dx(V_j) = K(x_j, x) F(x, u),   V_j(a) = 0              (Volterra)
    ∫_a^b K(x, s) F(s, u(s)) ds   ->  Σ_j l_j(x) integral(K(x_j, x) F(x, u))       (Fredholm)

l_j are polynomials on Chebyshev points x_j, or sums of K(x, s_i) where the kernel is a sum of at most
four products. With `t` in place of x the first is a memory. The V_j are unknowns `past_1`, ….
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kanpde.config.problem.degenerate import CLOSE, POINTS, few_products, interpolating
from kanpde.config.problem.formula_trees import (
    TreeError,
    called,
    parsed,
    terms_of,
    value_of,
    with_values,
    written,
)
from kanpde.config.problem.texts import arguments, listed, mapping, replaced, texts
from kanpde.config.reader import Reader
from kanpde.names import is_identifier

CALL = re.compile(r"(?<!\w)integral\s*\(")
PAST, SHARE = "past", "share"
FORM = "integral(exp(s - x)*u(s), s, 0, x)"

_NOT_BESIDE = ("eigen", "parameter_ranges", "energy", "fit", "exact")
_ALONG = "x"
HERE = "_here"
"""Marks an unknown that was read at the variable."""


def with_kernels_as_products(node: Reader) -> Reader:
    """The problem node without integrals of four arguments; ConfigError where one is not a sum of
    few products.
    """
    if not isinstance(node.value, Mapping) or not any(map(_holds_kernel, texts(node.value))):
        return node
    tree = {key: value for key, value in node.value.items() if value is not None}
    kernels = _Kernels(node, tree)
    for key in _NOT_BESIDE:
        if key in tree:
            raise node.child(key, None).error(
                f"does not go with {FORM}, which brings unknowns of its own; leave it out"
            )
    for key in ("equations", "definitions", "quantities"):
        if key in tree:
            tree[key] = replaced(tree[key], lambda text: kernels.put(text))
    shares = {name: text for text, name in kernels.shares.items()}
    tree["definitions"] = {**mapping(tree, "definitions"), **shares}
    brought = (
        ("unknowns", kernels.pasts.values()),
        ("equations", kernels.equations),
        ("conditions", kernels.conditions),
    )
    for key, further in brought:
        tree[key] = [*listed(tree.get(key)), *further]
    return Reader(tree, node.source, node.path, node.folders)


def _holds_kernel(text: str) -> bool:
    return any(len(arguments(text, match.end())[0]) == 4 for match in CALL.finditer(text))


@dataclass
class _Kernels:
    """The integral operators of a problem `tree`, and what they bring."""

    node: Reader
    tree: Mapping[str, Any]
    pasts: dict[tuple[str, str], str] = field(default_factory=dict)
    equations: list[str] = field(default_factory=list)
    conditions: list[dict[str, str]] = field(default_factory=list)
    shares: dict[str, str] = field(default_factory=dict)

    def put(self, text: str) -> str:
        """A formula with sums of products for integrals of four arguments."""
        start = 0
        while (match := CALL.search(text, start)) is not None:
            inside, end = arguments(text, match.end())
            if len(inside) != 4:
                start = match.end()
                continue
            try:
                sums = "(" + " + ".join(self._terms(*inside)) + ")"
            except TreeError as error:
                raise self.node.error(f"{text[match.start() : end][:80]!r}: {error}") from None
            text, start = f"{text[: match.start()]}{sums}{text[end:]}", match.start() + len(sums)
        return text

    def _terms(self, integrand: str, name: str, lower: str, upper: str) -> Iterator[str]:
        along, ends = self._range(lower, upper)
        if not is_identifier(name) or name in (*self._names(), along):
            raise TreeError(f"{name!r} cannot be the variable of an integral; choose another name")
        to_here = upper == along
        for kernel, function in self._factored(parsed(integrand), name, along):
            for weight, share in self._products(kernel, name, along, ends):
                moving = ast.Name(along)
                inner = written(with_values(share, {name: moving}))
                what = inner if function is None else f"{inner}*({function})"
                value = self._past(along, what) if to_here else f"integral({what})"
                yield f"({weight})*{value}"

    def _range(self, lower: str, upper: str) -> tuple[str, tuple[float, float]]:
        """The coordinate that an integral runs along, and where this begins and ends."""
        time = _ends(self.tree.get("time"))
        space = _ends(mapping(self.tree, "domain").get("interval"))
        along = "t" if upper == "t" else _ALONG
        ends = time if along == "t" else space
        if along == _ALONG and upper == _ALONG and time is not None:
            raise TreeError("an integral up to x takes a problem without time; up to t it may be")
        if ends is None:
            raise TreeError(
                "an integral with a variable runs up to t, or up to x on an interval, or over all of"
                " an interval"
            )
        low = float(value_of(parsed(lower), {}, self._known()))
        high = ends[1] if upper == along else float(value_of(parsed(upper), {}, self._known()))
        if not all(map(_agree, (low, high), ends)):
            raise TreeError(
                f"an integral begins at {along} = {ends[0]:g} and ends at {along} or at {ends[1]:g},"
                f" found {lower} and {upper}"
            )
        return along, ends

    def _known(self) -> dict[str, Any]:
        """Parameters and definitions."""
        return {**mapping(self.tree, "definitions"), **mapping(self.tree, "parameters")}

    def _names(self) -> tuple[str, ...]:
        unknowns = listed(self.tree.get("unknowns"))
        if not all(isinstance(name, str) for name in unknowns):
            raise TreeError("it takes real unknowns; write the two parts of a complex one as two")
        return (*unknowns, *self._known(), *mapping(self.tree, "unknown_parameters"))

    def _factored(
        self, tree: ast.expr, name: str, along: str
    ) -> Iterator[tuple[ast.expr, str | None]]:
        """The terms of an integrand, each as kernel and as function of what is unknown."""
        unknowns = [each for each in self._names() if each not in self._known()]
        for factors in terms_of(tree):
            kernel: ast.expr = ast.Constant(1.0)
            function: list[str] = []
            for factor in factors:
                held = {part.id for part in ast.walk(factor) if isinstance(part, ast.Name)}
                if not held & set(unknowns):
                    kernel = ast.BinOp(kernel, ast.Mult(), factor)
                    continue
                if along in held:
                    raise TreeError(
                        f"{along} and an unknown stand in one factor, {written(factor)}; write a"
                        f" product of a kernel and of what is unknown, as in {FORM}"
                    )
                function.append(f"({written(_at(factor, unknowns, name, along))})")
            yield kernel, "*".join(function) or None

    def _products(
        self, kernel: ast.expr, name: str, along: str, ends: tuple[float, float]
    ) -> Iterator[tuple[str, ast.expr]]:
        """Functions of the coordinate with the functions of the variable that they multiply."""
        known = self._known()

        def at(x: float, s: float) -> float:
            return value_of(kernel, {along: x, name: s}, known)

        found = few_products(at, ends)
        if found is not None:
            rows, columns, shares = found
            of_column = [written(with_values(kernel, {name: _number(s)})) for s in columns]
            for row, share in zip(rows, shares, strict=True):
                parts = zip(share, of_column, strict=True)
                weight = " + ".join(f"({factor!r})*({text})" for factor, text in parts)
                yield weight, with_values(kernel, {along: _number(row)})
            return
        nodes = interpolating(at, ends)
        if nodes is None:
            raise TreeError(
                f"the kernel is no sum of {POINTS[-1]} products to {CLOSE:g} of its size; it must be"
                f" smooth, also where {name} > {along}"
            )
        for node in nodes:
            others = [other for other in nodes if other != node]
            factors = "*".join(f"({along} - ({other!r}))" for other in others)
            weight = f"{1 / math.prod(node - other for other in others)!r}*{factors}"
            yield self._share(weight), with_values(kernel, {along: _number(node)})

    def _share(self, text: str) -> str:
        """The definition that stands for a long formula."""
        if text not in self.shares:
            number = len(self.shares) + 1
            while f"{SHARE}_{number}" in self._names():
                number += 1
            self.shares[text] = f"{SHARE}_{number}"
        return self.shares[text]

    def _past(self, along: str, what: str) -> str:
        """The unknown whose derivative is `what`."""
        key = (along, what)
        if key not in self.pasts:
            number = len(self.pasts) + 1
            while f"{PAST}_{number}" in self._names():
                number += 1
            name = self.pasts[key] = f"{PAST}_{number}"
            alone = along == "t" or "domain" not in self.tree
            self.equations.append(f"d{along}({name}) = {what}")
            part = "initial" if alone else self._left()
            self.conditions.append({"part": part, "equation": f"{name} = 0"})
        return self.pasts[key]

    def _left(self) -> str:
        interval = mapping(self.tree, "domain").get("interval")
        own = interval.get("name") if isinstance(interval, Mapping) else None
        return f"{own}_left" if own else "left"


def _agree(number: float, end: float) -> bool:
    return math.isclose(number, end, rel_tol=1e-12, abs_tol=1e-12)


def _ends(place: Any) -> tuple[float, float] | None:
    """Where an interval begins and ends."""
    if isinstance(place, Mapping) and "interval" in place:
        place = place["interval"]
    if isinstance(place, Mapping):
        place = [place.get("lower", place.get("from")), place.get("upper", place.get("to"))]
    try:
        low, high = place
        return float(low), float(high)
    except (TypeError, ValueError):
        return None


def _number(value: float) -> ast.expr:
    return ast.Constant(float(value))


class _Unknowns(ast.NodeTransformer):
    """Turns u(s) into u."""

    def __init__(self, unknowns: list[str], name: str) -> None:
        self._unknowns, self._name = unknowns, name

    def visit_Call(self, node: ast.Call) -> ast.expr:
        function = called(node)
        if function not in self._unknowns:
            rest: ast.expr = self.generic_visit(node)  # type: ignore[assignment]
            return rest
        if len(node.args) != 1 or written(node.args[0]) != self._name:
            raise TreeError(
                f"an unknown of the integrand is {function}({self._name}), found {written(node)}"
            )
        return ast.Name(f"{function}{HERE}")

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._unknowns:
            raise TreeError(
                f"an unknown of the integrand is {node.id}({self._name}), found {node.id}"
            )
        return node


def _at(factor: ast.expr, unknowns: list[str], name: str, along: str) -> ast.expr:
    """What holds unknowns, with the coordinate for the variable."""
    bare: ast.expr = _Unknowns(unknowns, name).visit(parsed(written(factor)))
    plain: dict[str, ast.expr] = {f"{u}{HERE}": ast.Name(u) for u in unknowns}
    return with_values(bare, {**plain, name: ast.Name(along)})
