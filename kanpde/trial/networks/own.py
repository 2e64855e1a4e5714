"""A network that a user wrote: any torch module (N, d) → (N, m) whose rows are independent."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kanpde.errors import CheckpointError, ConfigError
from kanpde.numerics.jets import Jet

_TRIED = (-1.0, 0.3, 1.0)
"""Points on the diagonal that a module is called with before anything is solved."""


class Own(nn.Module):
    """A copy of a module of the user's, as a network.

    It sees the coordinates scaled to [-1, 1]. Its derivatives are those of autograd, and no layer
    of it is known to be linear: all its parameters are inner ones.
    """

    kind = "module"

    def __init__(self, module: nn.Module, inputs: int, outputs: int, dtype: torch.dtype) -> None:
        """ConfigError where it is no module, has no parameters or maps points to another shape."""
        super().__init__()
        if not isinstance(module, nn.Module):
            raise ConfigError(f"module: must be a torch.nn.Module, found {type(module).__name__}")
        self.module = copy.deepcopy(module).to(dtype)
        self.name = type(module).__name__
        self.shape = [inputs, outputs]
        if not any(parameter.requires_grad for parameter in self.module.parameters()):
            raise ConfigError(f"module: {self.name} has no parameters to train; add some")
        like = next(self.module.parameters()).new_tensor(_TRIED, dtype=dtype)
        tried = like[:, None].repeat(1, inputs)
        try:
            found = self.module(tried)
        except Exception as error:  # a user's code fails in its own ways
            raise ConfigError(
                f"module: {self.name} cannot be called with points ({len(_TRIED)}, {inputs}) in"
                f" {dtype}: {' '.join(str(error).split())[:200]}"
            ) from error
        if isinstance(found, Tensor) and (found.is_complex() or not found.requires_grad):
            raise ConfigError(
                f"module: {self.name} must give real values that depend on its parameters, found"
                f" {'complex' if found.is_complex() else 'detached'} ones"
            )
        wanted = (len(_TRIED), outputs)
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        if shape != wanted:
            raise ConfigError(
                f"module: {self.name} must map points ({len(_TRIED)}, {inputs}) to values {wanted},"
                f" one column for each unknown, found {shape}"
            )
        with torch.no_grad():
            alone = self.module(tried[:2])
        if not torch.allclose(found[:2], alone, rtol=1e-3, atol=1e-5):
            raise ConfigError(
                f"module: {self.name} gives a point another value at each call or beside other"
                " points (dropout, batch norm, means over rows do); leave that out, or call .eval()"
                " on the module"
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, d) → (N, m)."""
        values: Tensor = self.module(x)
        return values

    def jet(self, x: Jet) -> Jet:
        """Its derivatives in closed form are not known."""
        raise AssertionError("the derivatives of a module are those of autograd")

    features = jet

    @property
    def outer(self) -> Tensor:
        """No parameters (0, m): no layer is known to be linear."""
        return next(self.module.parameters()).new_zeros(0, self.shape[-1])

    def set_outer(self, values: Tensor) -> None:
        """Nothing."""

    @property
    def inner(self) -> list[nn.Parameter]:
        """The parameters that are trained."""
        return [each for each in self.module.parameters() if each.requires_grad]

    def outside_share(self, x: Tensor) -> float:
        """Zero: it has no grid."""
        return 0.0

    def state(self) -> dict[str, Any]:
        """Plain data: the names and values of its parameters and buffers."""
        values = self.module.state_dict()
        tensors = [value.detach().clone() for value in values.values()]
        return {"kind": self.kind, "names": list(values), "tensors": tensors}

    def restored(self, state: Mapping[str, Any]) -> Own:
        """A copy with the values of a state; CheckpointError where they do not fit."""
        restored = copy.deepcopy(self)
        try:
            if state["kind"] != self.kind:
                raise ValueError(f"it holds a {state['kind']}")
            values = dict(zip(state["names"], state["tensors"], strict=True))
            restored.module.load_state_dict(values)
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint: its parameters do not fit the module {self.name}"
                f" ({' '.join(str(error).split())[:200]}); give the module of that run"
            ) from error
        return restored
