"""Unknown constants, measured values, and what the noise of the latter says about the former."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import slowly

from kanpde import api
from kanpde.assembly.outer_system import OuterSystem
from kanpde.config import Config, validate
from kanpde.config.problem.measurements import MOST_BYTES
from kanpde.errors import BudgetError, CheckpointError, ConfigError
from kanpde.expressions import Constant, Derivative, Scope, is_linear, parse_equation, partial, text
from kanpde.optimizers import Bordered
from kanpde.results import report
from kanpde.solver.build import build
from kanpde.solver.least_squares_problem import System
from kanpde.trial.constants import Constants
from scripts.benchmarks.coverage import covered  # type: ignore[attr-defined]
from scripts.references import inverse_smoothness as smoothness

POINTS = np.random.default_rng(0).uniform(0.05, 0.95, (30, 2))
SOURCE = "2*pi**2*sin(pi*x)*sin(pi*y)"
SIDES = {"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}
TRIAL = {"width": [10], "degree": [5, 10], "intervals": [1, 1], "ends": "clamped"}
MATRIX = ("levenberg_marquardt", "variable_projection")
BARE = {"output": {"vtu": False, "plots": False}}


def table(values: np.ndarray[Any, Any], head: str = "x,y,measured") -> str:
    return (
        "\n".join(
            [
                head,
                *(",".join(map(repr, row)) for row in np.column_stack([POINTS, values]).tolist()),
            ]
        )
        + "\n"
    )


def field(k: float) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = np.sin(np.pi * POINTS[:, 0]) * np.sin(np.pi * POINTS[:, 1]) / k
    return values


def tree(
    truth: float = 2.0, start: float = 1.0, data: dict[str, Any] | None = None, **keys: Any
) -> dict[str, Any]:
    measured = {"values": table(field(truth)), "equation": "u = measured", **(data or {})}
    return {
        "problem": {
            "name": "small",
            "unknowns": ["u"],
            "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
            "unknown_parameters": {"k": {"start": start, "positive": True}},
            "equations": [f"-k*laplacian(u) = {SOURCE}"],
            "conditions": [SIDES, measured],
        },
        "trial": TRIAL,
        "sampler": {"interior": 150, "boundary": 60},
        **BARE,
        **keys,
    }


# Formulas
# --------------------------------------------------------------------------------------------------


def test_an_equation_with_an_unknown_constant_is_not_linear_and_its_slope_is_symbolic() -> None:
    scope = Scope(("x", "y"), unknowns=("u",), constants=("k",))
    node = parse_equation("k*dxx(u) + k**2*u = x", scope)
    assert not is_linear(node) and is_linear(parse_equation("dxx(u) + u = x", scope))
    slope = partial(node, Constant(0))
    assert slope == parse_equation("dxx(u) + 2*k*u = 0", scope) and text(Constant(0)) == "k1"
    assert partial(slope, Derivative(0, (2, 0))) == parse_equation("1 = 0", scope)


def test_a_column_of_the_data_is_no_coordinate_to_differentiate_by() -> None:
    scope = Scope(("x",), unknowns=("u",), columns=("seen",))
    with pytest.raises(ConfigError, match="'d' differentiates by coordinates"):
        parse_equation("d(u, seen) = 0", scope)


# Solves
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("truth", [0.2, 0.7, 5.0])
def test_newton_finds_a_constant_from_afar(truth: float) -> None:
    solution = api.solve(tree(truth))
    assert solution.parameters["k"].value == pytest.approx(truth, rel=1e-4)
    assert solution.stop_reason.name == "TOLERANCE"


def test_a_field_that_is_not_resolved_does_not_send_the_constant_to_infinity() -> None:
    """The first step in log k would be thousands here: k is not finite there, so the step is
    halved.
    """
    trial = {"width": [4], "degree": [5, 5], "intervals": [1, 3]}
    solution = api.solve(
        "inverse_diffusivity", trial=trial, sampler={"interior": 120, "boundary": 60}
    )
    assert 0 < solution.parameters["k"].value < np.inf


def test_a_constant_may_stand_in_a_condition_and_be_negative() -> None:
    """u = c x solves u'' = 0, u(0) = 0, u'(1) = c; the data say c = -3."""
    values = "x,seen\n0.25,-0.75\n0.5,-1.5\n0.75,-2.25\n"
    ends = [{"part": "left", "equation": "u = 0"}, {"part": "right", "equation": "dn(u) = c"}]
    problem = {
        "unknowns": ["u"],
        "domain": {"interval": {"lower": 0, "upper": 1}},
        "unknown_parameters": {"c": 1.0},
        "equations": ["dxx(u) = 0"],
        "conditions": [*ends, {"values": values, "equation": "dx(u)*x = seen"}],
        "exact": {"u": "-3*x", "c": -3},
    }
    solution = api.solve(
        {"problem": problem, "trial": {"degree": 4, "intervals": 2}, "sampler": {"interior": 20}}
    )
    assert (
        solution.parameters["c"].value == pytest.approx(-3, abs=1e-10)
        and solution.parameters["c"].true == -3
    )
    assert solution.relative_l2["u"] is not None and solution.relative_l2["u"] < 1e-10


