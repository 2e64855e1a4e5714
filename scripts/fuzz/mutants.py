"""Planted bugs: the suite must see each of them.

`planted.json` beside this file lists one-line faults, written without a look at the tests, with the
test files of their room. Each is planted in a copy of the checkout, and these tests run to the
first failure; a fault that none of them sees is printed and fails the program, and a test for it is
missing. One process per fault is forked from here, so that torch is imported once.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("kanpde", "tests", "conf", "problems", "scripts", "docs")
HEAVY = ("torch", "scipy.optimize", "sympy", "hypothesis", "pytest", "matplotlib")


class Fault(NamedTuple):
    """A name, a file, what stands there once, what is planted, and test files."""

    name: str
    file: str
    right: str
    wrong: str
    tests: str


def main() -> None:
    """Plant the faults, or those that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    listed = json.loads(Path(__file__).with_name("planted.json").read_text(encoding="utf-8"))
    known = {entry["name"]: Fault(**entry) for entry in listed}
    parser.add_argument("faults", nargs="*", default=list(known), help="names (all)")
    parser.add_argument("--seconds", type=int, default=120, help="of a processor, of each (120)")
    words = parser.parse_args()
    sys.dont_write_bytecode = True  # a stale one would hide a fault
    for module in HEAVY:
        importlib.import_module(module)
    survivors = []
    with tempfile.TemporaryDirectory(prefix="kanpde-mutants-") as name:
        place = Path(name)
        for folder in COPIED:
            shutil.copytree(ROOT / folder, place / folder)
        for file in ("pyproject.toml", "README.md", "Makefile"):
            shutil.copy2(ROOT / file, place)
        for fault in (known[name] for name in words.faults):
            killer = killed_by(fault, place, words.seconds)
            print(f"{fault.name}: {killer or 'SURVIVED'}", flush=True)
            survivors += [] if killer else [fault.name]
    print(f"{len(words.faults) - len(survivors)} of {len(words.faults)} killed")
    sys.exit(1 if survivors else 0)


def killed_by(fault: Fault, place: Path, seconds: int) -> str:
    """The test that sees a fault in a copy of the checkout, empty where none does."""
    path, log = place / fault.file, place / "log"
    old, stamp = path.read_text(encoding="utf-8"), path.stat()
    if old.count(fault.right) != 1:
        raise ValueError(f"{fault.name}: {fault.right!r} is not once in {fault.file}")
    path.write_text(old.replace(fault.right, fault.wrong), encoding="utf-8")
    try:
        child = os.fork()
        if child == 0:
            _run_tests(fault, place, log, seconds)
        _, status = os.waitpid(child, 0)
    finally:
        path.write_text(old, encoding="utf-8")
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    if status == 0 or os.WIFSIGNALED(status):  # no failure, or none within the seconds
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return failed[0][:150] if failed else f"ended with {status}: {lines[-1:]}"


def _run_tests(fault: Fault, place: Path, log: Path, seconds: int) -> None:
    """Become the process that runs the tests of a fault."""
    import resource  # not everywhere

    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    os.chdir(place)
    os.environ["PYTHONPATH"] = str(place)
    sys.path[:] = [str(place), *(entry for entry in sys.path if entry not in ("", str(ROOT)))]
    for module in [name for name in sys.modules if name.partition(".")[0] == "scripts"]:
        del sys.modules[module]
    import pytest

    tests = [f"tests/{name}" for name in fault.tests.split()]
    options = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "--tb=no"]
    code = pytest.main([*options, *tests])
    sys.stdout.flush()
    os._exit(int(code))


if __name__ == "__main__":
    main()
