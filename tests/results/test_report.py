"""The report: strict JSON, CSV with the grid events, a config that loads again, tables and honest
verdicts.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kanpde.config import Config, validate, yaml_file
from kanpde.errors import StorageError
from kanpde.results import report
from kanpde.results.comparison import Comparison, Entry
from kanpde.results.comparison_table import comparison_rows

TREE: dict[str, Any] = {
    "problem": {
        "name": "line",
        "description": "on: a line, 1e3",
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "parameters": {"k": 1e-9},
        "definitions": {"f": "1e3"},
        "equations": ["k*dxx(u) = f"],
        "conditions": [{"part": ["left", "right"], "equation": "u = 0"}],
    },
    "trial": {"kind": "kan", "width": [], "degree": 7, "intervals": 8},
    "schedule": [
        {"optimizer": "lbfgs", "steps": 5},
        {"extend_grid": 16},
        {"update_grid": 0.5},
        {"optimizer": "adam"},
    ],
}


def config() -> Config:
    return validate(TREE, source="test")


def result(kind: str = "kan", **changes: Any) -> dict[str, Any]:
    """The content of a result.json."""
    kan = kind == "kan"
    trial = {
        "kind": kind,
        "width": [10],
        "shape": [2, 10, 1],
        "degree": [3, 3] if kan else None,
        "intervals": [5, 20] if kan else None,
        "parameters": 270 if kan else 41,
    }
    return {
        "problem": "line",
        "trial": trial,
        "relative_l2": {"u": 1.5e-9},
        "max_error": {"u": 0.25},
        "residual_rms": 3e-4,
        "boundary_max": 0.0,
        "outside_share": 0.0,
        "seconds": 12.345,
        "stop_reason": "finished",
        "stop_message": "all stages finished",
        "seed": 0,
        "dtype": "float64",
        "threads": 2,
        "stages": [
            {
                "name": "lbfgs",
                "steps": 5,
                "objective": 0.5,
                "seconds": 1.0,
                "stop_reason": "max_steps",
            }
        ],
        "points": {"interior": 100, "boundary": 20},
        "version": "0.1.0",
    } | changes


def solution(**changes: Any) -> Any:
    history = SimpleNamespace(
        step=(1, 2, 3),
        objective=(1.0, 0.5, 1e-30),
        seconds=(0.1, 0.2, 0.3),
        stage=(0, 0, 2),
        events=((2, "extend_grid 16"), (2, "update_grid mix 0.5")),
    )
    content = result(**changes)
    return SimpleNamespace(
        config=config(), history=history, result=SimpleNamespace(as_dict=lambda: content)
    )


def test_a_run_leaves_result_history_and_config(tmp_path: Path) -> None:
    report.write_run(tmp_path, solution(residual_rms=math.nan))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.yaml",
        "digests.json",
        "history.csv",
        "result.json",
    ]
    data = json.loads((tmp_path / "result.json").read_text())
    assert data == result(residual_rms=None)


def test_the_resolved_config_comes_back_through_the_data_door(tmp_path: Path) -> None:
    path = report.write_config(tmp_path / "config.yaml", config())
    assert validate(yaml_file.load(path), source="config.yaml") == config()


def test_history_names_stages_from_one_and_keeps_grid_events(tmp_path: Path) -> None:
    path = report.write_history(tmp_path / "history.csv", solution().history)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["step"], row["stage"], row["event"]) for row in rows] == [
        ("1", "1", ""),
        ("2", "1", "extend_grid 16; update_grid mix 0.5"),
        ("3", "3", ""),
    ]
    assert [float(row["objective"]) for row in rows] == [1.0, 0.5, 1e-30]


def test_an_event_before_the_first_step_is_kept(tmp_path: Path) -> None:
    history = SimpleNamespace(
        step=(5,), objective=(1.0,), seconds=(0.1,), stage=(1,), events=((0, "extend_grid 9"),)
    )
    text = report.write_history(tmp_path / "history.csv", history).read_text()  # type: ignore[arg-type]
    assert text.splitlines()[1:] == ["0,,,,extend_grid 9", "5,2,0.100000,1.0,"]


def test_the_table_tells_errors_and_held_out_residuals() -> None:
    rows = dict(report.result_rows(result(outside_share=0.0125)))
    assert rows["trial solution"] == "KAN [2, 10, 1], degree 3, intervals [5, 20], 270 parameters"
    assert rows["relative L2 error"] == "1.50e-09"
    assert rows["max error"] == "0.25"
    assert rows["residual (held out, rms)"] == "3.00e-04"
    assert rows["boundary (held out, max)"] == "0"
    assert rows["inputs outside a grid"] == "1.25 %"
    assert rows["stopped"] == "all stages finished"
    assert "error" not in rows


def test_without_an_exact_solution_no_number_is_called_an_error() -> None:
    rows = dict(report.result_rows(result(relative_l2={"u": None}, max_error={"u": None})))
    assert rows["error"].startswith("unknown: no exact or reference solution")
    assert not {"relative L2 error", "max error", "inputs outside a grid"} & set(rows)


def test_several_unknowns_are_named() -> None:
    rows = dict(
        report.result_rows(
            result("mlp", relative_l2={"u": 1e-9, "p": 2.0}, max_error={"u": 1.0, "p": 3.0})
        )
    )
    assert rows["relative L2 error"] == "u 1.00e-09, p 2"
    assert rows["trial solution"] == "MLP [2, 10, 1], 41 parameters"


def test_sizes_of_a_dry_run() -> None:
    rows = dict(report.size_rows(config(), 270, 1000, 15))
    assert rows["schedule"] == "lbfgs 5 steps, extend_grid 16, update_grid 0.5, adam 1000 steps"
    assert "least-squares matrix" not in rows
    linear = validate({**TREE, "schedule": [{"optimizer": "least_squares"}]}, source="test")
    assert (
        dict(report.size_rows(linear, 15, 1000, 15))["least-squares matrix"]
        == "1015 × 15, 118.9 KiB"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        (0.0, "0"),
        (1.23456, "1.23"),
        (1234.5, "1.23e+03"),
        (2.2e-16, "2.20e-16"),
        (math.inf, "inf"),
    ],
)
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert report.number(value) == text


# Comparison
# --------------------------------------------------------------------------------------------------


def entry(
    mode: str, kind: str, error: float | None, seconds: float, seed: int = 0, **changes: Any
) -> Entry:
    values = {
        "relative_l2": {"u": error},
        "max_error": {"u": error},
        "seconds": seconds,
        "seed": seed,
    }
    return Entry(mode, result(kind, **values, **changes))


def comparison() -> Comparison:
    """The KAN wins at equal parameters, the MLP at its best, in spite of one bad seed."""
    return Comparison(
        "line",
        (
            *(entry("equal_parameters", "kan", 10.0**-e, 2.0, s) for s, e in enumerate((8, 9, 10))),
            *(entry("equal_parameters", "mlp", 10.0**-e, 4.0, s) for s, e in enumerate((3, 4, 5))),
            *(entry("best", "kan", 1e-3, 1.0, s) for s in range(3)),
            *(
                entry("best", "mlp", error, 10.0, s)
                for s, error in enumerate((1e-6, math.nan, 1e-7))
            ),
        ),
    )


def test_medians_worst_and_winners() -> None:
    summaries = {(s.mode, s.kind): s for s in comparison().summaries()}
    assert summaries["equal_parameters", "kan"].median == 1e-9
    assert summaries["equal_parameters", "kan"].worst == 1e-8
    assert summaries["best", "mlp"].median == 1e-6
    assert math.isinf(summaries["best", "mlp"].worst)
    first, second = comparison().verdicts()
    assert (first.winner, second.winner) == ("kan", "mlp")
    assert first.ratio == pytest.approx(1e5)
    assert first.seconds_ratio == 0.5
    assert second.sentence() == (
        "each at its best: the MLP wins, its median relative L2 error is 1e+03 times smaller than"
        " the KAN's, "
        "in 10 times the seconds"
    )


def test_a_tie_is_a_tie() -> None:
    (verdict,) = Comparison(
        "line", (entry("best", "kan", 1e-3, 1.0), entry("best", "mlp", 1e-3, 2.0))
    ).verdicts()
    assert (
        verdict.sentence()
        == "each at its best: neither wins, the relative L2 errors differ by a factor of 1 only"
    )
    near = Comparison("line", (entry("best", "kan", 1e-3, 1.0), entry("best", "mlp", 1.9e-3, 2.0)))
    assert near.verdicts()[0].winner == "tie"


def test_without_an_exact_solution_residuals_are_compared_and_called_so() -> None:
    pair = (
        entry("best", "kan", None, 1.0, residual_rms=1e-6),
        entry("best", "mlp", None, 1.0, residual_rms=1e-3),
    )
    compared = Comparison("line", pair)
    assert compared.measure == "residual_rms"
    assert "its held-out residual is 1e+03 times" in compared.verdicts()[0].sentence()


def test_one_kind_alone_has_no_winner() -> None:
    assert Comparison("line", (entry("best", "kan", 1e-3, 1.0),)).verdicts() == ()


def test_comparison_files_hold_every_solve_and_read_back(tmp_path: Path) -> None:
    report.write_comparison(tmp_path, comparison())
    data = json.loads((tmp_path / "compare.json").read_text())
    assert data["measure"] == "relative_l2"
    assert len(data["solves"]) == 12
    assert data["solves"][0]["steps"] == 5
    assert data["solves"][10]["relative_l2"] == {"u": None}
    assert [verdict["winner"] for verdict in data["verdicts"]] == ["kan", "mlp"]
    with (tmp_path / "compare.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["relative_l2"] for row in rows[:3]] == ["1e-08", "1e-09", "1e-10"]
    whole = Comparison("line", comparison().entries[:6])
    assert (
        Comparison.from_dict(json.loads(json.dumps(whole.as_dict())), "x").summaries()
        == whole.summaries()
    )
    with pytest.raises(
        StorageError, match=r"compare\.json: is not a comparison: KeyError 'solves'"
    ):
        Comparison.from_dict({}, "compare.json")


def test_comparison_rows_mark_the_winner() -> None:
    rows = comparison_rows(comparison())
    assert rows[0] == (
        "equal parameters",
        "KAN [2, 10, 1]",
        "270",
        "1.00e-09",
        "1.00e-08",
        "2.00",
        "wins",
    )
    assert rows[1][-1] == rows[2][-1] == ""
    assert rows[3][-1] == "wins"
