"""The four problems of `peers` by DeepXDE: one tanh network over the domain, trained by Adam."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from scripts.benchmarks.peer_elements import Values
from scripts.benchmarks.peer_problems import PROBLEMS

WIDTHS = [50, 50, 50]
INSIDE, ON_BOUNDARY = 2000, 400


def deepxde_network(name: str, iterations: int) -> Iterator[tuple[float, int, Values]]:
    """CPU seconds, parameters and the solution."""
    os.environ.setdefault("DDE_BACKEND", "pytorch")
    import deepxde as dde
    import torch

    dde.config.set_default_float("float64")
    dde.config.set_random_seed(0)
    began = time.process_time()
    problem = PROBLEMS[name]
    k = 2.0 if name == "plate" else 1.0
    shape = {
        "plate": lambda: dde.geometry.CSGDifference(
            dde.geometry.Rectangle([0, 0], [2, 1]), dde.geometry.Disk([0.5, 0.5], 0.2)
        ),
        "lshape": lambda: dde.geometry.Polygon(
            [[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1]]
        ),
        "franke": lambda: dde.geometry.Rectangle([0, 0], [1, 1]),
        "cube": lambda: dde.geometry.Cuboid([0, 0, 0], [1, 1, 1]),
    }[name]()

    def equation(x: Any, u: Any) -> Any:
        second = sum(dde.grad.hessian(u, x, i=axis, j=axis) for axis in range(problem.dimension))
        if name == "plate":
            source = 10 * torch.exp(-(x[:, :1] ** 2) - x[:, 1:] ** 2)
        else:
            source = torch.tensor(problem.source(x.detach().numpy()))[:, None]
        return -k * second - source

    conditions = (
        _plate(dde, shape)
        if name == "plate"
        else [
            dde.icbc.DirichletBC(
                shape, lambda x: problem.given(np.asarray(x))[:, None], lambda _, on: on
            )
        ]
    )
    data = dde.data.PDE(shape, equation, conditions, num_domain=INSIDE, num_boundary=ON_BOUNDARY)
    net = dde.nn.FNN([problem.dimension, *WIDTHS, 1], "tanh", "Glorot uniform")
    model = dde.Model(data, net)
    model.compile("adam", lr=1e-3, loss_weights=[1.0] + [100.0] * len(conditions), verbose=0)
    model.train(iterations=iterations, display_every=iterations, verbose=0)
    count = sum(parameter.numel() for parameter in net.parameters())
    yield time.process_time() - began, count, lambda x: model.predict(x)[:, 0]


def _plate(dde: Any, shape: Any) -> list[Any]:
    """The conditions of the README's plate."""
    close = dde.utils.isclose

    def sides(x: Any, on: bool) -> bool:
        return bool(on and (close(x[0], 0) or close(x[0], 2)))

    def top(x: Any, on: bool) -> bool:
        return bool(on and close(x[1], 1))

    def free(x: Any, on: bool) -> bool:
        return bool(on and not sides(x, on) and not top(x, on))

    return [
        dde.icbc.DirichletBC(shape, lambda x: np.zeros((len(x), 1)), sides),
        dde.icbc.RobinBC(shape, lambda x, u: (1 - u) / 2, top),
        dde.icbc.NeumannBC(shape, lambda x: np.zeros((len(x), 1)), free),
    ]
