"""Relative L2 error and seconds of every shipped problem at its default settings, median and worst over seeds.

    python scripts/accuracy_table.py [seeds] [name ...]

Prints a Markdown table. `poisson_holes` has no exact solution: see scripts/check_holes.py.
"""

from __future__ import annotations

import statistics
import sys

import kanpde


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    names = sys.argv[2:] or [name for name, _ in kanpde.available()]
    print(f"| problem | trial solution | parameters | median relative L2 | worst of {seeds} seeds | median s |")
    print("|---|---|---|---|---|---|")
    for name in names:
        solutions = [kanpde.solve(name, seed=seed) for seed in range(seeds)]
        trial = solutions[0].result.trial
        errors = [
            max(e for e in s.relative_l2.values() if e is not None) for s in solutions if any(s.relative_l2.values())
        ]
        measured = [f"{statistics.median(errors):.1e}", f"{max(errors):.1e}"] if errors else ["no exact solution", ""]
        seconds = statistics.median(s.seconds for s in solutions)
        shape = f"KAN {trial['shape']}, p = {trial['degree'][-1]}, G = {trial['intervals'][-1]}"
        print(f"| `{name}` | {shape} | {trial['parameters']} | {' | '.join(measured)} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
