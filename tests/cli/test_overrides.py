"""What stands beside a data file as key=value: data, read and checked as the file is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kanpde.cli import main
from kanpde.config import yaml_file
from kanpde.config.overrides import Override
from kanpde.errors import BudgetError, ConfigError

ROOT = Path(__file__).resolve().parents[2]
FILE = """
problem:
  name: tiny
  unknowns: [u]
  domain: {interval: [0, 1]}
  parameters: {k: 2.0}
  equations: ["k*dxx(u) = -k*pi**2*sin(pi*x)"]
  conditions: [{part: [left, right], equation: "u = 0"}]
  exact: {u: "sin(pi*x)"}
trial: {width: [], degree: 9, intervals: 8}
sampler: {interior: 64, boundary: 2}
output: {vtu: false, plots: false}
seed: 4
"""
Tell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tell:
    """Run a command line beside tiny.yaml; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(FILE)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def changed(*words: str, text: str = FILE) -> dict[str, Any]:
    """The tree of a file with overrides."""

    def edit(tree: dict[str, Any]) -> dict[str, Any]:
        for word in words:
            tree = Override.read(word).applied(tree)
        return tree

    return yaml_file.loads(text, source="my.yaml", edit=edit)


def test_a_run_is_that_of_a_file_with_the_overrides_written_into_it(tell: Tell) -> None:
    words = ["trial.degree=7", "problem.parameters.k=3", "sampler={interior: 48, boundary: 2}"]
    assert tell("solve", "tiny.yaml", *words, "--out", "a", "--quiet")[0] == 0
    tree = yaml.safe_load(FILE)
    tree["trial"]["degree"], tree["problem"]["parameters"]["k"] = 7, 3
    tree["sampler"] = {"interior": 48, "boundary": 2}
    Path("written.yaml").write_text(yaml.safe_dump(tree))
    assert tell("solve", "written.yaml", "--out", "b", "--quiet")[0] == 0
    assert Path("a/config.yaml").read_text() == Path("b/config.yaml").read_text()
    assert yaml.safe_load(Path("a/config.yaml").read_text())["problem"]["parameters"] == {"k": 3}
    first, second = (json.loads(Path(f"{run}/result.json").read_text()) for run in "ab")
    assert first["relative_l2"] == second["relative_l2"]


def test_a_dry_run_and_a_comparison_take_overrides(tell: Tell) -> None:
    code, out, _ = tell("solve", "tiny.yaml", "--dry-run", "trial.intervals=16")
    assert code == 0 and "25 parameters" in out
    code, out, _ = tell(
        "compare", "--dry-run", "tiny.yaml", "trial.intervals=16", "compare.seeds=2"
    )
    assert code == 0 and "25" in out


def test_the_file_may_stand_behind_its_overrides(tell: Tell) -> None:
    assert tell("solve", "seed=9", "tiny.yaml", "--out", "a", "--quiet")[0] == 0
    assert json.loads(Path("a/result.json").read_text())["seed"] == 9


@pytest.mark.parametrize(
    ("word", "path", "value"),
    [
        ("tolerance=1e-8", ("tolerance",), 1e-8),
        ("seed=null", ("seed",), None),
        ("seed=", ("seed",), None),
        ("seed=# nothing", ("seed",), None),
        ("problem.equations=[u = 1]", ("problem", "equations"), ["u = 1"]),
        ("trial={patches: {degree: 10}}", ("trial",), {"patches": {"degree": 10}}),
        ("trial.width=[]", ("trial", "width"), []),
        ("a.b.c=x", ("a", "b", "c"), "x"),
        (
            "problem.conditions.0.equation=u = 2*x",
            ("problem", "conditions", 0, "equation"),
            "u = 2*x",
        ),
        ("output.vtu=true", ("output", "vtu"), True),
    ],
)
def test_an_override_puts_one_value_at_one_place(
    word: str, path: tuple[str | int, ...], value: Any
) -> None:
    node: Any = changed(word)
    for key in path:
        node = node[key]
    assert node == value and type(node) is type(value)
    assert changed(word)["problem"]["name"] == "tiny"


def test_a_key_is_taken_out_and_the_last_word_counts() -> None:
    assert "seed" not in changed("~seed")
    assert changed("~trial", "trial.patches.degree=10")["trial"] == {"patches": {"degree": 10}}
    assert changed("seed=1", "seed=2")["seed"] == 2


