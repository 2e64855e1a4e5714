"""A problem: domain, equations, conditions and, for errors only, an exact solution or a reference.

    F_k(x, u, ∂u, …) = 0 in Ω,    conditions on ∂Ω

`Problem.create` parses every formula, checks that the problem is posed sensibly, and that `exact`
satisfies it. The solve never sees `exact` or `reference`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from kanpde.config import ProblemConfig
from kanpde.domains import Composite, Domain, build_domain
from kanpde.errors import ConfigError
from kanpde.expressions import (
    Derivative,
    Node,
    TooLargeError,
    constants,
    is_linear,
    jets,
    order,
    partial,
    substitute,
    substitute_unknowns,
)
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.quadrature import Array
from kanpde.problem.chosen_parts import require_conditions, tests_of
from kanpde.problem.condition_reader import fitted, natural_conditions, read_conditions
from kanpde.problem.conditions import (
    Condition,
    InterfaceCondition,
    MeanCondition,
    PeriodicCondition,
    PointCondition,
    matrix,
)
from kanpde.problem.euler_lagrange import Energy
from kanpde.problem.formula_places import formulas
from kanpde.problem.formulas import Formulas, Quantity
from kanpde.problem.kinks import kinks
from kanpde.problem.numbers import Number, read_numbers
from kanpde.problem.pieces import Pieces
from kanpde.problem.probing import Probe, probe
from kanpde.problem.stored_reference import Reference
from kanpde.problem.true_constants import with_means


@dataclass(frozen=True)
class Problem:
    """A boundary value problem in d coordinates (time last) with m unknowns.

    Attributes:
        config: what it was built from.
        domain: Ω, with its time interval.
        coordinates: their names, d of them.
        equations: F_k; with an energy those of Euler and Lagrange, which serve checks and reports
            while the solve minimises the energy.
        conditions: with an energy the natural ones are among them.
        exact: the exact solution by unknown, where it is known.
        reference: values computed by other means, where there are some.
        true: values of the unknown parameters that belong to `exact`.
        quantities: formulas of the unknowns that are written to the results.
        energy: what is minimised, where the problem states one instead of equations.
        numbers: those quantities that are numbers.
        pieces: those that formulas which jump cut the domain into, for whoever solves on them.
    """

    config: ProblemConfig
    domain: Domain
    coordinates: tuple[str, ...]
    equations: tuple[Node, ...]
    conditions: tuple[Condition, ...]
    exact: tuple[Node, ...] | None
    reference: Reference | None = None
    true: Mapping[Node, Node] = field(default_factory=dict)
    quantities: tuple[Quantity, ...] = ()
    energy: Energy | None = None
    pieces: Pieces | None = None
    numbers: tuple[Number, ...] = ()

    @classmethod
    def create(cls, config: ProblemConfig) -> Problem:
        """Build from a validated config; ConfigError is one line that names the key."""
        parsed = Formulas.of(config)
        tests = tests_of(config)
        domain = build_domain(config.domain, config.time, config.ranges.values(), tests)
        require_conditions(config, domain)
        equations = parsed.equations
        conditions = read_conditions(
            config.conditions, domain, parsed.scope, equations, scopes=parsed.scopes
        )
        conditions += fitted(config, domain)
        if parsed.energy is not None:
            conditions = (*conditions, *natural_conditions(parsed.energy, conditions, domain))
        problem = Problem(  # not `cls`: one that is stated in Python reads other arguments
            config=config,
            domain=domain,
            coordinates=parsed.scope.coordinates,
            equations=equations,
            conditions=conditions,
            exact=parsed.exact,
            reference=Reference.of(config, domain),
            true=with_means(parsed.true, parsed.exact, conditions, domain),
            quantities=parsed.quantities,
            energy=parsed.energy,
            numbers=read_numbers(config, domain, parsed),
        )
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

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the R regions, none where the domain is one shape."""
        return self.config.regions

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the m·R functions of a trial solution: every unknown in the first region, then
        in the second, ...
        """
        return tuple(f"{u} in {r}" for r in self.regions for u in self.unknowns) or self.unknowns

    def region_of(self, x: Tensor) -> Tensor | None:
        """The number of the region of each point (N, d), (N,); None where the domain is one
        shape.
        """
        if not isinstance(self.domain, Composite):
            return None
        return torch.tensor(self.domain.number(x.detach().double().cpu().numpy()), device=x.device)

    def places(self, region: Tensor | None) -> list[Tensor | slice]:
        """For every equation the points where it holds, given the `region_of` all points."""
        if region is None:
            return [slice(None)] * len(self.equations)
        return [
            torch.nonzero(region == k // self.per_region)[:, 0] for k in range(len(self.equations))
        ]

    def choose(self, values: Tensor, region: Tensor | None) -> Tensor:
        """Of the values (N, m·R) of all functions those of each point's region, (N, m)."""
        if region is None:
            return values
        m = len(self.unknowns)
        return values.gather(1, region[:, None] * m + torch.arange(m, device=values.device))

    def exact_at(self, x: Tensor, region: Tensor | None) -> Tensor | None:
        """The exact solution at points (N, d), (N, m), where it is known."""
        if self.exact is None:
            return None
        return self.choose(torch.stack(evaluate(self.exact, x), dim=1), region)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the equations, in the first region, then in the second, ..."""
        names = self.config.names or tuple(f"equation {k + 1}" for k in range(self.per_region))
        return tuple(f"{name} in {region}" for region in self.regions for name in names) or names

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the equations; one with a weight other than 1 is a wish, which `exact` need
        not satisfy.
        """
        of_region = self.config.weights or (1.0,) * self.per_region
        return of_region * max(1, len(self.regions))

    @property
    def per_region(self) -> int:
        """Number of equations of one region."""
        return len(self.equations) // max(1, len(self.regions))

    @cached_property
    def data(self) -> tuple[Array, Array, Array | None, Array | None] | None:
        """What is fitted to, where it is a table: inputs (N, d) and values (N, m) of its rows, and
        of those of the test.
        """
        fit, d = self.config.fit, self.domain.dimension
        if fit is None or fit.train is None:
            return None
        train = matrix(fit.train)
        if fit.test is None:
            return train[:, :d], train[:, d:], None, None
        test = matrix(fit.test)
        return train[:, :d], train[:, d:], test[:, :d], test[:, d:]

    @cached_property
    def probed(self) -> Probe:
        """The narrow features of sources, coefficients and data."""
        known = formulas(self.domain, self.equations, self.names, self.conditions)
        return probe(known, self.coordinates)

    @cached_property
    def kinks(self) -> list[Array]:
        """Where formulas have kinks or jumps across planes, along every axis."""
        return kinks(self._nodes, self.domain.lower, self.domain.upper)

    @property
    def constants(self) -> tuple[str, ...]:
        """Names of the q unknown parameters."""
        return tuple(self.config.unknown_parameters)

    @cached_property
    def _jets(self) -> frozenset[Derivative]:
        """The derivatives in all equations."""
        return frozenset(jet for node in self.equations for jet in jets(node))

    @property
    def _nodes(self) -> tuple[Node, ...]:
        return (*self.equations, *(condition.node for condition in self.conditions))

    @cached_property
    def is_linear(self) -> bool:
        """Whether every equation and condition is affine in the unknowns."""
        return all(map(is_linear, self._nodes))

    @property
    def order(self) -> int:
        """Highest order |α| of the derivatives in equations and conditions, mixed ones included."""
        return max(map(order, self._nodes))

    @property
    def parts(self) -> tuple[str, ...]:
        """The boundary parts that carry conditions."""
        return tuple(dict.fromkeys(c.part for c in self.conditions if c.part is not None))

    def _check_pinned(self) -> None:
        """An unknown whose value appears nowhere is only determined up to a constant."""
        pinned: set[int] = set()
        for number in range(len(self.outputs)):
            pinning = [*self.equations, *(c.node for c in self.conditions if self._pins(c, number))]
            if any(number in _values_in(node) for node in pinning):
                pinned.add(number)
        links = [
            _values_in(condition.node)
            for condition in self.conditions
            if isinstance(condition, InterfaceCondition)
        ]
        # An interface ties the value on one side to that on the other; a chain of R regions is
        # followed to its end in as many passes as it has interfaces.
        for _ in links:
            for link in links:
                if link & pinned:
                    pinned |= link
        for number, name in enumerate(self.outputs):
            if number not in pinned:
                how = f'{{mean: "{name} = 0"}}'
                if self.config.time is not None:  # a mean over space and time is one number
                    place = ", ".join(self.coordinates[:-1])
                    how = f'{{point: [{place}], equation: "{name} = 0"}} at a place, for all times'
                raise ConfigError(
                    f"problem '{self.name}': only derivatives of {name} appear, so it is free by a"
                    f" constant (pure Neumann); pin it, for example with the condition {how}"
                )

    def _pins(self, condition: Condition, unknown: int) -> bool:
        """Whether a condition can fix a constant; one average over space-time cannot fix a function
        of time, and one number no function of a parameter.
        """
        if isinstance(condition, PeriodicCondition | InterfaceCondition) or condition.weight == 0:
            return False
        if self.config.ranges and isinstance(condition, MeanCondition | PointCondition):
            return False
        moves = any(jet.unknown == unknown and jet.index[-1] for jet in self._jets)
        return not isinstance(condition, MeanCondition) or self.config.time is None or moves

    def _check_exact(self) -> None:
        """Equations and conditions hold for the exact solution at random points, to 1e-8 of their
        largest term.
        """
        if self.exact is None or self.config.fit is not None:  # a fitted formula is `exact`
            return
        rng = np.random.default_rng(12345)
        inside = torch.tensor(self.domain.interior(64, "sobol", rng).x)
        check = _Check(self.name, self.exact, inside, self.true)
        texts = [f"equation '{text}'" for text in self.config.equations] * max(1, len(self.regions))
        texts = texts or [
            f"energy (its Euler-Lagrange equation for {name})" for name in self.unknowns
        ]
        places = self.places(self.region_of(inside))
        for text, node, weight, place in zip(
            texts, self.equations, self.weights, places, strict=True
        ):
            if weight == 1:
                replace(check, inside=inside[place])(text, node, inside[place])
        for condition in self.conditions:
            self._check_condition(condition, check, rng)

    def _check_condition(
        self, condition: Condition, check: _Check, rng: np.random.Generator
    ) -> None:
        """A condition holds for the exact solution; measured values, which have noise, need not."""
        node, domain = condition.node, self.domain
        if isinstance(condition, MeanCondition):
            points = condition.rule(domain, 2500)
            average = torch.tensor(points.w / points.w.sum())
            normal = None if points.normal is None else torch.tensor(points.normal)
            x = torch.tensor(points.x)
            check("condition on the mean", node, x, normal, average=average)
        elif isinstance(condition, PointCondition):
            check("condition at a point", node, torch.tensor(condition.at(domain, 16)))
        elif condition.part is not None:
            points = domain.part(condition.part, 32, "sobol", rng)
            x = torch.tensor(points.x)
            if isinstance(condition, PeriodicCondition):
                moved = x + torch.tensor(condition.shift, dtype=torch.float64)
                check(f"periodic condition '{condition.name}'", node, x, minus=moved)
                return
            # On regions the terms inside belong to other functions: only those on the part count.
            here = replace(check, inside=x) if self.regions else check
            here(f"condition on '{condition.part}'", node, x, torch.tensor(points.normal))


