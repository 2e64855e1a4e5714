"""The command line: two doors to the same run, one line per mistake, and exit codes that mean
something.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pyvista
import yaml

from kanpde.cli import main
from kanpde.cli.arguments import VERBS
from kanpde.cli.terminal import show_comparison
from kanpde.config import shipped, validate, yaml_file
from kanpde.config.solve.defaults import trial_defaults
from kanpde.config.solve.trial import KEYS as TRIAL_KEYS
from kanpde.errors import NumericalError
from kanpde.results.comparison import Comparison

ROOT = Path(__file__).resolve().parents[2]
NODE = {
    "name": "tiny",
    "unknowns": ["u"],
    "domain": {"interval": [0, 1]},
    "parameters": {"k": 2.0},
    "equations": ["k*dxx(u) = -k*pi**2*sin(pi*x)"],
    "conditions": [{"part": ["left", "right"], "equation": "u = 0"}],
    "exact": {"u": "sin(pi*x)"},
}
REST: dict[str, Any] = {
    "trial": {"kind": "kan", "width": [], "degree": 9, "intervals": 8},
    "sampler": {"interior": 64, "boundary": 2},
    "output": {"vtu": False, "plots": False},
}
QUICK = [
    "trial.width=[]",
    "trial.degree=9",
    "trial.intervals=8",
    "sampler.interior=64",
    "output=none",
]

Told = tuple[int, str, str]
Tell = Callable[..., Told]


GOING = re.compile(r"^(solving '.*' into .*|.*: objective \S+, \S+ s)\n", re.MULTILINE)


@pytest.fixture
def tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tell:
    """Run a command line in an empty folder; returns exit code, stdout, and stderr without the lines
    that say how a solve goes.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KANPDE_DEBUG", raising=False)

    def run(*words: str) -> Told:
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, GOING.sub("", captured.err)

    return run


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """A data file of a problem that is solved at once; its name."""
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump({"problem": NODE, **REST}))
    return "tiny.yaml"


@pytest.fixture
def mine(tmp_path: Path) -> list[str]:
    """Words that reach the same problem through Hydra, from a folder of the user's own."""
    (tmp_path / "mine" / "problem").mkdir(parents=True)
    (tmp_path / "mine" / "problem" / "tiny.yaml").write_text(yaml.safe_dump(NODE))
    return ["problem=tiny", "--config-dir", "mine", *QUICK]


def refused(answer: Told, code: int, *fragments: str) -> None:
    """The answer is this exit code and one line that holds all fragments."""
    assert answer[0] == code, answer
    assert answer[1] == ""
    lines = answer[2].splitlines()
    assert len(lines) == 1, answer[2]
    assert lines[0].startswith("kanpde: ")
    for fragment in fragments:
        assert fragment in lines[0]


# Both doors
# --------------------------------------------------------------------------------------------------


def test_both_doors_end_in_the_same_config_and_the_same_run(
    tell: Tell, tiny: str, mine: list[str]
) -> None:
    answers = tell("solve", tiny, "--out", "a"), tell("solve", *mine, "--out", "b")
    for (code, out, err), folder in zip(answers, ("a", "b"), strict=True):
        assert (code, err) == (0, "")
        assert out.splitlines()[-1] == f"files: {folder}"
        assert "relative L2 error" in out
    assert Path("a/config.yaml").read_text() == Path("b/config.yaml").read_text()
    first, second = (json.loads(Path(f"{folder}/result.json").read_text()) for folder in ("a", "b"))
    assert first["relative_l2"] == second["relative_l2"]
    assert first["relative_l2"]["u"] < 1e-9
    assert (
        Path("a/run.log")
        .read_text()
        .splitlines()[-1]
        .endswith("ended: the linear system was solved")
    )


def test_hydra_makes_no_folder_of_its_own(tell: Tell, mine: list[str]) -> None:
    assert tell("solve", *mine, "--out", "run")[0] == 0
    assert sorted(path.name for path in Path().iterdir()) == ["mine", "run"]
    assert sorted(path.name for path in Path("run").iterdir()) == [
        "checkpoints",
        "config.yaml",
        "digests.json",
        "history.csv",
        "result.json",
        "run.log",
    ]


