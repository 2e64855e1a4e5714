"""What is taken where a file says nothing, by the number of coordinates (time included).

Measured on the shipped problems: many ridge directions in the inner layer, few intervals of
moderate degree there, and high degree with more intervals in the outer layer; boundary rows
weighted far above interior rows.
"""

from __future__ import annotations

from typing import Any

from kanpde.config.frozen_map import FrozenMap

_KAN_WIDTH: tuple[tuple[int, ...], ...] = ((), (64,), (160,), (300,))
_INNER_DEGREE, _INNER_INTERVALS = 5, 2
_OUTER_DEGREE = (11, 11, 9, 9)
_OUTER_INTERVALS = (64, 24, 6, 1)
_INTERIOR = (512, 4900, 12167, 8000)
_BOUNDARY = (2, 800, 4800, 4000)

WEIGHTS: FrozenMap[float] = FrozenMap({"equations": 1.0, "conditions": 1e4})
BY_GRADIENTS = 10.0
"""The weight of conditions where no stage solves a linear system. Adam and L-BFGS walk along the
narrow valley that a large one makes: an mlp [24, 24] on `poisson_square` had an error of 1.25 after
200 and 500 steps at 1e4 and has 3.6e-3 at 10 (`kanpde solve experiment=pinn problem=poisson_square
trial.width=[24,24] sampler.interior=300 sampler.boundary=80`, its schedule with these steps).
"""

OUTPUT: FrozenMap[bool] = FrozenMap({"vtu": True, "plots": True})
COMPARE: FrozenMap[Any] = FrozenMap(
    {"seeds": 3, "modes": ("equal_parameters", "equal_time", "best")}
)
TOLERANCE: FrozenMap[float] = FrozenMap({"float64": 1e-6, "float32": 1e-3})
"""On the relative L2 error, by dtype, where a file gives neither trial nor schedule."""

SECONDS = 100.0
"""How long the program may search in that case."""

_SCHEDULE: FrozenMap[tuple[FrozenMap[Any], ...]] = FrozenMap(
    {
        "kan": (FrozenMap({"optimizer": "least_squares"}),),
        "mlp": (
            FrozenMap({"optimizer": "adam", "steps": 2000, "learning_rate": 1e-3}),
            FrozenMap({"optimizer": "lbfgs", "steps": 2000}),
        ),
    }
)
_KAN: FrozenMap[Any] = FrozenMap(
    {
        "basis": "bspline",
        "on": "edges",
        "start": "ridge",
        "base": "none",
        "radial": 0,
        "ends": "extended",
        "margin": 0.0,
        "spread": 2.0,
        "directions": "even",
        "centers": "none",
        "functions": (),
        "multipoles": 0,
        "lifting": False,
        "periodic": False,
        "derivatives": "taylor",
    }
)
_MLP: FrozenMap[Any] = FrozenMap(
    {
        "width": (100, 100),
        "start": "xavier",
        "activation": "tanh",
        "scale": 1.0,
        "functions": (),
        "multipoles": 0,
        "lifting": False,
        "periodic": False,
        "derivatives": "taylor",
    }
)
POINTS: FrozenMap[FrozenMap[Any]] = FrozenMap(
    {
        "rad": FrozenMap({"every": 200, "k": 1.0, "c": 1.0, "candidates": 10}),
        "rar": FrozenMap({"every": 200, "add": 100, "candidates": 10}),
    }
)
"""Keys and default values of each way to adapt points; a stage of its own has no `every`."""

ADAPTIVE_WEIGHTS: FrozenMap[FrozenMap[Any]] = FrozenMap(
    {
        "attention": FrozenMap({"every": 10, "decay": 0.99, "rate": 0.1}),
        "gradient_norm": FrozenMap({"every": 100, "memory": 0.1}),
        "ntk": FrozenMap({"every": 500, "memory": 0.0}),
        "causal": FrozenMap({"every": 10, "epsilon": 1.0, "bins": 32}),
        "keep": FrozenMap({}),
    }
)
"""Keys and default values of each way to adapt weights. The decay and rate of attention in
its source are 0.999 and 0.01 at every
step: the same limit."""


def trial_defaults(kind: str, dimension: int) -> FrozenMap[Any]:
    """Default `trial` keys of a kan, an mlp or a module of `dimension` coordinates, but for what
    depends on the layers.
    """
    if kind == "kan":
        return FrozenMap({"width": _KAN_WIDTH[min(dimension, 4) - 1], **_KAN})
    return _MLP if kind == "mlp" else FrozenMap({"lifting": False, "periodic": False})


def layer_defaults(dimension: int, layers: int) -> FrozenMap[Any]:
    """Default degree and intervals of a kan with `layers` layers: the last one is rich, the inner
    ones are smooth.
    """
    index, inner = min(dimension, 4) - 1, layers - 1
    return FrozenMap(
        {
            "degree": (_INNER_DEGREE,) * inner + (_OUTER_DEGREE[index],),
            "intervals": (_INNER_INTERVALS,) * inner + (_OUTER_INTERVALS[index],),
        }
    )


def schedule_defaults(kind: str) -> tuple[FrozenMap[Any], ...]:
    """Default stages of a kan, an mlp or a module."""
    return _SCHEDULE["mlp" if kind == "module" else kind]


def sampler_defaults(dimension: int) -> FrozenMap[Any]:
    """Default numbers and kind of collocation points."""
    index = min(dimension, 4) - 1
    kind = "chebyshev" if dimension <= 3 else "sobol"
    return FrozenMap(
        {"interior": _INTERIOR[index], "boundary": _BOUNDARY[index], "kind": kind, "jitter": 1.0}
    )
