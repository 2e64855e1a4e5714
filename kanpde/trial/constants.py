"""Unknown constants k (q,) of a problem: numbers that are trained beside the field and appear in
formulas like parameters.

A positive one is trained as its logarithm, k = exp(s), so that no step can make it negative; any
other one as it is, k = s.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Constants(nn.Module):
    """s (q,) as the parameter `raw`; `positive` (q,) says where k = exp(s)."""

    positive: Tensor
    raw: Tensor

    def __init__(
        self,
        start: Sequence[float] = (),
        positive: Sequence[bool] = (),
        dtype: torch.dtype = torch.float64,
    ):
        super().__init__()
        self.register_buffer("positive", torch.tensor(positive, dtype=torch.bool))
        values = torch.tensor(start, dtype=torch.float64)
        raw = torch.where(self.positive, values.clamp_min(1e-300).log(), values)
        if start:
            self.raw = nn.Parameter(raw.to(dtype))
        else:
            self.register_buffer("raw", raw.to(dtype))

    @property
    def count(self) -> int:
        """q."""
        return len(self.raw)

    @property
    def values(self) -> Tensor:
        """k (q,), with a graph to s where one is made."""
        return torch.where(self.positive, self.raw.exp(), self.raw)

    @property
    def slopes(self) -> Tensor:
        """∂k/∂s (q,)."""
        return torch.where(self.positive, self.raw.detach().exp(), torch.ones_like(self.raw))

    @property
    def trained(self) -> list[nn.Parameter]:
        """s as a list of what optimizers move; empty without constants."""
        return list(self.parameters())

    def write(self, raw: Tensor) -> None:
        """Set s (q,)."""
        with torch.no_grad():
            self.raw.copy_(raw)
