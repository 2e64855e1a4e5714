"""First-order and quasi-Newton steps on all parameters, by torch: Adam, and L-BFGS with a
strong-Wolfe line search.

Sources: Kingma & Ba, arXiv 1412.6980; Nocedal & Wright, Numerical Optimization, 2006, ch. 7 and
alg. 3.5.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kanpde.optimizers.base import Advance, NonFiniteError, Objective, finite


class Adam:
    """Adam with a constant learning rate (dimensionless); it stalls when a call changes the
    objective by less than a `tolerance` of itself.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], learning_rate: float, tolerance: float = 0.0
    ) -> None:
        self._parameters = list(parameters)
        self._tolerance = tolerance
        self._torch = torch.optim.Adam(self._parameters, lr=learning_rate)

    def advance(self, objective: Objective, steps: int) -> Advance:
        """`steps` gradient steps."""
        before = 0.0
        for k in range(steps):
            value = finite(_with_gradient(objective, self._parameters))
            before = before if k else value
            self._torch.step()
        after = _value(objective)
        return Advance(steps, after, abs(before - after) < self._tolerance * abs(before))

    def state(self) -> dict[str, Any]:
        """Moments and counters."""
        return copy.deepcopy(self._torch.state_dict())  # steps change moments in place

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError if it belongs to other parameters."""
        _check_sizes(state, [parameter.shape for parameter in self._parameters])
        self._torch.load_state_dict(state)


class LBFGS:
    """L-BFGS, memory 50; it stalls when `steps` iterations lower the objective by no more than
    `tolerance` of itself.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], tolerance: float = 0.0) -> None:
        self._parameters = list(parameters)
        self._tolerance = tolerance
        self._torch = torch.optim.LBFGS(
            self._parameters,
            history_size=50,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

    def advance(self, objective: Objective, steps: int) -> Advance:
        """Up to `steps` iterations; every call takes two evaluations more, so call it for many at a
        time.
        """
        group = self._torch.param_groups[0]
        group["max_iter"], group["max_eval"] = steps, 25 * steps
        seen: list[float] = []

        def closure() -> Tensor:
            total = _with_gradient(objective, self._parameters)
            seen.append(finite(total))
            return total

        already = self._iterations()
        try:
            self._torch.step(closure)  # type: ignore[no-untyped-call]
        except IndexError as error:
            raise NonFiniteError("line search met a non-finite slope") from error
        done, after = self._iterations() - already, _value(objective)
        return Advance(
            done, after, done < steps or seen[0] - after <= self._tolerance * abs(seen[0])
        )

    def _iterations(self) -> int:
        states = list(self._torch.state.values())
        return int(states[0].get("n_iter", 0)) if states else 0

    def state(self) -> dict[str, Any]:
        """Curvature pairs, last direction and step length."""
        return copy.deepcopy(self._torch.state_dict())  # steps change moments in place

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError if it belongs to other parameters."""
        _check_sizes(
            state, [torch.Size([sum(parameter.numel() for parameter in self._parameters)])]
        )
        self._torch.load_state_dict(state)


def _check_sizes(state: dict[str, Any], shapes: Sequence[torch.Size]) -> None:
    """Every tensor of entry k, or in a list of it, has the shape of parameter k; numbers are
    free.
    """
    for number, entry in state["state"].items():
        values: list[Any] = []
        for value in entry.values():
            values += value if isinstance(value, list) else [value]
        for tensor in values:
            if isinstance(tensor, Tensor) and tensor.ndim and tensor.shape != shapes[number]:
                raise ValueError(
                    f"a tensor {tuple(tensor.shape)} where {tuple(shapes[number])} is needed"
                )


def _with_gradient(objective: Objective, parameters: Sequence[nn.Parameter]) -> Tensor:
    """The objective, with its gradient left in the parameters; NonFiniteError if the gradient is
    not finite.
    """
    for parameter in parameters:
        parameter.grad = None
    total = objective()
    total.backward()  # type: ignore[no-untyped-call]
    for parameter in parameters:
        if parameter.grad is not None and not bool(parameter.grad.isfinite().all()):
            raise NonFiniteError("the gradient is not finite")
    return total


def _value(objective: Objective) -> float:
    with torch.no_grad():
        return finite(objective())