def _values_in(node: Node) -> set[int]:
    """The unknowns of which the node holds the value itself, not only derivatives."""
    return {jet.unknown for jet in jets(node) if jet.order == 0}


@dataclass(frozen=True)
class _Check:
    """Whether formulas hold for the exact solution, relative to the size that their terms reach
    there or at the points `inside` (N, d).
    """

    problem: str
    exact: tuple[Node, ...]
    inside: Tensor
    true: Mapping[Node, Node]

    def __call__(
        self,
        place: str,
        node: Node,
        x: Tensor,
        normal: Tensor | None = None,
        average: Tensor | None = None,
        minus: Tensor | None = None,
    ) -> None:
        """ConfigError when the residual at x (N, d) is larger than 1e-8 of the largest term.

        The residual is F at x with outward normals `normal` (N, d), less F at the points `minus`
        (N, d), or its average with weights `average` (N,) of sum 1.
        """
        try:
            self._check(place, node, x, normal, average, minus)
        except TooLargeError:
            return  # its derivatives are too large to be written down: not checked

    def _check(
        self,
        place: str,
        node: Node,
        x: Tensor,
        normal: Tensor | None,
        average: Tensor | None,
        minus: Tensor | None,
    ) -> None:
        node = substitute(node, self.true)
        if constants(node):
            return  # `exact` does not say what these numbers are
        ordered = sorted(jets(node), key=lambda jet: (jet.unknown, jet.index))
        fields = [substitute_unknowns(jet, self.exact) for jet in ordered]
        slopes = [substitute_unknowns(partial(node, jet), self.exact) for jet in ordered]
        residual, *rates = evaluate([substitute_unknowns(node, self.exact), *slopes], x, normal)
        sizes = [
            torch.cat(pair).abs().max()
            for pair in zip(evaluate(fields, x), evaluate(fields, self.inside), strict=True)
        ]
        if minus is not None:
            residual = residual - evaluate([substitute_unknowns(node, self.exact)], minus)[0]
        if average is not None:
            residual = (average * residual).sum()
        scale = max(float(rate.abs().max() * size) for rate, size in zip(rates, sizes, strict=True))
        worst = float(residual.abs().max())
        if not worst <= 1e-8 * scale:
            raise ConfigError(
                f"problem '{self.problem}': exact does not satisfy the {place}: the residual is"
                f" {worst:.1e} where its terms are"
                f" about {scale:.1e}; correct exact or the {place.split()[0]}"
            )
