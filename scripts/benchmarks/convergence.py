"""Error against the intervals G and against the degree p of the outer layer, for the problems of
the benchmark table.

    python -m scripts convergence [--write] [--draw] [name ...]

All else is as recommended, seed 0. Against G at two degrees (3 and 5, or the next odd ones that the
equation allows); against p at a quarter of the recommended G. A problem in time slabs is solved on
the first SLABS of PARTS equal slabs, both layers changed. A series ends when its next solve would
take more than SECONDS. Errors are relative L2, the largest over the unknowns. --write keeps the
figures of the problems that were named (all of them without names) in docs/convergence.json, draws
docs/figures/convergence_G.png and convergence_p.png and writes the table of docs/convergence.md;
--draw does so without solving.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import kanpde
from kanpde.api.solving import configure
from kanpde.config import Config, shipped
from kanpde.config.config import in_slabs
from kanpde.errors import KanpdeError
from kanpde.problem.problem import Problem
from kanpde.problem.stored_reference import read
from scripts.benchmarks.benchmarks import GOALS
from scripts.benchmarks.convergence_figures import draw
from scripts.benchmarks.convergence_page import page

DOCS = Path(__file__).resolve().parents[2] / "docs"
NAMES = [name for name in GOALS if name in shipped.names()]
SECONDS, SLABS, PARTS, DEGREES = 15.0, 4, 50, range(3, 16, 2)
FINEST = 256
"""Intervals of the finest grid of a slab."""

Point = tuple[int, float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    stored = DOCS / "convergence.json"
    studies: dict[str, Any] = (
        json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else {}
    )
    for name in [] if arguments.draw else arguments.names or NAMES:
        studies[name] = study(name)
        print(name, json.dumps(studies[name]), flush=True)
        if arguments.write:
            stored.write_text(json.dumps(studies, indent=1) + "\n", encoding="utf-8")
    if arguments.write or arguments.draw:
        ordered = {name: studies[name] for name in NAMES if has_series(studies, name)}
        draw(ordered, DOCS / "figures")
        (DOCS / "convergence.md").write_text(page(ordered), encoding="utf-8")


def study(name: str) -> dict[str, Any]:
    """Both series of a problem, as plain data."""
    config = configure(name)
    order = Problem.create(config.problem).order
    best = FINEST if in_slabs(config) else config.trial.intervals[-1]
    degrees = [p for p in DEGREES if p > order]
    coarse = max(2, best // 4)
    return {
        "order": order,
        "trial": [
            len(config.problem.coordinates),
            *config.trial.width,
            len(config.problem.unknowns),
        ],
        "directions": direction_kind(config),
        "slabs": SLABS if in_slabs(config) else 1,
        "intervals": {p: against_intervals(config, p, grids(best)) for p in degrees[:2]},
        "at": coarse,
        "degrees": list(series(config, ((p, coarse) for p in degrees), 0)),
    }


def against_intervals(config: Config, degree: int, grids: list[int]) -> list[Point]:
    """(G, error) at one degree."""
    return list(series(config, ((degree, intervals) for intervals in grids), 1))


def has_series(studies: dict[str, Any], name: str) -> bool:
    """Whether a problem has a series of more than one point."""
    if name not in studies:
        return False
    all_series = [studies[name]["degrees"], *studies[name]["intervals"].values()]
    return any(len(points) > 1 for points in all_series)


def direction_kind(config: Config) -> str:
    """Where the hidden units of a config point."""
    trial = config.trial
    if in_slabs(config):
        return "stretched slabs"
    if not trial.width:
        return "coordinates"
    if trial.centers != "none":
        return "centre of the source"
    return {"source": "the source's", "characteristic": "characteristic"}.get(
        str(trial.directions), "even"
    )


def grids(best: int) -> list[int]:
    """Numbers of intervals, doubling up to the recommended one."""
    return [1, 2, 4, 8] if best < 8 else sorted({max(1, round(best / 2**k)) for k in range(5)})


def series(config: Config, pairs: Iterable[tuple[int, int]], shown: int) -> Iterator[Point]:
    """(p or G, error) along pairs (p, G) while the solves are quick."""
    before = 0.0
    for pair in pairs:
        try:
            error, seconds = solved(config, *pair)
        except KanpdeError as failure:
            print(f"    {config.problem.name} {pair}: {failure}", flush=True)
            continue
        print(
            f"    {config.problem.name} p = {pair[0]}, G = {pair[1]}: {error:.1e}, {seconds:.1f} s",
            flush=True,
        )
        yield pair[shown], error
        if seconds * max(1.0, min(seconds / before, 4.0) if before else 1.0) > SECONDS:
            return
        before = seconds


def solved(config: Config, degree: int, intervals: int) -> tuple[float, float]:
    """Error and seconds of one solve with another outer layer."""
    tree = config.as_tree()
    slabs = in_slabs(config)
    for key, value in (("degree", degree), ("intervals", intervals)):
        tree["trial"][key] = (
            [value] * len(tree["trial"][key]) if slabs else [*tree["trial"][key][:-1], value]
        )
    if slabs:
        begin, end = tree["problem"]["time"]["interval"]
        tree["problem"]["time"] = {"interval": [begin, begin + (end - begin) * SLABS / PARTS]}
        tree["sampler"]["interior"] = 3 * intervals * (config.trial.width[0] + 2)
        tree["slabs"] = SLABS
        tree["problem"].pop("reference")
    solution = kanpde.solve(configure(tree))
    if not slabs:
        return max(e for e in solution.relative_l2.values() if e is not None), solution.seconds
    reference = read(shipped.reference(str(config.problem.reference)), config.problem.name)
    early = solution.problem.domain.contains(reference.x)
    x, w, exact = reference.x[early], reference.w[early, None], reference.values[early]
    error = np.asarray(solution(x)) - exact
    return float(np.sqrt((w * error**2).sum(0) / (w * exact**2).sum(0)).max()), solution.seconds
