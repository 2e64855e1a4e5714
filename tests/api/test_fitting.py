"""Regression as a problem: what a fit says, where its errors stand, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import StopAfter

import kanpde
from kanpde import api
from kanpde.api import contenders
from kanpde.api.contenders import best_mlp, best_mlps, merit, rehearsal
from kanpde.cli import main
from kanpde.config import Config, validate, yaml_file
from kanpde.config.problem.tables import Table
from kanpde.errors import BudgetError, ConfigError, KanpdeError
from kanpde.results.comparison import Comparison
from kanpde.results.report import fit_rows
from kanpde.solver.build import build

pytestmark = pytest.mark.usefixtures("quick")

SQUARE = {"rectangle": {"lower": [-1, -1], "upper": [1, 1]}}
LINEAR = {"width": [6], "degree": 4, "intervals": [1, 3]}
QUIET = {"output": {"vtu": False, "plots": False}}
CSV = "x,y,measured\n" + "".join(
    f"{x},{y},{2 * x - y + 0.5}\n" for x in (0, 0.5, 1, 1.5) for y in (-1, 0, 2, 3)
)
NOTED = "x,note,measured\n1,good,2\n2,good,3\n"
DATA = {"data": "table.csv", "columns": {"u": "measured"}}


def formula(**keys: Any) -> dict[str, Any]:
    return {
        "problem": {"name": "toy", "domain": SQUARE, "fit": {"u": "x**2 - x*y"}, **keys},
        "trial": LINEAR,
        **QUIET,
    }


def written(folder: Path, fit: dict[str, Any], text: str = CSV, **keys: Any) -> Path:
    (folder / "table.csv").write_text(text, encoding="utf-8")
    tree = {"problem": {"name": "own", "fit": fit, **keys}, "trial": LINEAR, **QUIET}
    (folder / "own.yaml").write_text(yaml_file.dumps(tree), encoding="utf-8")
    return folder / "own.yaml"


def cloud(count: int, seed: int = 0, d: int = 2) -> tuple[Any, Any]:
    x = np.random.default_rng(seed).uniform(-1, 1, (count, d))
    return x, x[:, 0] ** 2 - x[:, 0] * x[:, -1]


# Formulas
# --------------------------------------------------------------------------------------------------


def test_a_formula_is_an_equation_without_derivatives_and_its_own_exact_solution() -> None:
    config = api.configure(formula())
    assert config.problem.equations == ("u = x**2 - x*y",) and config.problem.exact == {
        "u": "x**2 - x*y"
    }
    assert config.problem.conditions == () and set(config.problem.free) == {
        "left",
        "right",
        "bottom",
        "top",
    }
    solution = api.solve(formula())
    assert (
        solution.rmse["u"] < 1e-12
        and solution.relative_l2["u"] is not None
        and solution.relative_l2["u"] < 1e-12
    )
    fit = solution.result.as_dict()["fit"]
    assert (
        fit["train"]["points"] == solution.result.points["interior"] and fit["test"]["points"] > 0
    )


def test_a_formula_of_own_coordinates_parameters_and_time() -> None:
    problem = {
        "name": "density",
        "domain": {"box": {"lower": [0, 0.5], "upper": [1, 2], "inputs": ["theta", "sigma"]}},
        "time": {"interval": [0, 1]},
        "parameters": {"c": 2.0},
        "fit": {"u": "c*theta*sigma + t"},
    }
    config = api.configure({"problem": problem})
    assert config.problem.coordinates == ("theta", "sigma", "t")
    assert validate(config.as_tree(), source="again") == config
    assert (
        api.configure(
            {"problem": problem | {"domain": SQUARE, "fit": {"u": "x"}, "time": None}}
        ).problem.time
        is None
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a"], "must hold exactly 2 elements"),
        (["a", "a"], "stands twice"),
        (["a", "sin"], "cannot name a coordinate"),
    ],
)
def test_names_of_coordinates_are_checked(names: list[str], message: str) -> None:
    box = {"box": {"lower": [0, 0], "upper": [1, 1], "inputs": names}}
    with pytest.raises(ConfigError, match=message):
        api.configure({"problem": {"name": "toy", "domain": box, "fit": {"u": "1"}}})


def test_a_fit_reads_back_from_its_tree() -> None:
    for tree in (
        formula(),
        {
            "problem": {
                "name": "t",
                "fit": {"values": CSV, "columns": {"u": "measured"}, "test": 0.25},
            }
        },
    ):
        config = api.configure(tree)
        assert (
            validate(
                yaml_file.loads(yaml_file.dumps(config.as_tree()), source="again"), source="again"
            )
            == config
        )


# Tables
# --------------------------------------------------------------------------------------------------


def test_a_table_is_fitted_and_its_test_rows_are_held_out(tmp_path: Path) -> None:
    solution = api.solve(
        written(tmp_path, DATA | {"test": 0.25}), trial={"width": [2], "degree": 2, "intervals": 1}
    )
    fit = solution.result.as_dict()["fit"]
    assert (fit["train"]["points"], fit["test"]["points"]) == (12, 4)
    assert solution.rmse == fit["test"]["rmse"] and solution.rmse["u"] < 1e-6
    assert (
        solution.relative_l2 == fit["test"]["relative_l2"]
        and solution.max_error == fit["test"]["max_error"]
    )
    assert solution.result.points == {"interior": 12, "boundary": 0}
    assert solution.problem.domain.lower.tolist() == [
        0,
        -1,
    ] and solution.problem.domain.upper.tolist() == [1.5, 3]


def test_numbers_of_the_test_change_errors_and_nothing_else(tmp_path: Path) -> None:
    text = "x,y,measured\n0,0,0\n1,3,5\n0.5,0.5,1\n"
    for name, last in (("a", "1.5,2,2.5"), ("b", "1.5,2,99")):
        (tmp_path / f"{name}.csv").write_text(text + last + "\n", encoding="utf-8")
    first, second = (api.solve(written(tmp_path, DATA | {"test": f"{name}.csv"})) for name in "ab")
    assert torch.equal(first.coefficients(), second.coefficients())
    assert second.max_error["u"] > 90 > first.max_error["u"]  # type: ignore[operator]


def test_the_split_has_a_seed_of_its_own_and_loses_no_row() -> None:
    def parts(**keys: Any) -> tuple[Table, Table]:
        tree = {
            "problem": {
                "name": "t",
                "fit": {"values": CSV, "columns": {"u": "measured"}, "test": 0.25, **keys},
            }
        }
        fit = api.configure(tree, seed=len(keys)).problem.fit
        assert fit is not None and fit.train is not None and fit.test is not None
        return fit.train, fit.test

    train, test = parts()
    assert parts() == (train, test) != parts(seed=1)
    rows = {line for table in (train, test) for line in table.text().splitlines()[1:]}
    assert len(rows) == 16 and len(train) == 12


def test_a_fit_at_equal_points_is_the_mean_of_their_values(tmp_path: Path) -> None:
    x = np.repeat(np.linspace(0, 1, 12), 2)
    y = x + np.tile([0.25, -0.25], 12)
    solution = kanpde.fit(x, y, trial={"width": [], "degree": 2, "intervals": 2})
    assert abs(solution(np.array([[0.3], [0.9]]))[:, 0] - [0.3, 0.9]).max() < 1e-9
    assert solution.rmse["u"] == pytest.approx(0.25) and solution.relative_l2["u"] is None, (
        "no test, no error"
    )


def test_outputs_and_inputs_of_any_size_count_the_same() -> None:
    x = cloud(80)[0]
    y = np.sin(7 * x[:, 0] * x[:, 1])
    small = kanpde.fit(1e3 * x, np.stack([y, 1e-5 * y], axis=1), trial=LINEAR)
    assert small.rmse["u2"] / small.rmse["u1"] == pytest.approx(1e-5, rel=1e-3)
    weights = [term.weight for term in build(small.config).assembly.terms]  # type: ignore[union-attr]
    assert weights == pytest.approx([0.5 / y.var(), 0.5 / (1e-5 * y).var()])
    assert kanpde.fit(x, y, trial=LINEAR).rmse["u"] == pytest.approx(small.rmse["u1"], rel=1e-3)


def test_a_domain_may_be_larger_than_the_data_and_not_smaller(tmp_path: Path) -> None:
    wide = {"rectangle": {"lower": [-1, -2], "upper": [2, 4]}}
    assert api.configure(written(tmp_path, DATA, domain=wide)).problem.coordinates == ("x", "y")
    with pytest.raises(
        ConfigError, match=r"problem.fit: 4 of 16 rows lie outside the domain, the first in row 4"
    ):
        api.solve(
            written(tmp_path, DATA, domain={"rectangle": {"lower": [-1, -2], "upper": [2, 2.5]}})
        )


@pytest.mark.parametrize(
    ("optimizer", "trial"),
    [
        (
            "variable_projection",
            {"width": [2, 1], "degree": 3, "intervals": 5, "start": "scaled", "margin": 0.5},
        ),
        (
            "levenberg_marquardt",
            {"width": [2, 1], "degree": 3, "intervals": 5, "start": "paper", "base": "silu"},
        ),
        ("lbfgs", {"width": [2, 1], "degree": 3, "intervals": 5, "start": "paper", "base": "silu"}),
        ("adam", {"width": [2, 1], "degree": 3, "intervals": 5, "start": "paper", "base": "silu"}),
        ("levenberg_marquardt", {"kind": "mlp", "width": [8, 8]}),
    ],
)
def test_deep_networks_learn_by_every_optimizer(optimizer: str, trial: dict[str, Any]) -> None:
    x, y = cloud(60)
    steps = [{"optimizer": optimizer, "steps": 5}]
    grids = [] if trial.get("kind") == "mlp" else [{"extend_grid": 10}]
    first = [{"update_grid": {"mix": 0.02}}] if trial.get("start") == "paper" else []
    solution = kanpde.fit(x, y, trial=trial, schedule=[*first, *steps, *grids, *steps], test=0.2)
    assert solution.history.objective[-1] < solution.history.objective[0] and np.isfinite(
        solution.rmse["u"]
    )


def test_a_scaled_start_fills_its_grids() -> None:
    trial = {
        "width": [4, 3],
        "degree": 3,
        "intervals": 5,
        "start": "scaled",
        "margin": 0.25,
        "base": "silu",
    }
    network = build(api.configure(formula(), trial=trial)).trial.network
    z = 2 * torch.rand(2, 4000, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    for layer in list(network.layers)[:-1]:  # type: ignore[arg-type]
        z = layer(z)
        low, high = z.aminmax(dim=1)
        assert (abs(low + 0.8) < 0.15).all() and (abs(high - 0.8) < 0.15).all()
    assert not network.layers[-1](z).any(), "the outer layer is left to a linear solve"  # type: ignore[index,operator]


# Runs
# --------------------------------------------------------------------------------------------------


def test_a_run_keeps_its_numbers(tmp_path: Path) -> None:
    x, y = cloud(40)
    solution = kanpde.fit(x, y, test=0.2, trial=LINEAR, out=tmp_path / "run")
    assert {"fit.npz", "fit_test.npz"} <= {path.name for path in (tmp_path / "run").iterdir()}
    with (
        np.load(tmp_path / "run" / "fit.npz") as kept,
        np.load(tmp_path / "run" / "fit_test.npz") as test_rows,
    ):
        both = np.concatenate(
            [np.stack([rows[name] for name in "xyu"], axis=1) for rows in (kept, test_rows)]
        )
    assert {tuple(row) for row in both.tolist()} == {
        tuple(row) for row in np.column_stack([x, y]).tolist()
    }
    again = kanpde.load(tmp_path / "run")
    assert again.config.problem == solution.config.problem and again.rmse == solution.rmse
    assert kanpde.resume(tmp_path / "run").rmse == solution.rmse


def test_a_table_too_long_for_text_stays_as_it_is() -> None:
    x, y = cloud(6000)
    solution = kanpde.fit(x, y, trial={"width": [3], "degree": 3, "intervals": 2})
    values = solution.config.as_tree()["problem"]["fit"]["values"]
    assert isinstance(values, Table) and len(values) == 6000
    assert api.configure(solution.config, seed=1).problem == solution.config.problem


def test_the_table_of_a_solve_says_what_the_test_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, DATA | {"test": 0.25})
    main(["solve", str(path), "--out", str(tmp_path / "run")])
    text = capsys.readouterr().out
    assert (
        "test RMSE" in text
        and "(4 points)" in text
        and "train RMSE" in text
        and "boundary" not in text.split("points")[0]
    )
    main(["solve", str(written(tmp_path, DATA)), "--out", str(tmp_path / "bare")])
    assert "unknown: no test" in capsys.readouterr().out
    main(["show", str(path), "--resolved"])
    assert "columns: {u: measured}" in capsys.readouterr().out


def test_a_comparison_of_a_fit_measures_the_test() -> None:
    tree = api.configure(
        {
            "problem": {
                "name": "t",
                "fit": {"values": CSV, "columns": {"u": "measured"}, "test": 0.25},
            },
            "trial": LINEAR,
        },
        compare={"seeds": 1, "modes": ["equal_parameters"]},
    )
    comparison = api.compare(tree)
    assert comparison.measure == "relative_l2" and len(comparison.entries) == 2
    assert all(
        entry.rmse == entry.result["fit"]["test"]["rmse"]["u"] for entry in comparison.entries
    )
    again = Comparison.from_dict(comparison.as_dict(), "again")
    assert [entry.rmse for entry in again.entries] == [entry.rmse for entry in comparison.entries]


def test_a_best_mlp_is_not_chosen_by_the_test() -> None:
    solution = api.solve(formula())
    fit = solution.result.metrics.fit
    assert fit is not None and fit["train"] is not None
    assert merit(solution.result) == fit["train"]["rmse"]["u"] != solution.residual_rms


def table_of(rows: int, noise: float = 0.0, test: int = 10) -> Config:
    """A table of a smooth function and the start of a deep schedule, with rows of an own test that
    are nonsense.
    """
    x, y = cloud(rows)
    y = y + noise * np.random.default_rng(9).normal(size=rows)
    lines = "".join(f"{a},{b},{c}\n" for (a, b), c in zip(x.tolist(), y.tolist(), strict=True))
    nonsense = "".join(f"0.{k},0.{k},{1000 + k}\n" for k in range(test))
    fit = {"values": "x,y,measured\n" + lines, "columns": {"u": "measured"}}
    fit["test"] = {"values": "x,y,measured\n" + nonsense}
    keys: dict[str, Any] = {"trial": {"width": [2], "degree": 3, "intervals": 2, "start": "scaled"}}
    keys["schedule"] = [{"optimizer": "variable_projection", "steps": 3}]
    return api.configure({"problem": {"name": "t", "fit": fit}, **keys}, compare={"seeds": 1})


def test_the_best_mlp_of_a_table_has_at_most_as_many_numbers_as_rows() -> None:
    """The default of 10^4 numbers overfitted 240 rows, and a step took minutes."""
    config = table_of(100)
    sizes = [build(candidate).trial.parameter_count for candidate in best_mlps(config, 0)]
    assert (
        sizes == sorted(sizes) and len(sizes) == 2 and 25 <= sizes[0] < 35 and 80 < sizes[-1] <= 115
    )


def test_the_best_mlp_of_a_table_is_chosen_by_rows_of_training_that_it_has_not_seen() -> None:
    config = api.configure(
        table_of(100, noise=1.0), schedule=[{"optimizer": "variable_projection", "steps": 20}]
    )
    rows = set(config.problem.fit.train.text().splitlines()[1:])  # type: ignore[union-attr]
    solved: list[Config] = []

    def solve(candidate: Config) -> Any:
        solved.append(candidate)
        return api.solve(candidate)

    best = best_mlp(config, 0, solve)
    *tried, last = solved
    for candidate in tried:
        train, validation = (
            set(part.text().splitlines()[1:])
            for part in (candidate.problem.fit.train, candidate.problem.fit.test)
        )
        assert train | validation == rows and not train & validation and len(validation) == 20
    errors = [api.solve(candidate).result.metrics.fit["test"]["rmse"]["u"] for candidate in tried]
    assert min(errors) == errors[0]  # the noise is as large as the values: the larger one fits it
    assert last.problem.fit == config.problem.fit and best.config == last
    assert last.trial.width == tried[errors.index(min(errors))].trial.width


def test_a_short_table_and_a_formula_have_no_rehearsal() -> None:
    assert rehearsal(table_of(19)) is None and rehearsal(api.configure(formula())) is None


@pytest.mark.parametrize(("calls", "modes"), [(1, 0), (4, 0), (7, 1)])
def test_a_comparison_that_is_stopped_holds_whole_solves_only(calls: int, modes: int) -> None:
    config = api.configure(
        table_of(40), compare={"seeds": 1, "modes": ["equal_parameters", "best"]}
    )
    comparison = api.compare(config, progress=StopAfter(calls))
    assert len(comparison.entries) == 2 * modes and all(
        entry.result["stop_reason"] != "interrupted" for entry in comparison.entries
    )


def test_a_comparison_that_is_stopped_begins_no_other_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    kan_config = contenders.kan_config
    monkeypatch.setattr(
        contenders,
        "kan_config",
        lambda config, seed: (seeds.append(seed), kan_config(config, seed))[1],
    )
    config = api.configure(table_of(40), compare={"seeds": 3, "modes": ["equal_parameters"]})
    assert api.compare(config, progress=StopAfter(1)).entries == ()
    assert seeds == [0]


def test_as_many_parameters_as_numbers_are_said() -> None:
    errors = {"points": 10, "rmse": {"u": 1e-16}}
    assert [name for name, _ in fit_rows({"train": errors, "test": errors}, 10)] == [
        "test RMSE",
        "train RMSE",
        "note",
    ]
    assert [name for name, _ in fit_rows({"train": errors, "test": errors}, 9)] == [
        "test RMSE",
        "train RMSE",
    ]


@pytest.mark.parametrize("d", [1, 4])
def test_a_figure_of_the_rows(d: int, tmp_path: Path) -> None:
    x, y = cloud(60, d=d)
    kanpde.fit(
        x, y, test=0.2, trial={"width": [4], "degree": 3, "intervals": 2}, out=tmp_path / "run"
    )
    assert (tmp_path / "run" / "figures" / "fit.png").stat().st_size > 10_000


# Refusals
# --------------------------------------------------------------------------------------------------

FLAWS: list[tuple[dict[str, Any], str, str]] = [
    ({"data": "table.csv"}, CSV, "columns: needed, as in {u: measured}"),
    (
        DATA | {"columns": {"u": "mesured"}},
        CSV,
        "no column 'mesured' for an unknown, did you mean 'measured'",
    ),
    (DATA | {"inputs": ["x", "z"]}, CSV, "no column 'z'.* for a coordinate"),
    (DATA | {"inputs": ["x", "x"]}, CSV, "a column stands twice"),
    (DATA | {"inputs": ["x", "measured"]}, CSV, "is asked for twice"),
    (DATA | {"columns": {}}, CSV, "must name at least one column"),
    (DATA, NOTED, r"row 1 \(line 2\), column 'note': must be a finite number, found 'good'"),
    (DATA | {"inputs": ["x"]}, "x,measured\n1,2\n2,nan\n", "must be a finite number, found 'nan'"),
    (
        DATA | {"inputs": ["x"]},
        "x,measured\n1,2\n2\n",
        r"row 2 \(line 3\): must hold 2 cells, found 1",
    ),
    (DATA | {"inputs": ["x"]}, "x,measured\n1,2\n1,3\n", "the input 'x' is 1 in every row"),
    (DATA | {"inputs": ["x"]}, "x,measured\n1,2\n", "needs at least 2 rows, found 1"),
    (DATA | {"inputs": ["x"]}, "x,measured\n", "holds no row"),
    (DATA | {"inputs": ["x"]}, "", "is empty"),
    (DATA | {"inputs": ["x"]}, "x,x\n1,2\n", "the column 'x' stands twice"),
    (DATA, "measured\n1\n2\n", "no column beside those that are fitted"),
    (
        DATA | {"inputs": ["x", "y"], "test": 0},
        CSV,
        "must lie between 0 and 1, both left out, found 0",
    ),
    (
        DATA | {"inputs": ["x", "y"], "test": 1},
        CSV,
        "must lie between 0 and 1, both left out, found 1",
    ),
    (DATA | {"inputs": ["x", "y"], "test": 0.99}, CSV, "leaves 0 to fit and 16 to test"),
    (DATA | {"inputs": ["x", "y"], "test": 0.01}, CSV, "leaves 16 to fit and 0 to test"),
    (DATA | {"inputs": ["x", "y"], "test": "other.csv"}, CSV, "fit.test: no such file"),
    (DATA | {"inputs": ["x", "y"], "test": {}}, CSV, "must be a share of the rows"),
    (DATA | {"values": CSV}, CSV, "must hold one of data"),
    (DATA | {"data": "../table.csv"}, CSV, "in the folder of this config or below"),
    (DATA | {"data": "/etc/passwd"}, CSV, "in the folder of this config or below"),
    ({"values": 3, "columns": {"u": "measured"}}, CSV, "must be CSV text"),
    (
        DATA | {"inputs": ["x", "y"], "columns": {"x": "measured"}},
        CSV,
        "already used for a coordinate",
    ),
    ({}, CSV, "must give formulas"),
]


@pytest.mark.parametrize(("fit", "text", "message"), FLAWS)
def test_what_a_table_may_not_be(
    fit: dict[str, Any], text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        api.configure(written(tmp_path, fit, text))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"equations": ["u = 1"]}, "problem.equations: unknown key; it does not go with 'fit'"),
        ({"unknowns": ["u", "v"]}, "problem.unknowns: unknown key; it does not go with 'fit'"),
        ({"domain": None}, "missing key 'domain'"),
        ({"fit": {"u": "x + v"}}, "problem.fit.u: .*unknown name 'v'"),
        ({"fit": {"u": "x + u"}}, "problem.fit.u: .*unknown name 'u'"),
        ({"quantities": {"q": "u + v"}}, "unknown name 'v'"),
    ],
)
def test_what_does_not_go_with_a_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        api.solve(formula(**keys))


def test_a_formula_that_is_not_finite_says_where() -> None:
    with pytest.raises(KanpdeError, match="source is not finite"):
        api.solve(formula(fit={"u": "log(x)"}))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"tolerance": 1e-3}, "tolerance: needs a formula"),
        (
            {
                "schedule": [
                    {"adapt_points": {"method": "rar", "add": 5}},
                    {"optimizer": "least_squares"},
                ]
            },
            "are its rows",
        ),
        (
            {"schedule": [{"optimizer": "adam", "steps": 3, "weights": {"method": "attention"}}]},
            "are its rows",
        ),
    ],
)
def test_what_needs_more_points_than_a_table_has(keys: dict[str, Any], message: str) -> None:
    x, y = cloud(20)
    with pytest.raises(ConfigError, match=message):
        kanpde.fit(x, y, **keys)


def test_time_and_definitions_need_a_formula(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="time: does not go with the data of a fit"):
        api.configure(written(tmp_path, DATA, time={"interval": [0, 1]}))


X = np.linspace(0, 1, 6)


@pytest.mark.parametrize(
    ("x", "y", "keys", "message"),
    [
        (X, X[:5], {}, r"y must have as many rows as x \(6\), found 5"),
        (X, np.ones((6, 2, 2)), {}, r"y must have the shape \(N, columns\), found \(6, 2, 2\)"),
        (X, [], {}, r"y must have the shape \(N, columns\), found \(0,\)"),
        (X, 1.0, {}, r"y must have the shape \(N, columns\), found \(\)"),
        (X, "abc", {}, "y must be real numbers, found <U3"),
        (
            X,
            np.where(X > 0.5, np.nan, X),
            {},
            r"y must hold finite numbers, found \[nan\] in row 4",
        ),
        (
            np.where(X > 0.5, np.inf, X),
            X,
            {},
            r"x must hold finite numbers, found \[inf\] in row 4",
        ),
        (X[:1], X[:1], {}, "at least 2 rows"),
        (np.ones(6), X, {}, "the input 'x' is 1 in every row"),
        (X, X, {"test": 1.0}, "must lie between 0 and 1"),
        (X, X, {"test": (X,)}, r"must be \(x, y\)"),
        (
            X,
            X,
            {"test": (np.ones((3, 2)), np.ones(3))},
            r"must be \(x, y\) with 1 inputs and 1 outputs",
        ),
        (X, X + 1j, {}, "y must be real numbers, found complex128"),
        (
            np.ma.masked_array(X, X > 0.5),
            X,
            {},
            "x must all be known, found masked ones; leave them out",
        ),
        (X, 1e160 * X, {}, "must have a size between 1e-100 and 1e.100, found 1e.160"),
        (X, 1e-160 * X, {}, "must have a size between 1e-100 and 1e.100, found 1e-160"),
        (X, X, {"names": (["a", "b"], None)}, "needs 1 inputs and 1 outputs"),
        (X, X, {"names": 5}, "must be two lists, of the inputs and of the outputs, found 5"),
        (X, X, {"names": (["a"], [1])}, r"must be two lists, .*, found \(\['a'\], \[1\]\)"),
        (X, X, {"domain": 5}, "domain: must be a mapping"),
        (X, X, {"names": (["u"], ["u"])}, "two columns are called 'u'"),
        (X, X, {"names": (["sin"], None)}, "cannot name a coordinate"),
    ],
)
def test_arrays_that_cannot_be_fitted(x: Any, y: Any, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kanpde.fit(x, y, **keys)


def test_a_table_has_a_budget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from kanpde.config.problem import tables

    monkeypatch.setattr(tables, "MOST_NUMBERS", 20)
    with pytest.raises(BudgetError, match="16 rows of 3 columns are more than 20 numbers"):
        api.configure(written(tmp_path, DATA | {"inputs": ["x", "y"]}))
    monkeypatch.setattr(tables, "MOST_FILE_BYTES", 20)
    with pytest.raises(BudgetError, match=r"table.csv: is larger than"):
        api.configure(written(tmp_path, DATA | {"inputs": ["x", "y"]}))


def test_coordinates_may_be_called_otherwise_than_columns(tmp_path: Path) -> None:
    text = "Zeit [s];Temp [K]\n0,5;1,25\n1,5;2,5\n2;3\n"
    fit = {"data": "table.csv", "columns": {"u": "Temp [K]"}}
    with pytest.raises(ConfigError) as caught:
        api.configure(written(tmp_path, fit, text))
    assert "table.csv: column 1, 'Zeit [s]', is not fitted and cannot name a coordinate" in str(
        caught.value
    )
    problem = api.configure(written(tmp_path, fit | {"inputs": {"s": "Zeit [s]"}}, text)).problem
    assert problem.coordinates == ("s",) and problem.fit is not None
    assert problem.fit.train is not None
    assert problem.fit.train.text() == "s,Temp [K]\n0.5,1.25\n1.5,2.5\n2.0,3.0\n"


def test_a_file_of_arrays(tmp_path: Path) -> None:
    x, y = cloud(30)
    np.savez(tmp_path / "table.npz", a=x[:, 0], b=x[:, 1], out=y)
    fit = {"data": "table.npz", "columns": {"u": "out"}, "test": 0.2}
    config: Config = api.configure(written(tmp_path, fit))
    assert config.problem.coordinates == ("a", "b")
    np.savez(tmp_path / "table.npz", a=x, out=y)
    with pytest.raises(ConfigError, match=r"one array of shape \(N,\) per column"):
        api.configure(written(tmp_path, fit))
