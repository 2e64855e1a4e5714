"""Corners of boxes: a number for each coordinate, or one number for all of them.

`{lower: [0, 0], upper: [2, 1]}`, or `{lower: -1, upper: 1, dimensions: 100}`. Lengths are dimensionless.
"""

from __future__ import annotations

from collections.abc import Mapping

from kanpde.config.reader import Reader

FARTHEST = 1e12
"""Largest magnitude of a coordinate or a length; its inverse is the smallest length."""

MOST_DIMENSIONS = 100

Corner = tuple[float, ...]


def read_corners(
    node: Reader, fields: Mapping[str, Reader], count: int | None
) -> tuple[Corner, Corner]:
    """The lower and the upper corner of a box.

    Args:
        node: the box.
        fields: `lower`, `upper` and perhaps `dimensions` of it.
        count: the number of coordinates where it is known.
    """
    if "dimensions" in fields:
        count = fields["dimensions"].integer(1, MOST_DIMENSIONS)
    lower, upper = (
        _corner(fields[key], count, "dimensions" in fields) for key in ("lower", "upper")
    )
    if len(lower) != len(upper):
        raise node.error(
            f"lower and upper must be equally long, found {len(lower)} and {len(upper)} numbers"
        )
    return lower, upper


def _corner(node: Reader, count: int | None, equal: bool) -> Corner:
    """A list of numbers, or with `dimensions` one number for all coordinates."""
    if equal and not isinstance(node.value, list | tuple):
        return (node.number(-FARTHEST, FARTHEST),) * (count or 0)
    wanted = f"a list of {count} numbers"
    if count is None:
        wanted = "a list of numbers, or one number for all coordinates beside `dimensions`"
    items = node.items(wanted, count or 1, count or MOST_DIMENSIONS)
    return tuple(item.number(-FARTHEST, FARTHEST) for item in items)
