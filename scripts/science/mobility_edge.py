"""Mobility edges from eigenvectors: a small KAN separates extended states from localised ones, and
a formula of its boundary is found.

    python -m scripts mobility_edge [--write]

--write puts the section and the picture into docs/science.md. The network sees parameters, energies
and labels (D below a threshold), never the known edge. Its boundary is where its output changes
sign between two neighbouring energies of a training chain whose labels differ likewise. A formula
for it is an equation Σ_k c_k m_k = 0 of two or three of the monomials m_k of degree two at most in
the parameters and E (|E| for the mosaic chain): a small set, and the known edges lie in it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import softplus

from scripts.common import small_kan
from scripts.science import science_page
from scripts.science.implicit_equations import equations, monomials
from scripts.science.lattices import AUBRY_ANDRE, MOSAIC, Array, Model, States, draw

SHAPES = {MOSAIC.name: (2, 1, 1), AUBRY_ANDRE.name: (3, 3, 1)}
CHAINS = {MOSAIC.name: (80, 30), AUBRY_ANDRE.name: (240, 60)}
STATES, INTERVALS, SEEDS, THRESHOLDS = 5000, 5, (0, 1), (0.5, 0.7)
CANDIDATES, SLACK = 10, 0.005
"""Of so many equations, those of least misfit, the first one counts whose share of right labels is
so close to the best one's.
"""
GAP = 0.2
"""Energies further apart than this do not say where between them the boundary is."""
DECAY = 1e-6
"""Factor of the mean square of all parameters in the objective: with labels that can be separated
without error they would grow without bound.
"""


@dataclass(frozen=True)
class Classifier:
    """A trained network with its scale; `value` is positive where it takes a state to be
    localised.
    """

    net: Any
    scale: small_kan.Scale

    def value(self, x: Array) -> Array:
        """The output at x (N, d), (N,)."""
        return small_kan.predict(self.net, self.scale(x))


def classify(net: Any, x: Array, localised: NDArray[np.bool_]) -> Classifier:
    """The network trained on x (N, d) by the logistic loss."""
    scale = small_kan.Scale.of(x)
    points, sign = scale(x), torch.from_numpy(np.where(localised, 1.0, -1.0))

    def objective(net: Any) -> torch.Tensor:
        parameters = torch.cat([parameter.reshape(-1) for parameter in net.parameters()])
        squares = parameters.square().mean()
        return softplus(-sign * net(points)[:, 0]).mean() + DECAY * squares

    return Classifier(small_kan.train(net, points, objective, rounds=3, steps=100), scale)


def boundary(value: Array, localised: NDArray[np.bool_], states: States) -> Array:
    """Points (M, d) where values (H, N) change sign between neighbours as the labels (H, N) do, by
    linear interpolation.
    """
    energy = states.x[:, :, -1]
    crossed = (
        (value[:, :-1] * value[:, 1:] < 0)
        & (localised == (value > 0))[:, :-1]
        & (localised == (value > 0))[:, 1:]
    )
    chain, place = np.nonzero(crossed & (np.diff(energy, axis=1) < GAP))
    before, after = value[chain, place], value[chain, place + 1]
    share = (before / (before - after))[:, None]
    crossings: Array = (1 - share) * states.x[chain, place] + share * states.x[chain, place + 1]
    return crossings


def localised(model: Model, terms: dict[str, float], x: Array, side: bool) -> NDArray[np.bool_]:
    """Whether Σ c m at states x (N, d) has the sign that `side` asks for."""
    at = monomials(*features(model, x))
    return np.asarray((sum(c * at[name] for name, c in terms.items()) > 0) == side)


def features(model: Model, x: Array) -> tuple[tuple[str, ...], Array]:
    """Names and values of the variables of a formula: |E| for the mosaic chain, whose boundary has
    two branches that are mirror images in E.
    """
    if model.name != MOSAIC.name:
        return (*model.parameters, "E"), x
    return (*model.parameters, "|E|"), np.column_stack([x[:, :-1], np.abs(x[:, -1])])


def likeliest(
    model: Model, points: Array, x: Array, label: NDArray[np.bool_]
) -> tuple[dict[str, float], float, bool]:
    """The equation of boundary points with its misfit and side: the first that agrees with labels
    (N,) of states x nearly best.
    """
    every = equations(*features(model, points))[:CANDIDATES]
    candidates = [(terms, misfit, side) for terms, misfit in every for side in (True, False)]
    agree = [
        float((localised(model, terms, x, side) == label).mean()) for terms, _, side in candidates
    ]
    return candidates[next(k for k, share in enumerate(agree) if share >= max(agree) - SLACK)]


def study(model: Model, train: States, test: States, threshold: float, seed: int) -> dict[str, Any]:
    """Accuracies on the test chains by name, the formula's terms and misfit, and the boundary's
    points.
    """
    label, truth = train.dimension < threshold, test.dimension.reshape(-1) < threshold
    chosen = np.random.default_rng(seed).choice(label.size, STATES, replace=False)
    x, y = train.rows[chosen], label.reshape(-1)[chosen]
    kan = small_kan.kan(SHAPES[model.name], INTERVALS, seed)
    mlp = small_kan.mlp(x.shape[1], small_kan.size(kan), seed)
    nets = {net.kind.upper(): classify(net, x, y) for net in (kan, mlp)}
    points = boundary(nets["KAN"].value(train.rows).reshape(label.shape), label, train)
    terms, misfit, side = likeliest(model, points, train.rows, label.reshape(-1))
    guesses = {name: net.value(test.rows) > 0 for name, net in nets.items()}
    guesses |= {
        "formula found": localised(model, terms, test.rows, side),
        "known edge": model.beyond(test.rows),
        "commonest": np.full(truth.size, y.mean() > 0.5),
    }
    accuracy = {name: float((guess == truth).mean()) for name, guess in guesses.items()}
    sizes = {"KAN": small_kan.size(kan), "MLP": small_kan.size(mlp)}
    return {
        "accuracy": accuracy,
        "terms": terms,
        "misfit": misfit,
        "points": points,
        "sizes": sizes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write, studies, shown = parser.parse_args().write, {}, {}
    for model in (MOSAIC, AUBRY_ANDRE):
        for seed in SEEDS:
            train, test = (
                draw(model, count, 2 * seed + k) for k, count in enumerate(CHAINS[model.name])
            )
            shown.setdefault(model.name, test)
            for threshold in THRESHOLDS:
                result = study(model, train, test, threshold=threshold, seed=seed)
                studies[model.name, threshold, seed] = result
                figures = [result[key] for key in ("accuracy", "terms", "misfit")]
                print(model.name, threshold, seed, *figures, flush=True)
    if write:
        science_page.mobility(studies, shown)
