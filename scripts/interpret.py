"""The interpretability examples of the KAN paper, from samples: a wide KAN, sparsified, pruned, symbolified.

    python scripts/interpret.py --write     # all examples; writes docs/interpretability.md and its diagrams
    python scripts/interpret.py xy ratio    # some of them, printed

Source: Liu et al., KAN, arXiv 2404.19756, §4.1 and §4.2. Nothing is chosen by the formulas below: they make samples and errors.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import j0

import kanpde
from kanpde.errors import KanpdeError
from kanpde.simplified import simplify

DOCS = Path(__file__).resolve().parents[1] / "docs"
TRAIN, TEST = 1000, 1000
HEAD = """# What a KAN can be read as

Every row starts from a wide KAN on 1000 samples by L-BFGS with `sparsify`, pruned by `kanpde simplify --prune 0.03`,
trained, and turned into functions of the library by `--symbolic`; `python scripts/interpret.py --write` makes this page.
The test RMSE is on 1000 samples that nothing saw. "found" is the formula as printed, not corrected; where a spline is left it is
phi_layer_input_output. The unsupervised example of the paper is not here.

| example | network before → after | test RMSE, wide KAN | test RMSE, pruned KAN | test RMSE, formula |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Example:
    """Samples of y = function(x) for x uniform in lower … upper (d columns), the width to start from and λ of the penalty."""

    text: str
    function: Callable[[np.ndarray], np.ndarray]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    width: tuple[int, ...]
    intervals: int = 5
    weight: float = 1e-2


EXAMPLES = {
    "xy": Example("xy", lambda x: x[:, 0] * x[:, 1], (-1, -1), (1, 1), (5,)),
    "ratio": Example("x/y", lambda x: x[:, 0] / x[:, 1], (0.5, 0.5), (2, 2), (5, 5), weight=3e-3),
    "digit": Example("first decimal digit of x", lambda x: np.floor(10 * x[:, 0]) % 10, (0,), (1,), (), 200),
    "bessel": Example(
        "exp(J0(20x) + y²)", lambda x: np.exp(j0(20 * x[:, 0]) + x[:, 1] ** 2), (-1, -1), (1, 1), (5,), 20
    ),
    "phase": Example("tanh(5(Σxᵢ⁴ − 1))", lambda x: np.tanh(5 * ((x**4).sum(1) - 1)), (-1,) * 3, (1,) * 3, (5,)),
    "distance": Example(
        "√((x1−x2)² + (x3−x4)²)", lambda x: np.hypot(x[:, 0] - x[:, 1], x[:, 2] - x[:, 3]), (-1,) * 4, (1,) * 4, (4, 3)
    ),
}


def rmse(found: np.ndarray, wanted: np.ndarray) -> float:
    """Root mean square of the difference."""
    return float(np.sqrt(np.mean((found.ravel() - wanted.ravel()) ** 2)))


def run(name: str, example: Example, folder: Path) -> tuple[str, str]:
    """The row of the table and the text below it."""
    rng = np.random.default_rng(0)
    x, test = (rng.uniform(example.lower, example.upper, (n, len(example.lower))) for n in (TRAIN, TEST))
    layers = len(example.width) + 1
    trial: dict[str, Any] = {
        "width": list(example.width),
        "degree": [3] * layers,
        "intervals": [example.intervals] * layers,
    }
    trial |= {"start": "paper", "base": "silu"}
    domain = {"box": {"lower": list(example.lower), "upper": list(example.upper)}}
    stages = (
        [{"optimizer": "lbfgs", "steps": 250, "sparsify": example.weight}]
        if example.width
        else [{"optimizer": "least_squares"}]
    )
    wide = kanpde.fit(
        x, example.function(x), domain=domain, name=name, trial=trial, schedule=stages, out=folder / "wide"
    )
    found = simplify(folder / "wide", units=0.03, steps=60, symbolic=True, out=folder / "small")
    assert found.written is not None
    truth, small = example.function(test), found.solution
    formula = (
        found.symbolic.network(small.trial.scaled(torch.from_numpy(test))).detach().numpy() if found.symbolic else truth
    )
    errors = [rmse(wide(test), truth), rmse(small(test), truth), rmse(formula, truth)]
    shapes = f"{wide.trial.net.shape} → {small.trial.net.shape}"
    row = f"| {example.text} | {shapes} | " + " | ".join(f"{e:.1e}" for e in errors) + " |"
    text = f"## {example.text}\n\nfound: `{found.written.expressions['u']}`\n\n" + "\n".join(
        f"- {s}" for s in found.sentences()[:-1]
    )
    return row, text + f"\n\n![{name}](figures/interpret_{name}.png)\n"


def main() -> None:
    """Run, print, and write the page where asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(EXAMPLES))
    parser.add_argument("--write", action="store_true", help="write docs/interpretability.md")
    arguments = parser.parse_args()
    rows, texts = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names or EXAMPLES:
            try:
                row, text = run(name, EXAMPLES[name], Path(folder) / name)
            except KanpdeError as error:
                row, text = f"| {EXAMPLES[name].text} | failed | | | |", f"## {name}\n\nfailed: {error}\n"
            print(row + "\n" + text, flush=True)
            rows, texts = [*rows, row], [*texts, text]
            picture = Path(folder) / name / "small" / "figures" / "network.png"
            if arguments.write and picture.exists():
                shutil.copy(picture, DOCS / "figures" / f"interpret_{name}.png")
    if arguments.write:
        (DOCS / "interpretability.md").write_text(HEAD + "\n".join(rows) + "\n\n" + "\n".join(texts), encoding="utf-8")


if __name__ == "__main__":
    main()
