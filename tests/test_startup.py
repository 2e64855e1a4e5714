"""What a start does not pay for: modules that a verb does not need are not imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from kanpde.cli import doors
from kanpde.cli.arguments import parse
from kanpde.config import shipped

ROOT = Path(__file__).resolve().parents[1]
HEAVY = (
    "gmsh",
    "hydra",
    "matplotlib",
    "meshio",
    "mpmath",
    "omegaconf",
    "rich",
    "scipy",
    "skfem",
    "sympy",
)


def imported(program: str) -> set[str]:
    """The modules of a fresh process at the end of a program."""
    report = "import sys; print('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{report}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_the_api_imports_no_heavy_module_but_torch() -> None:
    assert imported("import kanpde.api") & {*HEAVY, "torch._dynamo", "torch._inductor"} == set()


def test_the_package_itself_imports_neither_torch_nor_numpy() -> None:
    assert imported("import kanpde") & {*HEAVY, "torch", "numpy"} == set()


def test_a_solve_of_a_box_needs_neither_scipy_nor_hydra(tmp_path: Path) -> None:
    """Gauss rules, Sobol points and LAPACK come without scipy; `problem=NAME` without Hydra."""
    words = ["solve", "problem=poisson_5d", "--out", str(tmp_path / "run"), "--quiet"]
    program = f"from kanpde.cli import main; assert main({words!r}) == 0"
    modules = imported(program)
    assert modules & {*HEAVY} == {"matplotlib"}
    assert "matplotlib.pyplot" not in modules


def test_a_steady_problem_on_patches_loads_no_marches() -> None:
    program = """
from kanpde.api.choice import chosen_plan
from kanpde.api.solving import configure
sides = [{"part": "boundary", "equation": "u = 0"}]
square = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
rule = {"name": "steady", "unknowns": ["u"], "domain": square, "conditions": sides}
chosen_plan(configure({"problem": {**rule, "equations": ["-laplacian(u) = 1"]}}))
"""
    modules = imported(program)
    assert "kanpde.patches.search" in modules
    assert not [name for name in modules if name.startswith("kanpde.marching.")]


def test_other_words_are_for_hydra() -> None:
    words = ["solve", "problem=poisson_5d", "seed=1", "--dry-run"]
    assert "hydra" in imported(f"from kanpde.cli import main; assert main({words!r}) == 0")


@pytest.mark.parametrize(
    "names",
    [shipped.names()[::8], pytest.param(shipped.names(), marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_a_shipped_problem_alone_is_what_hydra_composes(names: list[str]) -> None:
    """The short way and Hydra give the same config of every shipped problem."""
    with initialize_config_dir(str(shipped.conf()), version_base="1.3"):
        for name in names:
            arguments = parse("solve", [f"problem={name}"])
            composed = compose("config", overrides=[f"problem={name}"])
            assert doors.shipped_config(arguments) == doors.hydra_config(composed), name


@pytest.mark.parametrize(
    "words",
    [
        ["problem=none"],
        ["problem=poisson_5d", "seed=1"],
        ["+problem=poisson_5d"],
        ["problem=poisson_5d", "--cfg", "job"],
        ["problem=poisson_5d", "--config-dir", "."],
    ],
)
def test_the_short_way_is_for_one_word(words: list[str]) -> None:
    assert doors.shipped_config(parse("solve", words)) is None
