"""A KAN of which some edges are functions of the library and the others still splines.

    φ(z) = c f(a z + b) + d

The affine parameters of all those edges are trained together by Levenberg-Marquardt on residual
rows, with slopes by central differences: there are only four parameters per edge, and so the rows
need no derivative by them.
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

Edge = tuple[int, int, int]
"""Layer, input and output of an edge, all from 0."""

NEGLIGIBLE = 1e-12
"""Share of the largest edge of a unit below which another one is rounding."""

FAR = 1e6
"""What rows are where parameters leave the domain of a function."""


class SymbolicKAN(nn.Module):
    """A KAN (N, d) → (N, m) with edges c f(a z + b) + d.

    layers: the splines. names: f by edge, E of them. affine: a, b, c, d of each, (E, 4).
    """

    kind = "kan"

    def __init__(
        self, layers: Sequence[SplineLayer], names: Mapping[Edge, str], affine: Tensor
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
    def places(self) -> list[Edge]:
        """All edges that were not pruned, layer by layer."""
        edges = list(self.names)
        for k, layer in enumerate(self.stack):
            edges += [(k, int(i), int(o)) for o, i in torch.nonzero(layer.kept_edges).tolist()]
        return sorted(edges)

    def forward(self, x: Tensor) -> Tensor:
        """(N, d) → (N, m)."""
        z = x.T
        for k in range(len(self.layers)):
            _, z = self._step(z, k)
        return z.T

    def curve(self, place: Edge, s: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (N,) and values (N,) of one edge at points s (N, d) of the network's own
        coordinates.
        """
        layer, i, _ = place
        z = s.T
        with torch.no_grad():
            for k in range(layer):
                _, z = self._step(z, k)
            edges, _ = self._step(z, layer)
        return z[i].double().numpy(), edges[place].double().numpy()

    def _step(self, z: Tensor, k: int) -> tuple[dict[Edge, Tensor], Tensor]:
        """The edges of a layer and its outputs (O, N) at inputs (I, N)."""
        edges: dict[Edge, Tensor] = {}
        outputs = [z.new_zeros(z.shape[1])] * self.stack[k].outputs
        if bool(self.stack[k].kept_edges.any()):
            splines = self.stack[k].edges(z)
            edges = {
                (k, int(i), int(o)): splines[o, i]
                for o, i in torch.nonzero(self.stack[k].kept_edges).tolist()
            }
            outputs = list(splines.sum(1).unbind(0))
        for (place, name), (a, b, c, d) in zip(self.names.items(), self.affine, strict=True):
            layer, i, o = place
            if layer == k:
                edges[place] = c * LIBRARY[name].value(a * z[i] + b) + d
                outputs[o] = outputs[o] + edges[place]
        return edges, torch.stack(outputs)

    def _affine_by_edge(self) -> dict[Edge, Tensor]:
        """Copies of a, b, c, d (4,) of every edge that is a function."""
        rows = zip(self.names, self.affine.detach(), strict=True)
        return {place: row.clone() for place, row in rows}

    def fixed(self, place: Edge, function: Match) -> SymbolicKAN:
        """The same with an edge replaced by a function."""
        names = {**self.names, place: function.name}
        affine = self._affine_by_edge()
        affine[place] = self.affine.new_tensor([function.a, function.b, function.c, function.d])
        layers = self.stack
        layer, i, o = place
        mask = layers[layer].kept_edges.clone()
        mask[o, i] = False
        layers[layer] = layers[layer].masked(mask)
        return SymbolicKAN(layers, names, torch.stack([affine[key] for key in names]))

    def centred(self, s: Tensor) -> SymbolicKAN:
        """The same with the means over points s (N, d) of all edges of a unit in its first one:
        constants drift apart in training, and edges of ±10⁸ that cancel leave slopes no digits.
        """
        affine = self._affine_by_edge()
        layers, z = [layer.masked(layer.kept_edges) for layer in self.stack], s.T
        with torch.no_grad():
            for k, layer in enumerate(self.stack):
                edges, z = self._step(z, k)
                # Constants stand in all coefficients of B-splines, of no other basis.
                if layer.grid.name != "bspline":
                    continue
                for place, values in edges.items():
                    mean = float(values.mean())
                    _, _, unit = place
                    first = min((j, i, o) for j, i, o in edges if o == unit)
                    _add(-mean, place, layers, affine)
                    _add(mean, first, layers, affine)
        rows = torch.stack(list(affine.values())) if affine else self.affine
        return SymbolicKAN(layers, self.names, rows)

    def trimmed(self, s: Tensor) -> SymbolicKAN:
        """The same without edges that vary less at points s (N, d) than NEGLIGIBLE of the largest
        of their unit, and without units that nothing uses then. What such an edge gives on the mean
        stays at its unit.
        """
        needed, means = self._needed(s)
        affine = self._affine_by_edge()
        layers = []
        for k, layer in enumerate(self.stack):
            mask = torch.zeros_like(layer.kept_edges)
            for j, i, o in needed:
                if j == k:
                    mask[o, i] = True
            layers.append(layer.masked(mask))
        for (k, unit), mean in means.items():
            of_unit = [(j, i, o) for j, i, o in needed if (j, o) == (k, unit)]
            # An edge that is a function takes the constant, where the unit has one.
            _add(mean, max(of_unit, key=affine.__contains__), layers, affine)
        names = {place: name for place, name in self.names.items() if place in needed}
        rows = torch.stack([affine[place] for place in names]) if names else self.affine[:0]
        return SymbolicKAN(layers, names, rows)

    def _needed(self, s: Tensor) -> tuple[set[Edge], dict[tuple[int, int], float]]:
        """The edges that stay, and the means of the others of each unit (layer, output) that
        stays.
        """
        by_layer, z = [], s.T
        with torch.no_grad():
            for k in range(len(self.layers)):
                edges, z = self._step(z, k)
                by_layer.append(edges)
        needed: set[Edge] = set()
        means: dict[tuple[int, int], float] = {}
        used = set(range(self.shape[-1]))
        for k in reversed(range(len(by_layer))):
            for unit in used:
                edges = {(j, i, o): v for (j, i, o), v in by_layer[k].items() if o == unit}
                sizes = {
                    place: float((values - values.mean()).abs().max())
                    for place, values in edges.items()
                }
                largest = max(sizes.values(), default=0.0)
                stay = {place for place, size in sizes.items() if size > NEGLIGIBLE * largest}
                if sizes and not stay:  # all edges are constant: one of them stays
                    stay = {max(sizes, key=lambda place: sizes[place])}
                needed |= stay
                if removed := edges.keys() - stay:
                    means[k, unit] = sum(float(edges[place].mean()) for place in removed)
            used = {i for j, i, _ in needed if j == k}
        return needed, means

    def retrained(self, rows: Callable[[SymbolicKAN], Tensor], steps: int) -> SymbolicKAN:
        """The same with affine parameters that minimise Σ rows², at most `steps` steps of
        Levenberg-Marquardt.
        """
        if not self.names:
            return self
        trained = SymbolicKAN(self.stack, self.names, self.affine.detach())
        start, free = self.affine.detach().double().numpy().ravel(), self._free()

        def residual(vector: np.ndarray) -> np.ndarray:
            full = start.copy()
            full[free] = vector
            with torch.no_grad():
                trained.affine.copy_(torch.from_numpy(full.reshape(-1, 4)))
            values = rows(trained).detach().double().numpy()
            return np.where(np.isfinite(values), values, FAR)

        vector = minimise(residual, start[free], steps)
        better = np.sum(residual(vector) ** 2) < np.sum(residual(start[free]) ** 2)
        residual(vector if better else start[free])  # leaves these parameters in `trained`
        return trained

    def _free(self) -> np.ndarray:
        """Which of the affine parameters (4 E,) are trained: one d per unit, which stands for the
        others, and of a and b those that the library calls free.
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
            for place in self.places:
                j, i, o = place
                if j != k:
                    continue
                if place in self.names:
                    a, b, c, d = affine[place]
                    outputs[o] += c * LIBRARY[self.names[place]].symbol(a * z[i] + b) + d
                else:
                    outputs[o] += sympy.Function(f"phi_{k + 1}_{i + 1}_{o + 1}")(z[i])
            z = outputs
        return z


def _add(
    constant: float, place: Edge, layers: Sequence[SplineLayer], affine: Mapping[Edge, Tensor]
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
    few = len(residual(start)) < len(start)  # which MINPACK's method refuses
    result = least_squares(
        residual, start, partial(slopes, residual), method="trf" if few else "lm", x_scale="jac",
        xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=steps,
    )  # fmt: skip
    vector: np.ndarray = result.x
    return vector
