"""Whether data fit each other, told by what no richer space can lower.

    Σ|rows|² of the richer space > 0.98 Σ|rows|²,   Σ|rows|² > (1e-6)² Σ|right|²

The equations of a solvable problem are met better by every richer space until rounding. Where data
contradict each other, as a source that no flux carries away, the rows keep what is contradictory,
and the least-squares solution settles all the same, so that no estimate of its error notices.
"""

from __future__ import annotations

UNMOVED, STANDING = 0.98, 1e-6
"""Squared rows that richer spaces leave, and their root beside the data, from which on data
contradict each other.
"""

CONTRADICTION = (
    "warning: there is no solution, the residual does not fall when the space is enriched:"
    " the data are not compatible; change a source or a flux so that they balance"
)


def is_contradictory(squares: float, richer: float, data: float) -> bool:
    """Whether data contradict each other.

    Args:
        squares: the sum of the squared rows of a level.
        richer: the same with two degrees more.
        data: the sum of the squared right sides.
    """
    return richer > UNMOVED * squares and richer > STANDING**2 * data
