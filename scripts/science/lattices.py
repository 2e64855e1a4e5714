"""Two quasi-periodic chains with a mobility edge, and how localised their eigenvectors are.

    u_{n-1} + u_{n+1} + V_n u_n = E u_n,     hopping t = 1, energies in units of it,
    mosaic (κ = 2):           V_n = 2λ cos(2πbn + φ) at every second site and 0 between them,
                              edge |E| = 1/λ;
    generalised Aubry–André:  V_n = 2λ cos(2πbn + φ) / (1 - α cos(2πbn + φ)),
                              edge αE = 2 (1 - λ), λ > 0.

The mosaic's edge by transfer matrices: over two sites (E, -1; 1, 0)(E - V, -1; 1, 0), which for a
large imaginary part of φ is V times (-E, 0; -1, 0); with |V| ~ λ e^{Im φ} the Lyapunov exponent is
log|λE| / 2 where that is positive, and 0 elsewhere. A potential λ cos(…), without the 2, has its
edge at |E| = 2/λ. b is the golden ratio's approximant F_{k-1}/F_k with N = F_k sites in a ring, so
no state lives at an end.
Fractal dimension of a state:  D = -log(Σ_n |u_n|⁴) / log N, 1 if extended over all sites, 0 at one site.
Sources: Wang et al., Phys. Rev. Lett. 125, 196604 (2020); Ganeshan, Pixley & Das Sarma, Phys. Rev.
Lett. 114, 146601 (2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def golden(sites: int) -> float:
    """F_{k-1}/F_k for F_k = `sites`; ValueError for another number."""
    before, now = 1, 1
    while now < sites:
        before, now = now, before + now
    if now != sites:
        raise ValueError(f"{sites} sites: needs a Fibonacci number")
    return before / now


def mosaic(sites: int, parameters: Array, phase: float) -> Array:
    """V (N,) for parameters (λ,); N must be even, so that the pattern closes."""
    potential = 2 * parameters[0] * _cosine(sites, phase)
    potential[1::2] = 0.0
    return potential


def aubry_andre(sites: int, parameters: Array, phase: float) -> Array:
    """V (N,) for parameters (λ, α)."""
    cosine = _cosine(sites, phase)
    return 2 * parameters[0] * cosine / (1 - parameters[1] * cosine)


def _cosine(sites: int, phase: float) -> Array:
    return np.cos(2 * np.pi * golden(sites) * np.arange(sites) + phase)


def states(potential: Array) -> tuple[Array, Array]:
    """Energies in ascending order and fractal dimensions of all eigenvectors on the ring, (N,)
    each.
    """
    count = len(potential)
    hopping = np.eye(count, k=1)
    hopping[0, -1] = 1.0
    energies, vectors = np.linalg.eigh(np.diag(potential) + hopping + hopping.T)
    return energies, -np.log((vectors**4).sum(0)) / np.log(count)


@dataclass(frozen=True)
class Model:
    """A chain, its sites, the ranges of its parameters, and whether a state x (N, d) lies beyond
    the known edge: localised.
    """

    name: str
    parameters: tuple[str, ...]
    potential: Callable[[int, Array, float], Array]
    sites: int
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    known: str
    beyond: Callable[[Array], NDArray[np.bool_]]


MOSAIC = Model(
    name="mosaic",
    parameters=("λ",),
    potential=mosaic,
    sites=610,
    lower=(0.25,),
    upper=(2.0,),
    known="λ|E| = 1",
    beyond=lambda x: np.abs(x[:, 1]) * x[:, 0] > 1,
)
AUBRY_ANDRE = Model(
    name="generalised Aubry–André",
    parameters=("λ", "α"),
    potential=aubry_andre,
    sites=377,
    lower=(0.2, -0.8),
    upper=(1.8, 0.8),
    known="2λ + αE = 2",
    beyond=lambda x: 2 * x[:, 0] + x[:, 1] * x[:, 2] > 2,
)


@dataclass(frozen=True)
class States:
    """x (H, N, parameters + 1), the energy last and ascending, and D (H, N), of H chains."""

    x: Array
    dimension: Array

    @property
    def rows(self) -> Array:
        """x of all states, (H·N, parameters + 1)."""
        return self.x.reshape(-1, self.x.shape[2])


def draw(model: Model, chains: int, seed: int) -> States:
    """States of chains with parameters and phases drawn evenly from their ranges."""
    sites = model.sites
    random = np.random.default_rng(seed)
    x, dimension = [], []
    for _ in range(chains):
        parameters = random.uniform(model.lower, model.upper)
        energies, dimensions = states(
            model.potential(sites, parameters, random.uniform(0, 2 * np.pi))
        )
        x.append(np.column_stack([np.tile(parameters, (sites, 1)), energies]))
        dimension.append(dimensions)
    return States(np.array(x), np.array(dimension))
