"""Univariate bases."""

from __future__ import annotations

from kanpde.bases.bspline import SplineGrid, gather, local_basis

__all__ = ["SplineGrid", "gather", "local_basis"]
