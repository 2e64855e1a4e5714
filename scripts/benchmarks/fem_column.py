"""Finite elements (scikit-fem) on the linear elliptic problems of the benchmark table, on the data
of each problem's own file.

    python -m scripts fem_column [--seconds S] [name ...]

Lagrange elements of degree 1 to 4 (1 and 2 on the cube), Morley and Argyris elements for a clamped
plate, on uniform meshes that are refined until the next direct solve would take more than S seconds
(20) of meshing, assembly and solve. Errors are relative L2 at the held-out points of `kanpde`. A
line is printed for every mesh, and the best of all at the end.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import skfem as fem
import torch

from kanpde.api.solving import configure
from kanpde.assembly.collocation import COUNT, held_out
from kanpde.config import Config
from kanpde.problem.problem import Problem
from scripts.common.fem_elliptic import clamped, second_order, values
from scripts.common.fem_meshes import from_disk, mesh_of, round_domain, sample

LAGRANGE = {
    2: {
        "P1": fem.ElementTriP1,
        "P2": fem.ElementTriP2,
        "P3": fem.ElementTriP3,
        "P4": fem.ElementTriP4,
    },
    3: {"P1": fem.ElementTetP1, "P2": fem.ElementTetP2},
}
PLATE = {"Morley": fem.ElementTriMorley, "Argyris": fem.ElementTriArgyris}
NAMES = (
    "poisson_square",
    "poisson_paper",
    "poisson_rotated",
    "poisson_franke",
    "poisson_peak",
    "poisson_multiscale",
    "helmholtz",
    "helmholtz_rotated",
    "poisson_disk",
    "poisson_cube",
    "biharmonic",
)
MOST_DOFS = 400_000


@dataclass(frozen=True)
class Solve:
    """One solve: element, degrees of freedom, relative L2 error, wall seconds without the error."""

    element: str
    dofs: int
    error: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.element}: {self.error:.1e}, {self.dofs} dofs, {self.seconds:.1f} s"


def refined(
    problem: Problem, name: str, element: type[fem.Element], limit: float
) -> Iterator[Solve]:
    """One element on finer and finer meshes, until the next would take more than `limit`
    seconds.
    """
    d = problem.domain.dimension
    points = held_out(problem.domain, problem.parts, COUNT[d], torch.float64).interior
    x, w = points.x.numpy().T, points.w.numpy()
    exact = values(problem.exact[0], x) if problem.exact else np.full(len(w), np.nan)
    places = from_disk(x) if round_domain(problem) else x
    before = seconds = 1e-3
    for step in range(40):
        began = time.perf_counter()
        basis = fem.Basis(mesh_of(problem, step), element(), intorder=2 * element.maxdeg + 2)
        if basis.N > MOST_DOFS:
            return
        u = (clamped if name in PLATE else second_order)(problem, basis)
        before, seconds = seconds, time.perf_counter() - began
        squared = np.sum(w * (sample(basis, u, places) - exact) ** 2) / np.sum(w * exact**2)
        yield Solve(name, basis.N, error=float(np.sqrt(squared)), seconds=seconds)
        if seconds * min(max(seconds / before, 2), 2**d) > limit:
            return


def column(config: Config, limit: float = 20.0) -> Solve:
    """The most accurate solve of a problem; prints all of them."""
    problem = Problem.create(config.problem)
    elements = PLATE if problem.order == 4 else LAGRANGE[problem.domain.dimension]
    solves: list[Solve] = []
    for name, element in elements.items():
        for solve in refined(problem, name, element, limit):
            print(f"    {config.problem.name} {solve}", flush=True)
            solves.append(solve)
    return min(solves, key=lambda solve: solve.error)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    for name in arguments.names or NAMES:
        print(f"{name} {column(configure(name), arguments.seconds)}", flush=True)
