"""A start, values at points, in the outer layer of one network: the nearest in least squares."""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.numerics.jets import JetSpace
from kanpde.optimizers.linear_algebra import fit
from kanpde.problem.starts import Start
from kanpde.trial.solution import TrialSolution


@torch.no_grad()
def begin_with(trial: TrialSolution, start: Start, x: Tensor) -> None:
    """Write the outer parameters (P, m) that are nearest to a start at points x (N, d)."""
    values = torch.tensor(start(x.double().cpu().numpy())).to(x)
    at = trial.locate(x, JetSpace(((0,) * x.shape[1],)))
    features, unknowns = trial.features(at), values.shape[1]
    value = torch.ones(1, unknowns, len(x), dtype=x.dtype, device=x.device)
    rows = features.rows(value, range(unknowns))
    outer = trial.net.outer
    if at.extension is not None:
        values = values - at.extension.value.T
    fitted = torch.empty_like(outer)
    for number in range(unknowns):
        matrix = rows[number].T
        if features.columns is not None:
            matrix = torch.zeros(len(x), len(outer)).to(x).scatter_(1, features.columns.T, matrix)
        fitted[:, number] = fit(matrix, values[:, number : number + 1])[:, 0]
    trial.net.set_outer(fitted)
