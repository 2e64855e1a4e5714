"""Poisson's equation with several scales at once.

-Δu = f on [0, 1]²,  u = (1/n) Σ_w sin(wπx) sin(wπy),  u = 0 on the boundary.

A sum over frequencies is easier to write in Python than in YAML. Parameters: `frequencies`, how
many of the multiples of `base` are summed (w = base, 2·base, …). Source: a common test of
multi-scale networks, arXiv 2607.02194.
"""

from __future__ import annotations

from typing import Any


def problem(frequencies: int = 2, base: int = 4) -> dict[str, Any]:
    """The problem node; dimensionless."""
    waves = [f"sin({base * k}*pi*x)*sin({base * k}*pi*y)" for k in range(1, frequencies + 1)]
    sources = [f"{2 * (base * k) ** 2}*pi**2*{wave}" for k, wave in enumerate(waves, start=1)]
    return {
        "name": "poisson_waves",
        "description": f"Poisson on [0, 1]^2 with {frequencies} scales at once, zero on the boundary",
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "definitions": {"f": f"({' + '.join(sources)})/{frequencies}"},
        "equations": ["-laplacian(u) = f"],
        "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
        "exact": {"u": f"({' + '.join(waves)})/{frequencies}"},
        "recommended": {
            "trial": {"kind": "kan", "width": [64], "degree": [5, 13], "intervals": [2, 32]},
            "sampler": {"interior": 10000, "boundary": 1600},
        },
    }
