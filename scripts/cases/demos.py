"""Demos of other packages as problem files at default settings, each with its error: docs/demos.md.

    python -m scripts demos [--only NAME ...] [--seconds 150] [--list] [--write]

Every file of docs/examples/demos is solved in a process of its own, `kanpde solve NAME.yaml`, and
compared with its `exact`, or with the value that the second line of the file states. --write puts
the rows into the page, where the rows of other runs stay.
"""

from __future__ import annotations

import argparse
import math
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scripts.common import tables
from scripts.common.processes import json_of, python

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "examples" / "demos"
PAGE = ROOT / "docs" / "demos.md"
COLUMNS = ("file", "package", "demo", "error", "estimate", "exit", "s")
_VALUE = re.compile(r"# Value: (\w+)\(([^)]*)\) = ([-+.\de]+)")


@dataclass(frozen=True)
class Demo:
    """A problem file; `point` and `value` of `unknown` where it states no exact solution."""

    path: Path
    package: str
    title: str
    unknown: str | None = None
    point: tuple[float, ...] = ()
    value: float | None = None

    @classmethod
    def read(cls, path: Path) -> Demo:
        """From the comments that begin a file."""
        first, second, *_ = path.read_text(encoding="utf-8").splitlines()
        package, _, title = first.removeprefix("# ").partition(": ")
        match = _VALUE.match(second)
        if match is None:
            return cls(path, package, title)
        point = tuple(float(text) for text in match[2].split(","))
        return cls(path, package, title, match[1], point, float(match[3]))

    def error(self, folder: Path, result: Mapping[str, Any]) -> float | None:
        """The largest relative error of its unknowns in L2, of its eigenvalues, or of its value."""
        # an unknown that is zero has no relative error, and none has where no solution is known
        errors: list[float | None] = [*(result.get("relative_l2") or {}).values()]
        errors += [_of_eigenvalue(each) for each in result.get("eigenvalues", ())]
        known = [each for each in errors if each is not None]
        if known:
            return max(known)
        if self.value is None or not (folder / "result.json").exists():
            return None
        import kanpde

        solution = kanpde.load(folder)
        column = list(solution.problem.unknowns).index(str(self.unknown))
        value = float(np.asarray(solution(np.array([self.point])))[0, column])
        return abs(value - self.value) / abs(self.value)


def demos() -> dict[str, Demo]:
    """All demos by the names of their files."""
    return {path.stem: Demo.read(path) for path in sorted(FOLDER.glob("*.yaml"))}


def row(demo: Demo, folder: Path, seconds: float) -> dict[str, str]:
    """What came of one demo, solved into a folder."""
    words = [demo.path.name, "output.vtu=false", "output.plots=false", "--quiet"]
    command = ["-m", "kanpde", "solve", *words, "--out", str(folder)]
    ended = python(command, cwd=demo.path.parent, seconds=seconds)
    result = json_of(folder / "result.json") if ended.code in (0, 8) else {}
    estimates = [*(result.get("estimate") or {}).values()]
    estimates += [each["estimate"] for each in result.get("eigenvalues", ())]
    estimates = [each for each in estimates if each is not None]
    return {
        "file": f"`{demo.path.stem}`",
        "package": demo.package,
        "demo": demo.title,
        "error": _short(demo.error(folder, result)),
        "estimate": _short(max(estimates, default=None)),
        "exit": "over time" if ended.code is None else str(ended.code),
        "s": f"{ended.seconds:.0f}",
    }


def _of_eigenvalue(entry: Mapping[str, Any]) -> float | None:
    """Its relative error; of 0 the error itself."""
    if entry.get("error") is None:
        return None
    return float(entry["error"]) / (math.hypot(*entry["exact"]) or 1.0)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


def _put(new: dict[str, str]) -> None:
    """A row into the page, in the order of the names."""
    rows = {key: known for (key,), known in tables.read(PAGE, COLUMNS).items()}
    rows[new["file"]] = new
    tables.write(PAGE, COLUMNS, [rows[key] for key in sorted(rows)])


def main() -> None:
    """Run the demos that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = demos()
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=list(known))
    parser.add_argument("--seconds", type=float, default=150.0, help="limit of each demo")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--write", action="store_true", help="put the rows into docs/demos.md")
    options = parser.parse_args()
    names = options.only or list(known)
    if options.list:
        print("\n".join(names))
        return
    missed = 0
    with tempfile.TemporaryDirectory(prefix="demos-") as scratch:
        for name in names:
            cells = row(known[name], Path(scratch) / name, options.seconds)
            missed += not cells["error"] or float(cells["error"]) > 1e-6
            print(" | ".join(cells.values()), flush=True)
            if options.write:
                _put(cells)
    print(f"{len(names) - missed} of {len(names)} within 1e-6")
