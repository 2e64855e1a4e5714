from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.__main__ import programs

ROOT = Path(__file__).resolve().parents[2]


def door(*words: str) -> subprocess.CompletedProcess[str]:
    """`python -m scripts WORDS`, with the modules that it imported as the last line of stderr."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['scripts', *{words!r}]\n"
        "try:\n"
        "    runpy.run_module('scripts', run_name='__main__')\n"
        "finally:\n"
        "    print('torch' in sys.modules, file=sys.stderr)\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)


def test_the_list_holds_every_program_with_a_sentence() -> None:
    answer = door()
    assert answer.returncode == 0
    for name, program in programs().items():
        assert program.sentence
        assert f"{name} " in answer.stdout and program.sentence in answer.stdout


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_prints_the_docstring_of_a_program_without_torch(word: str) -> None:
    answer = door("coverage", word)
    assert answer.returncode == 0
    assert answer.stdout.startswith("How often the 95 % interval")
    assert "python -m scripts coverage 400" in answer.stdout
    assert answer.stderr.strip() == "False"


def test_an_unknown_program_is_refused() -> None:
    answer = door("nothing")
    assert answer.returncode == 1
    assert "no program 'nothing'; `python -m scripts` lists them" in answer.stderr
