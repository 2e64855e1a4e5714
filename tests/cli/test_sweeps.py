"""Sweeps: one table of all jobs, whatever fails, and a sweep that was killed goes on."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from kanpde.api import solving
from kanpde.cli import main
from kanpde.cli.sweep import objective
from kanpde.config import validate
from kanpde.results.sweep_table import Job, digest_of, jobs_of

ROOT = Path(__file__).resolve().parents[2]
TREE: dict[str, Any] = {
    "problem": {
        "name": "tiny",
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "parameters": {"k": 2.0},
        "equations": ["k*dxx(u) = -k*pi**2*sin(pi*x)"],
        "conditions": [{"part": ["left", "right"], "equation": "u = 0"}],
        "exact": {"u": "sin(pi*x)"},
    },
    "trial": {"kind": "kan", "width": [], "degree": 9, "intervals": 8},
    "sampler": {"interior": 64, "boundary": 2},
    "output": {"vtu": False, "plots": False},
}
SWEEP = ["solve", "file=tiny.yaml", "--multirun", "trial.intervals=6,8", "seed=1,-1", "--out", "s"]

Tell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tell:
    """Run a command line in a folder that holds tiny.yaml; exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(yaml.safe_dump(TREE))

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the folders that something is solved in."""
    names: list[str] = []
    real = solving.solve_into

    def solve_into(plan: Any, folder: Path, *rest: Any) -> Any:
        names.append(folder.name)
        return real(plan, folder, *rest)

    monkeypatch.setattr("kanpde.api.solve_into", solve_into)
    return names


def table(folder: str) -> list[dict[str, str]]:
    with Path(folder, "multirun.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_is_swept_and_its_table_is_complete(tell: Tell, solved: list[str]) -> None:
    code, out, err = tell(*SWEEP)
    assert code == 2
    assert "job 1: error: seed=-1" in err
    assert "2 of 4 jobs did not end well: 1, 3" in out
    rows = table("s")
    assert [(row["job"], row["trial.intervals"], row["seed"]) for row in rows] == [
        ("0", "6", "1"), ("1", "6", "-1"), ("2", "8", "1"), ("3", "8", "-1"),
    ]  # fmt: skip
    assert [row["exit_code"] for row in rows] == ["0", "2", "0", "2"]
    for row in (rows[0], rows[2]):
        result = json.loads(Path(row["folder"], "result.json").read_text())
        assert float(row["relative_l2"]) == result["relative_l2"]["u"] < 1e-9
        assert float(row["estimate"]) == result["estimate"]["u"]
        assert float(row["seconds"]) == result["seconds"]
        assert result["trial"]["intervals"] == [int(row["trial.intervals"])]
    assert rows[1]["relative_l2"] == rows[1]["folder"] == ""
    records = json.loads(Path("s/multirun.json").read_text(), parse_constant=pytest.fail)
    assert records["complete"] and len(records["jobs"]) == 4
    assert solved == ["0", "2"]


def test_the_same_command_repeats_nothing_that_has_ended(tell: Tell, solved: list[str]) -> None:
    tell(*SWEEP)
    before = table("s")
    code, out, err = tell(*SWEEP, "--json")
    assert code == 2
    assert "going on with s, where 2 jobs have ended" in err
    assert [job["exit_code"] for job in json.loads(out)["jobs"]] == [0, 2, 0, 2]
    assert solved == ["0", "2"]
    assert [row["relative_l2"] for row in table("s")] == [row["relative_l2"] for row in before]
    code, _, err = tell(*SWEEP[:3], "seed=5", *SWEEP[5:])
    assert code == 6
    assert "holds the sweep of 'file=tiny.yaml trial.intervals=6,8 seed=1,-1'" in err
    changed = {**TREE, "problem": {**TREE["problem"], "parameters": {"k": 3.0}}}
    Path("tiny.yaml").write_text(yaml.safe_dump(changed))
    tell(*SWEEP, "--quiet")
    assert solved == ["0", "2", "0", "2"]


KILLED = """
import os, signal, sys
from kanpde.api import solving
from kanpde.cli import main
write = solving.run_files.write
def killed(folder, solution):
    if folder.name == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    write(folder, solution)
