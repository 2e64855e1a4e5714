"""The eleven equations of PDEAgent-Bench as text of a problem file.

poisson              −∇·(κ ∇u) = f
heat                 u_t − ∇·(κ ∇u) = f
convection_diffusion −ε Δu + β·∇u = f, with u_t where it depends on time
helmholtz            −Δu − k² u = f
reaction_diffusion   u_t − ε Δu + R(u) = f
burgers              u_t + u Σ_i ∂_i u − ν Δu = f
wave                 u_tt − c² Δu = f
biharmonic           Δ² u = f, with u and Δu on the boundary
linear_elasticity    −∇·σ = f, σ = λ (∇·u) I + μ (∇u + ∇uᵀ), plane strain
stokes               −ν Δu + ∇p = f, ∇·u = 0
navier_stokes        (u·∇) u − ν Δu + ∇p = f, ∇·u = 0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LETTERS = ("x", "y", "z")
VELOCITIES = ("u", "v", "w")
IN_TIME = ("heat", "reaction_diffusion", "burgers", "wave")
FLOWS = ("stokes", "navier_stokes")
VECTORS = (*FLOWS, "linear_elasticity")
NONLINEAR = ("burgers", "navier_stokes")

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Text:
    """Parameters, definitions and equations of a problem file; f1, f2, ... are the sources."""

    parameters: dict[str, float]
    definitions: dict[str, str]
    equations: list[str]


def text(kind: str, parameters: Parameters, dimension: int) -> Text:
    """The equations of a case in so many space coordinates."""
    return _KINDS[kind](parameters, dimension)


def is_linear(kind: str, parameters: Parameters) -> bool:
    """Whether the equations of a case are linear."""
    reaction = parameters.get("reaction", {}).get("type", "linear")
    return kind not in NONLINEAR and reaction == "linear"


def lame(parameters: Parameters) -> tuple[float, float]:
    """λ and μ, in plane strain from Young's modulus and Poisson's ratio."""
    if "lambda" in parameters:
        return float(parameters["lambda"]), float(parameters["mu"])
    young, ratio = float(parameters["E"]), float(parameters["nu"])
    return young * ratio / ((1 + ratio) * (1 - 2 * ratio)), young / (2 * (1 + ratio))


def reaction(node: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """R(u) and its parameters."""
    rows = {
        "linear": ("alpha*u", ("alpha",)),
        "cubic": ("alpha*u + beta*u**3", ("alpha", "beta")),
        "allen_cahn": ("lambda*(u**3 - u)", ("lambda",)),
        "logistic": ("rho*u*(1 - u)", ("rho",)),
    }
    formula, names = rows[node["type"]]
    return formula, {name: float(node[name]) for name in names}


def _poisson(parameters: Parameters, dimension: int) -> Text:
    return Text({}, {"kappa": parameters["kappa"]}, ["-div(kappa*grad(u)) = f1"])


def _heat(parameters: Parameters, dimension: int) -> Text:
    return Text({}, {"kappa": parameters["kappa"]}, ["dt(u) - div(kappa*grad(u)) = f1"])


def _convection(parameters: Parameters, dimension: int) -> Text:
    speeds = [f"beta{i}" for i in range(1, dimension + 1)]
    values = dict(zip(speeds, map(float, parameters["beta"]), strict=True))
    carried = [f"{speed}*d{x}(u)" for speed, x in zip(speeds, LETTERS, strict=False)]
    slope = "dt(u) " if parameters["in_time"] else ""
    equation = f"{slope}- epsilon*laplacian(u) + {' + '.join(carried)} = f1".strip()
    return Text({"epsilon": float(parameters["epsilon"]), **values}, {}, [equation])


def _helmholtz(parameters: Parameters, dimension: int) -> Text:
    return Text({"k": float(parameters["k"])}, {}, ["-laplacian(u) - k**2*u = f1"])


def _reaction_diffusion(parameters: Parameters, dimension: int) -> Text:
    formula, values = reaction(parameters["reaction"])
    values["epsilon"] = float(parameters["epsilon"])
    return Text(values, {}, [f"dt(u) - epsilon*laplacian(u) + {formula} = f1"])


def _burgers(parameters: Parameters, dimension: int) -> Text:
    slopes = " + ".join(f"d{x}(u)" for x in LETTERS[:dimension])
    return Text(
        {"nu": float(parameters["nu"])}, {}, [f"dt(u) + u*({slopes}) - nu*laplacian(u) = f1"]
    )


def _wave(parameters: Parameters, dimension: int) -> Text:
    return Text({"c": float(parameters["c"])}, {}, ["dtt(u) - c**2*laplacian(u) = f1"])


def _biharmonic(parameters: Parameters, dimension: int) -> Text:
    return Text({}, {}, ["laplacian(laplacian(u)) = f1"])


def _elasticity(parameters: Parameters, dimension: int) -> Text:
    """σ_xy is written once; the rows are the lines of σ."""
    first, second = lame(parameters)
    letters = LETTERS[:dimension]
    definitions = {"expansion": _divergence(dimension)}
    rows: list[list[str]] = [[] for _ in letters]
    for i, x in enumerate(letters):
        for j, y in enumerate(letters):
            name = f"sigma_{min(x, y)}{max(x, y)}"
            shear = f"d{y}({VELOCITIES[i]}) + d{x}({VELOCITIES[j]})"
            definitions[name] = f"mu*({shear})" + (" + lambda*expansion" if i == j else "")
            rows[i].append(f"d{y}({name})")
    equations = [f"-({' + '.join(row)}) = f{i}" for i, row in enumerate(rows, 1)]
    return Text({"lambda": first, "mu": second}, definitions, equations)


def _stokes(parameters: Parameters, dimension: int) -> Text:
    return _flow(parameters, dimension, convected=False)


def _navier_stokes(parameters: Parameters, dimension: int) -> Text:
    return _flow(parameters, dimension, convected=True)


def _flow(parameters: Parameters, dimension: int, *, convected: bool) -> Text:
    equations = []
    for i in range(dimension):
        u, x = VELOCITIES[i], LETTERS[i]
        carried = [f"{VELOCITIES[j]}*d{LETTERS[j]}({u})" for j in range(dimension)]
        first = " + ".join(carried) + " " if convected else ""
        equations.append(f"{first}- nu*laplacian({u}) + d{x}(p) = f{i + 1}")
    equations.append(f"{_divergence(dimension)} = 0")
    return Text({"nu": float(parameters["nu"])}, {}, [line.strip() for line in equations])


def _divergence(dimension: int) -> str:
    return " + ".join(f"d{LETTERS[i]}({VELOCITIES[i]})" for i in range(dimension))


_KINDS: Mapping[str, Callable[[Parameters, int], Text]] = {
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
EQUATIONS = tuple(_KINDS)
