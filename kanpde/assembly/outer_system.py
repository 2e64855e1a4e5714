"""The residual as a function of the outer parameters alone: affine jets, so every Newton step is
one least-squares problem.

While the inner parameters stay, so do the functions that the outer layer combines. They are
evaluated once per piece of points and give the jets, the rows and their derivatives for any outer
parameters. Where few of them are not zero at a point and the points follow one coordinate, only
their numbers are stored and windows of them are solved (`optimizers.envelope`); else a dense
matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde import optimizers
from kanpde.assembly.residual import Assembly, Bound
from kanpde.numerics.jets import Jet
from kanpde.optimizers.least_squares import ALIKE, SHORTEST
from kanpde.optimizers.windowed_qr import Windows
from kanpde.trial.solution import Combined, TrialSolution

POINTS = 1024
"""Points of one piece."""

KEPT = 1 << 25
"""Numbers of features that are kept between two uses (256 MiB in float64); the other pieces
evaluate theirs anew.
"""

SAMPLE = 16
"""Of so many points one is looked at before the places of all numbers are."""


@dataclass(frozen=True)
class _Piece:
    """The points number start … stop - 1 of a term; `first` and `last` of R are their rows."""

    bound: Bound
    start: int
    stop: int
    first: int
    last: int

    @property
    def averaged(self) -> bool:
        """Whether all points share one row."""
        return self.bound.term.average is not None


class OuterSystem:
    """The weighted rows of an assembly for a trial solution whose inner parameters stay as they
    are.
    """

    def __init__(self, assembly: Assembly, trial: TrialSolution) -> None:
        self._assembly, self._trial = assembly, trial
        self._pieces = list(_cut(assembly))
        self._kept: dict[int, list[Combined]] = {}
        self._room = KEPT
        self._known: tuple[Tensor, Tensor, list[list[Jet]]] | None = None
        self._windows: Windows | None = None
        self._planned = False
        self._count, self._unknowns = trial.net.outer.shape

    def objective(self) -> float:
        """Σ_terms weight · mean(r²)."""
        return float(self.weighted().square().sum())

    def weighted(self) -> Tensor:
        """All rows times √(weight / N), (R,): the objective is the sum of their squares."""
        return self._present()[0]

    def step(self, regularisation: float, keep: bool = False) -> Tensor:
        """Newton's step of the outer parameters (P, m), with ε = `regularisation` (see
        `optimizers.solve`).

        If it is to `keep`, parameters that the rows do not determine stay.
        """
        if not self._planned:
            self._windows, self._planned = self._plan(), True
        anchor = (None, ALIKE) if keep else (self._trial.net.outer.T.reshape(-1), SHORTEST)
        if self._windows is None:
            system = self.linearised(self._count * self._unknowns)
            solution = optimizers.solve(*system, regularisation, self._unknowns, *anchor)
        else:
            system = self.numbers(), -self.weighted()
            solution = optimizers.solve_in_windows(
                self._windows, *system, regularisation, self._unknowns, *anchor
            )
        return solution.reshape(self._unknowns, -1).T

    def joint_step(self, regularisation: float) -> tuple[Tensor, Tensor]:
        """The same of the outer parameters (P, m) and the unknown constants s (q,) together; the
        matrix is dense here.
        """
        count, present = self._count * self._unknowns, self._trial.net.outer.T.reshape(-1)
        system = optimizers.Bordered(
            self.matrix(count), self.border(), regularisation, self._unknowns
        )
        outer, raw = system.step(-self.weighted(), present)
        return outer.reshape(self._unknowns, -1).T, raw

    def border(self) -> Tensor:
        """∂r/∂s of the weighted rows by the unknown constants (R, q)."""
        trained, jets = self._trial.constants, self._present()[1]
        border = self._trial.scale.new_zeros(trained.count, self._assembly.rows)
        for number, piece in enumerate(self._pieces):
            weights = piece.bound.weights(piece.start, piece.stop)
            for jet, weight in zip(jets[number], weights, strict=True):
                slopes = piece.bound.border(jet, piece.start, piece.stop, trained) * weight
                border[:, piece.first : piece.last] += (
                    slopes.sum(1, keepdim=True) if piece.averaged else slopes
                )
        return border.T

    def linearised(self, extra: int = 0) -> tuple[Tensor, Tensor]:
        """Matrix M (R + extra, P·m) stored by columns and right-hand side (R + extra,) of a Newton
        step of the outer parameters.

        The rows after the step c are M c - right to first order, exactly where the problem is
        linear. Rows are weighted; the last `extra` rows are zero. Column o·P + j is parameter j of
        unknown o.
        """
        rows = self.weighted()
        return self.matrix(extra), torch.cat([-rows, rows.new_zeros(extra)])

    def matrix(self, extra: int = 0) -> Tensor:
        """The matrix of `linearised` alone."""
        matrix = self._trial.scale.new_zeros(
            self._count * self._unknowns, self._assembly.rows + extra
        )
        for piece, columns, unknown, values in self._entries():
            block = matrix[
                unknown * self._count : (unknown + 1) * self._count, piece.first : piece.last
            ]
            if columns is None:
                block += values.sum(1, keepdim=True) if piece.averaged else values
            elif piece.averaged:
                block[:, 0].index_add_(0, columns.reshape(-1), values.reshape(-1))
            else:
                block.scatter_add_(0, columns, values)
        return matrix.T

    def numbers(self) -> Tensor:
        """The numbers of the matrix that need not be zero, (E,), in the order of `places`."""
        return torch.cat([values.reshape(-1) for _, _, _, values in self._entries()])

    def places(self, every: int = 1) -> tuple[Tensor, Tensor] | None:
        """Row and column of each of `numbers`, (E,) each, at one of so many points; None where most
        numbers are not zero.

        A place that a shift leads to twice is the sum of both numbers.
        """
        rows, columns = [], []
        for number, piece in enumerate(self._pieces):
            if piece.averaged:
                return None
            for features in self._features(number) if every == 1 else self._made(piece, every):
                if features.columns is None:
                    return None
                row = torch.arange(piece.first, piece.last, every, device=features.columns.device)
                for unknown in piece.bound.unknowns:
                    rows.append(row.expand(len(features.columns), -1).reshape(-1))
                    columns.append((features.columns + unknown * self._count).reshape(-1))
        return torch.cat(rows), torch.cat(columns)

    def _plan(self) -> Windows | None:
        """Windows of the matrix, where they pay."""
        windows = None
        for every in (SAMPLE, 1):
            places = self.places(every)
            unknowns = self._count * self._unknowns
            windows = (
                None if places is None else Windows.of(*places, unknowns, self._assembly.positions)
            )
            if windows is None:
                break
        return windows

    def _made(self, piece: _Piece, every: int = 1) -> list[Combined]:
        return [
            self._trial.features(at) for at in piece.bound.sides(piece.start, piece.stop, every)
        ]

    def _features(self, number: int) -> list[Combined]:
        """The features at both sides of a piece."""
        if number not in self._kept:
            features_of_sides = self._made(self._pieces[number])
            size = sum(features.size for features in features_of_sides)
            if size > self._room:
                return features_of_sides
            self._room -= size
            self._kept[number] = features_of_sides
        return self._kept[number]

    def _present(self) -> tuple[Tensor, list[list[Jet]]]:
        """The weighted rows and the jets of every piece for the present outer parameters."""
        outer, values = self._trial.net.outer, self._trial.constants.values.detach()
        at = torch.cat([outer.reshape(-1), values])
        if self._known is None or not torch.equal(self._known[0], at):
            rows, jets = self._trial.scale.new_zeros(self._assembly.rows), []
            for number, piece in enumerate(self._pieces):
                jets.append([features.jet(outer) for features in self._features(number)])
                residual = piece.bound.residual(jets[-1], piece.start, piece.stop, values)
                rows[piece.first : piece.last] += (
                    piece.bound.term.factors(piece.start, piece.stop) * residual
                )
            self._known = at, rows, jets
        return self._known[1:]

    def _entries(self) -> Iterator[tuple[_Piece, Tensor | None, int, Tensor]]:
        """The derivatives (k, N) of the weighted rows of each piece by the parameters `columns` of
        one unknown; they add up.
        """
        jets = None if self._assembly.linear else self._present()[1]
        for number, piece in enumerate(self._pieces):
            bound, (start, stop) = piece.bound, (piece.start, piece.stop)
            weights = bound.weights(start, stop)
            for side, (features, weight) in enumerate(
                zip(self._features(number), weights, strict=True)
            ):
                jet = None if jets is None else jets[number][side]
                slopes = (
                    bound.slopes(jet, start, stop, self._trial.constants.values.detach()) * weight
                )
                for unknown, values in zip(
                    bound.unknowns, features.rows(slopes, bound.unknowns), strict=True
                ):
                    yield piece, features.columns, unknown, values


def _cut(assembly: Assembly) -> Iterator[_Piece]:
    row = 0
    for bound in assembly.bound:
        term = bound.term
        for start in range(0, len(term.x), POINTS):
            stop = min(start + POINTS, len(term.x))
            yield _Piece(
                bound,
                start,
                stop,
                *((row, row + 1) if term.rows == 1 else (row + start, row + stop)),
            )
        row += term.rows
