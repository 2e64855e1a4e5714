"""What a solve says of itself: its estimate, its warnings and its exit code."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import kanpde
from kanpde.progress import StopReason
from kanpde.results.metrics import Metrics
from kanpde.results.verdict import Aim, Verdict, judge

NETWORK = Metrics(
    {"u": None},
    {"u": None},
    0.0,
    0.0,
    0.0,
    relative_residuals={
        "equations": {"equation 1": 1e-4},
        "conditions": {"left": 1e-6},
        "data": {},
    },
    worst_point=[0.25, 0.5],
)


def of_shares(**shares: dict[str, float]) -> Metrics:
    return replace(
        NETWORK, relative_residuals={"equations": {}, "conditions": {}, "data": {}} | shares
    )


def test_without_a_search_the_largest_relative_residual_is_the_estimate() -> None:
    verdict = judge(("u", "v"), Aim(), (None, None), NETWORK)
    assert verdict.estimate == {"u": 1e-4, "v": 1e-4} and verdict.worst == 1e-4
    assert verdict.trusted and "equation 1" in verdict.sentences[0]


@pytest.mark.parametrize("share", (0.02, 1.0, math.inf, math.nan))
def test_what_is_not_resolved_is_a_warning_with_a_place(share: float) -> None:
    verdict = judge(("u",), Aim(), (None,), of_shares(equations={"flow": share}))
    assert not verdict.trusted
    (warning,) = verdict.warnings
    assert warning.startswith("not reached") and "(0.25, 0.5)" in warning and "flow" in warning
    assert (verdict.worst is None) is not math.isfinite(share)


@pytest.mark.parametrize(
    ("estimate", "trusted"), ((1e-7, True), (1e-6, True), (2e-6, False), (None, False))
)
def test_a_search_is_measured_against_its_tolerance(estimate: float | None, trusted: bool) -> None:
    aim = Aim(1e-6, given=False, searched=True)
    verdict = judge(("u",), aim, (estimate,), NETWORK)
    assert verdict.trusted is trusted and verdict.worst == estimate
    assert "by default" in verdict.sentences[0]


def test_estimates_of_a_search_are_told_by_unknown() -> None:
    aim = Aim(1e-6, searched=True, local=True)
    verdict = judge(("u", "p"), aim, (4e-7, 3e-4), of_shares())
    assert verdict.estimate == {"u": 4e-7, "p": 3e-4} and verdict.worst == 3e-4
    assert not verdict.trusted and "is 3.0e-04 (u 4.0e-07, p 3.0e-04)" in verdict.sentences[0]
    assert judge(("u", "p"), aim, (4e-7, None), of_shares()).worst is None
    assert judge(("u", "p"), aim, (4e-7, 3e-7), of_shares()).trusted


def test_levels_that_agree_on_what_misses_a_condition_estimate_nothing() -> None:
    """As where there are more conditions than any solution meets."""
    aim = Aim(1e-6, given=False, searched=True, local=True)
    verdict = judge(("u",), aim, (4e-14,), of_shares(conditions={"left": 0.47, "right": 0.0}))
    assert verdict.estimate == {"u": None} and not verdict.trusted
    assert "cannot be told" in verdict.sentences[0]
    assert any("'left' has a relative residual of 4.7e-01" in w for w in verdict.warnings)


def test_a_large_estimate_stands_where_a_condition_is_missed_too() -> None:
    """The verdict does not say that it cannot tell what the search has told."""
    aim = Aim(1e-6, given=False, searched=True, local=True)
    verdict = judge(("u",), aim, (9.6e-3,), of_shares(conditions={"left": 0.47}))
    assert verdict.worst == 9.6e-3 and not verdict.trusted
    assert not any("cannot be told" in sentence for sentence in verdict.sentences)


def test_a_flux_beside_a_corner_may_be_missed_by_a_hundredth() -> None:
    """At a re-entrant corner between insulated sides, where u itself is right to 5e-7."""
    aim = Aim(1e-6, given=False, searched=True, local=True)
    assert judge(("u",), aim, (5e-7,), of_shares(conditions={"cut": 0.0125})).trusted


def test_a_network_over_the_whole_domain_may_miss_no_condition_by_a_hundredth() -> None:
    aim = Aim(1e-6, searched=True, local=False)
    verdict = judge(("u",), aim, (4e-7,), of_shares(conditions={"left": 0.05}))
    assert not verdict.trusted and verdict.worst is None


def test_a_residual_that_is_no_number_is_the_largest() -> None:
    shares = {"flow": 1e-5, "heat": math.nan, "last": 1e-3}
    verdict = judge(("u",), Aim(), (None,), of_shares(equations=shares))
    assert verdict.worst is None and "heat" in verdict.warnings[0]


def test_an_estimate_far_below_the_residual_of_a_smooth_network_is_not_believed() -> None:
    aim = Aim(1e-6, searched=True, smooth=True)
    verdict = judge(("u",), aim, (1e-9,), of_shares(equations={"equation 1": 0.5}))
    assert verdict.worst == 0.5 / 1000 and not verdict.trusted


def test_remarks_of_the_solve_are_warnings() -> None:
    verdict = judge(("u",), Aim(), (None,), NETWORK, ["warning: there is a peak near (0, 0)"])
    assert verdict.warnings == ("there is a peak near (0, 0)",) and not verdict.trusted


def test_measured_values_that_are_missed_are_a_warning() -> None:
    verdict = judge(("u",), Aim(), (None,), of_shares(data={"data": 0.3}))
    assert "measured values" in verdict.warnings[0] and "30%" in verdict.warnings[0]


def test_a_solve_that_resolves_nothing_ends_with_exit_code_8() -> None:
    solution = kanpde.solve(
        "poisson_peak", trial={"width": [3], "intervals": 2}, sampler={"interior": 50}
    )
    assert solution.stop_reason.exit_code == 0 and solution.result.exit_code == 8
    result = solution.result.as_dict()
    assert result["warnings"] and result["verdict"] and result["estimate"]["u"] > 1e-2


def test_the_verdict_does_not_change_with_the_units_of_an_equation() -> None:
    def share(factor: float) -> float:
        solution = kanpde.solve(
            {
                "problem": {
                    "name": "units",
                    "unknowns": ["u"],
                    "domain": {"interval": {"lower": 0, "upper": 1}},
                    "equations": [f"-{factor}*dxx(u) = {factor}*exp(3*x)"],
                    "conditions": [{"part": ["left", "right"], "equation": "u = 0"}],
                },
                "trial": {"intervals": 3, "degree": 3},
            }
        )
        estimate = solution.result.estimate
        assert estimate is not None
        return estimate

    assert share(1e-9) == pytest.approx(share(1.0), rel=1e-6)
    assert share(1.0) > 1e-5


def test_a_good_result_is_trusted() -> None:
    solution = kanpde.solve("poisson_peak")
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert error is not None and estimate is not None and error <= estimate < 1e-6
    assert solution.result.exit_code == 0 and not solution.result.verdict.warnings


def test_the_worst_of_several_unknowns_counts() -> None:
    assert Verdict({"u": 1e-9, "v": 1e-3}).worst == 1e-3
    assert Verdict({"u": 1e-9, "v": None}).worst is None
    assert StopReason.ACCURATE.exit_code == 0
