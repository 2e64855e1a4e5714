"""The interpretability examples of the KAN paper, from samples: a wide KAN, sparsified, pruned, symbolified, a formula.

    python scripts/interpret.py --write                     # all examples and seeds; docs/interpretability.md and its pictures
    python scripts/interpret.py --runs FOLDER xy ratio      # some of them; runs stay in FOLDER and are not done again

Source: Liu et al., KAN, arXiv 2404.19756, §4.1 and §4.2. Nothing is chosen by the formulas below: they make samples and errors.
Of several thresholds of pruning the one whose formula is best on the held-out rows of `simplify` is taken; test samples only
give the errors that are printed.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import interpret_page
import numpy as np
import sympy
import torch
from interpret_relations import unsupervised
from scipy.special import j0

import kanpde
from kanpde.errors import KanpdeError
from kanpde.simplified import Simplified, simplify
from kanpde.symbolic.rounding import misfit

Array = np.ndarray[Any, Any]
TRAIN, TEST, SEEDS = 1000, 1000, 3
THRESHOLDS = (0.03, 0.1, 0.3)


@dataclass(frozen=True)
class Example:
    """Samples of y = function(x) for x uniform in lower … upper (d columns), the width to start from and λ of the penalty.

    `tuned` says whether width, intervals, λ or the method itself were changed after its result was seen.
    """

    text: str
    function: Callable[[Array], Array]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    width: tuple[int, ...] = (5,)
    intervals: int = 5
    weight: float = 1e-2
    tuned: bool = True


EXAMPLES = {
    "xy": Example("xy", lambda x: x[:, 0] * x[:, 1], (-1, -1), (1, 1)),
    "ratio": Example("x/y", lambda x: x[:, 0] / x[:, 1], (0.5, 0.5), (2, 2)),
    "digit": Example("first decimal digit of x", lambda x: np.floor(10 * x[:, 0]) % 10, (0,), (1,), (), 200),
    "bessel": Example(
        "exp(J0(20x) + y²)", lambda x: np.exp(j0(20 * x[:, 0]) + x[:, 1] ** 2), (-1, -1), (1, 1), (5,), 20
    ),
    "phase": Example("tanh(5(Σxᵢ⁴ − 1))", lambda x: np.tanh(5 * ((x**4).sum(1) - 1)), (-1,) * 3, (1,) * 3),
    "distance": Example(
        "√((x1−x2)² + (x3−x4)²)", lambda x: np.hypot(x[:, 0] - x[:, 1], x[:, 2] - x[:, 3]), (-1,) * 4, (1,) * 4, (4, 3)
    ),
    "quotient": Example(
        "sin(x)/(1 + y²)", lambda x: np.sin(x[:, 0]) / (1 + x[:, 1] ** 2), (-2, -2), (2, 2), tuned=False
    ),
    "norm": Example("√(x² + y² + 1)", lambda x: np.sqrt((x**2).sum(1) + 1), (-2, -2), (2, 2), tuned=False),
}


def rmse(found: Array, wanted: Array) -> float:
    """Root mean square of the difference."""
    return float(np.sqrt(np.mean((found.ravel() - wanted.ravel()) ** 2)))


def run(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """Everything that the page says about one example and one seed, which draws the samples and starts the network."""
    example, rng = EXAMPLES[name], np.random.default_rng(seed)
    x, test = (rng.uniform(example.lower, example.upper, (n, len(example.lower))) for n in (TRAIN, TEST))
    layers = len(example.width) + 1
    trial = {
        "width": list(example.width), "degree": [3] * layers, "intervals": [example.intervals] * layers,
        "start": "paper", "base": "silu",
    }  # fmt: skip
    penalised = {"optimizer": "lbfgs", "steps": 250, "sparsify": example.weight}
    stages = [penalised if example.width else {"optimizer": "least_squares"}]
    keys: dict[str, Any] = {"domain": {"box": {"lower": list(example.lower), "upper": list(example.upper)}}}
    keys |= {"name": name, "trial": trial, "schedule": stages, "seed": seed, "out": folder / "wide", "overwrite": True}
    wide = kanpde.fit(x, example.function(x), **keys)
    tried: list[tuple[float, float, Simplified]] = []
    for threshold in THRESHOLDS if example.width else THRESHOLDS[:1]:
        out = folder / f"small_{threshold:g}"
        one = simplify(folder / "wide", units=threshold, steps=60, symbolic=True, out=out, overwrite=True)
        held = one.solution.problem.data
        assert held is not None and held[2] is not None and held[3] is not None
        tried.append((formula_error(one, held[2], held[3]), threshold, one))
    best, threshold, found = min(tried, key=lambda one: math.log10(max(one[0], 1e-9)) + splines(one[2]))
    truth, assert_written = example.function(test), found.written
    assert assert_written is not None
    errors = [rmse(wide(test), truth), rmse(found.solution(test), truth), formula_error(found, test, truth)]
    return {
        "example": name, "text": example.text, "tuned": example.tuned, "seed": seed, "threshold": threshold,
        "shapes": [wide.trial.net.shape, found.solution.trial.net.shape], "errors": errors, "held_out": best,
        "formula": str(assert_written.expressions["u"]), "splines": splines(found), "sentences": found.sentences()[:-1],
        "pictures": str(found.folder / "figures"),
    }  # fmt: skip


def splines(found: Simplified) -> int:
    """How many edges no function was found for."""
    assert found.symbolic is not None
    return len(found.symbolic.network.places) - len(found.symbolic.network.names)


def formula_error(found: Simplified, x: Array, y: Array) -> float:
    """RMSE of the formula as it is printed, where splines are left of the network with them."""
    assert found.symbolic is not None and found.written is not None
    if not splines(found):
        inputs = [sympy.Symbol(one, real=True) for one in found.solution.problem.coordinates]
        return misfit(found.written.expressions["u"], inputs, x, y.ravel())
    scaled = found.solution.trial.scaled(torch.from_numpy(x))
    return rmse(found.symbolic.network(scaled).detach().numpy(), y)


def main() -> None:
    """Run what is not there yet, print, and write the page where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=", ".join([*EXAMPLES, "unsupervised"]))
    parser.add_argument("--write", action="store_true", help="write docs/interpretability.md")
    parser.add_argument("--runs", type=Path, help="keep runs there, and use those that are there")
    arguments = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(SEEDS):
            for name in arguments.names or [*EXAMPLES, "unsupervised"]:
                folder = (arguments.runs or Path(temporary)) / f"{name}_{seed}"
                kept = folder / "interpret.json"
                if not kept.exists():
                    folder.mkdir(parents=True, exist_ok=True)
                    try:
                        one = (unsupervised if name == "unsupervised" else lambda *a, n=name: run(n, *a))(seed, folder)
                    except KanpdeError as error:
                        one = {"example": name, "seed": seed, "failed": str(error)}
                    kept.write_text(json.dumps(one), encoding="utf-8")
                found.append(json.loads(kept.read_text(encoding="utf-8")))
                print(interpret_page.line(found[-1]), flush=True)
        if arguments.write:
            interpret_page.write(found)


if __name__ == "__main__":
    main()
