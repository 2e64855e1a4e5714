"""Formulas typeset as they are typed: well-formed, with their structure, and harmless whatever the
text holds.
"""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanpde.expressions.mathml import mathml


def shown(text: str) -> str:
    """The characters of a formula in their order."""
    return "".join(ElementTree.fromstring(mathml(text)).itertext())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-k*laplacian(u) = f", "−k·Δu=f"),
        ("dxx(u) + d(u, x, t) = 0", "∂xxu+∂xtu=0"),
        ("div(k*grad(u)) = 0", "∇·(k·∇u)=0"),
        ("lambda*sigma_xx >= 1e-3", "λ·σxx≥1e-3"),
        ("where(x < 0.5 and y > 0, a, b)", "where(x<0.5andy>0,a,b)"),
        ("[u, v]", "[u,v]"),
        ("abs(x)", "|x|"),
    ],
)
def test_signs_and_names_are_those_of_mathematics(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_powers_roots_and_quotients_have_their_places() -> None:
    tree = ElementTree.fromstring(mathml("sqrt(x**2)/(2*y) - 1"))
    fraction = tree.find("mfrac")
    assert fraction is not None
    root = fraction.find("./mrow/msqrt/msup")
    assert root is not None and "".join(root.itertext()) == "x2"
    assert "".join(fraction[1].itertext()) == "(2·y)"


@pytest.mark.parametrize("text", ["a +", "<b>x</b>", "(" * 200 + "x" + ")" * 200, "-" * 3000, ""])
def test_what_is_no_formula_is_shown_as_it_is(text: str) -> None:
    assert mathml(text).startswith("<code>")
    assert ElementTree.fromstring(mathml(text)).text in (text, None)


@given(st.text(alphabet="xyu()[]+-*/<>=,.&;\"' 1e_dsqrt", max_size=60))
def test_any_text_gives_a_well_formed_element(text: str) -> None:
    ElementTree.fromstring(mathml(text))
