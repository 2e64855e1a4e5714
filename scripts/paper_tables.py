"""The tables of docs/paper.md: test errors on the KAN paper's special functions and Feynman formulas, KAN and MLP by one engine.

    python scripts/paper_tables.py [--write] [--seeds N] [name ...]

Each seed has other samples (N of them, a scrambled Sobol sequence with arcsine density in every coordinate, 15 % of them held back
for validation), other starts and 4000 other test points, uniform and independent. Errors are RMSE in the units of the function.
The goal of a row is a tenth of the better of the paper's two errors; the search stops when the validation error is half of that.
Seconds are those of one core for a whole search with all its starts. The MLP has one or two hidden layers of tanh, whichever
validates better, within 5 % of the KAN's parameters: two starts of each, the best one polished by the same optimizer.
--write puts each row into docs/paper.md when it is made and keeps the others.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tables
import torch
from paper_rows import Row, feynman, special_functions
from regression import Net, parameters, rmse
from regression_search import Recipe, Samples, best_kan, best_mlp
from scipy.stats import qmc
from torch import Tensor

PAGE = Path(__file__).parent.parent / "docs" / "paper.md"
SPECIAL, FEYNMAN = "special function", "formula"
CELLS = (
    "paper's KAN", "shape there", "paper's MLP", "our KAN", "parameters", "N", "median", "worst", "seeds", "s", "gain", "our MLP",
    "MLP median",
)  # fmt: skip
TESTS = 4000

WIDTHS: dict[str, tuple[int, ...]] = {
    "jacobian_elliptic_sn": (3, 2), "bessel_first": (3,), "bessel_second": (2, 2), "bessel_modified_first": (4,),
    "legendre_m1": (4,), "legendre_m2": (3, 2), "spherical_harmonic_m0_n1": (1,), "spherical_harmonic_m0_n2": (1,),
    "I.6.2b": (2, 3), "I.9.18": (4, 4), "I.29.16": (2, 2, 1), "I.30.3": (6,), "I.30.5": (2, 1), "II.6.15a": (2, 2),
    "II.11.7": (3,), "II.11.27": (2, 1), "II.36.38": (3,), "III.9.52": (2, 2), "III.17.37": (4,),
}  # fmt: skip
"""Hidden widths where they are not (2,); none is larger than the paper's."""

SAMPLES = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    for key, rows in ((SPECIAL, special_functions()), (FEYNMAN, feynman())):
        order = [f"`{row.name}`" for row in rows]
        for row in rows:
            if not arguments.names or row.name in arguments.names:
                cells = {key: f"`{row.name}`", **made(row, arguments.seeds)}
                print(cells, flush=True)
                if arguments.write:
                    write(key, order, cells)


def made(row: Row, seeds: int) -> dict[str, str]:
    """The cells of one row."""
    shape = [len(row.variables), *WIDTHS.get(row.name, (2,)), 1]
    found = [run(row, shape, seed) for seed in range(seeds)]
    errors = [error for error, _, _, _, _ in found]
    median = statistics.median(errors)
    shown = (
        f"{row.kan:.2e}",
        "" if row.shape is None else str(list(row.shape)),
        f"{row.mlp:.2e}",
        str(shape),
        _span([parameters(net) for _, net, _, _, _ in found]),
        str(SAMPLES),
        f"{median:.1e}",
        f"{max(errors):.1e}",
        str(seeds),
        f"{statistics.median(seconds for _, _, seconds, _, _ in found):.1f}",
        f"{min(row.kan, row.mlp) / max(errors):.3g}",
        " ".join(sorted({str(net.shape) for *_, net in found})),
        f"{statistics.median(error for _, _, _, error, _ in found):.1e}",
    )
    return dict(zip(CELLS, shown, strict=True))


def run(row: Row, shape: Sequence[int], seed: int) -> tuple[float, Net, float, float, Net]:
    """Test RMSE, network and seconds of the KAN, then RMSE and network of the MLP."""
    x, y, x_test, y_test = samples_of(row, seed, SAMPLES)
    recipe = Recipe()
    mean, size = y.mean(), float(y.std())
    samples = Samples.split(x, (y - mean) / size)

    def tested(net: Net) -> float:
        return rmse(net, x_test, (y_test - mean) / size) * size

    start = time.process_time()
    kan = best_kan(shape, samples, recipe, seed, row.goal / 2 / size)[1]
    seconds = time.process_time() - start
    mlp = best_mlp(mlp_shapes(shape[0], parameters(kan)), samples, recipe, seed)[1]
    return tested(kan), kan, seconds, tested(mlp), mlp


def samples_of(row: Row, seed: int, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x (N, d) ∈ [-1, 1]^d and y (N,), for training and validation, then for the test."""
    d = len(row.variables)
    u = qmc.Sobol(d, rng=seed).random(1 << math.ceil(math.log2(count)))[:count]
    u = np.random.default_rng(seed).permutation((1 - np.cos(np.pi * u)) / 2)
    v = np.random.default_rng(10_000 + seed).random((TESTS, d))
    x, y, x_test, y_test = (torch.as_tensor(a) for a in (2 * u - 1, row.values(u), 2 * v - 1, row.values(v)))
    return x, y, x_test, y_test


def mlp_shapes(inputs: int, count: int) -> list[list[int]]:
    """The shapes with one and two hidden layers whose parameters are closest to `count`, all within 5 %."""
    one = [[inputs, w, 1] for w in range(1, count)]
    two = [[inputs, w, v, 1] for w in range(2, 60) for v in range(max(2, w - 2), w + 3)]
    best = [min(shapes, key=lambda shape: abs(_count(shape) - count)) for shapes in (one, two)]
    return [shape for shape in best if abs(_count(shape) - count) <= 0.05 * count]


def _count(shape: Sequence[int]) -> int:
    return sum((a + 1) * b for a, b in zip(shape, shape[1:], strict=False))


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}–{high}"


def write(key: str, order: Sequence[str], cells: dict[str, str]) -> None:
    """Put a row into its table on the page; other rows and the text stay."""
    columns = (key, *CELLS)
    rows = {found[0]: line for found, line in tables.read(PAGE, columns).items()} | {cells[key]: cells}
    tables.write(PAGE, columns, [rows[name] for name in order if name in rows])


if __name__ == "__main__":
    main()