OPTIMIZERS = ("levenberg_marquardt", "variable_projection", "gauss_newton_cg", "adam", "lbfgs")


@pytest.mark.parametrize("stage", slowly(OPTIMIZERS, {"gauss_newton_cg"}))
def test_every_optimizer_moves_the_constants(stage: str) -> None:
    """The matrix methods after one solve of the field: while it is zero, nothing says which way a
    factor of it should go.
    """
    rate = {"learning_rate": 0.05} if stage == "adam" else {}
    first = [{"optimizer": "least_squares", "steps": 1}] if stage in MATRIX else []
    schedule = [*first, {"optimizer": stage, "steps": 8 if stage in MATRIX else 25, **rate}]
    small = {"width": [6], "degree": [5, 8], "intervals": [1, 1]}
    solution = api.solve(
        tree(1.5, trial=small, schedule=schedule, sampler={"interior": 100, "boundary": 40})
    )
    assert (
        solution.parameters["k"].value != 1.0
        and solution.history.objective[-1] < solution.history.objective[0]
    )
    if stage == "variable_projection":
        assert solution.parameters["k"].value == pytest.approx(1.5, rel=0.1)


def test_an_mlp_finds_the_constant_too() -> None:
    features = {
        "kind": "mlp",
        "width": [150],
        "start": "features",
        "activation": "sine",
        "scale": 6.0,
    }
    schedule = [{"optimizer": "least_squares"}]
    assert api.solve(tree(2.0, trial=features, schedule=schedule)).parameters[
        "k"
    ].value == pytest.approx(2, rel=1e-4)


def test_the_jacobian_of_the_constants_is_that_of_autograd() -> None:
    parts = build(api.configure(tree(2.0)))
    torch.manual_seed(0)
    parts.trial.net.set_outer(torch.randn_like(parts.trial.net.outer))
    system = System(parts.trial, parts.assembly)
    raw, rows = parts.trial.constants.raw, parts.assembly.weighted(parts.trial)
    weights = torch.randn(len(rows), dtype=rows.dtype)
    (wanted,) = torch.autograd.grad(rows @ weights, raw)
    border = OuterSystem(parts.assembly, parts.trial).border()
    torch.testing.assert_close(weights @ border, wanted, rtol=1e-12, atol=0)
    torch.testing.assert_close(system.jacobian()[:, -1:], border, rtol=1e-12, atol=1e-12)
    assert system.inner[-1] == raw[0] and system.vector[-1] == raw[0]
    assert float(system.gradient()[1][-1]) == pytest.approx(
        float(2 * rows.detach() @ border[:, 0]), rel=1e-10
    )


def test_bordered_least_squares_is_dense_least_squares() -> None:
    torch.manual_seed(1)
    m, k, y = (torch.randn(20, n, dtype=torch.float64) for n in (6, 2, 1))
    padded = torch.cat([m, m.new_zeros(6, 6)])
    bordered = Bordered(padded.T.contiguous().T, k, 0.0)
    c, s = bordered.step(y[:, 0], torch.zeros(6, dtype=y.dtype))
    dense = torch.linalg.lstsq(torch.cat([m, k], 1), y).solution[:, 0]
    torch.testing.assert_close(torch.cat([c, s]), dense, rtol=1e-9, atol=1e-9)
    inverse = torch.linalg.pinv(torch.cat([m, k], 1))[6:]
    sensitivity = bordered.sensitivity()
    assert sensitivity is not None
    torch.testing.assert_close(sensitivity, inverse, rtol=1e-9, atol=1e-9)


