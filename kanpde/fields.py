"""What a trial solution says at points: unknowns, their errors and gradients, quantities, vectors, residuals.

A quantity is a formula q(x, u, ∂u, …); its value at a point is that of the formula on the jet of u(x; θ) there. The gradient
of an unknown is that by the coordinates of space.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde.expressions import Jet as Unknown
from kanpde.expressions import Node, jets
from kanpde.expressions.evaluate import evaluate
from kanpde.formulas import Quantity
from kanpde.jets import JetSpace, unit
from kanpde.problem import Problem
from kanpde.residual import Assembly, equation_terms, reader
from kanpde.slabs import AnyTrial

Array = NDArray[np.float64]

WIDTH = 3
"""Components of a vector in a file; missing ones are zero."""


def sample(problem: Problem, trial: AnyTrial, points: Array, gradients: bool = False) -> dict[str, Array]:
    """Every field worth looking at, at points (N, d): arrays (N,), and (N, 3) for vectors.

    u and, where `exact` is known, u_exact and u_error = u - u_exact; then quantities, vectors, u_gradient if asked for, and the
    residual of the equations. Units are those of the formulas. Raises NumericalError where a source is not finite.
    """
    x = torch.tensor(points).to(trial.scale.dtype)
    values = trial.evaluate(x).double().numpy()
    found: dict[str, Array] = {name: values[:, o] for o, name in enumerate(problem.unknowns)}
    if problem.exact is not None:
        exact = evaluate(problem.exact, torch.tensor(points))
        for name, field in zip(problem.unknowns, exact, strict=True):
            found[f"{name}_exact"] = field.numpy()
            found[f"{name}_error"] = found[name] - found[f"{name}_exact"]
    asked = (*problem.quantities, *(_gradients(problem) if gradients else ()))
    values_of = iter(_evaluate([node for quantity in asked for node in quantity.nodes], trial, x))
    for quantity in asked:
        components = [next(values_of) for _ in quantity.nodes]
        found[quantity.name] = _padded(components) if quantity.vector else components[0]
    with torch.no_grad():
        residuals = Assembly(equation_terms(problem, x), trial).residuals(trial)
    for k, residual in enumerate(residuals, start=1):
        found["residual" if len(residuals) == 1 else f"residual_{k}"] = residual.double().numpy()
    return found


def _gradients(problem: Problem) -> list[Quantity]:
    """The gradient of every unknown by the coordinates of space."""
    d = len(problem.coordinates)
    space = d if problem.config.time is None else d - 1
    return [
        Quantity(f"{name}_gradient", tuple(Unknown(o, unit(axis, d)) for axis in range(space)), vector=True)
        for o, name in enumerate(problem.unknowns)
    ]


def _evaluate(nodes: Sequence[Node], trial: AnyTrial, x: Tensor) -> list[Array]:
    """The values (N,) of formulas on the jet of a trial solution at points x (N, d)."""
    if not nodes:
        return []
    present = {jet.index for node in nodes for jet in jets(node)}
    space = JetSpace.closure([(0,) * x.shape[1], *sorted(present)], x.shape[1])
    with torch.no_grad():
        jet = trial.jet(trial.locate(x, space))
        values = evaluate(nodes, x, jet=reader(jet, trial.constants.values))
    return [value.double().numpy() for value in values]


def _padded(components: Sequence[Array]) -> Array:
    columns = np.zeros((len(components[0]), max(WIDTH, len(components))))
    columns[:, : len(components)] = np.stack(components, axis=1)
    return columns
