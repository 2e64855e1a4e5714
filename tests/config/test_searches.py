"""The `search` of a fit: what a file may say, what is refused, and that it reads back."""

from __future__ import annotations

from typing import Any

import pytest

from kanpde.config import Config, validate
from kanpde.config.problem.searches import Search
from kanpde.errors import ConfigError

ROWS = "x,y,measured\n" + "".join(f"{k / 20},{k % 7},{k % 5}\n" for k in range(40))


def read(search: Any = None, **keys: Any) -> Config:
    fit = {"values": ROWS, "columns": {"u": "measured"}, "search": search or {}}
    return validate({"problem": {"name": "own", "fit": fit}, **keys}, source="my.yaml")


def test_every_key_may_be_left_out() -> None:
    config = read()
    assert config.problem.fit is not None and config.problem.fit.search == Search()
    assert config.trial.width == (4,) and config.trial.degree == (5, 5)
    (stage,) = config.schedule
    assert (stage.optimizer, stage.steps, stage.tolerance) == ("variable_projection", 150, 1e-3)


def test_what_is_given_is_kept_and_reads_back() -> None:
    config = read(
        {"intervals": [4, 8], "starts": 3, "target": 1e-3, "polished": [0, 2]},
        trial={"width": [2, 2], "degree": [4, 5, 6]},
        schedule=[{"optimizer": "lbfgs", "steps": 9}],
    )
    assert config.problem.fit is not None
    wish = config.problem.fit.search
    assert wish is not None and (wish.intervals, wish.starts, wish.polished) == ((4, 8), 3, (0, 2))
    assert config.trial.degree == (4, 5, 6) and config.schedule[0].steps == 9
    assert validate(config.as_tree(), source="again") == config


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"grids": [5]}, "search.grids: unknown key"),
        ({"intervals": [10, 5]}, "more intervals than the one before, found 5 after 10"),
        ({"intervals": []}, "must hold at least 1 element, found 0"),
        ({"validation": 0}, "a number greater than 0 and at most 0.9"),
        ({"validation": 0.01}, "a share of 0.01 of 40 rows leaves 40 to fit and 0 to validate"),
        ({"starts": 0}, "an integer from 1 to 1000"),
        ({"polished": [0, 0]}, "needs one number of starts"),
        ({"polished": [1, 1], "intervals": [5]}, "for each of at most 1 first grids"),
        ({"mix": 2}, "a number from 0 to 1"),
        ({"seed": 3}, "it belongs beside 'problem'"),
    ],
)
def test_a_wrong_search_is_refused(search: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(search)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"trial": {"width": []}}, "trial.width: does not go with fit.search; give hidden sizes"),
        ({"trial": {"base": "silu"}}, "trial.base: does not go with fit.search; use none"),
        ({"trial": {"basis": "chebyshev"}}, "trial.basis: does not go with fit.search"),
        ({"trial": {"functions": ["x"]}}, "trial.functions: does not go with fit.search"),
        (
            {"schedule": [{"extend_grid": 9}, {"optimizer": "lbfgs"}], "trial": {"intervals": 5}},
            "the grids of a search are those of fit.search.intervals",
        ),
        ({"tolerance": 1e-3}, "tolerance: needs a formula or equations"),
    ],
)
def test_what_a_search_does_not_go_with_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**keys)


def test_a_formula_has_no_search() -> None:
    tree = {"name": "own", "domain": {"interval": {"lower": 0, "upper": 1}}}
    with pytest.raises(ConfigError):
        validate({"problem": {**tree, "fit": {"u": "x", "search": {}}}}, source="my.yaml")
