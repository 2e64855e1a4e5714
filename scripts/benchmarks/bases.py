"""Which functions on the edges, or the same spline on the nodes, or none (an MLP): the table of
docs/bases.md.

    python -m scripts bases [--write] [--seeds N] [problem ...]

Three regressions and four PDEs; one engine for all: a least-squares solve of the outer layer, then
variable projection for every layer. Parameters agree within 5 %. Equal time: as many steps of
variable projection as the processor time of the slowest row of the problem allows, at the price per
step that was measured.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

from kanpde.api.solving import solve
from scripts.common import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bases.md"
ERRORS = ("relative L2 (worst)", "CPU s", "at equal time (worst)", "its CPU s")
COLUMNS = ("problem", "functions", "shape", "parameters", *ERRORS, "seeds")
JUDGED = {"at equal parameters": COLUMNS[4], "at equal time": COLUMNS[6]}
HEAD = "| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|"
SOLVE: dict[str, Any] = {"optimizer": "least_squares"}
STEPS, MOST_STEPS = 10, 60
DEGREE, INTERVALS = 5, 7
FIT_WIDTH, PDE_WIDTH = 6, 18
SQUARE: dict[str, Any] = {"rectangle": {"lower": [-1, -1], "upper": [1, 1]}}
FORMULAS = {"exp_sine": "exp(sin(pi*x) + y**2)", "product": "x*y", "kink": "abs(x + 0.3*y)*(1 + y)"}
PDES = ("poisson_paper", "helmholtz", "poisson_peak", "klein_gordon")
FIT_SAMPLER: dict[str, Any] = {"interior": 484, "boundary": 88, "kind": "chebyshev"}
PDE_SAMPLER: dict[str, Any] = {"interior": 1444, "boundary": 152, "kind": "chebyshev"}
_SPLINES = ("B-splines on edges", "B-splines on nodes")
ROWS = (*_SPLINES, "Chebyshev", "Gaussians (rbf)", "Fourier", "MLP, tanh", "MLP, sine features")


TEXT = f"""# Bases on the edges, the same spline on the nodes, and an MLP

Written by `python -m scripts bases --write`: medians (worst) over the seeds of the relative L2
error on points that training never saw. All have about {3 * FIT_WIDTH * (DEGREE + INTERVALS)}
parameters for a regression and {3 * PDE_WIDTH * (DEGREE + INTERVALS)} for a PDE, the same points,
one least-squares solve of the outer layer and {STEPS} steps of variable projection; at equal time
about as many steps as the slowest row of the problem pays for, at most {MOST_STEPS}. No row was
given a direction or a centre. Degree, intervals and width are the same for all and were tuned for
none. Points and steps were cut, for time, after errors of a first trial had been seen, and the
ranking changed with them; a PDE got more parameters and points than a regression after no row but
the sine features had come below 0.02 on `helmholtz` and none below 0.8 on `poisson_peak` with 216.
Smallest medians:

{{wins}}

{HEAD}

On the nodes means an affine first layer and one spline per hidden unit (`on: nodes`): as the first
layer then costs three numbers per unit in place of {2 * (DEGREE + INTERVALS)}, equal parameters buy
more units. `basis` sets the functions of both layers of the others. Regressions:
{", ".join(f"`{n}` is {f}" for n, f in FORMULAS.items())}.

## Products and ridges in many coordinates

Errors of `kanpde solve` without `trial` (`python -m scripts products`, `docs/products.md`); the
ridges are those of tests/ansatz/test_linear_forms.py and of the formulas named here.

| solution | coordinates | what is chosen | error |
|---|---|---|---|
| a sum of products of sines | 5, 100 | chain, 2 products | 1.1e-13, 3.5e-13 |
| a product of sines that decays in time | 11 | chain, 1 product | 6.9e-14 |
| tanh(x1 + … + x5) | 5 | KAN [5, 1, 1], the direction of the formula | 3.6e-13 |
| tanh(20 (x1 - 2 x2 + x3/2 + x4 + x6 - 0.3)) | 6 | KAN [6, 1, 1], likewise | 2.6e-09 |
| four functions of linear forms | 5 | KAN [5, 4, 1], likewise | 8.3e-12 |

