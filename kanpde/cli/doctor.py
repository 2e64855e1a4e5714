"""Is the installation sound? Versions, threads, a small solve, whether a run can be written here,
and whether two processes can work on one solve.
"""

from __future__ import annotations

import os
import platform
import re
import tempfile
from importlib import metadata
from pathlib import Path

from kanpde.config import shipped
from kanpde.errors import KanpdeError, NumericalError, StorageError
from kanpde.parallel import ranks, threads
from kanpde.results.report import Row, number
from kanpde.storage import write_text
from kanpde.version import VERSION

_PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "hydra-core",
    "omegaconf",
    "PyYAML",
    "meshio",
    "matplotlib",
    "rich",
    "filelock",
)
_ENOUGH = 1e-10
_PROBLEM = {
    "problem": {
        "name": "doctor",
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "equations": ["laplacian(u) = -2*pi**2*sin(pi*x)*sin(pi*y)"],
        "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
        "exact": {"u": "sin(pi*x)*sin(pi*y)"},
    },
    "trial": {"kind": "kan", "width": [16], "degree": [5, 11], "intervals": [2, 8]},
    "sampler": {"interior": 900, "boundary": 160},
}


def examine() -> tuple[list[Row], KanpdeError | None]:
    """Rows (what, found), and the first thing that is wrong, if any."""
    rows: list[Row] = [
        ("kanpde", VERSION),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
    ]
    wrong: list[KanpdeError] = []
    for name in _PACKAGES:
        rows.append((name, metadata.version(name)))
    rows += _threads()
    for what, check in (
        ("shipped problems", _shipped),
        ("writing here", _writing),
        ("self-test", _self_test),
        ("ranks", _ranks),
    ):
        try:
            rows.append((what, check()))
        except KanpdeError as error:
            rows.append((what, f"FAILED: {error}"))
            wrong.append(error)
    return rows, wrong[0] if wrong else None


def _threads() -> list[Row]:
    import torch

    blas = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    lapack = re.search(r"LAPACK_INFO=(\w+)", torch.__config__.show())
    libraries = f"BLAS {blas.group(1) if blas else 'unknown'}, LAPACK {lapack.group(1) if lapack else 'unknown'}"
    given = (f"{name}={os.environ.get(name, 'not set')}" for name in threads.NAMES)
    found = ", ".join(library.package for library in threads.libraries())
    return [
        ("linear algebra", libraries),
        ("threads", f"{threads.count()} of {os.cpu_count()} processors, {', '.join(given)}"),
        ("threads of libraries", f"one of torch; one of OpenBLAS in {found or 'no package found'}"),
    ]


def _shipped() -> str:
    return f"{len(shipped.names())} in {shipped.conf()}"


def _writing() -> str:
    here = Path.cwd()
    try:
        with tempfile.TemporaryDirectory(prefix=".kanpde-", dir=here) as folder:
            write_text(Path(folder) / "probe.txt", "probe")
    except OSError as error:
        raise StorageError(
            f"runs cannot be written into {here}: {error.strerror or error}"
        ) from error
    return f"possible in {here}"


def _ranks() -> str:
    return f"two processes added up by gloo in {ranks.add_up():.1f} s"


def _self_test() -> str:
    from kanpde import api

    solution = api.solve(_PROBLEM)
    error = solution.relative_l2["u"]
    outcome = f"relative L2 {number(error)} in {solution.seconds:.2f} s"
    if error is None or not error < _ENOUGH:
        raise NumericalError(f"a Poisson problem should reach {_ENOUGH:.0e}, found {outcome}")
    return outcome
