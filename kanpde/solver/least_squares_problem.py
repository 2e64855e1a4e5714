"""The residual rows of a trial solution as functions of two vectors: the parameters of the inner
layers and of the outer one. Unknown constants of the problem stand at the end of the inner ones.

What the least-squares steps see of a PDE: r(a, c), its derivatives J = ∂r/∂a and M = ∂r/∂c, and the
parameters themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from kanpde import optimizers
from kanpde.assembly.objective import Lowered, Objective
from kanpde.assembly.outer_system import OuterSystem
from kanpde.assembly.residual import Assembly
from kanpde.config import OptimizerStage
from kanpde.solver.sparsify import Penalised
from kanpde.trial.solution import TrialSolution


class Gradients:
    """Satisfies `optimizers.Differentiable`: any objective as a function of all parameters."""

    def __init__(self, trial: TrialSolution, objective: Lowered) -> None:
        self._objective, self._solution, self._parameters = objective, trial, trial.trained

    @property
    def vector(self) -> Tensor:
        """All parameters in the order of the module, a copy."""
        return _flat([parameter.detach() for parameter in self._parameters])

    def write(self, vector: Tensor) -> None:
        """Write all of them."""
        _write(self._parameters, vector)

    def gradient(self) -> tuple[float, Tensor]:
        """The objective and its gradient by `vector`."""
        value = self._objective.objective(self._solution)
        return float(value.detach()), _flat(torch.autograd.grad(value, self._parameters))


class System(Gradients):
    """Satisfies `optimizers.System`; the outer vector holds one unknown after the other."""

    def __init__(self, trial: TrialSolution, assembly: Assembly) -> None:
        super().__init__(trial, assembly)
        self._trial, self._assembly = trial, assembly
        self._inner = [*trial.net.inner, *trial.constants.trained]
        self._known: tuple[Tensor, Tensor] | None = None
        """All parameters when the rows were last evaluated, and those rows."""
        self.linear = assembly.linear
        self.blocks = trial.net.outer.shape[1]

    @property
    def inner(self) -> Tensor:
        """a, a copy."""
        return _flat([self._trial.scale.new_zeros(0), *(p.detach() for p in self._inner)])

    @property
    def outer(self) -> Tensor:
        """c, a copy."""
        return self._trial.net.outer.T.reshape(-1)

    def place(self, inner: Tensor, outer: Tensor) -> None:
        """Write both vectors."""
        _write(self._inner, inner)
        self._trial.net.set_outer(outer.reshape(self.blocks, -1).T)

    def residual(self) -> Tensor:
        """r (R,); kept until the parameters change."""
        parameters = self.vector
        if self._known is None or not torch.equal(self._known[0], parameters):
            with torch.no_grad():
                self._known = parameters, self._assembly.weighted(self._trial)
        return self._known[1]

    def jacobian(self) -> Tensor:
        """J (R, P of a)."""
        return self._assembly.jacobian(self._trial)

    def outer_matrix(self, extra: int = 0) -> Tensor:
        """M (R + extra, P of c), the last rows zero."""
        return OuterSystem(self._assembly, self._trial).matrix(extra)

    def products(self) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """v ↦ ∂r/∂θ v and w ↦ (∂r/∂θ)ᵀ w for θ = `vector`: the second by reverse mode, the first as
        its derivative by w.
        """
        rows = self._assembly.weighted(self._trial)
        dual = torch.zeros_like(rows, requires_grad=True)
        pulled = _flat(torch.autograd.grad(rows, self._parameters, dual, create_graph=True))

        def forward(v: Tensor) -> Tensor:
            return torch.autograd.grad(pulled, dual, v, retain_graph=True)[0]

        def adjoint(w: Tensor) -> Tensor:
            return _flat(torch.autograd.grad(rows, self._parameters, w, retain_graph=True))

        return forward, adjoint


Constructor = Callable[[OptimizerStage, TrialSolution, Objective], optimizers.Iterative]


def iterative(
    stage: OptimizerStage, trial: TrialSolution, objective: Objective
) -> optimizers.Iterative:
    """The optimizer of a stage that advances by steps; `config.compatibility` sees to it that an
    energy has none that needs residual rows.
    """
    return CONSTRUCTORS[stage.optimizer](stage, trial, objective)


def _adam(
    stage: OptimizerStage, trial: TrialSolution, objective: Objective
) -> optimizers.Iterative:
    return optimizers.Adam(trial.trained, stage.learning_rate, stage.tolerance)


def _lbfgs(
    stage: OptimizerStage, trial: TrialSolution, objective: Objective
) -> optimizers.Iterative:
    return optimizers.LBFGS(trial.trained, stage.tolerance)


def _broyden(
    stage: OptimizerStage, trial: TrialSolution, objective: Objective
) -> optimizers.Iterative:
    return optimizers.Broyden(Gradients(trial, lowered(stage, objective)), stage.tolerance)


def _levenberg_marquardt(
    stage: OptimizerStage, trial: TrialSolution, objective: Objective
) -> optimizers.Iterative:
    return optimizers.GaussNewton(_rows(trial, objective), optimizers.Joint, stage.tolerance)


def _gauss_newton_cg(
    stage: OptimizerStage, trial: TrialSolution, objective: Objective
) -> optimizers.Iterative:
    return optimizers.GaussNewton(_rows(trial, objective), optimizers.Krylov, stage.tolerance)


def _variable_projection(
    stage: OptimizerStage, trial: TrialSolution, objective: Objective
) -> optimizers.Iterative:
    system = _rows(trial, objective)
    projected = optimizers.projected(system, stage.regularisation)
    return optimizers.GaussNewton(system, projected, stage.tolerance, projected.begin)


CONSTRUCTORS: Mapping[str, Constructor] = {
    "adam": _adam,
    "lbfgs": _lbfgs,
    "broyden": _broyden,
    "levenberg_marquardt": _levenberg_marquardt,
    "gauss_newton_cg": _gauss_newton_cg,
    "variable_projection": _variable_projection,
}
"""How each optimizer of `config.solve.optimizers` that advances by steps is made."""


def _rows(trial: TrialSolution, objective: Objective) -> System:
    assert objective.residual is not None
    return System(trial, objective.residual)


def lowered(stage: OptimizerStage, objective: Objective) -> Lowered:
    """The objective that a stage lowers: with the penalty of its `sparsify` where it has one."""
    return objective if stage.sparsify is None else Penalised(objective, stage.sparsify)


def _flat(parts: Iterable[Tensor]) -> Tensor:
    return torch.cat([part.reshape(-1) for part in parts])


def _write(parameters: Sequence[nn.Parameter], vector: Tensor) -> None:
    start = 0
    with torch.no_grad():
        for parameter in parameters:
            parameter.copy_(vector[start : start + parameter.numel()].reshape(parameter.shape))
            start += parameter.numel()
