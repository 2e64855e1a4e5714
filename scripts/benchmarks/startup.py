"""How long a start takes: imports against that of torch, and a whole solve beside another version.

    python -m scripts startup [--runs 10] [--other FOLDER] [--problem poisson_5d]

Whole processes in turn, A B A B …, so that a busy machine slows both; printed are medians of wall
and processor seconds, and of their ratios pair by pair. FOLDER is a checkout of another version.
Bytecode is compiled first, as an installation leaves it: without it `import kanpde.api` compiles
every module anew, which takes longer than all else that it does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Command:
    """Arguments of Python in the folder of a version of the package."""

    name: str
    arguments: Sequence[str]
    bytecode: Path
    folder: Path = HERE

    def seconds(self) -> tuple[float, float]:
        """Wall and processor seconds of the whole process."""
        environment = os.environ | {
            "PYTHONPATH": str(self.folder),
            "PYTHONPYCACHEPREFIX": str(self.bytecode),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        before, began = _processor(), time.perf_counter()
        subprocess.run(
            [sys.executable, *self.arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - began, _processor() - before


def _processor() -> float:
    times = os.times()
    return times.children_user + times.children_system


def compare(a: Command, b: Command, runs: int) -> None:
    """Time two commands in turn and print their medians and the medians of their ratios."""
    for command in (a, b):
        command.seconds()  # compiles and fills the caches of the system
    pairs = [(a.seconds(), b.seconds()) for _ in range(runs)]
    print(f"{a.name} against {b.name}, {runs} pairs")
    for place, kind in enumerate(("wall", "processor")):
        first, second = ([pair[side][place] for pair in pairs] for side in (0, 1))
        ratio = median(x / y for x, y in zip(first, second, strict=True))
        print(f"  {kind:9s} {median(first):6.2f} s  {median(second):6.2f} s  ratio {ratio:.2f}")


def main() -> None:
    """Print the ratios of the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--other", type=Path, help="a checkout of another version")
    parser.add_argument("--problem", default="poisson_5d")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bytecode = Path(folder) / "bytecode"
        torch = Command("import torch", ("-c", "import torch"), bytecode)
        package = Command("import kanpde.api", ("-c", "import kanpde.api"), bytecode)
        compare(package, torch, options.runs)
        if options.other is None:
            return
        words = ("-m", "kanpde", "solve", f"problem={options.problem}", "--overwrite", "--out")
        this = Command("this version", (*words, f"{folder}/this"), bytecode)
        elsewhere = options.other.resolve()
        other = Command("the other", (*words, f"{folder}/other"), bytecode, elsewhere)
        compare(this, other, options.runs)