def test_without_out_the_folder_is_dated(tell: Tell, tiny: str) -> None:
    code, out, _ = tell("solve", tiny, "--quiet")
    assert code == 0
    (line,) = out.splitlines()
    assert line.startswith("files: runs/tiny-2")
    assert Path(line.removeprefix("files: "), "result.json").is_file()


def test_a_run_is_a_data_file_again(tell: Tell, tiny: str) -> None:
    tell("solve", tiny, "--out", "a")
    assert tell("solve", "a/config.yaml", "--out", "b")[0] == 0
    assert Path("a/config.yaml").read_text() == Path("b/config.yaml").read_text()


def test_json_prints_the_result_and_nothing_else(tell: Tell, tiny: str) -> None:
    code, out, err = tell("solve", tiny, "--out", "a", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(Path("a/result.json").read_text())


def test_a_seed_beside_a_file_wins_over_the_file(tell: Tell, tiny: str) -> None:
    assert tell("solve", tiny, "--seed", "7", "--out", "a")[0] == 0
    assert json.loads(Path("a/result.json").read_text())["seed"] == 7


def test_options_may_stand_between_overrides(tell: Tell, mine: list[str]) -> None:
    code, out, _ = tell("solve", mine[0], "--quiet", *mine[1:3], "--out", "a", *mine[3:], "seed=5")
    assert (code, out) == (0, "files: a\n")
    assert json.loads(Path("a/result.json").read_text())["seed"] == 5


def test_a_list_of_stages_may_be_given_as_schedule(tell: Tell, mine: list[str]) -> None:
    stages = (
        "schedule=[{optimizer: least_squares}, {extend_grid: 16}, {optimizer: lbfgs, steps: 3}]"
    )
    code, out, _ = tell("solve", *mine, stages, "--out", "a")
    assert code == 0
    assert "extend_grid" in out
    names = [stage["name"] for stage in json.loads(Path("a/result.json").read_text())["stages"]]
    assert names[0] == "least_squares"
    assert names[-1] == "lbfgs"


def test_dry_run_solves_nothing_and_makes_nothing(tell: Tell, tiny: str) -> None:
    code, out, _ = tell("solve", tiny, "--dry-run", "--out", "a")
    assert code == 0
    assert "17 parameters" in out
    assert "least-squares matrix" in out
    assert not Path("a").exists()


def test_cfg_job_prints_the_composed_config(tell: Tell, mine: list[str]) -> None:
    code, out, err = tell("solve", *mine, "--cfg", "job")
    assert (code, err) == (0, "")
    assert yaml.safe_load(out)["trial"]["intervals"] == 8
    assert "hydra" not in yaml.safe_load(out)
    assert yaml.safe_load(tell("solve", *mine, "--cfg", "job", "-p", "trial")[1])["degree"] == 9


def test_an_experiment_brings_its_problem(tell: Tell) -> None:
    code, out, _ = tell("solve", "experiment=paper_poisson", "--cfg", "job")
    assert code == 0
    tree = yaml.safe_load(out)
    assert tree["problem"]["name"] == "poisson_paper"
    assert tree["trial"]["width"] == [10]
    assert tree["weights"] == {"equations": 0.01, "conditions": 1.0, "scaled": False, "terms": None}
    code, out, _ = tell("solve", "experiment=paper_poisson", "trial.width=[5]", "--dry-run")
    assert code == 0
    assert "KAN [2, 5, 1]" in out
    assert "10800" in out


@pytest.mark.parametrize("group", ["trial", "schedule", "sampler", "output"])
def test_every_shipped_option_makes_a_valid_config(group: str, tell: Tell) -> None:
    for path in sorted((shipped.conf() / group).glob("*.yaml")):
        grid = ["trial=kan_paper"] if path.stem == "grid_extension" else []
        code, _, err = tell(
            "solve", "problem=poisson_square", f"{group}={path.stem}", *grid, "--dry-run"
        )
        assert (code, err) == (0, ""), path


def test_every_key_of_a_trial_can_be_overridden() -> None:
    assert set(yaml.safe_load((shipped.conf() / "trial/recommended.yaml").read_text())) == set(
        TRIAL_KEYS
    )


def test_a_run_with_functions_on_nodes_has_figures_and_no_diagram(
    tell: Tell, tmp_path: Path
) -> None:
    words = (
        "trial.on=nodes",
        "trial.width=[2]",
        "trial.intervals=2",
        "sampler.interior=50",
        "output.vtu=false",
    )
    code, _, err = tell("solve", "problem=poisson_square", *words, "--out", str(tmp_path / "run"))
    assert (code, err) == (8, "")  # two units resolve nothing
    assert (tmp_path / "run/figures/edges.png").is_file()
    code, _, err = tell("plot", str(tmp_path / "run"), "--diagram")
    assert code == 2 and "a network with its functions on nodes has none" in err


def test_every_shipped_experiment_makes_a_valid_config(tell: Tell) -> None:
    for path in sorted((shipped.conf() / "experiment").glob("*.yaml")):
        if yaml.safe_load(path.read_text()) == {"defaults": [{"override /problem": path.stem}]}:
            continue
        words = [] if "override /problem" in path.read_text() else ["problem=poisson_square"]
        code, _, err = tell("compare", f"experiment={path.stem}", *words, "--dry-run")
        assert (code, err) == (0, ""), path


def test_every_problem_has_an_experiment(tell: Tell) -> None:
    experiments = {
        path.stem: path.read_text() for path in (shipped.conf() / "experiment").glob("*.yaml")
    }
    for name in shipped.names():
        assert (
            f"override /problem: {name}\n" in experiments[name]
            and f"kanpde solve experiment={name}\n" in experiments[name]
        )
    assert tell("solve", "experiment=heat_1d", "--dry-run") == tell(
        "solve", "problem=heat_1d", "--dry-run"
    )


# Mistakes
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (["solv"], ["unknown verb 'solv', did you mean 'solve'?"]),
        (["solve"], ["no problem given", "problem=poisson_square"]),
        (["solve", "trial.width=[3]"], ["no problem given", "problem=poisson_square"]),
        (
            ["solve", "problem=poisson_sqare"],
            ["unknown problem 'poisson_sqare', did you mean 'poisson_square'?"],
        ),
        (["solve", "poisson_square"], ["did you mean problem=poisson_square?"]),
        (
            ["solve", "problem=poisson_square", "trail.width=[3]"],
            ["trail: unknown key, did you mean 'trial'?"],
        ),
        (
            ["solve", "problem=poisson_square", "trial.widht=[3]"],
            ["trial.widht: unknown key, did you mean 'width'?"],
        ),
        (
            ["solve", "problem=poisson_square", "trial=kann"],
            ["unknown trial 'kann', did you mean 'kan'?"],
        ),
        (["solve", "problem=poisson_square", "trial.width=[3"], ["command line"]),
        (["solve", "problem=poisson_square", "trial.width=abc"], ["command line: trial.width"]),
        (["solve", "problem=poisson_square", "seed=nan"], ["command line: seed"]),
        (["solve", "problem=poisson_square", "seed=${nothing}"], ["command line"]),
        (["solve", "problem=poisson_square,helmholtz"], ["a sweep needs --multirun"]),
        (["solve", "problem=poisson_square", "--config-dir", "nowhere"], ["nowhere' not found"]),
        (
            ["solve", "problem=poisson_square", "hydra/launcher=no", "-m"],
            ["unknown hydra/launcher 'no'"],
        ),
        (["solve", "problem=poisson_square", "--seed", "1"], ["with overrides use seed=1"]),
        (
            ["solve", "problem=poisson_square", "--oot", "a"],
            ["unrecognized arguments: --oot", "kanpde solve --help"],
        ),
        (["solve", "none.yaml"], ["none.yaml: no such file"]),
        (
            ["solve", "a.yaml", "problem=poisson_square"],
            ["'a.yaml' is a data file", "'problem=poisson_square'", "key.path=value"],
        ),
        (["solve", "a.yaml", "b.yaml"], ["'a.yaml' is a data file", "'b.yaml'"]),
        (["solve", "a.yaml", "-m", "--cfg", "job"], ["'a.yaml' is a data file", "'--cfg'"]),
        (["solve", "a.yaml", "--config-dir", "x"], ["'a.yaml' is a data file", "'--config-dir'"]),
        (["show", "poisson_sqare"], ["did you mean 'poisson_square'?"]),
        (["init", "a b"], ["made of letters, digits and _"]),
        (["init", "../up"], ["made of letters, digits and _"]),
        (["export", "nowhere", "--to", "vtu"], ["nowhere"]),
        (["export", "nowhere", "--to", "xdmf"], ["invalid choice: 'xdmf'"]),
        (["export", "nowhere", "--to", "csv", "--out", "u.vtu"], ["must end in .csv"]),
        (["export", "nowhere", "--resolution", "0"], ["between 1 and 4000"]),
        (["plot", "nowhere"], ["nowhere"]),
        (["resume", "nowhere"], ["nowhere"]),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    words: list[str], fragments: list[str], tell: Tell
) -> None:
    refused(tell(*words), 2, *fragments)
    assert [path for path in Path().rglob("*") if path.name != "runs"] == []


