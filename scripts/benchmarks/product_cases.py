"""Problems in 5 to 100 coordinates with their exact solutions, for `scripts products`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.products.univariate import Array
from scripts.benchmarks.heat_of_ones import heat_of_ones

POINTS = 2000
"""Random points at which errors are taken."""


@dataclass(frozen=True)
class Row:
    """A problem as a config tree with its exact values at points (N, d)."""

    tree: dict[str, Any]
    exact: Callable[[Array], Array]
    tolerance: float
    waves: int = 0

    def points(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Random points (N, d) and weights (N,) of the squares at them: the first `waves`
        coordinates are drawn with the density sin² πx, by rejection.
        """
        generator = np.random.default_rng(7)
        x = generator.uniform(lower, upper, (POINTS, len(lower)))
        for k in range(self.waves):
            away = generator.uniform(0, 1, POINTS) > np.sin(np.pi * x[:, k]) ** 2
            while away.any():
                count = int(away.sum())
                x[away, k] = generator.uniform(lower[k], upper[k], count)
                kept = generator.uniform(0, 1, count) <= np.sin(np.pi * x[away, k]) ** 2
                away[np.flatnonzero(away)[kept]] = False
        logarithms = np.log(np.sin(np.pi * x[:, : self.waves]) ** 2).sum(axis=1)
        return x, np.exp(logarithms.min() - logarithms)


def _problem(d: int, sides: tuple[float, float], **keys: Any) -> dict[str, Any]:
    box = {"lower": sides[0], "upper": sides[1], "dimensions": d}
    problem = {"name": "products", "unknowns": ["u"], "domain": {"box": box}}
    return {"problem": problem | keys, "output": {"vtu": False, "plots": False}}


def _product_poisson(d: int) -> Row:
    """The standard product problem of tensor neural networks, u = f / ((d + 3) π²)."""
    source = "sum(i, sin(2*pi*x[i])*prod(j, j != i, sin(pi*x[j])))"
    tree = _problem(
        d,
        (-1, 1),
        equations=[f"-laplacian(u) = {source}"],
        conditions=[{"part": "boundary", "equation": "u = 0"}],
    )

    def exact(x: Array) -> Array:
        source = 2 * np.prod(np.sin(np.pi * x), axis=1) * np.cos(np.pi * x).sum(axis=1)
        return np.asarray(source / ((d + 3) * np.pi**2))

    return Row(tree, exact, 1e-12, waves=d)


def _ones(d: int) -> Row:
    tree = _problem(
        d,
        (0, 1),
        equations=["-laplacian(u) = 1"],
        conditions=[{"part": "boundary", "equation": "u = 0"}],
    )
    return Row(tree, heat_of_ones, 1e-6 if d < 10 else 1e-8)


def _heat(d: int) -> Row:
    bump = "prod(i, sin(pi*x[i]))"
    tree = _problem(
        d,
        (0, 1),
        time={"interval": [0, 0.1]},
        equations=["dt(u) = laplacian(u)"],
        conditions=[
            {"part": "boundary", "equation": "u = 0"},
            {"part": "initial", "equation": f"u = {bump}"},
        ],
    )

    def exact(x: Array) -> Array:
        decay = np.exp(-d * np.pi**2 * x[:, -1])
        return np.asarray(decay * np.prod(np.sin(np.pi * x[:, :-1]), axis=1))

    return Row(tree, exact, 1e-10, waves=d)


def _gaussian(d: int) -> Row:
    tree = _problem(
        d,
        (-1, 1),
        definitions={"r2": "sum(i, x[i]**2)"},
        equations=[f"-laplacian(u) = (2*{d} - 4*r2)*exp(-r2)"],
        conditions=[{"part": "boundary", "equation": "u = exp(-r2)"}],
    )
    return Row(tree, lambda x: np.asarray(np.exp(-(x**2).sum(axis=1))), 1e-8)


def _varying(d: int) -> Row:
    """A coefficient of two coordinates and a stream: no sum of one-coordinate operators."""
    tree = _problem(
        d,
        (0, 1),
        definitions={"v": "exp(0.5*sum(i, x[i]))"},
        equations=[
            f"-div((2 + x1*x2)*grad(u)) + 3*d(u, x3) = (1.5 - 0.5*(x1 + x2) - {d}/4*(2 + x1*x2))*v"
        ],
        conditions=[{"part": "boundary", "equation": "u = v"}],
    )
    return Row(tree, lambda x: np.asarray(np.exp(0.5 * x.sum(axis=1))), 1e-8)


def _no_product(d: int) -> Row:
    """Functions of a sum, which are sums of products only approximately: here 1 over it."""
    tree = _problem(
        d,
        (0, 1),
        definitions={"s": "2 + sum(i, x[i])"},
        equations=[f"-laplacian(u) = -{2 * d}/s**3"],
        conditions=[{"part": "boundary", "equation": "u = 1/s"}],
    )
    return Row(tree, lambda x: np.asarray(1 / (2 + x.sum(axis=1))), 1e-8)


def _logarithm(d: int) -> Row:
    tree = _problem(
        d,
        (-1, 1),
        definitions={"r": "1 + sum(i, x[i]**2)"},
        equations=[f"-laplacian(u) = -{2 * d}/r + 4*(r - 1)/r**2"],
        conditions=[{"part": "boundary", "equation": "u = log(r)"}],
    )
    return Row(tree, lambda x: np.asarray(np.log(1 + (x**2).sum(axis=1))), 1e-8)


def _wave_of_pairs() -> Row:
    """A wave of products of neighbours, of rank 19."""
    tree = _problem(
        6,
        (-1, 1),
        definitions={"s": "x1*x2 + x3*x4 + x5*x6"},
        equations=["-laplacian(u) = sum(i, x[i]**2)*sin(s)"],
        conditions=[{"part": "boundary", "equation": "u = sin(s)"}],
    )
    return Row(tree, lambda x: np.asarray(np.sin((x[:, ::2] * x[:, 1::2]).sum(axis=1))), 1e-8)


def rows() -> dict[str, Row]:
    """All problems by name."""
    return {
        "product Poisson, d = 5": _product_poisson(5),
        "product Poisson, d = 20": _product_poisson(20),
        "product Poisson, d = 100": _product_poisson(100),
        "a source of ones, d = 5": _ones(5),
        "a source of ones, d = 10": _ones(10),
        "a source of ones, d = 20": _ones(20),
        "heat, d = 4 and time": _heat(4),
        "heat, d = 10 and time": _heat(10),
        "Gaussian, d = 10": _gaussian(10),
        "a varying coefficient and a stream, d = 5": _varying(5),
        "1 over a sum, d = 10": _no_product(10),
        "logarithm of a sum of squares, d = 6": _logarithm(6),
        "wave of products of pairs, d = 6": _wave_of_pairs(),
    }
