"""Parts of the boundary that a problem chooses by comparisons, such as `inlet: x < 1e-6`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from kanpde.config import ProblemConfig
from kanpde.domains import Domain
from kanpde.errors import ConfigError
from kanpde.expressions import Node, Scope, parse_condition
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.quadrature import Array

Test = Callable[[Array, Array], Array]


def tests_of(config: ProblemConfig) -> dict[str, Test]:
    """What tells for points and normals whether they belong to each chosen part; ConfigError for a
    formula that is no comparison of coordinates, parameters and the normal.
    """
    count = len(config.coordinates) - len(config.ranges) - (config.time is not None)
    tests = {}
    for name, text in config.chosen.items():
        scope = Scope(
            coordinates=config.coordinates[:count],
            parameters=config.parameters,
            normal=True,
            where=f"problem.parts.{name}",
        )
        tests[name] = _test(parse_condition(text, scope))
    return tests


def _test(node: Node) -> Test:
    def holds(x: Array, normal: Array) -> Array:
        (values,) = evaluate((node,), torch.tensor(x), torch.tensor(normal))
        return np.asarray(values.numpy() > 0.5)

    return holds


def require_conditions(config: ProblemConfig, domain: Domain) -> None:
    """ConfigError where what is left of the other parts has neither a condition nor is free."""
    stated = {part for condition in config.conditions for part in condition.parts}
    stated |= {part for energy in config.boundary_energy for part in energy.parts}
    stated |= {*config.free, "final"}
    missing = [part for part in domain.parts if part not in stated]
    if config.chosen and missing:
        raise ConfigError(
            f"problem.conditions: no condition on {', '.join(missing)}, of which problem.parts"
            f" leaves a piece; add one, or list under 'free' what has none"
        )
