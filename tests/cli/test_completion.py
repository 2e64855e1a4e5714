"""`kanpde completion SHELL` prints a script that completes what the parsers know."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kanpde.cli import main
from kanpde.cli.arguments import VERBS
from kanpde.cli.completion import script


def completed(*words: str, folder: Path) -> list[str]:
    """What bash offers for the last of the words."""
    quoted = " ".join(f"'{word}'" for word in words)
    asked = (
        f"{script('bash')}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _kanpde"
        " 2>/dev/null; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    told = subprocess.run(
        ["bash", "-c", asked], capture_output=True, text=True, check=True, cwd=folder
    )
    assert not told.stderr
    return told.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["so"], ["solve"]),
        (["solve", "--dr"], ["--dry-run"]),
        (["solve", "problem", "=", "poisson_sq"], ["poisson_square"]),
        (["solve", "problem=poisson_sq"], ["problem=poisson_square"]),
        (["solve", "pro"], ["problem="]),
        (["solve", "pl"], ["plate.yaml"]),
        (["export", "runs", "--to", "v"], ["vtu", "vtk"]),
        (["init", "mine", "--template", "he"], ["heat"]),
        (["completion", ""], ["bash", "zsh"]),
        (["open", "ru"], ["runs"]),
    ],
)
def test_words_are_completed(words: list[str], offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "plate.yaml").touch()
    (tmp_path / "plot.png").touch()
    (tmp_path / "runs").mkdir()
    assert completed("kanpde", *words, folder=tmp_path) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_is_printed_and_knows_all_verbs(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert all(f"        {verb}) " in printed for verb in VERBS)
    assert ("bashcompinit" in printed) == (shell == "zsh")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_takes_the_script_and_knows_the_command(tmp_path: Path) -> None:
    (tmp_path / "kanpde.zsh").write_text(script("zsh"), encoding="utf-8")
    source = f"ZDOTDIR={tmp_path}; source {tmp_path / 'kanpde.zsh'}; print -r -- $_comps[kanpde]"
    answer = subprocess.run(
        ["zsh", "-f", "-c", source], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "-F _kanpde" in answer.stdout
    assert not answer.stderr
