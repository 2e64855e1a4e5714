"""What patches can solve: equations on a box in up to three coordinates, time included, on a plane
domain, or on a body in space.
"""

from __future__ import annotations

from kanpde.domains import Composite, Domain
from kanpde.errors import ConfigError
from kanpde.expressions import jets
from kanpde.patches.free_corners import PLATE, free_corners, free_parts
from kanpde.problem.problem import Problem

REMEDY = "remove trial.patches"
SECOND = 2
PLANE, MOST = 2, 3
KINDS = ("equation", "interface", "periodic", "point", "mean")


def require(problem: Problem, degree: int) -> None:
    """ConfigError with a sentence for what patches of a first degree cannot solve yet."""
    config, domain = problem.config, problem.domain
    rules = (
        (domain.dimension <= MOST, f"at most {MOST} coordinates", f"{domain.dimension}"),
        (
            _is_covered(domain, config.time is not None),
            "plane domains, boxes or bodies of boxes, balls and extrusions, with time boxes",
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
    _require_equations(problem, degree)
    _require_corners(problem)


def orders_of(problem: Problem) -> list[int]:
    """The order of the highest derivative of every unknown in the equations."""
    orders = [0] * len(problem.outputs)
    for node in problem.equations:
        for jet in jets(node):
            orders[jet.unknown] = max(orders[jet.unknown], jet.order)
    return orders


def _require_corners(problem: Problem) -> None:
    """Where two free edges of a plate meet, a force at the corner is free as well."""
    for corner in free_corners(problem):
        if not corner.convex:
            raise ConfigError(
                f"trial.patches: needs a value or a slope beside every re-entrant corner of a plate,"
                f" found two free edges at {corner.place}; {REMEDY}"
            )
    if problem.domain.dimension <= PLANE and problem.config.time is None:
        return
    for number, name in enumerate(problem.unknowns):
        free = free_parts(problem, number) if orders_of(problem)[number] == PLATE else set()
        if len(free) > 1:
            raise ConfigError(
                f"trial.patches: needs a value or a slope of {name} on all sides but one in time and"
                f" space, found two free edges, {' and '.join(sorted(free)[:2])}; {REMEDY}"
            )


def _is_covered(domain: Domain, in_time: bool) -> bool:
    """Whether the domain, or every region of it, is a box or a shape in the plane."""
    if isinstance(domain, Composite):
        plane = domain.dimension == PLANE and not in_time
        return plane or all(region.box for region in domain.members)
    if domain.box or (domain.dimension == PLANE and not in_time):
        return True
    return domain.dimension == MOST and not in_time and _is_body(domain)


def _is_body(domain: Domain) -> bool:
    """Whether a domain in space is made of boxes, balls and extrusions."""
    from kanpde.domains.space.skin import skin_of  # bodies are loaded where there is one

    return skin_of(domain) is not None


def _require_conditions(problem: Problem) -> None:
    orders = orders_of(problem)
    for condition in problem.conditions:
        if condition.kind not in KINDS:
            raise ConfigError(
                f"trial.patches: needs conditions of the kinds {', '.join(KINDS)}, found one of kind"
                f" {condition.kind!r} ({condition.label}); {REMEDY}"
            )
        for jet in jets(condition.node):
            most = max(SECOND, orders[jet.unknown]) - 1
            if jet.order > most:
                raise ConfigError(
                    f"trial.patches: needs conditions of order {most} at most, below that of the"
                    f" equations, found order {jet.order} on '{condition.label}'; {REMEDY}"
                )


def _require_equations(problem: Problem, degree: int) -> None:
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
    for name, order in zip(problem.outputs, orders_of(problem), strict=True):
        if not order and not problem.regions:
            raise ConfigError(
                f"trial.patches: needs equations with derivatives of every unknown, found none of"
                f" {name}; {REMEDY}"
            )
        if problem.regions and order > SECOND:
            raise ConfigError(
                f"trial.patches: needs equations of order 1 or 2 on regions, found order {order} for"
                f" {name}; {REMEDY}"
            )
        if degree < order:
            raise ConfigError(
                f"trial.patches.degree: must be at least the order of the equations, {order}, found"
                f" {degree}; raise it"
            )