def test_references_of_the_file_see_the_overrides() -> None:
    text = "problem: {parameters: {k: 2}, definitions: {f: '${problem.parameters.k}*x'}}"
    tree = changed("problem.parameters.k=3", text=text)
    assert tree["problem"]["definitions"]["f"] == "3*x"
    tree = changed("a=${problem.parameters.k}", text=text)
    assert tree["a"] == 2


@pytest.mark.parametrize(
    ("word", "fragment"),
    [
        ("tolerance=abc", "tolerance=abc: must be a number, found 'abc'"),
        ("tolernce=1e-8", "tolernce=1e-8: unknown key, did you mean 'tolerance'?"),
        ("trial.widht=[3]", "trial.widht=[3]: unknown key, did you mean 'width'?"),
        ("trial={widht: [3]}", "trial={widht: [3]}: widht: unknown key, did you mean 'width'?"),
        ("seed=1,2", "seed=1,2: must be an integer from 0"),
        ("problem.equations=[dxx(v) = 0]", "problem.equations=[dxx(v) = 0]: [0]: "),
        ("problem.conditions.0.part=lef", "did you mean 'left'?"),
        ("tolerance", "tolerance: must be key=value, as in tolerance=1e-8, found no '='"),
        ("tolerance 1e-8", "tolerance 1e-8: must be key=value"),
        ("++tolerance=1", "++tolerance=1: Hydra's + is not needed"),
        ("+seed=1", "write seed=1, which adds a key that is not there"),
        ("~tolerance", "~tolerance: the file has no key 'tolerance' to take out"),
        ("~sede", "the file has no key 'sede' to take out, did you mean 'seed'?"),
        ("~seed=4", "~seed=4: a key is taken out by ~seed alone; remove =4"),
        ("~problem.conditions.0", "problem.conditions has no key 0 to take out"),
        ("=3", "=3: a key must be words joined by dots"),
        ("a..b=3", "a key must be words joined by dots, as in trial.patches.degree=10"),
        ("0.a=3", "a key must be words joined by dots"),
        ("hydra.run.dir=x", "a key must be words joined by dots"),
        ("trial._target_=os.system", "a key must be words joined by dots"),
        ("trial={_target_: os.system}", "keys beginning with _ are refused"),
        ("trial=!!python/name:os.system x", "tags are refused in a data file"),
        ("trial=[1", "trial=[1: line 1, column 3"),
        ("trial=*x", "anchors and aliases"),
        ("problem={a: 1}", "cannot be mixed with 'problem={a: 1}'"),
        ("problem.python=poisson_waves", "a data file cannot run Python"),
        ("seed.more=1", "seed.more=1: seed holds 4, which has no key 'more'"),
        ("problem.conditions.5.part=left", "problem.conditions is a list of 1, counted from 0"),
        ("problem.conditions.part=left", "problem.conditions is a list of 1, counted from 0"),
        ("seed=${nothing}", "${nothing} names nothing in this file"),
        ("seed=${oc.env:HOME}", "${...} may only name a key of this file"),
    ],
)
def test_a_wrong_override_is_one_line_and_exit_code_2(word: str, fragment: str, tell: Tell) -> None:
    code, out, err = tell("solve", "tiny.yaml", word)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("kanpde: error: ") and fragment in line
    assert sorted(path.name for path in Path().iterdir()) == ["tiny.yaml"]


def test_an_error_of_the_file_still_names_the_file(tell: Tell) -> None:
    Path("bad.yaml").write_text(FILE.replace("trial:", "tiral:"))
    _, _, err = tell("solve", "bad.yaml", "seed=1")
    assert err.startswith("kanpde: error: bad.yaml: tiral: unknown key, did you mean 'trial'?")


def test_the_limits_of_a_file_hold_for_an_override() -> None:
    with pytest.raises(BudgetError, match="more than 10000 nodes"):
        Override.read(f"a=[{'1,' * 10_001}]")
    with pytest.raises(BudgetError, match="larger than 1000000 bytes"):
        Override.read("a=" + "x" * 1_000_001)
    with pytest.raises(ConfigError, match="nested more than 20 levels"):
        Override.read(f"{'a.' * 15}b={'[' * 6}1{']' * 6}")
    assert Override.read(f"{'a.' * 13}b={'[' * 5}1{']' * 5}")


def test_an_override_is_read_without_hydra_and_without_torch(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(FILE)
    program = (
        "import sys; from kanpde.cli import main\n"
        "code = main(['solve', 'tiny.yaml', 'tolerance=abc'])\n"
        "sys.exit(10 * code + bool({'torch', 'hydra'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program]
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=120)
    assert done.returncode == 20