Products win where coordinates act one by one: coefficients grow like d n r². They lose where a
function of a sum is steep: tanh(x1 + … + x5) is refused by chains (it is no polynomial of low
degree), tanh(2 x1 + x2 - x5 + 1/2) takes 61 products at degree 10 for 1.2e-2, and one function of one
direction gives it to 4.5e-8 (estimates). Neither reaches what is neither, as a solution that is not
constant across the direction of its source.
"""


def trial(name: str, width: int) -> dict[str, Any]:
    """The trial solution of a row with as many parameters as splines on the edges to and from
    `width` units have, but for 5 %.

    All have two coordinates and one hidden layer or two.
    """
    target = 3 * width * (DEGREE + INTERVALS)
    kan: dict[str, Any] = {
        "kind": "kan",
        "width": [width],
        "degree": DEGREE,
        "intervals": INTERVALS,
        "margin": 0.1,
    }
    plain = {
        "directions": "even",
        "centers": "none",
        "start": "ridge",
        "radial": 0,
        "ends": "extended",
    }
    if name.startswith("MLP"):
        sine = {"start": "features", "activation": "sine", "scale": 8.0}
        if "tanh" not in name:
            return {"kind": "mlp", "width": [target // 4], **sine}
        # [2, n, n, 1] has (n + 2.5)^2 - 5.25 parameters
        first = math.ceil(math.sqrt(target + 5.25) - 2.5)
        return {"kind": "mlp", "width": [first, round((target - 1 - 3 * first) / (first + 2))]}
    if name.endswith("nodes"):
        per_node = DEGREE + INTERVALS + 3
        return {**kan, **plain, "on": "nodes", "width": [round(target / per_node)]}
    others = {"Chebyshev": "chebyshev", "Gaussians (rbf)": "rbf", "Fourier": "fourier"}
    return {**kan, **plain, "basis": others.get(name, "bspline")}


def problem(name: str) -> dict[str, Any] | str:
    if name in PDES:
        return name
    return {"problem": {"name": name, "fit": {"u": FORMULAS[name]}, "domain": SQUARE}}


class Run(NamedTuple):
    """One solve: relative L2 error, processor seconds, number of parameters, shape of the
    network.
    """

    error: float
    seconds: float
    parameters: int
    shape: list[int]


def solved(name: str, functions: str, seed: int, steps: int) -> Run:
    """One solve with so many steps of variable projection."""
    projected: dict[str, Any] = {
        "optimizer": "variable_projection",
        "steps": steps,
        "tolerance": 0.0,
    }
    began = time.process_time()
    width, sampler = (PDE_WIDTH, PDE_SAMPLER) if name in PDES else (FIT_WIDTH, FIT_SAMPLER)
    solution = solve(
        problem(name),
        trial=trial(functions, width),
        sampler=sampler,
        schedule=[SOLVE, projected],
        seed=seed,
    )
    spent = time.process_time() - began
    trial_solution = solution.trial
    return Run(
        error=solution.relative_l2["u"] or 0.0,
        seconds=spent,
        parameters=trial_solution.parameter_count,
        shape=trial_solution.net.shape,
    )


def measured(name: str, seeds: int) -> list[dict[str, str]]:
    """The rows of one problem: first STEPS steps each, then as many as the time of the slowest row
    allows.
    """
    first = {row: [solved(name, row, seed, STEPS) for seed in range(seeds)] for row in ROWS}
    seconds = {row: statistics.median(run.seconds for run in runs) for row, runs in first.items()}
    slowest, rows = max(seconds.values()), []
    for row, runs in first.items():
        steps = min(MOST_STEPS, round(STEPS * slowest / seconds[row]))
        longer = runs
        if steps > STEPS:
            longer = [solved(name, row, seed, steps) for seed in range(seeds)]
        cells = [f"`{name}`", row, str(runs[0].shape), str(runs[0].parameters)]
        cells += [*error_and_seconds(runs), *error_and_seconds(longer)]
        print(" | ".join(cells), flush=True)
        rows.append(dict(zip(COLUMNS, [*cells, str(seeds)], strict=True)))
    return rows


def error_and_seconds(runs: list[Run]) -> tuple[str, str]:
    """The cells of a row for some runs: median (worst) error, median seconds."""
    errors = [run.error for run in runs]
    spent = statistics.median(run.seconds for run in runs)
    return f"{statistics.median(errors):.1e} ({max(errors):.1e})", f"{spent:.1f}"


def winners(rows: list[dict[str, str]], column: str) -> str:
    """How often each kind of functions has the smallest median."""
    by_problem: dict[str, list[tuple[float, str]]] = {}
    for row in rows:
        median = float(row[column].split()[0])
        by_problem.setdefault(row["problem"], []).append((median, row["functions"]))
    best = [(problem, min(medians)[1]) for problem, medians in by_problem.items()]
    return "; ".join(f"{problem} {row}" for problem, row in best)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    rows_by_key = tables.read(PAGE, COLUMNS, keys=2)
    order = [*FORMULAS, *PDES]
    for name in arguments.names or order:
        for row in measured(name, arguments.seeds):
            rows_by_key[row["problem"], row["functions"]] = row
        rows = sorted(rows_by_key.values(), key=lambda row: order.index(row["problem"].strip("`")))
        verdicts = [f"- {budget}: {winners(rows, column)}." for budget, column in JUDGED.items()]
        print("\n".join(verdicts), flush=True)
        if arguments.write:
            PAGE.write_text(TEXT.format(wins="\n".join(verdicts)), encoding="utf-8")
            tables.write(PAGE, COLUMNS, rows, keys=2)
