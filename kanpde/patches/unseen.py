"""What patches do not see of the formulas of a problem: peaks between their points, and jumps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kanpde.patches.cells import Cover
from kanpde.patches.layout import Patch
from kanpde.patches.rows import System, interior
from kanpde.patches.steepness import jump
from kanpde.patches.verdict import point

PROBES, UNSEEN = 1 << 16, 2.0
"""Points at which sources are probed, and how many times larger they may be there."""


def unseen(
    cover: Cover, systems: Sequence[System], patches: Sequence[Patch], names: Sequence[str]
) -> str | None:
    """A warning where the source of an equation is much larger at probes than at all points of the
    patches, a peak between them, or where one of its coefficients jumps.

    Args:
        cover: what is known of the cells.
        systems: that of each region, or of all.
        patches: all patches.
        names: those of all equations, in the first region, then in the second.
    """
    before = 0
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
    probes = cover.domain.interior(PROBES, "sobol", np.random.default_rng(0)).x
    inside = [interior(cover, patch).x for patch in patches]
    for name, equation in zip(names, system.equations, strict=True):
        title = name if name.startswith("equation") else f"equation {name}"
        steep = jump(equation, cover.domain, patches)
        if steep is not None:
            return (
                f"warning: the error cannot be told, a coefficient of second order of {title}"
                f" jumps near {point(steep.place, 6)}; give regions, or a smoother coefficient"
            )
        known = max(float(np.abs(equation.at(x)[1]).max()) for x in inside)
        at_probes = np.abs(equation.at(probes)[1])
        if at_probes.max() > UNSEEN * known:
            peak = point(probes[int(at_probes.argmax())], 6)
            return (
                f"warning: the error cannot be told, the source of {title} has a peak near {peak}"
                f" that the patches do not see; give more trial.patches.cells"
            )
    return None
