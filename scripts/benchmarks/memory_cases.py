"""Solves of all kinds whose memory `python -m scripts memory` measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Tree = dict[str, Any]

PARTS = {
    1: ["left", "right"],
    2: ["left", "right", "bottom", "top"],
    3: ["left", "right", "bottom", "top", "back", "front"],
}
DOMAINS = {1: {"interval": [0, 1]}, 2: {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}}
LEAST_SQUARES = [{"optimizer": "least_squares"}]


def box(dimension: int, **keys: Any) -> Tree:
    """Δu = f on the unit cube with u = Π sin(π x), zero on its boundary."""
    names = list("xyz"[:dimension]) if dimension < 4 else [f"x{k + 1}" for k in range(dimension)]
    parts = [f"{name}_{end}" for name in names for end in ("min", "max")]
    product = "*".join(f"sin(pi*{name})" for name in names)
    operator = "dxx(u)" if dimension == 1 else "laplacian(u)"
    cube = {"box": {"lower": [0] * dimension, "upper": [1] * dimension}}
    problem = {
        "name": f"box_{dimension}d",
        "unknowns": ["u"],
        "domain": DOMAINS.get(dimension, cube),
        "equations": [f"{operator} = -{dimension}*pi**2*{product}"],
        "conditions": [{"part": PARTS.get(dimension, parts), "equation": "u = 0"}],
    }
    return {"problem": problem, **keys}


def cubic(**keys: Any) -> Tree:
    """-Δu + u³ = f on the unit square."""
    tree, product = box(2, **keys), "sin(pi*x)*sin(pi*y)"
    right = f"2*pi**2*{product} + ({product})**3"
    tree["problem"] |= {"name": "cubic", "equations": [f"-laplacian(u) + u**3 = {right}"]}
    return tree


def burgers(**keys: Any) -> Tree:
    """u_t + u u_x = u_xx / 20 on the unit interval."""
    problem = {
        "name": "burgers_line",
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "time": {"interval": [0, 1]},
        "equations": ["dt(u) + u*dx(u) = 0.05*dxx(u)"],
        "conditions": [
            {"part": "initial", "equation": "u = sin(pi*x)"},
            {"part": ["left", "right"], "equation": "u = 0"},
        ],
    }
    return {"problem": problem, **keys}


def membrane(**keys: Any) -> Tree:
    """-Δu = λ u on the unit square."""
    tree = box(2, **keys)
    tree["problem"] |= {"name": "membrane", "equations": ["-laplacian(u) = lambda*u"]}
    tree["problem"]["eigen"] = {"count": 6}
    return tree


def surface(**keys: Any) -> Tree:
    """A formula on the unit square, fitted."""
    fit = {"u": "sin(5*x)*exp(y)/(1 + 4*(x - y)**2)"}
    return {"problem": {"name": "surface", "domain": DOMAINS[2], "fit": fit}, **keys}


def network(
    kind: str, width: list[int], stage: str | list[Tree], *points: int, **keys: Any
) -> Tree:
    """The keys of one network: of few steps, at so many points inside and on the boundary."""
    if isinstance(stage, str):
        stage = [{"optimizer": stage, "steps": 3}]
    sampler = dict(zip(("interior", "boundary"), points, strict=False))
    return {"trial": {"kind": kind, "width": width, **keys}, "schedule": stage, "sampler": sampler}


def kan(width: list[int], stage: str | list[Tree], *points: int, **keys: Any) -> Tree:
    """Of a KAN."""
    return network("kan", width, stage, *points, **keys)


def mlp(width: list[int], stage: str | list[Tree], *points: int, **keys: Any) -> Tree:
    """Of an MLP."""
    return network("mlp", width, stage, *points, **keys)


def patches(cells: int, degree: int) -> Tree:
    """The keys of one level on patches."""
    return {"trial": {"patches": {"cells": cells, "degree": degree, "refine": False}}}


def layers(*numbers: int, last: tuple[int, int]) -> Tree:
    """Degree and intervals: `numbers` of the first layer, `last` of the outer one."""
    return {"degree": [numbers[0], last[0]], "intervals": [numbers[1], last[1]]}


FULL = LEAST_SQUARES
CASES: Mapping[str, Callable[[], Tree]] = {
    "kan 1-D, narrow": lambda: box(1, **kan([], FULL, 20000, degree=9, intervals=2000)),
    "kan 1-D": lambda: box(1, **kan([40], FULL, 8000, **layers(5, 4, last=(9, 20)))),
    "kan 2-D": lambda: box(2, **kan([64], FULL, 4900, 800)),
    "kan 2-D, points": lambda: box(2, **kan([32], FULL, 40000, 4000, **layers(5, 2, last=(7, 8)))),
    "kan 2-D, nonlinear": lambda: cubic(**kan([40], FULL, 6400, 800, **layers(5, 2, last=(9, 12)))),
    "kan 2-D, Levenberg": lambda: box(
        2, **kan([8], "levenberg_marquardt", 10000, 800, **layers(5, 8, last=(5, 16)))
    ),
    "kan 2-D, projection": lambda: box(
        2, **kan([12], "variable_projection", 10000, 800, **layers(5, 4, last=(7, 12)))
    ),
    "kan 2-D, Adam": lambda: box(2, **kan([32], "adam", 40000, 2000, **layers(5, 8, last=(5, 16)))),
    "kan 3-D": lambda: box(3, **kan([80], FULL, 12167, 3000, **layers(5, 2, last=(7, 5)))),
    "kan 3-D, deep, L-BFGS": lambda: box(
        3, **kan([8, 8], "lbfgs", 20000, 3000, degree=5, intervals=5)
    ),
    "kan 5-D": lambda: box(5, **kan([200], FULL, 8000, 4000, **layers(5, 2, last=(7, 1)))),
    "mlp 2-D, Adam": lambda: box(2, **mlp([100, 100], "adam", 20000, 2000)),
    "mlp 2-D": lambda: box(2, **mlp([1200], FULL, 6400, 800, start="features")),
    "mlp 5-D, Levenberg": lambda: box(5, **mlp([30, 30], "levenberg_marquardt", 8000, 2000)),
    "slabs": lambda: burgers(slabs=4, **kan([16], FULL, 6000, 800, **layers(5, 2, last=(9, 16)))),
    "patches 2-D": lambda: box(2, **patches(24, 10)),
    "patches 2-D, nonlinear": lambda: cubic(**patches(12, 10)),
    "patches 3-D": lambda: box(3, **patches(4, 8)),
    "products 10-D": lambda: box(10, trial={"nodes": "product"}, tolerance=1e-9),
    "eigen 2-D": lambda: membrane(**patches(12, 10)),
    "fit, Levenberg": lambda: surface(
        **kan([10], "levenberg_marquardt", 20000, degree=5, intervals=[10, 20], start="scaled")
    ),
    "fit, projection": lambda: surface(
        **kan([10], "variable_projection", 20000, degree=5, intervals=[10, 20], start="scaled")
    ),
}
