"""First-order and quasi-Newton steps on all parameters, by torch: Adam, and L-BFGS with a strong-Wolfe line search.

Sources: Kingma & Ba, arXiv 1412.6980; Nocedal & Wright, Numerical Optimization, 2006, ch. 7 and alg. 3.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from kanpde.optimizers.base import Advance, NonFiniteError, Objective, finite


class Adam:
    """Adam with a constant learning rate (dimensionless)."""

    def __init__(self, parameters: Sequence[nn.Parameter], learning_rate: float) -> None:
        self._torch = torch.optim.Adam(parameters, lr=learning_rate)

    def advance(self, objective: Objective, steps: int) -> Advance:
        """`steps` gradient steps."""
        value = 0.0
        for _ in range(steps):
            self._torch.zero_grad()
            total = objective()
            value = finite(total)
            total.backward()  # type: ignore[no-untyped-call]
            self._torch.step()
        return Advance(steps, value)

    def state(self) -> dict[str, Any]:
        """Moments and counters."""
        return self._torch.state_dict()

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._torch.load_state_dict(state)


class LBFGS:
    """L-BFGS, memory 50; it stalls when no step changes the parameters or the objective by more than `tolerance`."""

    def __init__(self, parameters: Sequence[nn.Parameter], tolerance: float) -> None:
        self._torch = torch.optim.LBFGS(
            parameters, history_size=50, tolerance_grad=0.0, tolerance_change=tolerance, line_search_fn="strong_wolfe"
        )

    def advance(self, objective: Objective, steps: int) -> Advance:
        """Up to `steps` iterations; torch takes one more evaluation per call, so call it for many at a time."""
        group = self._torch.param_groups[0]
        group["max_iter"], group["max_eval"] = steps, 2 * steps + 10
        latest = 0.0

        def closure() -> torch.Tensor:
            nonlocal latest
            self._torch.zero_grad()
            total = objective()
            latest = finite(total)
            total.backward()  # type: ignore[no-untyped-call]
            return total

        before = self._iterations()
        try:
            self._torch.step(closure)  # type: ignore[no-untyped-call]
        except IndexError as error:
            raise NonFiniteError("line search met a non-finite slope") from error
        done = self._iterations() - before
        return Advance(max(done, 1), latest, stalled=done == 0)

    def _iterations(self) -> int:
        states = list(self._torch.state.values())
        return int(states[0].get("n_iter", 0)) if states else 0

    def state(self) -> dict[str, Any]:
        """Curvature pairs, last direction and step length."""
        return self._torch.state_dict()

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._torch.load_state_dict(state)