def test_constants_that_nothing_determines_stay_and_have_no_error() -> None:
    """k and j stand as a product only."""
    node = tree(2.0)
    node["problem"] |= {
        "unknown_parameters": {"k": 1.0, "j": 1.0},
        "equations": [f"-k*j*laplacian(u) = {SOURCE}"],
    }
    estimates = api.solve(node).parameters
    assert estimates["k"].value * estimates["j"].value == pytest.approx(2, rel=1e-4)
    assert estimates["k"].standard_error is None and estimates["k"].interval_95 is None


def test_positive_constants_are_trained_as_logarithms() -> None:
    constants = Constants([2.0, -3.0], [True, False])
    assert constants.values.tolist() == pytest.approx(
        [2, -3]
    ) and constants.slopes.tolist() == pytest.approx([2, 1])
    constants.write(torch.tensor([-50.0, -4.0]))
    assert constants.values[0] > 0 and constants.values[1] == -4


# Uncertainty
# --------------------------------------------------------------------------------------------------


def test_the_standard_error_is_that_of_linear_regression() -> None:
    """u = e^(-s) φ: with constraints that hold, s is a regression on one function, se(s) = σ /
    ‖u(x_i)‖.
    """
    solution = api.solve(tree(2.0, data={"noise": 0.01}))
    wanted = 2.0 * 0.01 / np.linalg.norm(field(2.0))
    estimate = solution.parameters["k"]
    assert estimate.standard_error == pytest.approx(wanted, rel=1e-3)
    low, high = estimate.interval_95 or (0, 0)
    assert low * high == pytest.approx(estimate.value**2) and low < estimate.value < high


def test_a_point_with_little_noise_counts_more() -> None:
    """One of the values is wrong by 100 %, but its noise is given as huge."""
    values, sigma = field(2.0), np.full(30, 1e-3)
    values[3] *= 2
    sigma[3] = 1e3
    data = {
        "values": table(np.column_stack([values, sigma]), "x,y,measured,sigma"),
        "noise": "sigma",
    }
    assert api.solve(tree(data=data)).parameters["k"].value == pytest.approx(2, rel=1e-4)
    assert abs(api.solve(tree(data={**data, "noise": 1e-3})).parameters["k"].value - 2) > 0.01


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    hits, scores = covered(40, given=False)
    assert hits >= 33 and 0.7 < scores.std(ddof=1) < 1.35


# Unknown sources
# --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_source_is_found_as_well_as_the_noise_allows() -> None:
    """The weight is that of least cross-validation: n - trace degrees of freedom fit to one sigma
    (within two deviations).
    """
    config = api.configure("inverse_source")
    least, misfit, trace = smoothness.validated(config)
    less, more = (smoothness.validated(smoothness.times(config, factor)) for factor in (0.2, 5.0))
    assert (
        min(less[0], more[0]) > least and less[2] > trace > more[2] > 6
    )  # six quadratic polynomials are free
    solution = api.solve(config)
    assert solution.result.data is not None and solution.result.data["misfit_rms"] == pytest.approx(
        misfit, rel=1e-3
    )
    assert misfit**2 == pytest.approx(1 - trace / 400, abs=2 * (2 / 400) ** 0.5)
    assert (solution.relative_l2["u"] or 1) < 0.005 and (solution.relative_l2["f"] or 1) < 0.04
    smooth = api.solve(smoothness.times(config, 1e3))
    assert smooth.result.data is not None and smooth.result.data["misfit_rms"] > 1.5


def test_equations_have_names_and_weights() -> None:
    node = tree()
    first = node["problem"]["equations"][0]
    node["problem"]["equations"] = [{"equation": first, "weight": 4, "name": "balance"}]
    parts = build(api.configure(node))
    plain = build(api.configure(tree()))
    assert (
        parts.assembly.terms[0].name == "balance" and plain.assembly.terms[0].name == "equation 1"
    )
    assert parts.assembly.terms[0].weight == pytest.approx(4 * plain.assembly.terms[0].weight)
    assert "stands twice" in refusal(("equations", [{"equation": first, "name": "a"}] * 2))
    assert "missing key 'equation'" in refusal(("equations", [{"weight": 2}]))
    assert "must be a name of letters" in refusal(
        ("equations", [{"equation": first, "name": "a b"}])
    )


