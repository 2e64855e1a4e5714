"""How a run on a user's problem is judged, and that the cases themselves are in order."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.config import validate, yaml_file
from kanpde.errors import ConfigError
from kanpde.problem.formulas import Formulas
from scripts.cases import page
from scripts.cases.answers import FOLDER, Answer, Measured, answers, distance
from scripts.cases.verdicts import Run, verdict
from scripts.common import processes

REFUSED_WITHOUT_REASON = {
    *("csv_decimal_comma", "csv_pandas_index", "csv_semicolon"),
    *("mesh_no_groups", "mesh_point_sets"),
    *("mesh_names_blank", "mesh_names_digit", "mesh_names_hyphen", "mesh_names_unicode"),
}
"""Cases of kind input whose refusal does not give the reason that the answer asks for, or that
should be solved.
"""


def measurable(**keys: Any) -> Answer:
    """The answer of a case with values at points."""
    return Answer("planted", values=({"of": "u", "at": [0.0], "value": 1.0},), **keys)


REFUSABLE = {"refuse_exits": (2, 8), "refuse_says": "singular|not unique"}
EXIT_8 = "the tolerance was not reached"


@pytest.mark.parametrize(
    ("answer", "run", "measured", "expected"),
    [
        (measurable(), Run(0), Measured(1e-7), "OK"),
        (measurable(), Run(0), Measured(1e-5, limit=2e-5), "OK"),
        (measurable(), Run(0), Measured(1e-5), "COARSE"),
        (measurable(), Run(0), Measured(0.1), "WRONG"),
        (measurable(), Run(0), Measured(math.inf), "WRONG"),
        (measurable(), Run(0), Measured(), "WRONG"),
        (measurable(), Run(8, EXIT_8), Measured(1e-7), "UNSURE"),
        (measurable(), Run(8, EXIT_8), Measured(0.5), "UNSURE"),
        (
            measurable(),
            Run(0, "warning: a corner", result={"estimate": 0.1}),
            Measured(0.1),
            "UNSURE",
        ),
        (
            measurable(),
            Run(0, "warning: a corner", result={"estimate": 0.01}),
            Measured(0.1),
            "WRONG",
        ),
        (measurable(), Run(0, result={"estimate": 0.1}), Measured(0.1), "WRONG"),
        (measurable(), Run(2, "kanpde: error: no"), Measured(), "REFUSED"),
        (measurable(), Run(3, "kanpde: error: no"), Measured(), "REFUSED"),
        (measurable(), Run(1, "kanpde: internal error: no"), Measured(), "CRASH"),
        (measurable(), Run(-11), Measured(), "CRASH"),
        (measurable(), Run(0, "Traceback (most recent call last)"), Measured(1e-9), "CRASH"),
        (measurable(), Run(None), Measured(), "TIMEOUT"),
        (measurable(**REFUSABLE), Run(0), Measured(1e-7), "OK"),
        (measurable(**REFUSABLE), Run(8, "it is singular"), Measured(0.5), "OK"),
        (Answer("planted", **REFUSABLE), Run(2, "u is not unique"), Measured(), "OK"),
        (Answer("planted", **REFUSABLE), Run(2, "no"), Measured(), "REFUSED"),
        (Answer("planted", **REFUSABLE), Run(8, "no"), Measured(), "UNSURE"),
        (Answer("planted", **REFUSABLE), Run(0), Measured(), "WRONG"),
        (Answer("planted", **REFUSABLE), Run(0, "warning: singular"), Measured(), "UNSURE"),
        (Answer("singular", **REFUSABLE), Run(2, "singular.yaml: no"), Measured(), "REFUSED"),
        (Answer("planted", interval=True), Run(0), Measured(1e-9, inside=False), "COARSE"),
        (Answer("planted", script="x.py"), Run(0), Measured(), "OK"),
        (Answer("planted", script="x.py"), Run(1), Measured(), "WRONG"),
        (Answer("planted", script="x.py"), Run(3), Measured(), "CRASH"),
    ],
)
def test_a_planted_run_has_its_verdict(
    answer: Answer, run: Run, measured: Measured, expected: str
) -> None:
    assert verdict(answer, run, measured)[0] == expected


def test_a_field_is_compared_unknown_by_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with np.load(FOLDER / "answers" / "lotka_volterra.npz") as stored:
        right = {key: stored[key] for key in stored.files}
    names = [key for key in right if key not in ("x", "own_error")]
    u = np.column_stack([right[names[1]] * 1.01, right[names[0]]])

    class Planted:
        config = SimpleNamespace(problem=SimpleNamespace(unknowns=(names[1], names[0])))

        def __call__(self, points: Any, outside: str) -> Any:
            assert np.array_equal(points, right["x"]) and outside == "allow"
            return u

    monkeypatch.setattr(kanpde, "load", lambda folder: Planted())
    measured = answers()["lotka_volterra"].measure({}, Path("run"))
    assert measured.error == pytest.approx(0.01, rel=1e-9)


def test_a_run_without_a_folder_is_no_result(tmp_path: Path) -> None:
    measured = answers()["lotka_volterra"].measure({}, tmp_path / "none")
    assert measured.error is None and measured.note.startswith("no result: ")


def test_constants_count_by_their_tolerance_and_their_interval() -> None:
    right = {"k": {"value": 2.0, "tolerance": 1e-3}}
    answer = Answer("planted", constants=right, interval=True)
    row = {"value": 2.001, "interval_95": [1.99, 2.01]}
    within = answer.measure({"parameters": {"k": row}}, Path())
    assert within.error == pytest.approx(5e-4) and within.error <= within.limit and within.inside
    outside = answer.measure({"parameters": {"k": {**row, "interval_95": [2.0005, 2.01]}}}, Path())
    assert not outside.inside
    wrong = answer.measure({"parameters": {"k": {"value": 2.1}}}, Path())
    assert wrong.error is not None and wrong.error > max(wrong.limit, wrong.coarse)
    missing = answer.measure({"parameters": {}}, Path())
    assert missing.error == math.inf


def test_a_distance_is_relative_and_absolute_where_the_answer_is_zero() -> None:
    assert distance(np.array([1.1, 0.0]), np.array([1.0, 0.0])) == pytest.approx(0.1)
    assert distance(np.full(4, 0.2), np.zeros(4)) == pytest.approx(0.2)
    assert distance(np.array([1.0, np.nan]), np.ones(2)) == math.inf


@pytest.mark.parametrize("name", sorted(answers()))
def test_a_case_is_a_valid_file_or_is_refused_as_its_answer_says(name: str) -> None:
    answer, path = answers()[name], FOLDER / f"{name}.yaml"
    if answer.script is not None:
        assert (FOLDER / answer.script).is_file()
        return
    try:
        Formulas.of(validate(yaml_file.load(path), source=path.name, base=FOLDER).problem)
    except ConfigError as error:
        word, _ = verdict(answer, Run(2, str(error)), Measured())
        assert word == "OK" or name in REFUSED_WITHOUT_REASON, error
    else:
        assert answer.measurable or answer.constants or answer.refuse_exits


def test_every_answer_belongs_to_a_case_and_lies_at_points_of_its_own() -> None:
    for path in (FOLDER / "answers").glob("*.npz"):
        assert path.stem in answers()
        with np.load(path) as stored:
            assert 0 <= float(stored["own_error"]) < 1e-2
            sizes = {len(stored[key]) for key in stored.files if key != "own_error"}
        assert len(sizes) == 1


def test_a_program_that_runs_out_of_time_is_stopped(tmp_path: Path) -> None:
    ended = processes.python(["-c", "import time; time.sleep(600)"], cwd=tmp_path, seconds=0.5)
    assert ended.code is None
    ended = processes.python(["-c", "print(1); raise SystemExit(3)"], cwd=tmp_path, seconds=60)
    assert (ended.code, ended.text) == (3, "1\n")


def test_the_page_keeps_rows_and_counts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "cases.md")
    page.put(["`b`", "steady", "WRONG", "4.0e-01", "1.0e-02", "0", "3.0"], 150)
    page.put(["`a`", "ode", "OK", "1.0e-08", "2.0e-08", "0", "1.0"], 150)
    page.put(["`b`", "steady", "OK", "1.0e-08", "1.0e-08", "0", "3.0"], 150)
    text = page.PAGE.read_text(encoding="utf-8")
    assert text.index("| `a` | ode | OK") < text.index("| `b` | steady | OK")
    assert "- steady: 1 cases, 1 OK\n- all: 2 cases, 2 OK\n" in text
    assert "of 2 errors 2 are at most 3 and 2 at most 10 times their estimate" in text
    assert text.count("Verdicts by kind") == 1 and "WRONG" not in text
