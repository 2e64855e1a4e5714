"""The `eigen` node: how many eigenvalues of the equations are asked for, and near what.

F_0(u) + λ F_1(u) = 0,    λ is written `lambda` in the equations and conditions
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanpde.config.reader import Reader

LAMBDA = "lambda"
"""The eigenvalue in formulas."""

MOST_EIGENVALUES = 100

ALONE = (
    "time", "unknown_parameters", "parameter_ranges", "energy", "boundary_energy", "fit",
    "exact", "reference", "quantities", "vectors",
)  # fmt: skip
"""Keys of a problem that do not go beside `eigen`."""


@dataclass(frozen=True)
class EigenConfig:
    """The `count` eigenvalues nearest to `near`; `exact` are known values in the order of the
    results (real and imaginary part), which serve errors only.
    """

    count: int
    near: float = 0.0
    exact: tuple[tuple[float, float], ...] = ()

    def tree(self) -> dict[str, Any]:
        """Plain data that reads back to the same."""
        exact = [list(pair) if pair[1] else pair[0] for pair in self.exact]
        return {"count": self.count, "near": self.near} | ({"exact": exact} if exact else {})


def read_eigen(node: Reader) -> EigenConfig:
    """A mapping with `count`, and `near` (0 by default) and `exact` if they are given."""
    fields = node.fields(("count", "near", "exact"), ("count",))
    count = fields["count"].integer(1, MOST_EIGENVALUES)
    near = fields["near"].number() if "near" in fields else 0.0
    exact = (
        [_value(item) for item in fields["exact"].items("a list of numbers", 1, count)]
        if "exact" in fields
        else []
    )
    return EigenConfig(count, near, tuple(exact))


def _value(node: Reader) -> tuple[float, float]:
    """A number, or the real and the imaginary part of one."""
    if not isinstance(node.value, list | tuple):
        return node.number(), 0.0
    real, imaginary = node.items("a real and an imaginary part", 2, 2)
    return real.number(), imaginary.number()


def read_beside(fields: Mapping[str, Reader]) -> EigenConfig | None:
    """The `eigen` node among the entries of a problem node, None where there is none; ConfigError
    for an entry that does not go with it.
    """
    if "eigen" not in fields:
        return None
    for key in ALONE:
        if key in fields:
            raise fields[key].error(
                "does not go with 'eigen', which solves for modes; remove one of the two"
            )
    domain, conditions = fields["domain"], fields["conditions"]
    if isinstance(domain.value, Mapping) and "regions" in domain.value:
        raise domain.error("'eigen' takes one shape, not regions; give coefficients by a formula")
    given = conditions.value if isinstance(conditions.value, list | tuple) else ()
    for number, condition in enumerate(given):
        if isinstance(condition, Mapping) and ({"data", "values"} & {*condition}):
            place = conditions.child(number, condition)
            raise place.error("measured values do not go with 'eigen'; remove them")
    return read_eigen(fields["eigen"])
