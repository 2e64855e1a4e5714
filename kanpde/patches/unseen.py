"""What patches do not see of the formulas of a problem: peaks between their points, and jumps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kanpde.patches.cells import Cover
from kanpde.patches.fluxes import SAMPLES, Surfaces
from kanpde.patches.layout import Patch
from kanpde.patches.probing import probes_of
from kanpde.patches.rows import System, interior
from kanpde.patches.steepness import jump
from kanpde.patches.verdict import point
from kanpde.problem.concentrated import Edge
from kanpde.problem.findings import numbers
from kanpde.problem.problem import Problem

UNSEEN = 2.0
"""Points at which sources are probed, and how many times larger they may be there."""

HALVINGS = 40
"""Bisections to where a formula jumps."""


def unseen(
    cover: Cover, systems: Sequence[System], patches: Sequence[Patch], names: Sequence[str]
) -> str | None:
    """A warning where the source of an equation is much larger at probes than at all points of the
    patches, a peak between them, or where one of its coefficients jumps.

    Args:
        cover: what is known of the cells.
        systems: that of each region, or of all.
        patches: all patches.
        names: those of all equations, in the first region, then in the second; of pieces those of
            one.
    """
    before = 0
    names = [*names] * (sum(len(system.equations) for system in systems) // len(names))
    for region, (member, system) in enumerate(zip(cover.members or (cover,), systems, strict=True)):
        mine = [patch for patch in patches if patch.region == region]
        count = len(system.equations)
        warning = _hidden(member, system, mine, names[before : before + count])
        if warning is not None:
            return warning
        before += count
    return None


def _hidden(
    cover: Cover, system: System, patches: Sequence[Patch], names: Sequence[str]
) -> str | None:
    probes = probes_of(cover.domain)
    inside = [interior(cover, patch).x for patch in patches]
    for name, equation in zip(names, system.equations, strict=True):
        title = name if name.startswith("equation") else f"equation {name}"
        settled = system.fluxes.settled if system.fluxes is not None else ()
        steep = jump(equation, cover.domain, patches, settled)
        if steep is not None:
            return (
                f"warning: the error cannot be told, a coefficient of second order of {title}"
                f" jumps near {point(cover.stated(np.array(steep.place)), 6)}; give regions, or a smoother coefficient"
            )
        known = max(float(np.abs(equation.at(x)[1]).max()) for x in inside)
        at_probes = np.abs(equation.at(probes)[1])
        if at_probes.max() > UNSEEN * known:
            peak = point(cover.stated(probes[int(at_probes.argmax())]), 6)
            return (
                f"warning: the error cannot be told, the source of {title} has a peak near {peak}"
                f" that the patches do not see; give more trial.patches.cells"
            )
    return None


def left_out(problem: Problem) -> str | None:
    """A warning where derivatives of jumps are concentrated on what no row holds."""
    missed = () if problem.pieces is not None else Surfaces.of(problem).missed
    if not missed:
        return None
    name = problem.names[missed[0].equation]
    title = name if name.startswith("equation") else f"equation {name}"
    at = point(_zero(missed[0], problem), 6)
    return (
        f"warning: the error cannot be told, a derivative of a jump in {title} is concentrated"
        f" near {at}, which the solve leaves out; give regions with conditions for jump(...)"
    )


def _zero(edge: Edge, problem: Problem) -> tuple[float, ...]:
    """A point inside the domain where a test changes its sign."""
    x = problem.domain.interior(SAMPLES, "sobol", np.random.default_rng(0)).x
    positive = numbers((edge.plain,), x)[0] > 0
    if positive.all() or not positive.any():
        return tuple(x[0].tolist())
    inside = x[positive][:1]
    others = x[~positive]
    nearest = others[np.linalg.norm(others - inside, axis=1).argmin()][None]
    for _ in range(HALVINGS):
        middle = (inside + nearest) / 2
        if numbers((edge.plain,), middle)[0][0] > 0:
            inside = middle
        else:
            nearest = middle
    return tuple(inside[0].tolist())
