"""Five Gaussian peaks shown one after another, without replay: what KAN and MLP still know. Writes
docs/continual.md.

    python -m scripts continual [--write]

y = Σ_j exp(-300 (x - c_j)²), c = -0.8, -0.4, …, 0.8; phase j shows the points of its fifth of [-1,
1] alone. After every phase the root mean square error over the first fifth is taken (Liu et al.,
arXiv 2404.19756, §4.2; their [1, 1] KAN has G = 200, k = 3).
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np

import kanpde
from kanpde.results.solution import Solution

DOCS = Path(__file__).resolve().parents[2] / "docs"
PHASES, POINTS = 5, 200
KEEP: dict[str, Any] = {"optimizer": "least_squares", "keep": True}
ADAM: dict[str, Any] = {"optimizer": "adam", "steps": 2000, "learning_rate": 1e-2}
KAN: dict[str, Any] = {"kind": "kan", "width": [], "degree": 3, "intervals": 200}
MLP: dict[str, Any] = {"kind": "mlp", "width": [13, 13], "activation": "tanh"}
FEATURES: dict[str, Any] = {
    "kind": "mlp",
    "width": [67],
    "start": "features",
    "activation": "sine",
    "scale": 60.0,
}
WAYS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "KAN [1, 1], B-splines, `least_squares` with `keep`": (KAN, [KEEP]),
    "the same without `keep`": (KAN, [{**KEEP, "keep": False}]),
    "the same by Adam": (KAN, [ADAM]),
    "KAN [1, 1], Chebyshev, `least_squares` with `keep`": ({**KAN, "basis": "chebyshev"}, [KEEP]),
    "MLP [1, 67, 1], sine features, `least_squares` with `keep`": (FEATURES, [KEEP]),
    "MLP [1, 13, 13, 1], tanh, Adam": (MLP, [ADAM]),
}
DRAWN = ("KAN [1, 1], B-splines, `least_squares` with `keep`", "MLP [1, 13, 13, 1], tanh, Adam")


def peaks(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.exp(-300 * (x[:, None] - np.linspace(-0.8, 0.8, PHASES)) ** 2).sum(1)


def fifth(phase: int, count: int) -> np.ndarray[Any, Any]:
    """Points of the part that a phase shows; those of errors (another count) lie between."""
    return -1 + 0.4 * (phase + (np.arange(count) + 0.5) / count)


def learnt(trial: dict[str, Any], schedule: list[dict[str, Any]], seed: int) -> list[Solution]:
    """The solution after every phase; each goes on from the one before and sees the points of its
    own fifth only.
    """
    solutions: list[Solution] = []
    for phase in range(PHASES):
        x = fifth(phase, POINTS)
        domain = {"interval": {"lower": -1, "upper": 1}}
        after = {"after": solutions[-1]} if solutions else {}
        solutions.append(
            kanpde.fit(
                x, peaks(x), domain=domain, trial=trial, schedule=schedule, seed=seed, **after
            )
        )
    return solutions


def error(solution: Solution, part: int) -> float:
    x = fifth(part, 3 * POINTS + 1)
    return float(np.sqrt(np.mean((solution(x[:, None])[:, 0] - peaks(x)) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    columns = "| network and training | parameters | first peak after phase 1 | after phase 5 | ratio | all after phase 5 |"
    rows, drawn = [columns, "|---|---|---|---|---|---|"], {}
    for name, (trial, schedule) in WAYS.items():
        runs = [learnt(trial, schedule, seed) for seed in range(arguments.seeds)]
        first, last = (statistics.median(error(run[k], 0) for run in runs) for k in (0, -1))
        every = statistics.median(
            np.sqrt(np.mean([error(run[-1], k) ** 2 for k in range(PHASES)])) for run in runs
        )
        count = runs[0][0].trial.parameter_count
        rows.append(
            f"| {name} | {count} | {first:.1e} | {last:.1e} | {last / first:.3g} | {every:.1e} |"
        )
        print(rows[-1], flush=True)
        if name in DRAWN:
            drawn[name] = runs[0]
    if arguments.write:
        (DOCS / "continual.md").write_text(
            TEXT.format(table="\n".join(rows), seeds=arguments.seeds), encoding="utf-8"
        )
        draw(drawn, DOCS / "figures" / "continual.png")


def draw(drawn: dict[str, list[Solution]], path: Path) -> None:
    """One row per network, one panel per phase: the function, what is shown, what the network
    says.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        len(drawn), PHASES, figsize=(13, 4.6), sharex=True, sharey=True, squeeze=False
    )
    x = np.linspace(-1, 1, 2001)
    for line, (name, run) in zip(axes, drawn.items(), strict=True):
        colour = "#0072B2" if name.startswith("KAN") else "#D55E00"
        for phase, (panel, solution) in enumerate(zip(line, run, strict=True)):
            panel.axvspan(*(-1 + 0.4 * (phase + k) for k in (0, 1)), color="#EEEEEE")
            panel.plot(x, peaks(x), color="#8A8A8A", linewidth=1.0)
            panel.plot(x, solution(x[:, None])[:, 0], color=colour, linewidth=1.4)
            panel.set_ylim(-0.5, 1.4)
            panel.set_title(f"after phase {phase + 1}", fontsize=9)
        line[0].set_ylabel(name[:3])
    figure.tight_layout()
    figure.savefig(path, dpi=110)


TEXT = """# Continual learning: five peaks, one after another

Written by `python -m scripts continual --write` (medians of {seeds} seeds). y = Σ exp(-300 (x - c)²) with five centres; every
phase shows 200 points of one fifth of [-1, 1] and nothing of the earlier ones. Errors are root mean squares over points that
were never shown; the first two columns of errors are those over the first fifth.

{table}

![what the networks say after every phase](figures/continual.png)

`kanpde.fit(x, y, after=earlier, schedule=[{{"optimizer": "least_squares", "keep": True}}])` goes on from an earlier solution and
changes only what the new rows determine. A spline coefficient that no point reaches stays to the bit, since the functions are
local; with functions that every point reaches (Chebyshev, waves, an MLP) the same update is free where nothing
is shown, and forgets. Adam leaves unreached coefficients alone as well. Without `keep` what no row sees is nobody's matter; here
it became zero.

What keeps the peaks is that inputs of different phases do not share functions. In one dimension, on edges that see x itself,
that is given; behind a hidden layer, whose units mix all inputs, it is not.
"""
