"""The mathematics of the science examples: edges of chains, relations of columns, invariants of
knots.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scripts.common import small_kan
from scripts.science import (
    additive_relations,
    implicit_equations,
    knot_tables,
    lattices,
    mobility_edge,
)

# Chains
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "sites"), [(lattices.MOSAIC, 144), (lattices.AUBRY_ANDRE, 144)], ids=["mosaic", "gaa"]
)
def test_the_known_edge_separates_extended_from_localised_states(
    model: lattices.Model, sites: int
) -> None:
    beyond, inside = [], []
    for k, parameters in enumerate(
        np.random.default_rng(1).uniform(model.lower, model.upper, (12, len(model.lower)))
    ):
        energies, dimension = lattices.states(model.potential(sites, parameters, 0.1 * k))
        localised = model.beyond(np.column_stack([np.tile(parameters, (sites, 1)), energies]))
        beyond += dimension[localised].tolist()
        inside += dimension[~localised].tolist()
    assert np.median(inside) > 0.8 and np.median(beyond) < 0.4
    assert (np.mean(np.array(inside) > 0.6) + np.mean(np.array(beyond) < 0.6)) / 2 > 0.95


def test_without_a_potential_energies_are_those_of_a_ring() -> None:
    energies, _ = lattices.states(np.zeros(55))
    np.testing.assert_allclose(
        energies, np.sort(2 * np.cos(2 * np.pi * np.arange(55) / 55)), atol=1e-13
    )


def test_the_fractal_dimension_of_one_site_is_nought() -> None:
    _, dimension = lattices.states(1e9 * np.arange(34.0))
    assert np.abs(dimension).max() < 1e-9


def test_alpha_nought_is_the_aubry_andre_model_with_its_edge_at_one() -> None:
    for strength, extended in ((0.6, True), (1.6, False)):
        _, dimension = lattices.states(lattices.aubry_andre(233, np.array([strength, 0.0]), 0.3))
        assert (
            bool((dimension > 0.5).all()) is extended
            and bool((dimension < 0.5).all()) is not extended
        )


def test_the_mosaic_potential_stands_at_every_second_site() -> None:
    potential = lattices.mosaic(144, np.array([0.7]), 0.3)
    assert (potential[1::2] == 0).all()
    assert potential[0] == pytest.approx(1.4 * np.cos(0.3))


def test_a_number_of_sites_that_is_no_fibonacci_number() -> None:
    with pytest.raises(ValueError, match="100 sites: needs a Fibonacci number"):
        lattices.golden(100)


# Equations and boundaries
# ----------------------------------------------------------------------------------------------


def test_the_equation_of_points_on_a_surface_is_found() -> None:
    x = np.random.default_rng(0).uniform([0.2, -0.8, 0], [1.8, 0.8, 0], (60, 3))
    x[:, 2] = (2 - 3 * x[:, 0]) / x[:, 1]
    terms, misfit = implicit_equations.equations(("λ", "α", "E"), x)[0]
    assert terms == pytest.approx({"1": -1.0, "λ": 1.5, "αE": 0.5})
    assert misfit < 1e-10


def test_a_hyperbola_needs_two_terms() -> None:
    strength = np.linspace(0.3, 2, 40)
    terms, _ = implicit_equations.equations(
        ("λ", "E"), np.column_stack([strength, 1.25 / strength])
    )[0]
    assert terms == pytest.approx({"1": -1.0, "λE": 0.8})


def test_a_boundary_point_lies_between_states_that_the_labels_tell_apart_too() -> None:
    energy = np.array([[0.0, 0.1, 0.2, 0.3, 0.9, 1.0]])
    states = lattices.States(
        np.stack([np.full_like(energy, 0.5), energy], axis=2), np.zeros_like(energy)
    )
    value = np.array([[-1.0, 3.0, -1.0, -1.0, 1.0, -1.0]])
    label = np.array([[False, True, True, False, True, True]])
    np.testing.assert_allclose(mobility_edge.boundary(value, label, states), [[0.5, 0.025]])


def test_the_boundary_of_a_small_kan_is_that_of_its_labels() -> None:
    x = np.random.default_rng(0).uniform([0.3, -3], [2, 3], (600, 2))
    classifier = mobility_edge.classify(
        small_kan.kan([2, 1, 1], 5, 0), x, x[:, 0] * np.abs(x[:, 1]) > 1
    )
    at = np.random.default_rng(1).uniform([0.4, -2.8], [1.9, 2.8], (600, 2))
    assert ((classifier.value(at) > 0) == (at[:, 0] * np.abs(at[:, 1]) > 1)).mean() > 0.95


# Relations without a target
# --------------------------------------------------------------------------------------------


def columns(count: int, seed: int) -> dict[str, np.ndarray]:
    """Two columns whose product is a third, and one that has nothing to do with them."""
    a, b, c = np.random.default_rng(seed).uniform(1, 2, (3, count))
    return {"a": a, "b": b, "c": c, "ab": a * b}


def test_a_product_is_found_among_columns() -> None:
    best, *others = additive_relations.relations(columns(800, 0), columns(400, 1), 3)
    assert set(best.names) == {"a", "b", "ab"}
    assert best.fitted < 1e-4 and best.held_out < 1e-3
    assert min(relation.fitted for relation in others) > 0.2
    logs = np.log(columns(800, 0)["a"])
    assert np.corrcoef(best.functions[:, best.names.index("a")], logs)[0, 1] ** 2 > 1 - 1e-6


def test_independent_columns_have_the_quotient_one() -> None:
    values = np.random.default_rng(0).normal(size=(20000, 3))
    assert additive_relations.quotient(values) == pytest.approx(1, abs=0.02)


def test_a_set_with_an_exact_relation_comes_once() -> None:
    relations = additive_relations.relations(
        {**(c := columns(300, 0)), "2a": 2 * c["a"]}, {**c, "2a": 2 * c["a"]}, 3
    )
    assert relations[0].names == ("a", "2a")
    assert not [r for r in relations[1:] if {"a", "2a"} <= set(r.names)]


# Small networks
# --------------------------------------------------------------------------------------------------


def test_the_edges_of_a_layer_add_up_to_its_output() -> None:
    net = small_kan.kan([3, 2, 1], 5, 0)
    x = torch.rand(20, 3, dtype=torch.float64)
    torch.testing.assert_close(small_kan.edges(net.stack[0], x.T).sum(1), net.stack[0](x.T))


def test_an_mlp_has_as_many_parameters_as_it_can() -> None:
    assert abs(small_kan.size(small_kan.mlp(5, 48, 0)) - 48) <= 7 / 2


# Knots
# --------------------------------------------------------------------------------------------------

FIGURE_EIGHT = {
    "longitude_translation": "(3.464101615, 0)",
    "meridian_translation": "(0, 1)",
    "volume": "2.0298832128",
    "maximum_cusp_volume": "1.732050808",
    "meridian_length": "1",
    "chern_simons_invariant": "0",
    "signature": "0",
}


def test_the_figure_eight_knot_has_slope_nought_and_the_cusp_volume_of_its_translations() -> None:
    knots = knot_tables.Knots(knot_tables.gather([FIGURE_EIGHT]), 1)
    assert knots.slope[0] == 0
    row = {name: float(column[0]) for name, column in knots.columns.items()}
    assert row["cusp volume"] == pytest.approx(row["λ"] * row["Im μ"] / 2, rel=1e-8)


def test_a_longitude_that_is_not_real() -> None:
    with pytest.raises(ValueError, match="longitude_translation: needs imaginary part 0"):
        knot_tables.gather([{**FIGURE_EIGHT, "longitude_translation": "(3.4, 0.1)"}])


def test_signatures_are_rounded_to_even_numbers() -> None:
    np.testing.assert_array_equal(knot_tables.even(np.array([0.9, 1.1, 4.6, 5.2])), [0, 2, 4, 6])


def test_the_tables_of_knotinfo_hold_the_slope_near_the_signature() -> None:
    pytest.importorskip("database_knotinfo")
    knots = knot_tables.load()
    assert len(knots.slope) > 2900
    assert (
        knots.columns["Re μ"].min() >= 0
    )  # mirror images are not told apart: only |σ| can be compared
    assert np.corrcoef(knots.slope, knots.columns["|σ|"])[0, 1] > 0.9
    lengths = np.hypot(knots.columns["Re μ"], knots.columns["Im μ"])
    np.testing.assert_allclose(lengths, knots.columns["|μ|"], rtol=1e-8)
