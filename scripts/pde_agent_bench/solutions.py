"""Formulas of PDEAgent-Bench as sympy reads them, and the source that belongs to a solution.

The left-hand sides are those of `equations`, put together a second time from sympy's derivatives,
so that a mistake in either shows as a source that does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from scripts.pde_agent_bench.equations import FLOWS, LETTERS, lame

SYMBOLS = {name: sympy.Symbol(name, real=True) for name in (*LETTERS, "t")}
_KNOWN = {*SYMBOLS, "pi", "sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sinh", "cosh"}
_PLAIN = re.compile(r"[\w\s.+\-*/(),]*", re.ASCII)
_NAMES = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_ATTRIBUTE = re.compile(r"\.\s*[A-Za-z_]")

Array = NDArray[np.float64]
Expression = Any
Parameters = Mapping[str, Any]


def formula(text: object) -> Expression:
    """The formula of a text or a number.

    Raises:
        ValueError: it holds anything but numbers, coordinates, operators and known functions.
    """
    written = str(text)
    unknown = {*_NAMES.findall(written)} - _KNOWN
    if unknown or _ATTRIBUTE.search(written) or not _PLAIN.fullmatch(written):
        raise ValueError(f"no plain formula: {written[:80]!r}")
    return sympy.parse_expr(written, local_dict=dict(SYMBOLS))


def values(expression: Expression, points: Array, coordinates: Sequence[str]) -> Array:
    """The values of a formula at points (N, d + 1 with time), (N,)."""
    function = sympy.lambdify([SYMBOLS[name] for name in coordinates], expression, "numpy")
    result = np.asarray(function(*points.T), dtype=float)
    return np.broadcast_to(result, (len(points),)).copy()


def sources(
    kind: str, parameters: Parameters, solution: Sequence[Expression], dimension: int
) -> list[Expression]:
    """f of a solution (u, ..., and p of a flow), one for each component of the equation."""
    return _KINDS[kind](parameters, solution, [SYMBOLS[name] for name in LETTERS[:dimension]])


def divergence(solution: Sequence[Expression], dimension: int) -> Expression:
    """Σ_i ∂_i u_i."""
    return sum(sympy.diff(solution[i], SYMBOLS[LETTERS[i]]) for i in range(dimension))


def unknowns(kind: str, node: Mapping[str, Any]) -> list[Expression]:
    """The solution that a case states, velocities before the pressure."""
    components = node["u"] if isinstance(node["u"], list) else [node["u"]]
    texts = [*components, node.get("p", 0)] if kind in FLOWS else components
    return [formula(text) for text in texts]


def _laplacian(u: Expression, x: Sequence[Expression]) -> Expression:
    return sum(sympy.diff(u, xi, 2) for xi in x)


def _slope(u: Expression) -> Expression:
    return sympy.diff(u, SYMBOLS["t"])


def _poisson(parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]) -> list[Any]:
    kappa = formula(parameters["kappa"])
    return [-sum(sympy.diff(kappa * sympy.diff(u[0], xi), xi) for xi in x)]


def _heat(parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]) -> list[Any]:
    return [_slope(u[0]) + _poisson(parameters, u, x)[0]]


def _convection(
    parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]
) -> list[Any]:
    pairs = zip(parameters["beta"], x, strict=True)
    carried = sum(beta * sympy.diff(u[0], xi) for beta, xi in pairs)
    return [_slope(u[0]) + carried - parameters["epsilon"] * _laplacian(u[0], x)]


def _helmholtz(
    parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]
) -> list[Any]:
    return [-_laplacian(u[0], x) - parameters["k"] ** 2 * u[0]]


def _reaction_diffusion(
    parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]
) -> list[Any]:
    node, v = parameters["reaction"], u[0]
    reactions = {
        "linear": lambda: node["alpha"] * v,
        "cubic": lambda: node["alpha"] * v + node["beta"] * v**3,
        "allen_cahn": lambda: node["lambda"] * (v**3 - v),
        "logistic": lambda: node["rho"] * v * (1 - v),
    }
    return [_slope(v) - parameters["epsilon"] * _laplacian(v, x) + reactions[node["type"]]()]


def _burgers(parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]) -> list[Any]:
    carried = u[0] * sum(sympy.diff(u[0], xi) for xi in x)
    return [_slope(u[0]) + carried - parameters["nu"] * _laplacian(u[0], x)]


def _wave(parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]) -> list[Any]:
    return [_slope(_slope(u[0])) - parameters["c"] ** 2 * _laplacian(u[0], x)]


def _biharmonic(
    parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]
) -> list[Any]:
    return [_laplacian(_laplacian(u[0], x), x)]


def _elasticity(
    parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]
) -> list[Any]:
    first, second = lame(parameters)
    expansion = divergence(u, len(x))
    return [
        -second * _laplacian(u[i], x) - (first + second) * sympy.diff(expansion, xi)
        for i, xi in enumerate(x)
    ]


def _stokes(parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]) -> list[Any]:
    return [
        -parameters["nu"] * _laplacian(u[i], x) + sympy.diff(u[-1], xi) for i, xi in enumerate(x)
    ]


def _navier_stokes(
    parameters: Parameters, u: Sequence[Expression], x: Sequence[Expression]
) -> list[Any]:
    slow = _stokes(parameters, u, x)
    for i in range(len(x)):
        slow[i] += sum(u[j] * sympy.diff(u[i], xj) for j, xj in enumerate(x))
    return slow


_Left = Callable[[Parameters, Sequence[Expression], Sequence[Expression]], list[Any]]
_KINDS: Mapping[str, _Left] = {
    "poisson": _poisson,
    "heat": _heat,
    "convection_diffusion": _convection,
    "helmholtz": _helmholtz,
    "reaction_diffusion": _reaction_diffusion,
    "burgers": _burgers,
    "wave": _wave,
    "biharmonic": _biharmonic,
    "linear_elasticity": _elasticity,
    "stokes": _stokes,
    "navier_stokes": _navier_stokes,
}