def test_a_typo_in_a_file_names_file_key_and_remedy(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump({"problem": NODE, "tiral": {}}))
    refused(tell("solve", "bad.yaml"), 2, "bad.yaml", "tiral", "did you mean 'trial'?")


def test_a_formula_that_is_wrong_leaves_no_folder(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        yaml.safe_dump({"problem": {**NODE, "equations": ["dxx(v) = 0"]}})
    )
    refused(tell("solve", "bad.yaml", "--out", "a"), 2, "v")
    assert not Path("a").exists()


def test_a_wrong_file_does_not_cost_the_old_run(tell: Tell, tiny: str, tmp_path: Path) -> None:
    tell("solve", tiny, "--out", "a")
    (tmp_path / "bad.yaml").write_text(
        yaml.safe_dump({"problem": {**NODE, "equations": ["dxx(v) = 0"]}})
    )
    refused(tell("solve", "bad.yaml", "--out", "a", "--overwrite"), 2, "v")
    assert Path("a/result.json").is_file()


def test_a_file_that_is_too_large_is_over_budget(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_text("#" * 1_000_001)
    refused(tell("solve", "big.yaml"), 7, "big.yaml")


def test_a_file_cannot_reach_python(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "py.yaml").write_text("problem: {python: anything}\n")
    refused(tell("solve", "py.yaml"), 2, "python")


def test_an_existing_run_is_refused_unless_overwritten(tell: Tell, tiny: str) -> None:
    assert tell("solve", tiny, "--out", "a", "--quiet")[0] == 0
    refused(tell("solve", tiny, "--out", "a"), 6, "'a' exists", "--overwrite")
    assert tell("solve", tiny, "--out", "a", "--overwrite", "--quiet")[0] == 0


def test_a_numerical_failure_keeps_the_folder_and_stands_in_its_log(
    tell: Tell, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kanpde import api

    def fail(*_: object) -> None:
        raise NumericalError("the matrix is singular")

    monkeypatch.setattr(api, "solve_into", fail)
    refused(tell("solve", tiny, "--out", "a"), 3, "the matrix is singular")
    assert Path("a/run.log").read_text().splitlines()[-1].endswith("failed: the matrix is singular")


def test_a_bug_is_one_line_and_debug_shows_where(
    tell: Tell, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kanpde import api

    def fail(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(api, "solve_into", fail)
    refused(tell("solve", tiny), 1, "internal error: ZeroDivisionError: two lines")
    monkeypatch.setenv("KANPDE_DEBUG", "1")
    code, _, err = tell("solve", tiny)
    assert code == 1
    assert "Traceback" in err


def test_bad_input_is_answered_without_torch() -> None:
    program = (
        "import sys; from kanpde.cli import main; code = main(['solve', 'none.yaml'])\n"
        "sys.exit(10 * code + bool({'torch', 'hydra', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=120
    )
    assert done.returncode == 20


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "kanpde", "solve", "none.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("kanpde: error: none.yaml")


# Sweeps
# --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_sweep_gives_every_job_its_own_folder(tell: Tell, mine: list[str]) -> None:
    words = [
        "--multirun",
        *mine,
        "seed=1,2",
        "trial.intervals=8,10",
        "hydra/launcher=basic",
        "--out",
        "sweep",
    ]
    code, out, err = tell("solve", *words)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"files: {Path('sweep').resolve()}"
    assert sorted(path.name for path in Path("sweep").iterdir()) == [
        *("0", "1", "2", "3", "jobs"),
        *("multirun.csv", "multirun.json", "multirun.yaml", "run.log"),
    ]
    results = [json.loads(Path(f"sweep/{job}/result.json").read_text()) for job in range(4)]
    assert [(result["seed"], result["trial"]["intervals"]) for result in results] == [
        (seed, [intervals]) for intervals in (8, 10) for seed in (1, 2)
    ]
    assert sorted(path.name for path in Path().iterdir()) == ["mine", "sweep"]
    refused(tell("solve", *words[:-3], *words[-2:]), 6, "holds the sweep of")
    assert tell("solve", *words, "--overwrite", "--quiet")[0] == 0


def test_a_job_that_fails_does_not_stop_the_others(tell: Tell, mine: list[str]) -> None:
    code, out, err = tell("solve", "-m", *mine, "seed=-1,3", "--out", "sweep")
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "job 0: error: command line: seed" in err
    assert not Path("sweep/0").exists()
    assert json.loads(Path("sweep/1/result.json").read_text())["seed"] == 3
    assert "files:" in out


def test_two_sweeps_in_one_second_share_nothing(tell: Tell, mine: list[str]) -> None:
    folders = {
        tell("solve", "-m", *mine, "seed=1,2", "--quiet")[1].splitlines()[-1] for _ in range(2)
    }
    assert len(folders) == 2


# Afterwards
# --------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tell: Tell, tiny: str) -> str:
    """The folder of a finished run."""
    assert tell("solve", tiny, "--out", "run", "--quiet")[0] == 0
    return "run"


@pytest.mark.parametrize("suffix", ["vtu", "vtk", "csv", "npz"])
def test_export_writes_the_field(suffix: str, tell: Tell, run: str) -> None:
    code, out, _ = tell("export", run, "--to", suffix, "--resolution", "10")
    assert (code, out) == (0, f"files: run/field.{suffix}\n")
    if suffix == "vtu":
        grid = pyvista.read("run/field.vtu")
        assert set(grid.point_data) == {"u", "u_exact", "u_error", "residual"}
        assert grid.n_points == 11
        assert abs(grid.point_data["u_error"]).max() < 1e-9
    assert tell("export", run, "--to", suffix, "--out", f"elsewhere.{suffix}")[0] == 0
    assert Path(f"elsewhere.{suffix}").is_file()


def test_plot_draws_the_figures(tell: Tell, run: str) -> None:
    code, out, _ = tell("plot", run)
    assert code == 0
    assert "run/figures/error.png" in out
    names = {"solution", "exact", "error", "residual", "history", "edges"}
    assert {path.stem for path in Path("run/figures").iterdir()} == names


def test_a_solve_leaves_field_and_figures_when_asked(tell: Tell, tiny: str, tmp_path: Path) -> None:
    (tmp_path / "full.yaml").write_text(yaml.safe_dump({"problem": NODE, **REST, "output": {}}))
    assert tell("solve", "full.yaml", "--out", "a")[0] == 0
    assert pyvista.read("a/field.vtu").n_points > 100
    assert Path("a/figures/solution.png").is_file()


def test_a_finished_run_resumes_to_itself(tell: Tell, run: str) -> None:
    before = json.loads(Path("run/result.json").read_text())
    code, out, _ = tell("resume", run, "--json")
    assert code == 0
    assert json.loads(out)["relative_l2"] == before["relative_l2"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_the_run_resumes(
    number: int, code: int, tmp_path: Path, tell: Tell
) -> None:
    stage = {"optimizer": "adam", "steps": 10**8, "seconds": 8.0}
    (tmp_path / "long.yaml").write_text(
        yaml.safe_dump({"problem": NODE, **REST, "schedule": [stage]})
    )
    program = "import sys; from kanpde.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "solve", "long.yaml", "--out", "run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = tmp_path / "run" / "run.log"
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 100
        while not (log.exists() and "stage 1/1" in log.read_text()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(number)
        out, _ = process.communicate(timeout=100)
    assert process.returncode == code
    assert b"the state was saved" in out
    before = json.loads((tmp_path / "run" / "result.json").read_text())
    assert before["stop_reason"] == {130: "interrupted", 143: "terminated"}[code]
    assert "the state was saved" in log.read_text().splitlines()[-1]
    history = tmp_path / "run" / "history.csv"
    if number == signal.SIGINT:
        earlier = history.read_text().splitlines()
        code, out, _ = tell("resume", "run", "--quiet")
        assert code in (0, 8) and out == "files: run\n"
        after = json.loads((tmp_path / "run" / "result.json").read_text())
        assert after["stop_reason"] == "time_limit"
        later = history.read_text().splitlines()
        assert len(later) > len(earlier)
        assert later[: len(earlier)] == earlier  # one history, gone on with


BUSY = """
import argparse, hashlib
from kanpde.cli.terminal import watching
with watching(argparse.Namespace(quiet=True, json=False)):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""
"""Half an hour of C code that looks at no signal, as a factorisation."""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_what_no_python_interrupts(number: int, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)  # the first one asks
        process.send_signal(number)
        try:
            assert process.wait(40) == code
        finally:
            process.kill()


def test_watching_for_signals_leaves_no_socket_and_no_thread() -> None:
    code = (
        BUSY.split("    print")[0]
        + "    pass\nimport gc, threading\n[t.join(9) for t in threading.enumerate()[1:]]\ngc.collect()\n"
    )
    process = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, check=True
    )
    assert "ResourceWarning" not in process.stderr


# Comparison
# --------------------------------------------------------------------------------------------------


def test_compare_reports_medians_winner_and_files(tell: Tell, tiny: str, tmp_path: Path) -> None:
    mlp = {
        "seeds": 1,
        "modes": ["best"],
        "mlp": {"width": [8]},
        "mlp_schedule": [{"optimizer": "adam", "steps": 20}],
    }
    (tmp_path / "both.yaml").write_text(
        yaml.safe_dump(
            {"problem": NODE, **REST, "output": {"vtu": True, "plots": True}, "compare": mlp}
        )
    )
    code, out, err = tell("compare", "both.yaml", "--seeds", "2", "--out", "a")
    assert (code, err) == (0, "")
    assert "the KAN wins" in out
    assert out.splitlines()[-1] == "files: a"
    data = json.loads(Path("a/compare.json").read_text())
    solves = [(solve["kind"], solve["seed"]) for solve in data["solves"]]
    assert solves == [("kan", 0), ("mlp", 0), ("kan", 1), ("mlp", 1)]
    assert Path("a/compare.csv").is_file()
    assert Path("a/config.yaml").is_file()
    assert {"u_kan", "u_mlp", "u_exact"} <= set(pyvista.read("a/both.vtu").point_data)
    picture = Path("a/error_vs_seconds.png")
    picture.unlink()
    assert tell("plot", "a")[0] == 0
    assert picture.is_file()


def test_a_comparison_without_a_solve_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_comparison(Comparison("tiny", ()), Path("a"), quiet=False, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "it was stopped before a KAN and an MLP were solved, so there is nothing to compare",
        "files: a",
    ]


def test_the_mlp_of_a_comparison_has_all_keys_of_one_in_the_hydra_config() -> None:
    composed = yaml.safe_load(
        (Path(__file__).resolve().parents[2] / "conf" / "config.yaml").read_text()
    )
    assert set(composed["compare"]["mlp"]) == {"kind", *trial_defaults("mlp", 1)}


def test_seeds_is_short_for_compare_seeds(tell: Tell, mine: list[str]) -> None:
    code, out, _ = tell("compare", *mine, "seeds=4", "--cfg", "job")
    assert (code, yaml.safe_load(out)["seeds"]) == (0, 4)
    words = [*mine, "seeds=2", "compare.modes=[best]", "compare.mlp.width=[4]"]
    stages = "compare.mlp_schedule=[{optimizer: adam, steps: 5}]"
    code, out, _ = tell("compare", *words, stages, "--json", "--out", "a")
    assert code == 0
    assert json.loads(out)["summary"][1]["seeds"] == 2


# Help and the rest
# --------------------------------------------------------------------------------------------------


def test_list_names_every_problem_with_its_description(tell: Tell) -> None:
    code, out, _ = tell("list")
    assert code == 0
    for name in shipped.names():
        assert name in out
    assert set(json.loads(tell("list", "--json")[1])) == set(shipped.names())
    assert all(json.loads(tell("list", "--json")[1]).values())


def test_show_prints_the_file_or_the_whole_config(tell: Tell, tiny: str) -> None:
    assert tell("show", "poisson_square")[1] == shipped.problem_yaml("poisson_square").read_text()
    code, out, _ = tell("show", "poisson_square", "--resolved")
    assert code == 0
    tree = yaml_file.loads(out, source="shown")
    assert (
        validate(tree, source="shown").as_tree()
        == tree
        == json.loads(tell("show", "poisson_square", "--json")[1])
    )
    assert tell("show", tiny, "--resolved")[0] == 0


def test_init_writes_a_file_that_solves(tell: Tell) -> None:
    code, out, _ = tell("init", "my_plate")
    assert code == 0
    assert "kanpde solve my_plate.yaml" in out
    refused(tell("init", "my_plate"), 6, "'my_plate.yaml' exists", "--overwrite")
    assert tell("init", "my_plate.yaml", "--overwrite")[0] == 0
    text = Path("my_plate.yaml").read_text()
    assert "NAME" not in text
    assert validate(yaml_file.loads(text, source="x"), source="x").problem.name == "my_plate"
    assert tell("solve", "my_plate.yaml", "--dry-run")[0] == 0


def test_every_commented_line_of_the_starter_is_valid_too(tell: Tell) -> None:
    """Uncommented one at a time, the optional lines keep the file loadable."""
    text = shipped.starter().replace("NAME", "x")
    lines = text.splitlines()
    optional = [
        i for i, line in enumerate(lines) if line.lstrip().startswith("# ") and ": {" in line
    ]
    assert len(optional) >= 5
    for index in optional:
        changed = [
            line.replace("# ", "", 1) if i == index else line for i, line in enumerate(lines)
        ]
        assert yaml_file.loads("\n".join(changed), source=f"line {index}")


def test_doctor_finds_the_installation_sound(tell: Tell) -> None:
    code, out, err = tell("doctor")
    assert (code, err) == (0, "")
    for word in ("torch", "threads", "BLAS", "self-test", "relative L2", "writing here"):
        assert word in out
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"kanpde {verb}" in capsys.readouterr().out


def test_help_names_every_verb_and_version_is_printed(tell: Tell) -> None:
    for words in ([], ["--help"]):
        code, out, _ = tell(*words)
        assert code == 0
        for verb in VERBS:
            assert f"  {verb} " in out
    assert tell("--version")[1].startswith("kanpde 0.")


def test_the_hydra_door_says_that_it_is_trusted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["solve", "--help"])
    assert "use that door only with configs you trust" in capsys.readouterr().out
