"""Every case of PDEAgent-Bench with a tolerance and nothing else: docs/pde_agent_bench.md.

    python -m scripts pde_agent_bench [--data FILE] [--only NAME ...] [--equation NAME ...]
                                      [--domain NAME ...] [--all] [--seconds 150]
                                      [--set KEY=VALUE ...] [--keep DIR] [--list] [--write]

Each case becomes a problem file with `tolerance: 1e-6`, which is solved in a process of its own and
compared with the exact solution at random points of the program here. Steady cases with a solution
come first, and alone without --all. --set hands overrides to `kanpde solve`; --write puts the rows
into the page, where the rows of other runs stay.

    right    exit 0 and an error below 3e-6         unsure    exit 8
    wrong    exit 0 and a larger error              refused   exit 2, 3 or 7, a message
    crash    an internal error or a signal          timeout   nothing within the limit
    solved   exit 0 where no solution is known
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.config import yaml_file
from scripts.common.processes import Ended, json_of, python
from scripts.pde_agent_bench import page
from scripts.pde_agent_bench.case import Case, order_of
from scripts.pde_agent_bench.convert import convert
from scripts.pde_agent_bench.domains import DOMAINS
from scripts.pde_agent_bench.equations import EQUATIONS, FLOWS

DATA = Path(__file__).resolve().parents[1] / "data" / "pde_agent_bench_even.jsonl"
TOLERANCE, RIGHT = 1e-6, 3e-6
POINTS, SEED = 4000, 11
OUTPUT = {"vtu": False, "plots": False}


def main() -> None:
    """Run the cases that the command line names."""
    options = _options()
    cases = _chosen(options)
    if options.list:
        print("\n".join(f"{case.name} {case.kind} {case.domain}" for case in cases))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows = []
    with tempfile.TemporaryDirectory(prefix="pde-agent-bench-") as scratch:
        work = Path(options.keep or scratch).resolve()
        for case in cases:
            cells, says = solved(case, work, options.seconds, options.set)
            rows.append(cells)
            print(f"{' | '.join(cells)} | {says[:100]}", flush=True)
            if options.write:
                page.put(cells)
    print("\n".join(page.counts(rows)))
    for case in cases:
        if case.notes:
            print(f"{case.name}: {'; '.join(case.notes)}; corrected")


def solved(case: Case, work: Path, seconds: float, overrides: list[str]) -> tuple[list[str], str]:
    """The row of one case, and what the program said."""
    folder, file = work / case.name, work / f"{case.name}.yaml"
    shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    tree = {"problem": case.problem, "tolerance": TOLERANCE, "output": OUTPUT}
    file.write_text(yaml_file.dumps(tree), encoding="utf-8")
    words = ["-m", "kanpde", "solve", file.name, *overrides, "--out", folder.name, "--quiet"]
    ended = python(words, cwd=work, seconds=seconds)
    result = json_of(folder / "result.json") if ended.code in (0, 8) else {}
    error, trouble = measured(case, folder) if result and case.solution else (None, "")
    estimates = (result.get("estimate") or {}).values()
    estimate = None if None in estimates else max(estimates, default=None)
    cells = [
        f"`{case.name}`",
        case.kind,
        case.domain,
        verdict(case, ended, error),
        "" if error is None else f"{error:.1e}",
        "" if estimate is None else f"{estimate:.1e}",
        "" if ended.code is None else str(ended.code),
        f"{ended.seconds:.1f}",
    ]
    return cells, trouble or sentence(ended, result)


def verdict(case: Case, ended: Ended, error: float | None) -> str:
    """One word of the docstring."""
    if ended.code is None:
        return "timeout"
    if ended.code == 1 or ended.code < 0 or "internal error" in ended.text:
        return "crash"
    if ended.code != 0:
        return "unsure" if ended.code == 8 else "refused"
    if not case.solution:
        return "solved"
    return "right" if error is not None and error < RIGHT else "wrong"


def measured(case: Case, folder: Path) -> tuple[float | None, str]:
    """The largest relative L2 error over the unknowns, a pressure up to a constant."""
    import kanpde

    points = case.points(POINTS, SEED)
    try:
        u = np.asarray(kanpde.load(folder)(points, outside="allow"), dtype=float)
    except Exception as problem:  # a folder that cannot be read is a finding
        return None, f"not read: {type(problem).__name__}: {problem}"
    right = case.exact(points)
    u = u.reshape(right.shape)
    if case.kind in FLOWS:
        u[:, -1] -= (u[:, -1] - right[:, -1]).mean()
    gap, size = np.linalg.norm(u - right, axis=0), np.linalg.norm(right, axis=0)
    largest = float(size.max()) or 1.0
    scale = np.where(size > 1e-12 * largest, size, largest)  # an unknown that is zero: absolute
    return float((gap / scale).max()), ""


def sentence(ended: Ended, result: dict[str, Any]) -> str:
    """The verdict in the program's words, or its last line."""
    for key in ("verdict", "stop_message", "stop_reason"):
        if result.get(key):
            return str(result[key])
    lines = [line for line in ended.text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="lines of JSON of the suite")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[])
    parser.add_argument("--equation", nargs="+", choices=EQUATIONS, metavar="NAME")
    parser.add_argument("--domain", nargs="+", choices=DOMAINS, metavar="NAME")
    parser.add_argument("--all", action="store_true", help="also in time and without a solution")
    parser.add_argument("--seconds", type=float, default=150.0, help="limit of each case")
    parser.add_argument("--set", nargs="+", metavar="KEY=VALUE", default=[], help="overrides")
    parser.add_argument("--keep", metavar="DIR", help="keep files and run folders there")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--write", action="store_true", help="put the rows into the page")
    return parser.parse_args()


def _chosen(options: argparse.Namespace) -> list[Case]:
    lines = options.data.read_text(encoding="utf-8").splitlines()
    rows = {row["id"]: row for row in map(json.loads, lines)}
    unknown = {*options.only} - {*rows}
    if unknown:
        sys.exit(f"no case {sorted(unknown)[0]!r}; --list --all prints the names")
    cases = []
    for case in map(convert, (rows[name] for name in options.only or rows)):
        wanted = options.all or options.only or (case.solution and case.times is None)
        kind = not options.equation or case.kind in options.equation
        if wanted and kind and (not options.domain or case.domain in options.domain):
            cases.append(case)
    return sorted(cases, key=order_of)
