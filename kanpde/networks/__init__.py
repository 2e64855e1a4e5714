"""Networks: maps (N, d) → (N, m) whose last layer is linear in its parameters."""

from __future__ import annotations

from kanpde.networks.kan import KAN, Radial, build_kan
from kanpde.networks.layer import SplineLayer
from kanpde.networks.mlp import MLP, build_mlp
from kanpde.networks.stretched import build_stretched

__all__ = ["KAN", "MLP", "Radial", "SplineLayer", "build_kan", "build_mlp", "build_stretched"]
