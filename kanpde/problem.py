"""A problem: domain, equations, conditions and, for errors only, an exact solution.

    F_k(x, u, ∂u, …) = 0 in Ω,    conditions on ∂Ω

`Problem.create` parses every formula, checks that the problem is posed sensibly, and that `exact` satisfies it. The solve
never sees `exact`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from kanpde.conditions import Condition, read_conditions
from kanpde.config import ProblemConfig, coordinates
from kanpde.domains import Domain, build_domain
from kanpde.errors import ConfigError
from kanpde.expressions import Jet as Unknown
from kanpde.expressions import (
    Node,
    Scope,
    is_linear,
    jets,
    parse_equation,
    parse_expression,
    partial,
    substitute_unknowns,
)
from kanpde.expressions.evaluate import evaluate
from kanpde.manufactured import derive_sources, sources


@dataclass(frozen=True)
class Problem:
    """A boundary value problem in d coordinates (time last) with m unknowns."""

    config: ProblemConfig
    domain: Domain
    coordinates: tuple[str, ...]
    equations: tuple[Node, ...]
    conditions: tuple[Condition, ...]
    exact: tuple[Node, ...] | None

    @classmethod
    def create(cls, config: ProblemConfig) -> Problem:
        """Build from a validated config; ConfigError is one line that names the key."""
        domain = build_domain(config.domain, config.time)
        names = coordinates(config.domain, config.time)
        scope = Scope(names, config.time is not None, config.unknowns, config.parameters, config.definitions)
        exact = _exact(config, scope)
        made = sources(config.definitions)
        kept = {name: text for name, text in config.definitions.items() if name not in made}
        wide = replace(scope, unknowns=(*config.unknowns, *made), definitions=MappingProxyType(kept))
        equations = tuple(
            parse_equation(text, replace(wide, where=f"problem.equations[{k}]"))
            for k, text in enumerate(config.equations)
        )
        equations = derive_sources(equations, made, len(config.unknowns), exact)
        _check_equations(config, equations)
        scope = replace(scope, definitions=MappingProxyType(kept))
        conditions = read_conditions(config.conditions, domain, scope, equations)
        problem = cls(config, domain, names, equations, conditions, exact)
        problem._check_pinned()
        problem._check_exact()
        return problem

    @property
    def name(self) -> str:
        """The problem's name."""
        return self.config.name

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Names of the m unknowns."""
        return self.config.unknowns

    @cached_property
    def is_linear(self) -> bool:
        """Whether every equation and condition is affine in the unknowns."""
        return all(is_linear(node) for node in (*self.equations, *(c.node for c in self.conditions)))

    @property
    def order(self) -> int:
        """Highest differential order in any one coordinate direction or mixed, of equations and conditions."""
        nodes = (*self.equations, *(c.node for c in self.conditions))
        return max(sum(jet.index) for node in nodes for jet in jets(node))

    @property
    def parts(self) -> tuple[str, ...]:
        """The boundary parts that carry conditions."""
        return tuple(dict.fromkeys(c.part for c in self.conditions if c.part is not None))

    def _check_pinned(self) -> None:
        """An unknown whose value appears nowhere is only determined up to a constant."""
        pinning = [*self.equations, *(c.node for c in self.conditions if c.kind != "periodic")]
        for number, name in enumerate(self.unknowns):
            if not any(jet.unknown == number and jet.order == 0 for node in pinning for jet in jets(node)):
                raise ConfigError(
                    f"problem '{self.name}': only derivatives of {name} appear, so it is free by a constant (pure Neumann);"
                    f' pin it, for example with the condition {{mean: "{name} = 0"}}'
                )

    def _check_exact(self) -> None:
        """Equations and conditions hold for the exact solution at random points, to 1e-8 of their largest term."""
        if self.exact is None:
            return
        rng = np.random.default_rng(12345)
        check = _Check(self.name, self.exact, torch.tensor(self.domain.interior(64, "sobol", rng).x))
        for text, node in zip(self.config.equations, self.equations, strict=True):
            check(f"equation '{text}'", node, check.inside)
        for condition in self.conditions:
            node = condition.node
            if condition.kind == "mean":
                points = self.domain.quadrature(2500)
                check(
                    "condition on the mean",
                    node,
                    torch.tensor(points.x),
                    average=torch.tensor(points.w / self.domain.measure),
                )
            elif condition.point is not None:
                check("condition at a point", node, torch.tensor([condition.point], dtype=torch.float64))
            elif condition.part is not None:
                points = self.domain.part(condition.part, 32, "sobol", rng)
                x = torch.tensor(points.x)
                if condition.shift is not None:
                    shift = torch.tensor(condition.shift, dtype=torch.float64)
                    check(f"periodic condition '{condition.name}'", node, x, other=x + shift)
                else:
                    check(f"condition on '{condition.part}'", node, x, torch.tensor(points.normal))


@dataclass(frozen=True)
class _Check:
    """Whether formulas hold for the exact solution, relative to the size that their terms reach there or inside."""

    problem: str
    exact: tuple[Node, ...]
    inside: Tensor

    def __call__(
        self,
        what: str,
        node: Node,
        x: Tensor,
        normal: Tensor | None = None,
        average: Tensor | None = None,
        other: Tensor | None = None,
    ) -> None:
        """ConfigError when the residual at x (N, d) is larger than 1e-8 of the largest term."""
        found = sorted(jets(node), key=lambda jet: (jet.unknown, jet.index))
        fields = [substitute_unknowns(jet, self.exact) for jet in found]
        slopes = [substitute_unknowns(partial(node, jet), self.exact) for jet in found]
        residual, *rates = evaluate([substitute_unknowns(node, self.exact), *slopes], x, normal)
        sizes = [
            torch.cat(pair).abs().max() for pair in zip(evaluate(fields, x), evaluate(fields, self.inside), strict=True)
        ]
        if other is not None:
            residual = residual - evaluate([substitute_unknowns(node, self.exact)], other)[0]
        if average is not None:
            residual = (average * residual).sum()
        scale = max(float(rate.abs().max() * size) for rate, size in zip(rates, sizes, strict=True))
        worst = float(residual.abs().max())
        if not worst <= 1e-8 * scale:
            raise ConfigError(
                f"problem '{self.problem}': exact does not satisfy the {what}: the residual is {worst:.1e} where its terms are"
                f" about {scale:.1e}; correct exact or the {what.split()[0]}"
            )


def _exact(config: ProblemConfig, scope: Scope) -> tuple[Node, ...] | None:
    if config.exact is None:
        return None
    bare = replace(scope, unknowns=())
    return tuple(parse_expression(config.exact[u], replace(bare, where=f"problem.exact.{u}")) for u in config.unknowns)


def _check_equations(config: ProblemConfig, equations: Sequence[Node]) -> None:
    found: set[Unknown] = set()
    for text, node in zip(config.equations, equations, strict=True):
        here = jets(node)
        if not here:
            raise ConfigError(f"problem '{config.name}': the equation '{text}' holds no unknown")
        found |= here
    for number, name in enumerate(config.unknowns):
        if not any(jet.unknown == number for jet in found):
            raise ConfigError(f"problem '{config.name}': no equation holds the unknown '{name}'; add one or remove it")
