"""How points and weights follow the residual: the `adapt_points` stage, and the `points` and
`weights` of an optimizer stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.reader import Reader, listed
from kanpde.config.solve.defaults import ADAPTIVE_WEIGHTS, POINTS

MOST_EVERY, MOST_ADDED, MOST_CANDIDATES, MOST_BINS = 1_000_000_000, 10_000_000, 100, 100_000


@dataclass(frozen=True)
class AdaptPoints:
    """`rad` draws all interior points anew from p ∝ |r|^k / E|r|^k + c; `rar` adds the `add` worst
    of the candidates.

    There are `candidates` of them per present point. `every` counts steps of an optimizer; 0 is
    once, a stage of its own.
    """

    method: str
    every: int = 0
    k: float = 0.0
    c: float = 0.0
    add: int = 0
    candidates: int = 10


@dataclass(frozen=True)
class AdaptWeights:
    """`attention` and `causal` weigh points, `gradient_norm` and `ntk` terms, `every` so many
    steps; `keep` leaves the weights as the stage before had them.

    `decay` and `rate` are γ and η of attention, `memory` is the share of the old weights of terms,
    `epsilon` and `bins` are those of causal weights; all dimensionless.
    """

    method: str
    every: int = 0
    decay: float = 0.0
    rate: float = 0.0
    memory: float = 0.0
    epsilon: float = 0.0
    bins: int = 0


def read_points(node: Reader, repeated: bool) -> AdaptPoints:
    """The way to adapt points; `every` is a key where it is `repeated`."""
    fields = _fields(node, POINTS, () if repeated else ("every",))
    read: dict[str, Any] = {"method": fields.pop("method").value}
    for key, entry in fields.items():
        if key in ("k", "c"):
            read[key] = entry.number(0.0, 100.0)
        elif key == "candidates":
            read[key] = entry.integer(
                2, MOST_CANDIDATES
            )  # a layout may give half of what is asked for
        else:
            read[key] = entry.integer(1, MOST_EVERY if key == "every" else MOST_ADDED)
    return AdaptPoints(**read)


def read_adaptive_weights(node: Reader) -> AdaptWeights:
    """The way to adapt weights."""
    fields = _fields(node, ADAPTIVE_WEIGHTS, ())
    read: dict[str, Any] = {"method": fields.pop("method").value}
    for key, entry in fields.items():
        if key in ("every", "bins"):
            read[key] = entry.integer(1, MOST_EVERY if key == "every" else MOST_BINS)
        elif key in ("rate", "epsilon"):
            read[key] = entry.number(most=1e6, above=0.0)
        else:
            read[key] = entry.number(0.0, 0.999999)
    return AdaptWeights(**read)


def _fields(
    node: Reader, known: FrozenMap[FrozenMap[Any]], without: tuple[str, ...]
) -> dict[str, Reader]:
    """`method` and the keys that it has, defaults included."""
    if isinstance(node.value, str):
        node = node.child("method", node.value)
        node.choice(tuple(known))
        fields = {"method": node}
    else:
        every = dict.fromkeys(
            key for defaults in known.values() for key in defaults if key not in without
        )
        hints = dict.fromkeys(without, "points of a stage of their own are adapted once; remove it")
        fields = node.fields(("method", *every), ("method",), hints)
    name = fields["method"].choice(tuple(known))
    known_defaults = {key: value for key, value in known[name].items() if key not in without}
    for key, entry in fields.items():
        if key != "method" and key not in known_defaults:
            keys = listed(known_defaults) or "none"
            raise entry.error(f"{name} has no {key!r}; remove it (keys of {name}: {keys})")
    return {**{key: node.child(key, value) for key, value in known_defaults.items()}, **fields}


def points_tree(points: AdaptPoints) -> dict[str, Any]:
    """Plain data that reads back to the same."""
    return _tree(points.method, POINTS, vars(points))


def adaptive_weights_tree(weights: AdaptWeights) -> dict[str, Any]:
    """Plain data that reads back to the same."""
    return _tree(weights.method, ADAPTIVE_WEIGHTS, vars(weights))


def _tree(
    method: str, known: FrozenMap[FrozenMap[Any]], values: Mapping[str, Any]
) -> dict[str, Any]:
    kept = {key: values[key] for key in known[method]}
    return {
        "method": method,
        **{key: value for key, value in kept.items() if key != "every" or value},
    }
