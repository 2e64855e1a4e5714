"""A solution as one operator of torch, so that `torch.compile` and `torch.export` see neither
patches nor slabs, but a function with a derivative.

    kanpde::derivatives(x, handle, index) = ∂^index u(x)      of the solution that `handle` stands for

Handles belong to a process: what is exported runs where the solution is; another process loads
`solution.save`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, cast
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from kanpde.errors import ConfigError

Evaluate = Callable[[Any, Tensor, tuple[int, ...]], Tensor]

_known: WeakValueDictionary[int, Any] = WeakValueDictionary()
_handles = itertools.count()
_evaluate: list[Evaluate] = []


def handle_of(solution: Any, evaluate: Evaluate) -> int:
    """A number that stands for a solution as long as it is there, evaluated by `evaluate`."""
    handle = next(_handles)
    _known[handle] = solution
    _evaluate[:] = [evaluate]
    return handle


def values(x: Tensor, handle: int, index: Sequence[int]) -> Tensor:
    """∂^index of all unknowns at points (N, d), (N, m)."""
    return cast(Tensor, _operator(x, handle, list(index)))


def _solution(handle: int) -> Any:
    solution = _known.get(handle)
    if solution is None:
        raise ConfigError(
            "solution: the one that was compiled or exported is gone; keep a reference to it"
        )
    return solution


def _computed(x: Tensor, handle: int, index: Sequence[int]) -> Tensor:
    return _evaluate[0](_solution(handle), x, tuple(index)).to(x.dtype)


def _shaped(x: Tensor, handle: int, index: Sequence[int]) -> Tensor:
    return x.new_empty((x.shape[0], len(_solution(handle).problem.unknowns)))


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, ctx.handle, ctx.index = inputs
    ctx.save_for_backward(x)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
    (x,) = ctx.saved_tensors
    columns = []
    for axis in range(x.shape[-1]):
        raised = [order + (axis == k) for k, order in enumerate(ctx.index)]
        columns.append((gradient * values(x, ctx.handle, raised)).sum(dim=-1))
    return torch.stack(columns, dim=-1), None, None


_operator: Any = torch.library.custom_op(
    "kanpde::derivatives",
    _computed,
    mutates_args=(),
    schema="(Tensor x, int handle, int[] index) -> Tensor",
)
_operator.register_fake(_shaped)
_operator.register_autograd(_backward, setup_context=_remember)
