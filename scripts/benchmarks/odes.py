"""Ordinary differential equations: marches beside scipy's Radau, BDF and DOP853 at equal error.

`python -m scripts odes [--write] [NAME ...]` solves each problem by `kanpde.solve` with the error in
the table as `tolerance`, and by each integrator of scipy with the loosest of its tolerances that has
this error at the end (or the best one). Digits are -log10 of the largest relative error of an
unknown at the end, seconds are CPU seconds. --write puts the table into docs/marching.md.

Answers: Lorenz by Taylor series of 40 digits; the pendulum by elliptic functions; Arenstorf's orbit
is closed; HIRES, Pleiades and van der Pol by Mazzia & Magherini, Test Set for Initial Value Problem
Solvers, release 2.4; Robertson by Radau with 1e-13.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import kanpde
from scripts.benchmarks.ode_cases import CASES, Case
from scripts.common import tables

Array = NDArray[np.float64]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "marching.md"
METHODS = ("Radau", "BDF", "DOP853")
COLUMNS = ("to the end", "tolerance", "march", *METHODS)
LOOSEST = (1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 3e-14)
LONGEST = 15.0
"""CPU seconds after which no smaller tolerance is tried."""


def main() -> None:
    """Measure the problems named, or all of them."""
    names = [word for word in sys.argv[1:] if not word.startswith("--")]
    rows = tables.read(PAGE, COLUMNS)
    for name in names or CASES:
        rows[(name,)] = row(name, CASES[name])
        print(" | ".join(rows[(name,)].values()), flush=True)
        if "--write" in sys.argv:
            tables.write(PAGE, COLUMNS, list(rows.values()))


def row(name: str, case: Case) -> dict[str, str]:
    """One row of the table."""
    wanted = np.array(case.answer(), dtype=float)
    cells = {COLUMNS[0]: name, COLUMNS[1]: f"{case.tolerance:.0e}", "march": marched(case, wanted)}
    return cells | {method: integrated(case, method, wanted) for method in METHODS}


def marched(case: Case, wanted: Array) -> str:
    """What `kanpde.solve` gives."""
    rate = "dtt" if case.second else "dt"
    count = len(case.unknowns)
    initial = [f"{u} = {v!r}" for u, v in zip(case.unknowns, case.start, strict=False)]
    if case.second:
        speeds = zip(case.unknowns, case.start[count:], strict=True)
        initial += [f"dt({u}) = {v!r}" for u, v in speeds]
    problem = kanpde.Problem(
        unknowns=case.unknowns,
        time={"from": 0, "to": case.end},
        equations=[
            f"{rate}({u}) = {text}" for u, text in zip(case.unknowns, case.equations, strict=True)
        ],
        conditions={"initial": initial},
    )
    began = time.process_time()
    solution = kanpde.solve(problem, tolerance=case.tolerance, seconds=600)
    seconds = time.process_time() - began
    last = float(solution.problem.domain.upper[0])
    if last < case.end:
        return f"ends at {last:.3g}, {seconds:.2g} s, exit 8"
    values = solution(np.array([[case.end]]))[0]
    flag = "" if solution.result.exit_code == 0 else ", exit 8"
    return f"{digits(values, wanted)}, {seconds:.2g} s{flag}"


def integrated(case: Case, method: str, wanted: Array) -> str:
    """What an integrator of scipy gives."""
    best = (-math.inf, "fails")
    for tolerance in LOOSEST:
        began = time.process_time()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            size = 1e-6 * tolerance if case.tolerance < 1e-6 else tolerance
            run = solve_ivp(
                case.rates, (0, case.end), case.start, method, rtol=tolerance, atol=size
            )
        seconds = time.process_time() - began
        if run.success:
            reached = digits(run.y[:, -1], wanted)
            best = max(best, (float(reached), f"{reached}, {seconds:.2g} s"))
            if best[0] >= -math.log10(case.tolerance):
                break
        if seconds > LONGEST:
            break
    return best[1]


def digits(values: Array, wanted: Array) -> str:
    """-log10 of the largest relative error of an unknown; beside the largest one where it is zero."""
    size = np.where(wanted == 0.0, np.abs(wanted).max(), np.abs(wanted))
    error = float((np.abs(values[: len(wanted)] - wanted) / size).max())
    return f"{min(16.0, -math.log10(max(error, 1e-16))):.1f}"
