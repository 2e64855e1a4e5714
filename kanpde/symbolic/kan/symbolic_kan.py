"""A KAN of which some edges are functions of the library, φ(z) = c f(a z + b) + d, and the others
still splines.

The affine parameters of all those edges are trained together by Levenberg-Marquardt on residual
rows, with slopes by central
differences: there are four per edge, and rows need no derivative by them then.
Sources: Liu et al., KAN, arXiv 2404.19756, §2.5.1; Moré, The Levenberg-Marquardt algorithm, 1978
(MINPACK).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor, nn

from kanpde.symbolic.search.library import LIBRARY
from kanpde.symbolic.search.univariate import Match
from kanpde.trial.networks import KAN, SplineLayer

Place = tuple[int, int, int]
"""Layer, input and output of an edge, all from 0."""

NEGLIGIBLE = 1e-12
"""Share of the largest edge of a unit below which another one is rounding."""

FAR = 1e6
"""Rows of parameters that leave the domain of a function."""


class SymbolicKAN(nn.Module):
    """A KAN (N, d) → (N, m) whose edges `names` are c f(a z + b) + d with `affine` (E, 4) = a, b,
    c, d.
    """

    kind = "kan"

    def __init__(
        self, layers: Sequence[SplineLayer], names: Mapping[Place, str], affine: Tensor
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.names = dict(names)
        self.affine = nn.Parameter(affine.clone())

    @classmethod
    def of(cls, kan: KAN) -> SymbolicKAN:
        """The same function; all edges are splines."""
        return cls(kan.stack, {}, kan.outer.new_zeros(0, 4))

    @property
    def stack(self) -> list[SplineLayer]:
        """The splines of the layers, without the edges that are functions."""
        return [layer for layer in self.layers if isinstance(layer, SplineLayer)]

    @property
    def shape(self) -> list[int]:
        """Inputs, hidden widths, outputs."""
        return [self.stack[0].inputs, *(layer.outputs for layer in self.stack)]

    @property
    def places(self) -> list[Place]:
        """All edges that are left, layer by layer."""
        splines = [
            (k, int(i), int(o))
            for k, layer in enumerate(self.stack)
            for o, i in torch.nonzero(layer.kept_edges).tolist()
        ]
        return sorted([*splines, *self.names])

    def forward(self, x: Tensor) -> Tensor:
        """(N, d) → (N, m)."""
        z = x.T
        for k in range(len(self.layers)):
            z = self._step(z, k)[1]
        return z.T

    def curve(self, place: Place, s: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (N,) and values (N,) of one edge at points s (N, d) of the network's own
        coordinates.
        """
        z = s.T
        with torch.no_grad():
            for k in range(place[0]):
                z = self._step(z, k)[1]
            edges = self._step(z, place[0])[0]
        return z[place[1]].double().numpy(), edges[place].double().numpy()

    def _step(self, z: Tensor, k: int) -> tuple[dict[Place, Tensor], Tensor]:
        """The edges of a layer and its outputs (O, N) at inputs (I, N)."""
        edges: dict[Place, Tensor] = {}
        outputs = [z.new_zeros(z.shape[1])] * self.stack[k].outputs
        if bool(self.stack[k].kept_edges.any()):
            splines = self.stack[k].edges(z)
            edges = {
                (k, int(i), int(o)): splines[o, i]
                for o, i in torch.nonzero(self.stack[k].kept_edges).tolist()
            }
            outputs = list(splines.sum(1).unbind(0))
        for (place, name), (a, b, c, d) in zip(self.names.items(), self.affine, strict=True):
            if place[0] == k:
                edges[place] = c * LIBRARY[name].value(a * z[place[1]] + b) + d
                outputs[place[2]] = outputs[place[2]] + edges[place]
        return edges, torch.stack(outputs)

    def fixed(self, place: Place, found: Match) -> SymbolicKAN:
        """The same with an edge replaced by a function."""
        names = {**self.names, place: found.name}
        own = dict(zip(self.names, self.affine.detach(), strict=True))
        own[place] = self.affine.new_tensor([found.a, found.b, found.c, found.d])
        layers = self.stack
        mask = layers[place[0]].kept_edges.clone()
        mask[place[2], place[1]] = False
        layers[place[0]] = layers[place[0]].masked(mask)
        return SymbolicKAN(layers, names, torch.stack([own[key] for key in names]))

    def centred(self, s: Tensor) -> SymbolicKAN:
        """The same with the means over points s (N, d) of all edges of a unit in its first one:
        constants drift apart in training, and edges of ±10⁸ that cancel leave slopes no digits.
        """
        affine = {
            place: row.clone() for place, row in zip(self.names, self.affine.detach(), strict=True)
        }
        layers, z = [layer.masked(layer.kept_edges) for layer in self.stack], s.T
        with torch.no_grad():
            for k, layer in enumerate(self.stack):
                edges, z = self._step(z, k)
                for place in edges if layer.grid.name == "bspline" else ():
                    mean = float(edges[place].mean())
                    _add(-mean, place, layers, affine)
                    _add(mean, min(one for one in edges if one[2] == place[2]), layers, affine)
        return SymbolicKAN(
            layers, self.names, torch.stack(list(affine.values())) if affine else self.affine
        )

    def trimmed(self, s: Tensor) -> SymbolicKAN:
        """The same without edges that vary less at points s (N, d) than NEGLIGIBLE of the largest
        of their unit, and without units that nothing uses then. What such an edge gives on the mean
        stays at its unit.
        """
        kept, means = self._needed(s)
        affine = {
            place: row.clone() for place, row in zip(self.names, self.affine.detach(), strict=True)
        }
        layers = []
        for k, layer in enumerate(self.stack):
            mask = torch.zeros_like(layer.kept_edges)
            for _, i, o in (one for one in kept if one[0] == k):
                mask[o, i] = True
            layers.append(layer.masked(mask))
        for (k, o), mean in means.items():
            _add(
                mean,
                max((one for one in kept if one[0] == k and one[2] == o), key=affine.__contains__),
                layers,
                affine,
            )
        names = {place: name for place, name in self.names.items() if place in kept}
        return SymbolicKAN(
            layers, names, torch.stack([affine[one] for one in names]) if names else self.affine[:0]
        )

    def _needed(self, s: Tensor) -> tuple[set[Place], dict[tuple[int, int], float]]:
        """The edges that stay, and what the others of a unit (layer, output) that stays give on the
        mean.
        """
        seen, z = [], s.T
        with torch.no_grad():
            for k in range(len(self.layers)):
                edges, z = self._step(z, k)
                seen.append(edges)
        kept: set[Place] = set()
        means: dict[tuple[int, int], float] = {}
        used = set(range(self.shape[-1]))
        for k in reversed(range(len(seen))):
            for o in used:
                own = {place: values for place, values in seen[k].items() if place[2] == o}
                sizes = {
                    place: float((values - values.mean()).abs().max())
                    for place, values in own.items()
                }
                most = max(sizes, key=lambda place: sizes[place], default=None)
                stay = {
                    one
                    for one, size in sizes.items()
                    if one == most or size > NEGLIGIBLE * sizes[most or one]
                }
                kept |= stay
                if gone := own.keys() - stay:
                    means[k, o] = sum(float(own[place].mean()) for place in gone)
            used = {i for layer, i, _ in kept if layer == k}
        return kept, means

    def retrained(self, rows: Callable[[SymbolicKAN], Tensor], steps: int) -> SymbolicKAN:
        """The same with affine parameters that minimise Σ rows², at most `steps` steps of
        Levenberg-Marquardt.
        """
        if not self.names:
            return self
        other = SymbolicKAN(self.stack, self.names, self.affine.detach())

        start, free = self.affine.detach().double().numpy().ravel(), self._free()

        def residual(vector: np.ndarray) -> np.ndarray:
            full = start.copy()
            full[free] = vector
            with torch.no_grad():
                other.affine.copy_(torch.from_numpy(full.reshape(-1, 4)))
            found = rows(other).detach().double().numpy()
            return np.where(np.isfinite(found), found, FAR)

        vector = minimise(residual, start[free], steps)
        better = np.sum(residual(vector) ** 2) < np.sum(residual(start[free]) ** 2)
        residual(vector if better else start[free])
        return other

    def _free(self) -> np.ndarray:
        """Which of the affine parameters (4 E,) others cannot stand for: one d per unit, and of a
        and b what the library says.
        """
        free, units = [], set()
        for (k, _, o), name in self.names.items():
            letters = LIBRARY[name].free
            free += ["a" in letters, "b" in letters, True, (k, o) not in units]
            units.add((k, o))
        return np.array(free)

    def expressions(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs as sympy expressions of the inputs; an edge that is a spline is a function φ
        of its number.
        """
        import sympy

        z = list(inputs)
        affine = dict(zip(self.names, self.affine.detach().tolist(), strict=True))
        for k, layer in enumerate(self.stack):
            outputs: list[Any] = [sympy.Integer(0)] * layer.outputs
            for place in (one for one in self.places if one[0] == k):
                _, i, o = place
                if place in self.names:
                    a, b, c, d = affine[place]
                    outputs[o] += c * LIBRARY[self.names[place]].symbol(a * z[i] + b) + d
                else:
                    outputs[o] += sympy.Function(f"phi_{k + 1}_{i + 1}_{o + 1}")(z[i])
            z = outputs
        return z


def _add(
    constant: float, place: Place, layers: Sequence[SplineLayer], affine: Mapping[Place, Tensor]
) -> None:
    """Add a constant to an edge, in place."""
    k, i, o = place
    with torch.no_grad():
        (affine[place][3:] if place in affine else layers[k].coefficients[o, i]).add_(constant)


def slopes(residual: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """Central differences of the rows (R,) by a vector (P,), (R, P)."""
    columns = []
    for k, value in enumerate(at):
        h = 6e-6 * max(1.0, abs(value))
        up, down = at.copy(), at.copy()
        up[k], down[k] = value + h, value - h
        columns.append((residual(up) - residual(down)) / (up[k] - down[k]))
    return np.stack(columns, 1)


def minimise(
    residual: Callable[[np.ndarray], np.ndarray], start: np.ndarray, steps: int
) -> np.ndarray:
    """The vector (P,) that Levenberg-Marquardt finds from `start`; slopes are central
    differences.
    """
    if not start.size:
        return start
    few = len(residual(start)) < len(start)
    found = least_squares(
        residual, start, partial(slopes, residual), method="trf" if few else "lm", x_scale="jac", xtol=1e-15,
        ftol=1e-15, gtol=1e-15, max_nfev=steps,
    )  # fmt: skip
    vector: np.ndarray = found.x
    return vector
