"""Points on which nothing is trained."""

from __future__ import annotations

import numpy as np
import torch

from kanpde.assembly.collocation import MOST_ON_PARTS, Needs, collocate, held_out
from kanpde.config import SamplerConfig
from kanpde.domains.box import Box


def test_many_faces_share_the_held_out_points() -> None:
    d = 40
    names = tuple(f"face {k}" for k in range(2 * d))
    points = held_out(Box(np.zeros(d), np.ones(d), names), names, 2000, torch.float64)
    assert len(points.parts) == 2 * d
    assert sum(len(part.x) for part in points.parts.values()) <= 1.2 * MOST_ON_PARTS


def test_few_faces_have_as_many_as_their_dimension_asks_for() -> None:
    names = ("left", "right", "bottom", "top")
    points = held_out(Box(np.zeros(2), np.ones(2), names), names, 10_000, torch.float64)
    assert all(len(part.x) == 200 for part in points.parts.values())


def test_points_on_a_circle_are_even_and_count_the_same() -> None:
    """Chebyshev points are denser at ends, which a circle does not have; nor has its mean."""
    sampler = SamplerConfig(kind="chebyshev", interior=24, boundary=2)
    points = collocate(
        Box(np.zeros(1), np.full(1, 2.0), ("left", "right")),
        (),
        sampler,
        0,
        torch.float64,
        needs=Needs(circles=(0,)),
    ).interior
    gaps = torch.diff(points.x[:, 0].sort().values)
    assert float(gaps.max() / gaps.min()) < 1.01
    assert float(points.w.max() / points.w.min()) < 1.2
    assert abs(float(points.w.sum()) - 2) < 1e-12
