"""Point sources, by their singular part.

    c Δu + q δ(x - a) = ...,   u = u_smooth + S G,   S = -q/c,   ΔG = δ:
    G = |x - a|/2 on a line, log(r²)/(4π) in the plane, -1/(4π r) in space

`dirac(x - a, y - b)` leaves the equation, which is then one of u_smooth: Δ(S G) is 0 but at the
point. u is a definition, and written as `u_total`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kanpde.config.problem.coordinate_names import space_of
from kanpde.config.problem.formula_trees import (
    TreeError,
    called,
    factors_of,
    parsed,
    terms_of,
    value_of,
    with_values,
    written,
)
from kanpde.config.problem.texts import listed, mapping, texts
from kanpde.config.reader import Reader

DIRAC = "dirac"
SMOOTH, TOTAL = "smooth", "total"
FORM = "-laplacian(u) = dirac(x - 0.5, y - 0.25)"
_CALL = re.compile(rf"(?<!\w){DIRAC}\s*\(")
_NOT_BESIDE = ("eigen", "parameter_ranges", "energy", "fit", "reference", "metric")
MOST_SOURCES = 20


def without_point_sources(node: Reader) -> Reader:
    """The problem node with smooth unknowns; ConfigError where a source cannot be read."""
    if not isinstance(node.value, Mapping) or not any(map(_CALL.search, texts(node.value))):
        return node
    tree = {key: value for key, value in node.value.items() if value is not None}
    if any(DIRAC in mapping(tree, key) for key in ("parameters", "definitions")):
        return node
    for key in _NOT_BESIDE:
        if key in tree:
            raise node.child(key, None).error("does not go with point sources; leave it out")
    sources = _Sources(tree)
    place = node.child("equations", None)
    try:
        tree["equations"] = [sources.without(text) for text in listed(tree.get("equations"))]
    except TreeError as error:
        raise place.error(str(error)) from None
    if any(map(_CALL.search, texts(tree))):
        raise place.error(f"{DIRAC} stands in equations, as in {FORM}")
    return Reader(sources.put(tree), node.source, node.path, node.folders)


@dataclass
class _Sources:
    """The singular parts by unknown."""

    tree: Mapping[str, Any]
    parts: dict[str, list[str]] = field(default_factory=dict)

    @property
    def unknowns(self) -> tuple[str, ...]:
        """The names of real unknowns."""
        names = listed(self.tree.get("unknowns"))
        return tuple(name for name in names if isinstance(name, str))

    def without(self, equation: Any) -> Any:
        """An equation without its point sources."""
        if not isinstance(equation, str) or not _CALL.search(equation):
            return equation
        sides = equation.split("=")
        if len(sides) != 2 or not all(side.strip() for side in sides):
            raise TreeError(f"an equation needs exactly one '=', found {equation[:60]!r}")
        left, right = (parsed(_with_powers(side)) for side in sides)
        difference = ast.BinOp(left, ast.Sub(), right)
        kept: list[list[ast.expr]] = []
        strengths: list[tuple[ast.expr, list[ast.expr]]] = []
        for factors in terms_of(difference):
            points = [each for each in factors if called(each) == DIRAC]
            if not points:
                kept.append(factors)
                continue
            strengths.append((points[0], [each for each in factors if each is not points[0]]))
        number, unknown, coefficient = self._leading(kept)
        for point, strength in strengths:
            at = self._place(point)
            top = self._number(strength, at, "the strength of a point source")
            bottom = self._number(coefficient, at, "what multiplies the derivatives")
            if not bottom:
                raise TreeError(f"the coefficient of the second derivatives is 0 at {at}")
            self._add(unknown, -top / bottom, at)
        smooth = ast.Name(f"{unknown}_{SMOOTH}")
        kept[number] = [with_values(each, {unknown: smooth}) for each in kept[number]]
        return " + ".join("*".join(f"({written(each)})" for each in term) for term in kept) + " = 0"

    def put(self, tree: dict[str, Any]) -> dict[str, Any]:
        """The tree of the smooth unknowns."""
        rename = {name: f"{name}_{SMOOTH}" for name in self.parts}
        given = listed(tree["unknowns"])
        tree["unknowns"] = [
            rename.get(name, name) if isinstance(name, str) else name for name in given
        ]
        singular = {name: " + ".join(parts) for name, parts in self.parts.items()}
        whole = {name: f"{rename[name]} + {singular[name]}" for name in self.parts}
        tree["definitions"] = {**mapping(tree, "definitions"), **whole}
        totals = {f"{name}_{TOTAL}": name for name in self.parts}
        tree["quantities"] = {**totals, **mapping(tree, "quantities")}
        if isinstance(tree.get("exact"), Mapping):
            tree["exact"] = {
                rename.get(name, name): f"({text}) - ({singular[name]})" if name in rename else text
                for name, text in tree["exact"].items()
            }
        return tree

    def _leading(self, terms: list[list[ast.expr]]) -> tuple[int, str, list[ast.expr]]:
        """The number of the term with second derivatives, its unknown, and what multiplies them."""
        for number, factors in enumerate(terms):
            for factor in factors:
                unknown, inside = self._second(factor)
                if unknown is not None:
                    others = [each for each in factors if each is not factor]
                    return number, unknown, [*others, *inside]
        raise TreeError(
            f"a point source needs laplacian(u), div(k*grad(u)) or, on a line, dxx(u) in its equation,"
            f" as in {FORM}"
        )

    def _second(self, factor: ast.expr) -> tuple[str | None, list[ast.expr]]:
        """u of Δu, ∂_xx u or ∇·(k∇u), with k."""
        if not isinstance(factor, ast.Call) or not isinstance(factor.func, ast.Name):
            return None, []
        inner = factor.args[0] if factor.args else None
        plain = "laplacian" if self._dimension > 1 else "dxx"
        if factor.func.id in (plain, "laplacian") and isinstance(inner, ast.Name):
            return (inner.id if inner.id in self.unknowns else None), []
        if factor.func.id == "div" and inner is not None:
            parts = list(factors_of(inner))
            slopes = [each for each in parts if called(each) == "grad"]
            if len(slopes) == 1 and isinstance(slopes[0], ast.Call):
                argument = slopes[0].args[0]
                if isinstance(argument, ast.Name) and argument.id in self.unknowns:
                    return argument.id, [each for each in parts if each is not slopes[0]]
        return None, []

    @property
    def _dimension(self) -> int:
        return len(self._coordinates)

    @property
    def _coordinates(self) -> tuple[str, ...]:
        space = space_of(self.tree)
        if space is None or len(space) > 3:
            raise TreeError(f"{DIRAC} takes a shape in up to three coordinates, no mesh")
        return space

    def _place(self, call: ast.expr) -> tuple[float, ...]:
        """The point of dirac(x - a, y - b)."""
        names = self._coordinates
        place = []
        given = call.args if isinstance(call, ast.Call) else []
        for name, argument in zip(names, given, strict=False):
            zero = value_of(argument, {name: 0.0}, self._known)
            one = value_of(argument, {name: 1.0}, self._known)
            if abs(float(one - zero) - 1) > 1e-12:
                raise TreeError(f"{DIRAC} takes {name} minus a number, found {written(argument)}")
            place.append(-float(zero))
        if len(given) != len(names):
            wanted = ", ".join(f"{name} - a" for name in names)
            raise TreeError(f"{DIRAC} takes {wanted} here, found {written(call)}")
        return tuple(place)

    @property
    def _known(self) -> dict[str, Any]:
        return {**mapping(self.tree, "definitions"), **mapping(self.tree, "parameters")}

    def _number(self, factors: list[ast.expr], at: tuple[float, ...], what: str) -> float:
        """The product of formulas at a point."""
        value = 1.0
        for factor in factors:
            try:
                values = dict(zip(self._coordinates, at, strict=True))
                value *= float(value_of(factor, values, self._known))
            except TreeError:
                raise TreeError(f"{what} must be a number, found {written(factor)}") from None
        return value

    def _add(self, unknown: str, strength: float, at: tuple[float, ...]) -> None:
        if "time" in self.tree and len(at) > 1:
            raise TreeError(
                "point sources beside time stand on a line; in the plane and in space write a narrow"
                " Gaussian"
            )
        offsets = [f"({name} - ({a!r}))" for name, a in zip(self._coordinates, at, strict=True)]
        squares = " + ".join(f"{each}**2" for each in offsets)
        singular = {
            1: f"({strength / 2!r})*abs({offsets[0]})",
            2: f"({strength!r})*log({squares})/(4*pi)",
            3: f"({-strength!r})/(4*pi*sqrt({squares}))",
        }[len(at)]
        self.parts.setdefault(unknown, []).append(singular)
        if len(self.parts[unknown]) > MOST_SOURCES:
            raise TreeError(f"at most {MOST_SOURCES} point sources, found more")


def _with_powers(text: str) -> str:
    return text.replace("^", "**").strip()
