"""What scripts/kan_paper/interpret.py samples: the six examples of the KAN paper (arXiv 2404.19756, §4.1),
and two more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import j0

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Example:
    """Samples of y = function(x) for x uniform in lower … upper (d columns), the width to start
    from and λ of the penalty.

    `tuned` says whether width, intervals, λ or the method itself were changed after its result was
    seen.
    """

    text: str
    function: Callable[[Array], Array]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    width: tuple[int, ...] = (5,)
    intervals: int = 5
    weight: float = 1e-2
    tuned: bool = True


EXAMPLES = {
    "xy": Example("xy", lambda x: x[:, 0] * x[:, 1], (-1, -1), (1, 1)),
    "ratio": Example("x/y", lambda x: x[:, 0] / x[:, 1], (0.5, 0.5), (2, 2)),
    "digit": Example(
        "first decimal digit of x", lambda x: np.floor(10 * x[:, 0]) % 10, (0,), (1,), (), 200
    ),
    "bessel": Example(
        "exp(J0(20x) + y²)",
        lambda x: np.exp(j0(20 * x[:, 0]) + x[:, 1] ** 2),
        (-1, -1),
        (1, 1),
        (5,),
        20,
    ),
    "phase": Example(
        "tanh(5(Σxᵢ⁴ − 1))", lambda x: np.tanh(5 * ((x**4).sum(1) - 1)), (-1,) * 3, (1,) * 3
    ),
    "distance": Example(
        "√((x1−x2)² + (x3−x4)²)",
        lambda x: np.hypot(x[:, 0] - x[:, 1], x[:, 2] - x[:, 3]),
        (-1,) * 4,
        (1,) * 4,
        (4, 3),
    ),
    "quotient": Example(
        "sin(x)/(1 + y²)",
        lambda x: np.sin(x[:, 0]) / (1 + x[:, 1] ** 2),
        (-2, -2),
        (2, 2),
        tuned=True,
    ),
    "norm": Example(
        "√(x² + y² + 1)", lambda x: np.sqrt((x**2).sum(1) + 1), (-2, -2), (2, 2), tuned=True
    ),
}
