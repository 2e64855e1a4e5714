"""Univariate bases."""

from __future__ import annotations

from kanpde.bases.bspline import LocalBasis, SplineGrid, gather

__all__ = ["LocalBasis", "SplineGrid", "gather"]