# Runs
# --------------------------------------------------------------------------------------------------


def test_a_run_folder_keeps_data_and_constants(tmp_path: Path) -> None:
    (tmp_path / "seen.csv").write_text(table(field(2.0)))
    node = tree()
    node["problem"]["conditions"][1] = {"data": "seen.csv", "equation": "u = measured"}
    from kanpde.config import yaml_file

    (tmp_path / "own.yaml").write_text(yaml_file.dumps(node))
    solution = api.solve(tmp_path / "own.yaml", out=tmp_path / "run")
    (tmp_path / "seen.csv").write_text(table(field(7.0)))
    again = api.load(tmp_path / "run")
    assert (
        again.parameters == solution.parameters
        and api.resume(tmp_path / "run").parameters == solution.parameters
    )
    kept = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (
        kept["parameters"]["k"]["value"] == solution.parameters["k"].value
        and kept["data"]["rows"] == 30
    )
    names = [row[0] for row in report.result_rows(kept)]
    assert "parameter k" in names and "misfit of data (rms)" in names
    config = (tmp_path / "run" / "config.yaml").read_text()
    assert "measured" in config and "seen.csv" not in config


def test_a_checkpoint_of_other_constants_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.solve(tree(), out=tmp_path / "run")
    path = tmp_path / "run" / "config.yaml"
    path.write_text(
        path.read_text()
        .replace("k: {start: 1.0, positive: true}", "k: 1.0\n    j: 1.0")
        .replace("-k*", "-k*j*")
    )
    (
        tmp_path / "run" / "digests.json"
    ).unlink()  # as if nothing said that the files belong together
    monkeypatch.setattr("kanpde.solver.checkpoint.require_run", lambda *_: None)
    with pytest.raises(CheckpointError, match="unknown parameters do not fit the 2 of the config"):
        api.load(tmp_path / "run")


def test_both_sides_of_a_comparison_tell_the_constants() -> None:
    comparison = api.compare(tree(compare={"seeds": 1, "modes": ["equal_parameters"]}))
    assert [set(entry.as_dict()["unknown_parameters"]) for entry in comparison.entries] == [
        {"k"},
        {"k"},
    ]
    again = type(comparison).from_dict(comparison.as_dict(), "here")
    assert again.as_dict() == comparison.as_dict()


# Refusals
# --------------------------------------------------------------------------------------------------


def refusal(*changes: tuple[str, Any], **data: Any) -> str:
    node = tree(data=data)
    node["problem"] |= dict(changes)
    with pytest.raises((ConfigError, BudgetError)) as caught:
        build(api.configure(node))
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            "x,y,m\n0.5,0.5,1\n0.5,oops,2\n",
            "row 2 (line 3), column 'y': must be a finite number, found 'oops'",
        ),
        (
            "x,y,m\n0.5,0.5,nan\n",
            "row 1 (line 2), column 'm': must be a finite number, found 'nan'",
        ),
        ("x,y,m\n0.5,0.5\n", "row 1 (line 2): must hold 3 cells, found 2"),
        ("x,m\n0.5,0.5\n", "no column for the coordinate 'y'"),
        ("x,y\n0.5,0.5\n", "no column beside the coordinates"),
        ("x,y,m,m\n1,1,1,1\n", "the column 'm' stands twice"),
        ("x,y,u\n1,1,1\n", "the column name 'u' is in use already"),
        ("x,y,2b\n1,1,1\n", "the column name '2b' is no name"),
        ("x,y,note\n1,1,a\n", "the column name 'note' is no name of letters, digits and _, or"),
        ("x,y,m\n", "holds no row below the header; add points"),
        ("", "is empty; the first line names the columns"),
        ("x" * (MOST_BYTES + 1), f"is larger than {MOST_BYTES} bytes"),
        (
            "x,y,m\n0.5,0.5,1\n2,0.5,1\n",
            "1 of 2 measured points lie outside the domain, the first in row 2 at [2.0, 0.5]",
        ),
    ],
)
def test_bad_tables_are_named_by_row_and_column(values: str, words: str) -> None:
    assert words in refusal(values=values, equation="u = m")


