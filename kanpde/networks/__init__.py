"""Networks: maps (N, d) → (N, m) whose last layer is linear in its parameters."""

from __future__ import annotations

from kanpde.networks.affine import Affine
from kanpde.networks.circles import Circles
from kanpde.networks.enriched import Enriched, bare, beside
from kanpde.networks.kan import KAN, Radial, build_kan
from kanpde.networks.layer import NodeSplines, SplineLayer
from kanpde.networks.mlp import MLP, build_mlp
from kanpde.networks.multipoles import Multipoles
from kanpde.networks.nodes import build_nodes
from kanpde.networks.stretched import build_stretched

__all__ = [
    "KAN",
    "MLP",
    "Affine",
    "Circles",
    "Enriched",
    "Multipoles",
    "NodeSplines",
    "Radial",
    "SplineLayer",
    "bare",
    "beside",
    "build_kan",
    "build_mlp",
    "build_nodes",
    "build_stretched",
]
