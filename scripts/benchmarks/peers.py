"""This package beside other programs on four problems, error against CPU seconds: docs/peers.md.

    python -m scripts peers [--only NAME ...] [--seconds 3] [--iterations 3000] [--write]

The plate of the README, the L-shape with -Δu = 1, Franke's function and exp(x) sin πy sin πz on a
cube, each by `kanpde` to three tolerances, by NGSolve (elements of order p graded to the corners,
and quadratic ones refined by an estimate), by scikit-fem (quadratic and quartic ones on uniform meshes) and by
DeepXDE (one tanh network, Adam), as far as they are installed: `pip install ngsolve deepxde`.
Errors are relative, in the root mean square over the points of the answers, CPU seconds those of
meshing, assembly and solve, without the import of a program. A method goes on until a solve has
taken --seconds. --write makes the page and its picture.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scripts.benchmarks import peer_elements, peer_networks
from scripts.benchmarks.peer_elements import Values
from scripts.benchmarks.peer_page import write
from scripts.benchmarks.peer_problems import PROBLEMS, values_of

TOLERANCES = (1e-4, 1e-6, 1e-8)

NEEDS = {"NGSolve": "ngsolve", "scikit-fem": "skfem", "DeepXDE": "deepxde"}


class Row(NamedTuple):
    """One solve: its unknowns, its error beside the answer and its CPU seconds."""

    problem: str
    method: str
    unknowns: int
    error: float
    seconds: float


def main() -> None:
    """Solve the problems that the command line names by what is installed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", default=list(PROBLEMS))
    parser.add_argument("--seconds", type=float, default=3.0, help="until a solve takes so long")
    parser.add_argument("--iterations", type=int, default=3000, help="of DeepXDE")
    parser.add_argument("--write", action="store_true", help="make docs/peers.md and its picture")
    options = parser.parse_args()
    missing = [name for name, module in NEEDS.items() if find_spec(module) is None]
    for name in missing:
        package = NEEDS[name].replace("skfem", "scikit-fem")
        print(f"{name} is missing and left out: pip install {package}")
    rows = []
    for problem in options.only:
        for row in measured(problem, options, missing):
            rows.append(row)
            print(
                f"{row.problem:8s} {row.method:24s} {row.unknowns:8d} unknowns  "
                f"error {row.error:.1e}  {row.seconds:7.2f} CPU s",
                flush=True,
            )
    if options.write:
        write(rows, missing)


def measured(problem: str, options: argparse.Namespace, missing: list[str]) -> Iterator[Row]:
    """All solves of one problem."""
    x, truth, _ = PROBLEMS[problem].truth()
    most = options.seconds
    methods = {
        "kanpde": lambda: by_kanpde(problem),
        "NGSolve hp": lambda: peer_elements.ngsolve_hp(problem),
        "NGSolve P2 adaptive": lambda: peer_elements.ngsolve_adaptive(problem, most),
        "scikit-fem P2": lambda: peer_elements.skfem_uniform(problem, 2, most),
        "scikit-fem P4": lambda: peer_elements.skfem_uniform(problem, 4, most),
        "DeepXDE": lambda: peer_networks.deepxde_network(problem, options.iterations),
    }
    for method, solve in methods.items():
        if any(method.startswith(name) for name in missing):
            continue
        for seconds, unknowns, values in solve():
            u = values(x)
            error = float(np.linalg.norm(u - truth) / np.linalg.norm(truth))
            yield Row(problem, method, unknowns, error, seconds)


def by_kanpde(problem: str) -> Iterator[tuple[float, int, Values]]:
    """This package to three tolerances, with nothing else given."""
    import kanpde

    file = PROBLEMS[problem].file
    source = file if Path(file).suffix else {"problem": _statement(file)}
    for tolerance in TOLERANCES:
        began = time.process_time()
        solution = kanpde.solve(source, tolerance=tolerance, seconds=600.0)
        taken = time.process_time() - began
        yield taken, solution.trial.parameter_count, lambda x, s=solution: values_of(s, x)


def _statement(name: str) -> dict[str, object]:
    """A shipped problem without what it recommends."""
    from kanpde.config import shipped, yaml_file

    path = shipped.problem_yaml(name)
    tree = dict(yaml_file.loads(path.read_text(encoding="utf-8"), source=path.name))
    tree.pop("recommended", None)
    return tree


if __name__ == "__main__":
    main()