solving.run_files.write = killed
main(sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_sweep_that_was_killed_goes_on_where_it_was(
    tell: Tell, solved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["solve", "tiny.yaml", "-m", "seed=1,2,3", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", KILLED, *words], env=environment, timeout=200)
    assert done.returncode == -signal.SIGKILL
    (folder,) = Path("runs").iterdir()
    assert [row["exit_code"] for row in table(str(folder))] == ["0"]
    resumed: list[str] = []
    real = solving.resume

    def resume(folder: Path, *rest: Any) -> Any:
        resumed.append(folder.name)
        return real(folder, *rest)

    monkeypatch.setattr("kanpde.api.resume", resume)
    assert tell(*words)[0] == 0
    assert [path.name for path in Path("runs").iterdir()] == [folder.name]
    assert (resumed, solved) == (["1"], ["2"])
    rows = table(str(folder))
    assert [row["exit_code"] for row in rows] == ["0"] * 3
    assert all(float(row["relative_l2"]) < 1e-9 for row in rows)


def test_comparisons_are_swept_too(tell: Tell) -> None:
    compare = {
        "seeds": 1,
        "modes": ["best"],
        "mlp": {"width": [8]},
        "mlp_schedule": [{"optimizer": "adam", "steps": 20}],
    }
    Path("both.yaml").write_text(yaml.safe_dump({**TREE, "compare": compare}))
    assert tell("compare", "both.yaml", "-m", "trial.intervals=4,8", "--out", "s")[0] == 0
    for row in table("s"):
        assert float(row["relative_l2"]) == float(row["kan median, each at its best"])
        assert float(row["mlp median, each at its best"]) > 0
        assert row["winner"] == "kan"


def test_a_sweeper_lowers_the_error_or_else_the_estimate() -> None:
    job = Job(0, {}, exit_code=0, seconds=3.0, figures={"relative_l2": 2.0, "estimate": 5.0})
    assert [objective(job, which) for which in (None, "estimate", "seconds")] == [2.0, 5.0, 3.0]
    assert objective(Job(0, {}, exit_code=8, figures={"estimate": 5.0}), None) == 5.0
    assert objective(Job(0, {}, exit_code=0), None) == math.inf
    assert objective(Job(0, {}, exit_code=2, figures={"relative_l2": 1.0}), None) == math.inf


def test_what_is_no_record_is_left_out(tmp_path: Path) -> None:
    good = Job(3, {"seed": "1"}, "d", 0, figures={"relative_l2": 1e-3}, folder="3")
    good.write(tmp_path)
    wrong: dict[str, Any] = {
        "number": "0",
        "overrides": ["a"],
        "digest": None,
        "exit_code": "0",
        "message": None,
        "seconds": "1",
        "figures": [1.0],
        "folder": None,
    }
    for number, (key, value) in enumerate(wrong.items(), 10):
        record = {**asdict(good), "number": number, key: value}
        (tmp_path / "jobs" / f"{number}.json").write_text(json.dumps(record))
    assert jobs_of(tmp_path) == [good]


def test_a_job_is_known_by_every_value_and_its_verb() -> None:
    config, other = (validate({**TREE, "seed": seed}, source="tree") for seed in (0, 1))
    names = {digest_of(config, "solve"), digest_of(other, "solve"), digest_of(config, "compare")}
    assert len(names) == 3
    assert digest_of(validate(config.as_tree(), source="tree"), "solve") in names


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        ("hydra_joblib_launcher", ["seed=1,2", "hydra/launcher=joblib"]),
        (
            "hydra_optuna_sweeper",
            ["trial.intervals=range(4,10)", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=3"],
        ),
    ],
)
def test_plugins_of_hydra_find_their_jobs(plugin: str, words: list[str], tell: Tell) -> None:
    plugins = importlib.util.find_spec("hydra_plugins")
    if plugins is None or importlib.util.find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed: pip install 'kanpde[sweep]'")
    assert tell("solve", "tiny.yaml", "-m", *words, "--out", "s")[0] == 0
    errors = [float(row["relative_l2"]) for row in table("s")]
    best = Path("s/optimization_results.yaml")
    if best.is_file():
        assert yaml.safe_load(best.read_text())["best_value"] == min(errors)
