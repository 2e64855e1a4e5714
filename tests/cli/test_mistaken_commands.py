"""Commands as newcomers mistype them: one line that says what to type."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from kanpde.cli import main

ROD = """\
problem:
  name: rod
  unknowns: [u]
  domain: {interval: [0, 1]}
  parameters: {k: 2.0}
  equations: ["k*dxx(u) = -1"]
  conditions:
    - {part: [left, right], equation: "u = 0"}
"""

# the words after `kanpde`, and what the answer must hold
MISTAKEN = [
    ("sovle rod.yaml", "did you mean 'solve'?"),
    ("rod.yaml", "write kanpde solve rod.yaml"),
    ("run rod.yaml", "did you mean 'solve'?"),
    ("train rod.yaml", "did you mean 'solve'?"),
    ("convert folder", "did you mean 'export'?"),
    ("bogus", "unknown verb 'bogus'; known: solve"),
    ("solve", "name a .yaml file, or a shipped problem as in problem=poisson_square"),
    ("solve nothere.yaml", "nothere.yaml: no such file"),
    ("solve rod", "did you mean rod.yaml?"),
    ("solve poisson_square", "did you mean problem=poisson_square?"),
    ("solve poison_square", "did you mean problem=poisson_square?"),
    ("solve problem=poison_square", "did you mean 'poisson_square'?"),
    ("solve folder", "it is a folder: kanpde resume"),
    ("solve notes.txt", "a problem file ends in .yaml"),
    ("solve xyzzy", "kanpde list shows them"),
    ("solve rod.yaml rod.yaml", "cannot be mixed with 'rod.yaml'"),
    ("solve rod.yaml tolerence=1e-8", "did you mean 'tolerance'?"),
    ("solve rod.yaml tolerance 1e-8", "as in tolerance=1e-8"),
    ("solve rod.yaml --tolerance 1e-8", "write tolerance=1e-8 without dashes"),
    ("solve rod.yaml --tolerance=1e-8", "write tolerance=1e-8 without dashes"),
    ("solve rod.yaml tolerance=1e-8,seconds=5", "must be a number"),
    ("solve rod.yaml seconds=2m", "seconds=2m: must be a number"),
    ("solve rod.yaml trial.width=ten", "must be an integer from 1 to 4096"),
    ("solve rod.yaml problem.parameters.K=3", "nothing in the problem holds the parameter 'K'"),
    ("solve rod.yaml -o out", "write --out"),
    ("solve rod.yaml --output out", "write --out"),
    ("solve rod.yaml --out", "expected one argument"),
    ("solve rod.yaml --quite", "did you mean '--quiet'?"),
    ("solve rod.yaml --gpu", "every solve runs on the processor"),
    ("solve rod.yaml -n 4", "torchrun --nproc-per-node=4"),
    ("solve rod.yaml --epochs 100", "a stage of the schedule has steps"),
    ("solve rod.yaml --units x=mm", "write problem.units.x=mm"),
    ("solve rod.yaml --timeout 60", "write seconds=100 without dashes"),
    ("solve rod.yaml units.x=mm", "units: unknown key; it belongs under 'problem'"),
    ("completion fish", "choose from 'bash', 'zsh'"),
    ("complete bash", "did you mean 'completion'?"),
    ("solve rodd.yaml", "rodd.yaml: no such file, did you mean 'rod.yaml'?"),
    ("solve rod.yml", "rod.yml: no such file, did you mean 'rod.yaml'?"),
    ("solve nodir/rod.yaml", "no such file; there is no folder nodir"),
    ("solve rod.yaml out=runs/x", "the folder of a run is given on the command line: --out"),
    ("compare rod.yaml seeds=2", "write compare.seeds=5, or --seeds 5"),
    ("solve rod.yaml --threads 4", "write OMP_NUM_THREADS=4 before the command"),
    ("solve rod.yaml --resume", "kanpde resume RUN goes on with a run"),
    ("solve --config rod.yaml", "a file is given without an option"),
    ("solve plate.msh", "it is a mesh: kanpde init NAME --template mesh"),
    ("version", "write kanpde --version"),
    ("load folder", "did you mean 'open'?"),
    ("export folder vtu", "write --to vtu"),
    ("export folder --to csv --degree 1", "--degree 1 goes with --to vtu"),
    ("open nothere", "nothere: does not exist; give the folder that a solve printed"),
    ("open rod.yaml", "rod.yaml: is a file; give the folder that a solve printed"),
    ("resume u.safetensors", "a saved solution and no run folder; kanpde export writes its field"),
    ("solve u.safetensors", "a saved solution is read by kanpde export"),
    ("export folder --to csv --degree 4", "--degree 4 goes with --to vtu"),
    ("export", "RUN"),
    ("export nothere", "not a run folder (it does not exist)"),
    ("export rod.yaml", "not a run folder (it is a file)"),
    ("export folder", "not a run folder (it has no config.yaml)"),
    ("export folder --to stl", "choose from"),
    ("check rod.yaml", "not a run folder (it is a file)"),
    (f"check {'rod' * 200}", "File name too long"),
    (f"solve {'rod' * 200}", "File name too long"),
    ("resume", "RUN"),
    ("init rod", "choose another name or give --overwrite"),
    ("init mine --template heet", "did you mean 'heat'?"),
    ("init 'a b'", "letters, digits and _"),
    ("show poison_square", "did you mean 'poisson_square'?"),
    ("schema --out nodir/s.json", "cannot be written"),
]


@pytest.mark.parametrize(("words", "expected"), MISTAKEN, ids=[words[:60] for words, _ in MISTAKEN])
def test_a_mistaken_command_is_answered_by_one_line_with_the_remedy(
    words: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "rod.yaml").write_text(ROD, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("notes", encoding="utf-8")
    (tmp_path / "plate.msh").touch()
    (tmp_path / "u.safetensors").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    code = main(shlex.split(words))
    printed = capsys.readouterr().err
    assert code in (2, 4, 6)
    assert printed.startswith("kanpde: error: ")
    assert printed.count("\n") == 1
    assert expected in printed


def test_a_parameter_that_the_file_lacks_may_be_given_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rod.yaml"
    file.write_text(ROD.replace("  parameters: {k: 2.0}\n", ""), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["solve", "rod.yaml", "problem.parameters.k=3", "--quiet"]) == 0
