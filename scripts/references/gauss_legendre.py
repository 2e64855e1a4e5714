"""Write the table of Gauss-Legendre rules that `kanpde.numerics.quadrature` reads.

Nodes and weights on [-1, 1] of the rules of 1, 2, … 64 nodes, one rule after the other, (2, 2080),
as `scipy.special.roots_legendre` gives them: importing it takes as long as many problems take to
solve, and a table has the same last bit on every machine.
"""

from __future__ import annotations

import numpy as np
from scipy.special import roots_legendre

from kanpde.numerics import quadrature


def main() -> None:
    """Write kanpde/numerics/gauss_legendre.npy."""
    counts = range(1, quadrature.LARGEST_GAUSS_PANEL + 1)
    rules = [np.stack(roots_legendre(count)) for count in counts]
    np.save(quadrature.GAUSS_TABLE, np.concatenate(rules, axis=1))
    print(f"files: {quadrature.GAUSS_TABLE}")
