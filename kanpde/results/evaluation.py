"""A solution as a function: values and derivatives of any order at points, for numpy and for torch.

    ∂^α u(x),  and under autograd  ∂/∂x_i ∂^α u = ∂^(α + e_i) u,

so that torch differentiates a solution by its points to any order whatever it is made of (patches,
slabs, chains), and exactly: derivatives are those of the trial solution, not differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde.errors import ConfigError
from kanpde.names import did_you_mean
from kanpde.numerics.jets import JetSpace
from kanpde.numerics.torch_state import plain_torch
from kanpde.problem.problem import Problem
from kanpde.results.compiled import handle_of
from kanpde.results.compiled import values as compiled
from kanpde.trial.piecewise import AnyTrial

Array = NDArray[np.float64]
Index = tuple[int, ...]


class Evaluated(Protocol):
    """What a solution is here: a trial solution of a problem, which knows its domain."""

    @property
    def problem(self) -> Problem:
        """The problem."""

    @property
    def trial(self) -> AnyTrial:
        """u(x; θ)."""

    def require_inside(self, points: Array, outside: str = "error") -> None:
        """Refuse points outside the domain."""


@plain_torch()
def derivatives(solution: Evaluated, x: Tensor, index: Index) -> Tensor:
    """∂^α of all unknowns at points (N, d), (N, m), without a graph."""
    at = x.detach().to(solution.trial.scale.dtype)
    if not sum(index):
        values = solution.trial.evaluate(at)
    else:
        space = JetSpace.closure((index,), len(index))
        with torch.no_grad():
            jet = solution.trial.jet(solution.trial.locate(at, space))
        values = jet.data[space.position[index]].T
    return solution.problem.choose(values, solution.problem.region_of(at)).detach()


class _Values(torch.autograd.Function):
    """∂^α u as torch sees it; its derivative is the next one of itself."""

    @staticmethod
    def forward(x: Tensor, solution: Any, index: Index) -> Tensor:
        return derivatives(solution, x, index).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, ctx.solution, ctx.index = inputs
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        columns = []
        for axis in range(x.shape[-1]):
            higher = _values(x, ctx.solution, _raised(ctx.index, axis))
            columns.append((gradients[0] * higher).sum(dim=-1))
        return torch.stack(columns, dim=-1), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        (x,) = ctx.saved_tensors
        along = torch.zeros(())
        for axis in range(x.shape[-1]):
            higher = _values(x, ctx.solution, _raised(ctx.index, axis))
            along = along + tangents[0][..., axis, None] * higher
        return along

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], x: Tensor, solution: Any, index: Index
    ) -> tuple[Tensor, int]:
        moved = x.movedim(in_dims[0] or 0, 0)
        flat = _values(moved.reshape(-1, moved.shape[-1]), solution, index)
        return flat.reshape(*moved.shape[:-1], flat.shape[-1]), 0


def _values(x: Tensor, solution: Evaluated, index: Index) -> Tensor:
    return cast(Tensor, _Values.apply(x, solution, index))  # type: ignore[no-untyped-call]


def _raised(index: Index, axis: int) -> Index:
    return tuple(order + (axis == k) for k, order in enumerate(index))


@dataclass(frozen=True)
class Function:
    """u of a solution as a function of tensors (N, d) → (N, m), or (d,) → (m,).

    It is differentiable by its points to any order, also by torch.func (vmap, grad, jacrev), goes
    through torch.compile and torch.export, and does not ask whether they lie in the domain.
    """

    solution: Evaluated
    handle: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "handle", handle_of(self.solution, derivatives))

    def __call__(self, x: Tensor) -> Tensor:
        """The values."""
        if x.shape[-1:] != (self.solution.problem.domain.dimension,) or x.ndim not in (1, 2):
            raise ConfigError(
                f"solution: needs points of shape (N, {self.solution.problem.domain.dimension}) for"
                f" {self.solution.problem.coordinates}, found {tuple(x.shape)}"
            )
        rows = x if x.ndim == 2 else x[None]
        index = (0,) * x.shape[-1]
        if torch.compiler.is_compiling():
            values = compiled(rows, self.handle, index)
        else:
            values = _values(rows, self.solution, index)
        return values if x.ndim == 2 else values[0]


@dataclass(frozen=True)
class Component:
    """One unknown of a solution, ∂^α of it: call it with a value, an array or a tensor per
    coordinate, which are broadcast.
    """

    solution: Evaluated
    name: str
    index: Index

    def __call__(self, *coordinates: Any, outside: str = "error") -> Any:
        """Its values in the shape of the coordinates: a float for floats, a tensor with its graph for
        tensors. Points outside the domain are an error unless `outside` is "allow".
        """
        names = self.solution.problem.coordinates
        if len(coordinates) != len(names):
            raise ConfigError(
                f"{self.name}({', '.join(names)}): needs {len(names)} coordinates, found"
                f" {len(coordinates)}"
            )
        if any(isinstance(value, Tensor) for value in coordinates):
            return self._of_tensors(coordinates, outside)
        arrays = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in coordinates))
        points = np.stack([array.ravel() for array in arrays], axis=1)
        self.solution.require_inside(points, outside)
        values = derivatives(self.solution, torch.tensor(points), self.index)
        shaped = values[:, self._column].double().numpy().reshape(arrays[0].shape)
        return float(shaped) if shaped.ndim == 0 else shaped

    def derivative(self, *along: str) -> Component:
        """Its derivative by these coordinates, as in `u.derivative("x", "x")`."""
        index = self.index
        for name in along:
            known = self.solution.problem.coordinates
            if name not in known:
                raise ConfigError(
                    f"{self.name}: no coordinate {name!r}{did_you_mean(name, known)} (coordinates:"
                    f" {', '.join(known)})"
                )
            index = _raised(index, known.index(name))
        return Component(self.solution, self.name, index)

    def grad(self, *coordinates: Any, outside: str = "error") -> tuple[Any, ...]:
        """Its derivative by every coordinate, each in the shape of the coordinates."""
        return tuple(
            self.derivative(name)(*coordinates, outside=outside)
            for name in self.solution.problem.coordinates
        )

    @property
    def _column(self) -> int:
        return self.solution.problem.unknowns.index(self.name)

    def _of_tensors(self, coordinates: Sequence[Any], outside: str) -> Tensor:
        given = next(value for value in coordinates if isinstance(value, Tensor))
        whole = [torch.as_tensor(value, device=given.device) for value in coordinates]
        shape = np.broadcast_shapes(*(tuple(value.shape) for value in whole))
        whole = [value.expand(shape) for value in whole]
        points = torch.stack([value.reshape(-1) for value in whole], dim=1)
        points = points if points.is_floating_point() else points.double()
        self.solution.require_inside(points.detach().double().cpu().numpy(), outside)
        values = _values(points, self.solution, self.index)[:, self._column]
        return values.reshape(shape)
