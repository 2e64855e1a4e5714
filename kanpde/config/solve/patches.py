"""The `trial.patches` node: local KANs on dyadic cells in place of one network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kanpde.config.problem.statement import ProblemConfig
from kanpde.config.reader import Reader

MOST_COORDINATES = 3
NETWORKS = ("kan", "mlp")
MOST_CELLS, HIGHEST_DEGREE, MOST_PATCHES = 256, 16, 1_000_000


@dataclass(frozen=True)
class PatchesConfig:
    """First cells along the longest side (None: as many as suit the number of coordinates), degree
    of the first patches, most patches, whether patches are split and raised until the tolerance is
    met, and the network on each: a KAN, or an MLP of random features.
    """

    cells: int | None = None
    degree: int = 8
    most: int = 20_000
    refine: bool = True
    network: str = "kan"


def read_patches(node: Reader) -> PatchesConfig | None:
    """A mapping whose keys are all optional; null means one network."""
    if node.value is None:
        return None
    fields = node.fields(("cells", "degree", "most", "refine", "network"))
    plain = PatchesConfig()
    return PatchesConfig(
        fields["cells"].integer(1, MOST_CELLS) if "cells" in fields else plain.cells,
        fields["degree"].integer(2, HIGHEST_DEGREE) if "degree" in fields else plain.degree,
        fields["most"].integer(1, MOST_PATCHES) if "most" in fields else plain.most,
        fields["refine"].flag() if "refine" in fields else plain.refine,
        fields["network"].choice(NETWORKS) if "network" in fields else plain.network,
    )


def unsuited_to_patches(config: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys of a whole `Config` (which stands above this file) that patches cannot solve, each
    with the reason; formulas are looked at by the solve.
    """
    if config.trial.patches is None:
        return
    problem: ProblemConfig = config.problem
    count = len(problem.coordinates)
    refused = (
        ("domain", count > MOST_COORDINATES, f"{count} coordinates"),
        ("energy", problem.energy is not None, "an energy"),
        ("fit", problem.fit is not None, "a fit"),
    )
    needs = "trial.patches needs equations in up to three coordinates, time included"
    if config.trial.patches.network != "kan" and problem.eigen is not None:
        reason = "modes are sought on patches of KANs, found mlp; remove network"
        yield ("trial", "patches", "network"), reason
    for key, refuses, what in refused:
        if refuses:
            yield ("problem", key), f"{needs}, found {what}; remove trial.patches"
