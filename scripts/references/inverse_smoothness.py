"""Choose the weight of the smoothness of an unknown field, by generalised cross-validation: from
the measured values alone.

    python -m scripts inverse_smoothness inverse_source

Of n measured rows y the fit is A(w) y + const in a linear problem, w the weight of the equations
whose weight is not 1; the ratios of several such weights stay. This

    GCV(w) = mean r² / (1 - tr A(w)/n)²,    r the misfit in standard deviations of the noise,

is printed. It estimates the mean square error of predicting a value that was left out, so the w
with the smallest GCV belongs into the file. With the matrix of a solve, M = QR, tr A is the sum of
the squares of Q in the measured rows.

Source: Golub, Heath & Wahba, Technometrics 21 (1979).
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import torch

from kanpde.api.solving import configure
from kanpde.assembly.outer_system import OuterSystem
from kanpde.config import STAGE, Config
from kanpde.optimizers.least_squares import equilibrate
from kanpde.solver.build import build

SPAN = 3
"""Powers of ten tried on either side of the weights in the file, in quarters."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    config = configure(parser.parse_args().name)
    scores = []
    for quarter in range(-4 * SPAN, 4 * SPAN + 1):
        factor = 10 ** (quarter / 4)
        gcv, misfit, trace = validated(times(config, factor))
        scores.append((gcv, factor))
        print(f"weights times {factor:9.2e}  GCV {gcv:.5f}  misfit {misfit:.4f}  trace {trace:.1f}")
    print(f"least at {min(scores)[1]:.2e}")


def times(config: Config, factor: float) -> Config:
    """The same with other weights of the equations whose weight is not 1."""
    weights = tuple(weight if weight == 1 else factor * weight for weight in config.problem.weights)
    return replace(config, problem=replace(config.problem, weights=weights))


def validated(config: Config) -> tuple[float, float, float]:
    """GCV, the root mean square of the misfit in standard deviations, and the trace, for a linear
    problem.
    """
    parts = build(config)
    terms = parts.assembly.terms
    measured = torch.cat([torch.full((term.rows,), term.columns is not None) for term in terms])
    noise = torch.cat([torch.full((term.rows,), term.scale) for term in terms])[measured]
    rows = OuterSystem(parts.assembly, parts.trial)
    with torch.no_grad():
        matrix, right = rows.linearised(parts.trial.net.outer.numel())
        equilibrate(
            matrix, STAGE["least_squares"]["regularisation"], parts.trial.net.outer.shape[1]
        )
        q = torch.linalg.qr(matrix)[0]
        misfit = (right - q @ (q.T @ right))[: len(measured)][measured] / noise
        trace = float(q[: len(measured)][measured].square().sum())
    square = float(misfit.square().mean())
    return square / (1 - trace / len(misfit)) ** 2, square**0.5, trace
