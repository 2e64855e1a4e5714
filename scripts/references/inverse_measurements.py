"""Make the measured values that shipped inverse problems use: the exact solution at random interior
points, some with noise.

    python -m scripts inverse_measurements

u* is read from the `exact` of conf/problem/NAME.yaml; the points and the noise come from fixed
seeds. The table of `fit_csv` is a Gauss density exp(-position²/(2 width²)) with noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kanpde.config import shipped
from kanpde.config.yaml_file import load
from kanpde.expressions import Scope, parse_expression
from kanpde.expressions.evaluate import evaluate
from kanpde.storage import write_text


@dataclass(frozen=True)
class Table:
    """N points of the unit square, at least `margin` from its sides; noise relative to the largest
    |u*|.
    """

    name: str
    count: int
    margin: float
    noise: float
    seed: int


TABLES = (
    Table("inverse_diffusivity", count=80, margin=0.05, noise=0.0, seed=1),
    Table("inverse_source", count=400, margin=0.02, noise=0.01, seed=2),
)


def main() -> None:
    """Write problems/data/NAME.csv of every table."""
    for table in TABLES:
        rng = np.random.default_rng(table.seed)
        x = np.round(rng.uniform(table.margin, 1 - table.margin, (table.count, 2)), 6)
        exact = load(shipped.problem_yaml(table.name))["exact"]["u"]
        (values,) = evaluate([parse_expression(exact, Scope(("x", "y")))], torch.tensor(x))
        sigma = table.noise * float(values.abs().max())
        measured = values.numpy() + sigma * rng.standard_normal(table.count)
        text = csv("x,y,measured", np.column_stack([x, measured]))
        path = write_text(shipped.data() / f"{table.name}.csv", text)
        print(path, f"noise {sigma:.6e}")
    print(write_text(shipped.data() / "fit_csv.csv", density()))


def csv(head: str, rows: np.ndarray) -> str:
    """A table of numbers, each with all its digits."""
    lines = [",".join(map(repr, row)) for row in rows.tolist()]
    return "\n".join([head, *lines]) + "\n"


def density(count: int = 300, noise: float = 0.01, seed: int = 3) -> str:
    """Rows of position in [-2, 2], width in [0.5, 1.5] and the density there with noise (standard
    deviation), as CSV.
    """
    rng = np.random.default_rng(seed)
    position = np.round(rng.uniform(-2, 2, count), 4)
    width = np.round(rng.uniform(0.5, 1.5, count), 4)
    exact = np.exp(-(position**2) / (2 * width**2))
    measured = np.round(exact + noise * rng.standard_normal(count), 5)
    return csv("position,width,measured", np.column_stack([position, width, measured]))
