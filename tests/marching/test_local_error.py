"""What the parts of a local error mean."""

from __future__ import annotations

import pytest
import torch

from kanpde.marching import local_error
from kanpde.marching.local_error import Sizes


def test_an_unknown_that_shrinks_has_not_grown() -> None:
    start, end = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 2.0, 1.0])
    assert Sizes(start, start, end).grown.tolist() == [3.0, 0.0, 0.0]


def test_no_size_is_far_below_the_largest() -> None:
    sizes = torch.tensor([2.0, 0.0, 1.0])
    least = local_error.SMALLEST * 2.0
    assert local_error.floored(sizes).tolist() == pytest.approx([2.0, least, 1.0])
