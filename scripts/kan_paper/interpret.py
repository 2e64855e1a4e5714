"""The interpretability examples of the KAN paper, from samples: a wide KAN, sparsified, pruned,
symbolified, a formula.

    python -m scripts interpret --write                     # all examples and seeds; docs/interpretability.md and its pictures
    python -m scripts interpret --runs FOLDER xy ratio      # some of them; runs stay in FOLDER and are not done again

Source: Liu et al., KAN, arXiv 2404.19756, §4.1 and §4.2. Nothing is chosen by the formulas of the
examples, which make samples and errors. Of several thresholds of pruning the one whose formula is
best on the held-out rows of `simplify` is taken; test samples only give the errors that are
printed.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import sympy
import torch

import kanpde
from kanpde.errors import KanpdeError
from kanpde.symbolic.kan.rounding import misfit
from kanpde.symbolic.kan.simplify_run import Simplified, kan_of, simplify
from kanpde.trial.networks.prune import prune
from scripts.kan_paper import interpret_page
from scripts.kan_paper.interpret_examples import EXAMPLES, Array
from scripts.kan_paper.interpret_relations import unsupervised

TRAIN, TEST, SEEDS = 1000, 1000, 3
THRESHOLDS = (0.03, 0.1, 0.3)
EXACT = 1e-6
"""Share of the spread of y: a formula with a larger error on held-out rows is sought once more,
from its network.
"""


def rmse(values: Array, wanted: Array) -> float:
    """Root mean square of the difference."""
    return float(np.sqrt(np.mean((values.ravel() - wanted.ravel()) ** 2)))


def run(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """Everything that the page says about one example and one seed, which draws the samples and
    starts the network.
    """
    example, rng = EXAMPLES[name], np.random.default_rng(seed)
    x, test = (
        rng.uniform(example.lower, example.upper, (n, len(example.lower))) for n in (TRAIN, TEST)
    )
    layers = len(example.width) + 1
    trial = {
        "width": list(example.width), "degree": [3] * layers, "intervals": [example.intervals] * layers,
        "start": "paper", "base": "silu",
    }  # fmt: skip
    penalised = {"optimizer": "lbfgs", "steps": 250, "sparsify": example.weight}
    stages = [penalised if example.width else {"optimizer": "least_squares"}]
    keys: dict[str, Any] = {
        "domain": {"box": {"lower": list(example.lower), "upper": list(example.upper)}}
    }
    keys |= {
        "name": name,
        "trial": trial,
        "schedule": stages,
        "seed": seed,
        "out": folder / "wide",
        "overwrite": True,
    }
    wide = kanpde.fit(x, example.function(x), **keys)
    tried = pruned(wide, folder / "wide", folder / "small")
    best, threshold, simplified = min(tried, key=rank)
    if best > EXACT * float(
        np.std(example.function(x))
    ):  # units that only filled in for others may go now
        best, threshold, simplified = min(
            [*tried, *pruned(simplified.solution, simplified.folder, folder / "again")], key=rank
        )
    truth = example.function(test)
    assert simplified.written is not None
    errors = [
        rmse(wide(test), truth),
        rmse(simplified.solution(test), truth),
        formula_error(simplified, test, truth),
    ]
    return {
        "example": name, "text": example.text, "tuned": example.tuned, "seed": seed, "threshold": threshold,
        "shapes": [wide.trial.net.shape, simplified.solution.trial.net.shape], "errors": errors, "held_out": best,
        "formula": str(simplified.written.expressions["u"]), "splines": splines(simplified), "sentences": simplified.sentences()[:-1],
        "pictures": str(simplified.folder / "figures"),
    }  # fmt: skip


Tried = tuple[float, float, Simplified]
"""RMSE of a formula on held-out rows, threshold of pruning, the network."""


def rank(candidate: Tried) -> float:
    """Digits of error; two splines that are left count one."""
    return math.log10(max(candidate[0], 1e-9)) + splines(candidate[2]) / 2


def pruned(solution: kanpde.Solution, run: Path, out: Path) -> list[Tried]:
    """The run simplified at every threshold that leaves another network."""
    tried: list[Tried] = []
    for threshold in different(solution):
        target = out.with_name(f"{out.name}_{threshold:g}")
        simplified = simplify(
            run, units=threshold, steps=60, symbolic=True, out=target, overwrite=True
        )
        data = simplified.solution.problem.data
        assert data is not None and data[2] is not None and data[3] is not None
        tried.append((formula_error(simplified, data[2], data[3]), threshold, simplified))
    return tried


def different(wide: kanpde.Solution) -> list[float]:
    """The thresholds that leave different networks, the least of each."""
    trial, kan = kan_of(wide)
    assert wide.points is not None
    s = trial.scaled(wide.points.interior.x)
    thresholds = {
        prune(kan, s, s, threshold).units: threshold for threshold in reversed(THRESHOLDS)
    }
    return sorted(thresholds.values())


def splines(simplified: Simplified) -> int:
    """How many edges no function was found for."""
    assert simplified.symbolic is not None
    return len(simplified.symbolic.network.places) - len(simplified.symbolic.network.names)


def formula_error(simplified: Simplified, x: Array, y: Array) -> float:
    """RMSE of the formula as it is printed, where splines are left of the network with them."""
    assert simplified.symbolic is not None and simplified.written is not None
    if not splines(simplified):
        inputs = [sympy.Symbol(name, real=True) for name in simplified.solution.problem.coordinates]
        return misfit(simplified.written.expressions["u"], inputs, x, y.ravel())
    scaled = simplified.solution.trial.scaled(torch.from_numpy(x))
    return rmse(simplified.symbolic.network(scaled).detach().numpy(), y)


def main() -> None:
    """Run what is not there yet, print, and write the page where asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=", ".join([*EXAMPLES, "unsupervised"]))
    parser.add_argument("--write", action="store_true", help="write docs/interpretability.md")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many (%(default)s)")
    parser.add_argument("--runs", type=Path, help="keep runs there, and use those that are there")
    arguments = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(arguments.seeds):
            for name in arguments.names or [*EXAMPLES, "unsupervised"]:
                folder = (arguments.runs or Path(temporary)) / f"{name}_{seed}"
                kept = folder / "interpret.json"
                if not kept.exists():
                    folder.mkdir(parents=True, exist_ok=True)
                    try:
                        result = (
                            unsupervised
                            if name == "unsupervised"
                            else lambda *a, n=name: run(n, *a)
                        )(seed, folder)
                    except KanpdeError as error:
                        result = {"example": name, "seed": seed, "failed": str(error)}
                    kept.write_text(json.dumps(result), encoding="utf-8")
                results.append(json.loads(kept.read_text(encoding="utf-8")))
                print(interpret_page.line(results[-1]), flush=True)
        if arguments.write:
            interpret_page.write(
                results,
                [
                    example.text
                    for n, example in EXAMPLES.items()
                    if n not in (arguments.names or EXAMPLES)
                ],
            )
