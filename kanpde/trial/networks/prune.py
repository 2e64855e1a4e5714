"""Pruning: hidden units, then edges, that hardly matter are taken out of a KAN, and what they gave
on the mean stays.

A hidden unit goes where its largest incoming or its largest outgoing edge, an edge where it itself
is below a threshold; edges are measured by their variation as a share of the largest one of their
layer, so that neither the unit of u nor constants, which may stand in any edge of a node, decide.
The mean of what goes is added to the largest edge that stays at the same node.
Source: arXiv 2404.19756, §2.5.1 (which compares the norms themselves with θ = 1e-2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from kanpde.errors import ConfigError
from kanpde.trial.networks import KAN, SplineLayer
from kanpde.trial.networks.edge_sizes import LayerView, view

THRESHOLD = 1e-2
"""Share of the largest variation of a layer below which a unit goes."""


@dataclass(frozen=True)
class Pruned:
    """A smaller network, what is gone, and by how much the function changed as a share of its size.

    `units` are (layer, unit) with hidden layers from 1, `edges` (layer, input, output) with layers
    from 1; both count from 1 in the network before. Edges of units that are gone are not named.
    """

    network: KAN
    units: tuple[tuple[int, int], ...]
    edges: tuple[tuple[int, int, int], ...]
    change: float


def prune(
    kan: KAN, s: Tensor, held_out: Tensor, units: float = THRESHOLD, edges: float = 0.0
) -> Pruned:
    """The network without what lies below the thresholds `units` and `edges` (dimensionless, 0 for
    none) at points s (N, d).

    The change is measured at other points `held_out` (M, d). Every hidden layer keeps a unit, every
    unit an edge. Raises ConfigError for thresholds outside [0, 1) and for other bases than
    B-splines on edges.
    """
    for name, value in (("units", units), ("edges", edges)):
        if not 0 <= value < 1:
            raise ConfigError(
                f"prune: the threshold of {name} must be at least 0 and below 1, found {value:g}"
            )
    if len(kan.every) != len(kan.stack) or any(layer.grid.name != "bspline" for layer in kan.stack):
        raise ConfigError(
            "prune: takes B-splines on edges, whose constants can be moved; solve with basis:"
            " bspline, on: edges"
        )
    views = view(kan, s)
    sizes = [_shares(one) for one in views]
    masks = [one.left.clone() for one in views]
    kept = _kept_units(sizes, units)
    for mask, size in zip(masks, sizes, strict=True):
        mask &= (size >= edges) | (size == size.amax(1, keepdim=True))
    _drop_dead(masks, kept)
    stays = [_staying(*parts) for parts in zip(views, masks, kept, strict=False)]
    network = _smaller(kan, views, stays, kept)
    with torch.no_grad():
        before, after = kan(held_out), network(held_out)
    change = float((after - before).norm() / before.norm().clamp_min(1e-300))
    return Pruned(network, _gone_units(kan, kept), _gone_edges(views, stays, kept), change)


def _shares(one: LayerView) -> Tensor:
    """Variations as a share of the layer's largest, (O, I); edges that are left out have none."""
    sizes = one.variations * one.left
    return sizes / sizes.max().clamp_min(1e-300)


def _kept_units(sizes: Sequence[Tensor], threshold: float) -> list[Tensor]:
    """Which units of every layer of units stay, booleans; inputs and outputs all do."""
    kept = [sizes[0].new_ones(sizes[0].shape[1], dtype=torch.bool)]
    for incoming, outgoing in pairwise(sizes):
        score = torch.minimum(incoming.amax(1), outgoing.amax(0))
        kept.append((score >= threshold) | (score == score.max()))
    return [*kept, sizes[-1].new_ones(len(sizes[-1]), dtype=torch.bool)]


def _drop_dead(masks: Sequence[Tensor], kept: list[Tensor]) -> None:
    """Hidden units that nothing uses go too, from the last layer down; one stays."""
    for k in range(len(masks) - 1, 0, -1):
        used = (masks[k] & kept[k + 1][:, None]).any(0) & kept[k]
        if bool(used.any()):
            kept[k] = used


def _staying(one: LayerView, mask: Tensor, below: Tensor) -> Tensor:
    """Which edges stay, (O, I); every unit keeps the most important one that comes from a unit that
    stays.
    """
    stays, places = mask & below, torch.arange(len(mask), device=mask.device)
    stays[places, _carriers(one, stays, below)] = True
    return stays


def _carriers(one: LayerView, stays: Tensor, below: Tensor) -> Tensor:
    """The edge of each output that is the most important of those that stay, or else of those that
    could, (O,).
    """
    sizes = one.variations / one.variations.max().clamp_min(1e-300)
    return (sizes + 2.0 * stays).masked_fill(~below, -1.0).argmax(1)


def _smaller(
    kan: KAN, views: Sequence[LayerView], stays: Sequence[Tensor], kept: Sequence[Tensor]
) -> KAN:
    layers = []
    for layer, one, left, below, above in zip(
        kan.stack, views, stays, kept, kept[1:], strict=False
    ):
        lost = (one.means * (one.left & ~left)).sum(1)
        coefficients = layer.coefficients.detach().clone()
        coefficients[torch.arange(layer.outputs), _carriers(one, left, below)] += lost[:, None]
        base = None if layer.base is None else layer.base.detach()[above][:, below]
        layers.append(
            SplineLayer(
                layer.grid.at(layer.knots[below]),
                coefficients[above][:, below],
                base,
                left[above][:, below],
            )
        )
    return KAN(layers)


def _gone_units(kan: KAN, kept: Sequence[Tensor]) -> tuple[tuple[int, int], ...]:
    return tuple(
        (k, j + 1) for k in range(1, len(kept) - 1) for j in range(len(kept[k])) if not kept[k][j]
    )


def _gone_edges(
    views: Sequence[LayerView], stays: Sequence[Tensor], kept: Sequence[Tensor]
) -> tuple[tuple[int, int, int], ...]:
    found = []
    for k, (one, left) in enumerate(zip(views, stays, strict=True)):
        gone = one.left & ~left & kept[k] & kept[k + 1][:, None]
        found += [(k + 1, int(i) + 1, int(o) + 1) for o, i in torch.nonzero(gone)]
    return tuple(sorted(found))
