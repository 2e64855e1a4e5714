"""The network of a trial config: its start, directions, radial units and the functions beside
it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from kanpde.ansatz.characteristics import characteristics
from kanpde.ansatz.projection_pursuit import source_directions
from kanpde.ansatz.radial_units import multipoles, radial_units
from kanpde.config import TrialConfig
from kanpde.errors import ConfigError
from kanpde.expressions import parse_expression
from kanpde.problem.formulas import Formulas
from kanpde.problem.problem import Problem
from kanpde.trial.networks import KAN, MLP, Circles, Enriched, build_kan, build_mlp, build_nodes
from kanpde.trial.networks.scaled import scale

_NONE = {
    "characteristic": "only a linear equation in two coordinates with constant coefficients of the"
    " highest order, and no elliptic one, has characteristic directions",
    "source": "only an equation in two coordinates whose source is a sum of few ridge functions"
    " has directions of its source",
}


def build_network(
    trial: TrialConfig,
    problem: Problem,
    seed: int,
    dtype: torch.dtype,
    circles: Circles | None = None,
) -> KAN | MLP:
    """The network of a trial config, of points on `circles` if given; a KAN of too low a degree is
    refused with the reason.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = circles.inputs if circles else problem.domain.dimension
    shape = [inputs, *trial.width, len(problem.outputs)]
    if trial.kind == "mlp":
        return build_mlp(
            shape,
            activation=trial.activation,
            start=trial.start,
            scale=trial.scale,
            generator=generator,
            dtype=dtype,
        )
    check_degree(trial, problem)
    # radial units draw from the generator first: their order fixes the numbers of a seed
    radial = radial_units(trial, problem, generator)
    chosen = None if circles else _chosen(trial, problem)
    start = "paper" if trial.start == "scaled" else trial.start
    if trial.on == "nodes":
        kan = build_nodes(
            shape,
            functions=list(zip(trial.bases, trial.degree, trial.intervals, strict=True)),
            start=start,
            base=trial.base == "silu",
            generator=generator,
            dtype=dtype,
            chosen=chosen,
        )
    else:
        kan = build_kan(
            shape,
            degrees=trial.degree,
            intervals=trial.intervals,
            start=start,
            base=trial.base == "silu",
            generator=generator,
            dtype=dtype,
            radial=radial,
            chosen=chosen,
            clamped=trial.ends == "clamped",
            bases=trial.bases,
        )
    if trial.start == "scaled":
        scale(kan, 1 / (1 + trial.margin), generator)
    if trial.start == "ridge" and len(shape) > 2:
        if circles:
            circles.fill(kan)
        kan.shrink_lines(1 + trial.margin, len(radial))
    return kan


def enriched(network: KAN | MLP, trial: TrialConfig, problem: Problem) -> KAN | MLP | Enriched:
    """The network with the functions of `trial.functions` and the `trial.multipoles` beside it, if
    there are any.
    """
    about = multipoles(trial, problem)
    if not (trial.functions or about):
        return network
    scope = replace(Formulas.of(problem.config).scope, unknowns=())
    functions = [
        parse_expression(text, replace(scope, where=f"trial.functions[{k}]"))
        for k, text in enumerate(trial.functions)
    ]
    return Enriched(
        network,
        functions=functions,
        lower=torch.tensor(problem.domain.lower).to(network.outer),
        upper=torch.tensor(problem.domain.upper).to(network.outer),
        multipoles=about,
    )


def _chosen(trial: TrialConfig, problem: Problem) -> Tensor:
    """The directions of the first units in the network's coordinates, (n, d); the others are
    even.
    """
    directions = trial.directions
    if (
        trial.start == "ridge"
        and trial.width
        and isinstance(directions, str)
        and directions != "even"
    ):
        directions = (characteristics if directions == "characteristic" else source_directions)(
            problem
        )
        if not directions:
            raise ConfigError(
                f"trial.directions: {_NONE[str(trial.directions)]}; '{problem.name}' has none, use"
                " even"
            )
        if trial.width and len(directions) > trial.width[0]:
            raise ConfigError(
                f"trial.directions: '{problem.name}' has {len(directions)} {trial.directions}"
                f" directions; raise trial.width"
            )
    half = (problem.domain.upper - problem.domain.lower) / 2
    vectors = (
        [] if isinstance(directions, str) else [np.array(vector) * half for vector in directions]
    )
    return torch.tensor(np.array(vectors).reshape(-1, len(half)))


def check_degree(trial: TrialConfig, problem: Problem) -> None:
    """ConfigError when a KAN's splines have too few continuous derivatives for the problem; other
    bases have all.
    """
    bases = zip(trial.degree, trial.bases, strict=True)
    splines = [degree for degree, basis in bases if basis == "bspline"]
    order = problem.order
    lowest = min(splines, default=order + 1)
    if lowest < order + 1:
        raise ConfigError(
            f"trial.degree: problem '{problem.name}' takes {order} derivatives and its residual"
            f" must be continuous, but a degree-{lowest} spline has only {lowest - 1} continuous"
            f" ones; use degree ≥ {order + 1} (≥ {order + 4} for accuracy)"
        )
