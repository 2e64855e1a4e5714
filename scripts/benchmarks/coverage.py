"""How often the 95 % interval of an unknown parameter holds the truth, over draws of 1 % noise on
the data.

    python -m scripts coverage 400                     # Lorenz, reaction, diffusivity and network
    python -m scripts coverage 100 Lorenz reaction     # these alone

Lorenz: three constants from 25 states; reaction: two constants from 200 values of two species;
diffusivity: `inverse_diffusivity` from 80 values. They are solved as `kanpde solve` does, from the
right constants on, with noise of 1 % of the largest value of each unknown, whose size is estimated.
network: `inverse_diffusivity` on one small KAN with all else fixed, noise given and estimated. Of
100 intervals 95 should hold the truth; a count below 90 has a probability of 1 %.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from kanpde import api
from kanpde.assembly.residual import Assembly
from kanpde.assembly.terms import Term
from kanpde.config.problem.statement import problem_tree
from kanpde.inverse.forward import forward_of
from kanpde.inverse.search import determine
from kanpde.problem.problem import Problem
from kanpde.progress import Silent
from kanpde.results.parameter_intervals import estimates
from kanpde.solver.build import build
from kanpde.solver.loop import Solver
from scripts.benchmarks.coverage_cases import CASES, Case, problem

NOISE = 0.01
"""Standard deviation of the noise relative to the largest value."""

UNHURRIED = 1e4
"""Seconds that no solve needs."""

SMALL: dict[str, Any] = {
    "trial": {"width": [10], "degree": [5, 10], "intervals": [1, 1], "ends": "clamped"},
    "sampler": {"interior": 150, "boundary": 60},
}


def covered(
    draws: int, given: bool, seed: int = 0
) -> tuple[int, np.ndarray[Any, np.dtype[np.float64]]]:
    """How many of so many intervals hold the truth, and (k - truth) / standard error of every draw
    (draws,).
    """
    node = problem_tree(api.configure("inverse_diffusivity").problem)
    *others, data = node["conditions"]
    size = max(abs(float(line.split(",")[-1])) for line in data["values"].splitlines()[1:])
    noise = {"noise": NOISE * size} if given else {}
    config = api.configure(
        {"problem": {**node, "conditions": [*others, {**data, **noise}]}, **SMALL}
    )
    parts = build(config)
    zero = torch.zeros_like(parts.trial.net.outer)
    start = parts.trial.constants.raw.detach().clone()
    generator = torch.Generator().manual_seed(seed)
    hits, scores = 0, []
    for _ in range(draws):
        parts.trial.net.set_outer(zero)
        parts.trial.constants.write(start)
        noisy = [disturbed(term, NOISE * size, generator) for term in parts.assembly.terms]
        assembly = Assembly(noisy, parts.trial)
        Solver(parts.trial, assembly, config.schedule, Silent()).run()
        estimate = estimates(parts.problem, assembly, parts.trial)["k"]
        assert (
            estimate.interval_95 is not None
            and estimate.standard_error is not None
            and estimate.true is not None
        )
        hits += estimate.interval_95[0] <= estimate.true <= estimate.interval_95[1]
        scores.append((estimate.value - estimate.true) / estimate.standard_error)
    return hits, np.array(scores)


def determined(case: Case, draws: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Whether each interval holds the truth, and how far each constant is from it in its standard
    errors, (draws, q) both.
    """
    generator, right = np.random.default_rng(0), np.array(list(case.right.values()))
    values, hits, scores = case.values(), [], []
    for _ in range(draws):
        tree = problem(case, values, NOISE, generator)
        config = api.configure({"problem": tree, "seconds": UNHURRIED})
        forward = forward_of(config)
        assert forward is not None
        known = determine(config, Silent(), Problem.create(config.problem), forward)
        hits.append(np.abs(known.s - right) <= known.uncertainty.reach)
        scores.append((known.s - right) / known.uncertainty.errors)
    return np.array(hits), np.array(scores)


def disturbed(term: Term, sigma: float, generator: torch.Generator) -> Term:
    """The term with noise of deviation `sigma` on what was measured."""
    if term.columns is None:
        return term
    noise = sigma * torch.randn(term.columns.shape, generator=generator, dtype=term.columns.dtype)
    return replace(term, columns=term.columns + noise)


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("draws", type=int, nargs="?", default=100)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CASES)}, network")
    arguments = parser.parse_args()
    for name in arguments.names or [*CASES, "network"]:
        if name == "network":
            _print_network(arguments.draws)
            continue
        began = time.process_time()
        hits, scores = determined(CASES[name], arguments.draws)
        by_constant = zip(CASES[name].right, hits.sum(axis=0), scores.std(axis=0), strict=True)
        each = ", ".join(
            f"{key} {count} (deviation {size:.2f})" for key, count, size in by_constant
        )
        print(
            f"{name}: {hits.sum()} of {hits.size} intervals contain the truth: {each};"
            f" {time.process_time() - began:.0f} CPU s",
            flush=True,
        )


def _print_network(draws: int) -> None:
    for given in (True, False):
        began = time.perf_counter()
        hits, scores = covered(draws, given)
        kind = "given" if given else "estimated"
        print(
            f"noise {kind}: {hits} of {draws} intervals contain the truth; (k - truth) / standard"
            f" error has mean {scores.mean():.2f} and deviation {scores.std(ddof=1):.2f};"
            f" {time.perf_counter() - began:.1f} s"
        )
