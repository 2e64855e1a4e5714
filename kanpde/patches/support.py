"""What patches can solve: equations of second order at most on a box in up to three
coordinates, time included, or on a plane domain.
"""

from __future__ import annotations

from kanpde.domains import Composite, Domain
from kanpde.errors import ConfigError
from kanpde.expressions import jets
from kanpde.problem.problem import Problem

REMEDY = "remove trial.patches"
SECOND = 2
PLANE, MOST = 2, 3
KINDS = ("equation", "interface", "periodic", "point", "mean")


def require(problem: Problem) -> None:
    """ConfigError with a sentence for what patches cannot solve yet."""
    config, domain = problem.config, problem.domain
    rules = (
        (domain.dimension <= MOST, f"at most {MOST} coordinates", f"{domain.dimension}"),
        (
            _is_covered(domain, config.time is not None),
            "plane domains or boxes, with time boxes",
            f"another domain in {domain.dimension} coordinates",
        ),
        (not config.ranges, "no ranges of parameters", "some"),
        (config.fit is None and bool(problem.equations), "equations", "a fit"),
        (problem.energy is None, "equations", "an energy"),
        (not problem.constants, "no unknown parameters", ", ".join(problem.constants)),
    )
    for met, wanted, present in rules:
        if not met:
            raise ConfigError(f"trial.patches: needs {wanted}, found {present}; {REMEDY}")
    _require_conditions(problem)
    _require_equations(problem)


def _is_covered(domain: Domain, in_time: bool) -> bool:
    """Whether the domain, or every region of it, is a box or a shape in the plane."""
    if isinstance(domain, Composite):
        plane = domain.dimension == PLANE and not in_time
        return plane or all(region.box for region in domain.members)
    return domain.box or (domain.dimension == PLANE and not in_time)


def _require_conditions(problem: Problem) -> None:
    for condition in problem.conditions:
        if condition.kind not in KINDS:
            raise ConfigError(
                f"trial.patches: needs conditions of the kinds {', '.join(KINDS)}, found one of kind"
                f" {condition.kind!r} ({condition.label}); {REMEDY}"
            )
        order = max((jet.order for jet in jets(condition.node)), default=0)
        if order >= SECOND:
            raise ConfigError(
                f"trial.patches: needs conditions of order 0 or 1, found order {order} on"
                f" '{condition.label}'; {REMEDY}"
            )


def _require_equations(problem: Problem) -> None:
    if problem.regions and not problem.is_linear:
        raise ConfigError(
            f"trial.patches: needs equations on regions that are linear in the unknowns, found"
            f" others; {REMEDY}"
        )
    if problem.per_region != len(problem.unknowns):
        raise ConfigError(
            f"trial.patches: needs as many equations as unknowns, found {problem.per_region}"
            f" and {len(problem.unknowns)}; {REMEDY}"
        )
    for number, name in enumerate(problem.outputs):
        present = [jet for node in problem.equations for jet in jets(node) if jet.unknown == number]
        order = max((jet.order for jet in present), default=0)
        if not 0 < order <= SECOND:
            raise ConfigError(
                f"trial.patches: needs equations of first or second order for every unknown, found"
                f" order {order} for {name}; {REMEDY}"
            )
