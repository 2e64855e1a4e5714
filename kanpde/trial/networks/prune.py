"""Pruning: hidden units, then edges, that hardly matter are removed from a KAN; their mean values
stay.

A hidden unit is removed where its largest incoming or its largest outgoing edge is below a
threshold, an edge where it is itself below one. Edges are measured by their variation as a share of
the largest of their layer, so that neither the unit of u nor constants, which may be part of any
edge of a node, decide. The means of the removed edges are added to the largest edge that stays at
the same node.

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
"""Share of the largest variation of a layer below which a unit is removed."""


@dataclass(frozen=True)
class Pruned:
    """A smaller network, the units and edges removed, and by how much the function changed as a
    share of its size.

    `units` are (layer, unit) with hidden layers from 1, `edges` (layer, input, output) with layers
    from 1; both count from 1 in the network before. Edges of removed units are not listed.
    """

    network: KAN
    units: tuple[tuple[int, int], ...]
    edges: tuple[tuple[int, int, int], ...]
    change: float


def prune(
    kan: KAN, s: Tensor, held_out: Tensor, units: float = THRESHOLD, edges: float = 0.0
) -> Pruned:
    """The network without the units and edges below these thresholds (dimensionless, 0 for
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
    sizes = [_shares(layer_view) for layer_view in views]
    masks = [layer_view.kept_edges.clone() for layer_view in views]
    kept_units = _kept_units(sizes, units)
    for mask, size in zip(masks, sizes, strict=True):
        mask &= (size >= edges) | (size == size.amax(1, keepdim=True))
    _drop_dead(masks, kept_units)
    stays = [_staying(*parts) for parts in zip(views, masks, kept_units, strict=False)]
    network = _smaller(kan, views, stays, kept_units)
    with torch.no_grad():
        before, after = kan(held_out), network(held_out)
    change = float((after - before).norm() / before.norm().clamp_min(1e-300))
    return Pruned(
        network, _gone_units(kan, kept_units), _gone_edges(views, stays, kept_units), change
    )


def _shares(layer_view: LayerView) -> Tensor:
    """Variations as a share of the layer's largest, (O, I); pruned edges have none."""
    sizes = layer_view.variations * layer_view.kept_edges
    return sizes / sizes.max().clamp_min(1e-300)


def _kept_units(sizes: Sequence[Tensor], threshold: float) -> list[Tensor]:
    """Which units of every layer of units stay, booleans; inputs and outputs all do."""
    kept_units = [sizes[0].new_ones(sizes[0].shape[1], dtype=torch.bool)]
    for incoming, outgoing in pairwise(sizes):
        score = torch.minimum(incoming.amax(1), outgoing.amax(0))
        kept_units.append((score >= threshold) | (score == score.max()))
    return [*kept_units, sizes[-1].new_ones(len(sizes[-1]), dtype=torch.bool)]


def _drop_dead(masks: Sequence[Tensor], kept_units: list[Tensor]) -> None:
    """Hidden units that nothing uses go too, from the last layer down; one stays."""
    for k in range(len(masks) - 1, 0, -1):
        used = (masks[k] & kept_units[k + 1][:, None]).any(0) & kept_units[k]
        if bool(used.any()):
            kept_units[k] = used


def _staying(layer_view: LayerView, mask: Tensor, below: Tensor) -> Tensor:
    """Which edges stay, (O, I); every unit keeps the most important one that comes from a unit that
    stays.
    """
    stays, places = mask & below, torch.arange(len(mask), device=mask.device)
    stays[places, _carriers(layer_view, stays, below)] = True
    return stays


def _carriers(layer_view: LayerView, stays: Tensor, below: Tensor) -> Tensor:
    """The edge of each output that is the most important of those that stay, or else of those that
    could, (O,).
    """
    sizes = layer_view.variations / layer_view.variations.max().clamp_min(1e-300)
    return (sizes + 2.0 * stays).masked_fill(~below, -1.0).argmax(1)


def _smaller(
    kan: KAN, views: Sequence[LayerView], stays: Sequence[Tensor], kept_units: Sequence[Tensor]
) -> KAN:
    """The network of the units and edges that stay, the means of all others moved to these."""
    layers = []
    for k, (layer, layer_view, kept_edges) in enumerate(zip(kan.stack, views, stays, strict=True)):
        below, above = kept_units[k], kept_units[k + 1]
        lost = (layer_view.means * (layer_view.kept_edges & ~kept_edges)).sum(1)
        # splines add up to one, so a constant is the same step in all coefficients
        carriers = _carriers(layer_view, kept_edges, below)
        coefficients = layer.coefficients.detach().clone()
        coefficients[torch.arange(layer.outputs, device=coefficients.device), carriers] += lost[
            :, None
        ]
        base = None if layer.base is None else layer.base.detach()[above][:, below]
        layers.append(
            SplineLayer(
                grid=layer.grid.at(layer.knots[below]),
                coefficients=coefficients[above][:, below],
                base=base,
                mask=kept_edges[above][:, below],
            )
        )
    return KAN(layers)


def _gone_units(kan: KAN, kept_units: Sequence[Tensor]) -> tuple[tuple[int, int], ...]:
    """The hidden units (layer, unit) that are removed, both from 1."""
    units = []
    for k, stays in enumerate(kept_units[1:-1], start=1):
        units += [(k, int(j) + 1) for j in torch.nonzero(~stays)[:, 0]]
    return tuple(units)


def _gone_edges(
    views: Sequence[LayerView], stays: Sequence[Tensor], kept_units: Sequence[Tensor]
) -> tuple[tuple[int, int, int], ...]:
    edges = []
    for k, (layer_view, kept_edges) in enumerate(zip(views, stays, strict=True)):
        removed = layer_view.kept_edges & ~kept_edges & kept_units[k] & kept_units[k + 1][:, None]
        edges += [(k + 1, int(i) + 1, int(o) + 1) for o, i in torch.nonzero(removed)]
    return tuple(sorted(edges))