def test_columns_of_a_file_may_be_called_otherwise(tmp_path: Path) -> None:
    text = "Länge [m];y;Temp [K];Ort\n0,5;0,5;1,25;links\n"
    (tmp_path / "obs.csv").write_text(text, encoding="utf-8")
    given = {"x": "Länge [m]", "m": "Temp [K]"}
    node = tree()
    node["problem"]["conditions"][-1] = {"data": "obs.csv", "columns": given, "equation": "u = m"}
    (condition,) = (
        c for c in validate(node, source="my.yaml", base=tmp_path).problem.conditions if c.data
    )
    assert condition.data.text() == "x,y,m\n0.5,0.5,1.25\n"
    assert "no column 'Temp'" in refusal(
        values="x,y,m\n1,1,1\n", columns={"q": "Temp"}, equation="u = q"
    )


def test_bad_noise_is_refused() -> None:
    assert "no column 'sigma' in the data" in refusal(noise="sigma")
    assert "must be a number greater than 0" in refusal(noise=-1)
    values = "x,y,measured,s\n0.5,0.5,1,0\n"
    assert "row 1, column 's': a standard deviation must exceed 0" in refusal(
        values=values, noise="s"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/etc/hosts.csv", "no absolute path, no .."),
        ("../seen.csv", "no absolute path, no .."),
        ("seen.txt", "must be the name of a .csv file"),
        ("missing.csv", "no such file: 'missing.csv'"),
        ("link.csv", "leads out of the folder"),
        (f"{'m' * 300}.csv", "no such file"),
    ],
)
def test_files_outside_the_folder_of_the_config_are_refused(
    name: str, words: str, tmp_path: Path
) -> None:
    from kanpde.config import validate

    (tmp_path / "in").mkdir()
    (tmp_path / "seen.csv").write_text(table(field(1.0)))
    (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "seen.csv")
    node = tree()
    node["problem"]["conditions"][1] = {"data": name, "equation": "u = measured"}
    with pytest.raises(ConfigError) as caught:
        validate(node, source="own.yaml", base=tmp_path / "in")
    assert words in str(caught.value)


def test_statements_that_make_no_sense() -> None:
    assert "no equation or condition holds it" in refusal(("equations", ["laplacian(u) = 0"]))
    assert "must be a number greater than 0" in refusal(
        ("unknown_parameters", {"k": {"start": -1, "positive": True}})
    )
    assert "already used for an unknown" in refusal(("unknown_parameters", {"u": 1.0}))
    manufactured = (
        ("definitions", {"f": "manufactured"}),
        ("equations", ["-k*laplacian(u) = f"]),
        ("exact", {"u": "x", "k": 1}),
    )
    assert "'manufactured' does not go with unknown_parameters" in refusal(*manufactured)
    assert "must be a number, found 'x'" in refusal(("exact", {"u": "x", "k": "x"}))
    assert "missing key 'k'" in refusal(("exact", {"u": "x"}))
    both = [
        SIDES,
        *({"values": table(field(1)), "equation": "u = measured", **n} for n in ({}, {"noise": 1})),
    ]
    assert "noise: give it for all measured values or for none" in refusal(("conditions", both))


def test_a_tolerance_and_slabs_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="tolerance: not with unknown_parameters or measured values"
    ):
        api.solve(tree(tolerance=1e-3))
    node = tree()
    node["problem"]["time"] = {"interval": [0, 1]}
    node["problem"]["conditions"] = [SIDES, {"part": "initial", "equation": "u = 0"}]
    with pytest.raises(ConfigError, match="slabs: not with unknown_parameters"):
        api.solve({**node, "slabs": 2})


def test_the_config_of_data_reads_back(tmp_path: Path) -> None:
    from kanpde.config import yaml_file

    config = api.configure(tree(data={"noise": 0.5}))
    again: Config = api.configure(
        yaml_file.loads(yaml_file.dumps(config.as_tree()), source="again")
    )
    assert again == config and replace(again, seed=1) != config
