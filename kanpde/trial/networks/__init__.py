"""Networks: maps (N, d) → (N, m) whose last layer is linear in its parameters."""

from __future__ import annotations

from kanpde.trial.networks.affine import Affine
from kanpde.trial.networks.circles import Circles
from kanpde.trial.networks.enriched import Enriched, bare, beside
from kanpde.trial.networks.kan import KAN, Radial, build_kan
from kanpde.trial.networks.layer import NodeSplines, SplineLayer
from kanpde.trial.networks.mlp import MLP, build_mlp
from kanpde.trial.networks.multipoles import Multipoles
from kanpde.trial.networks.nodes import build_nodes
from kanpde.trial.networks.own import Own
from kanpde.trial.networks.stretched import build_stretched

__all__ = [
    "KAN",
    "MLP",
    "Affine",
    "Circles",
    "Enriched",
    "Multipoles",
    "NodeSplines",
    "Own",
    "Radial",
    "SplineLayer",
    "bare",
    "beside",
    "build_kan",
    "build_mlp",
    "build_nodes",
    "build_stretched",
]
