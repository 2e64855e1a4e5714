"""The `metric` of a problem: scale factors of orthogonal coordinates, by a word or as formulas.

    grad e = (D_i e / h_i),   div v = 1/J Σ D_i (J v_i / h_i),   J = Π h_i,   dn e = Σ n_i D_i e / h_i

A factor more than there are coordinates belongs to a direction along which nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from kanpde.config.problem.intervals import IntervalShape
from kanpde.config.problem.shapes import BoxShape, Shape
from kanpde.config.reader import Reader

MOST_FACTORS = 4
WORDS = ("polar", "axisymmetric", "cylindrical", "spherical", "sphere")
"""(r, θ) · (r, z) · (r, θ, z) · (r), (r, θ) or (r, θ, φ) · (θ, φ) on the unit sphere; a last
coordinate may be left out.
"""


def read_metric(node: Reader, shape: Shape, space: Sequence[str]) -> tuple[str, ...]:
    """The factors as formulas of the coordinates of space."""
    if not isinstance(shape, BoxShape | IntervalShape):
        raise node.error("takes an interval, a rectangle or a box in its coordinates as domain")
    if not isinstance(node.value, str):
        items = node.items("a word or a list of scale factors", len(space), MOST_FACTORS)
        return tuple(item.formula() for item in items)
    word = node.choice(WORDS)
    first, second = space[0], space[1] if len(space) > 1 else None
    full = {
        "polar": ("1", first),
        "axisymmetric": ("1", "1", first),
        "cylindrical": ("1", first, "1"),
        "spherical": ("1", first, first if second is None else f"{first}*sin({second})"),
        "sphere": ("1", f"sin({first})"),
    }[word]
    most = 2 if word == "axisymmetric" else len(full)
    if len(space) > most:
        raise node.error(f"{word!r} takes at most {most} coordinates of space, found {len(space)}")
    return full
