"""Checkpoints: plain tensors, numbers, texts, lists and dicts, behind a digest that is checked
before anything is read.

A file is one of `kanpde.trial.state_file`. A folder
keeps `last`, `previous` and `best` (lowest objective of a finished stage). Files are replaced
atomically, so a kill leaves the old one or the new one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kanpde.config import TrialConfig
from kanpde.errors import CheckpointError, ConfigError, KanpdeError, StorageError
from kanpde.storage import bindings, forget, move, require_unaltered, run_of
from kanpde.trial.bases import restored
from kanpde.trial.constants import Constants
from kanpde.trial.networks import KAN, MLP, Affine, Enriched, NodeSplines, Own, SplineLayer
from kanpde.trial.solution import TrialSolution
from kanpde.trial.state_file import MAGIC, payload, read, write

__all__ = [
    "MAGIC", "NAMES", "Store", "constants_state", "go_on", "network_state", "read", "require_run",
    "restore_beside", "restore_constants", "restore_network", "write",
]  # fmt: skip

NAMES = ("last", "previous", "best")


def _is_intact(path: Path) -> bool:
    try:
        payload(path)
    except CheckpointError:
        return False
    return True


@dataclass(frozen=True)
class Store:
    """The checkpoints of one run folder, or of a named part of it, known by `run`: empty for a folder
    of an earlier version, None where they may be of any run.
    """

    folder: Path
    run: str | None = None
    part: str = ""
    within: Path | None = None
    """The run folder, whose digests.json knows the checkpoints of a run that ended."""

    @classmethod
    def at(cls, run: Path, part: str = "", make: bool = True) -> Store:
        """The store of a run folder (or of a named part of a run), made if missing."""
        folder = run / "checkpoints" / part
        try:
            if make:
                folder.mkdir(parents=bool(part), exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder}: cannot be made: {error.strerror or error}") from error
        return cls(folder, run_of(run), part, run)

    @property
    def _place(self) -> str:
        return f"checkpoints/{self.part}" if self.part else "checkpoints"

    def _is_bound(self, path: Path) -> bool:
        """Whether the run ended with this checkpoint."""
        files = {} if self.within is None else bindings(self.within).get("files", {})
        return f"{self._place}/{path.name}" in files

    @property
    def any(self) -> bool:
        """Whether there is a checkpoint."""
        return any((self.folder / name).exists() for name in ("last.pt", "previous.pt"))

    def save(self, data: Mapping[str, Any], best: bool) -> None:
        """Write `last` (the old one becomes `previous`, unless it is damaged) and, if it is the
        best so far, `best`.
        """
        last = self.folder / "last.pt"
        data = {**data, "run": self.run, "part": self.part} if self.run else data
        if self.within is not None:
            forget(self.within, *(f"{self._place}/{name}.pt" for name in NAMES))
        if last.exists() and _is_intact(last):
            move(last, self.folder / "previous.pt")
        write(last, data)
        if best:
            write(self.folder / "best.pt", data)

    def load(self, tell: Callable[[str], None] | None = None) -> dict[str, Any]:
        """The last checkpoint; the previous one where a kill fell between the two renames, or
        where the last one is damaged or was removed, which is a warning that is also told to
        `tell`.
        """
        last, previous = self.folder / "last.pt", self.folder / "previous.pt"
        if not self.any:
            raise CheckpointError(
                f"{self.folder}: holds no checkpoint; the run stopped before its first one, so"
                f" solve it again"
            )
        if not previous.exists():
            return self._own(last)
        if not last.exists() and not self._is_bound(last):
            return self._own(previous)
        try:
            data = read(last)
        except (CheckpointError, StorageError) as error:
            data = self._own(previous)
            text = f"{error}; the checkpoint before it is used instead"
            text = text.replace("; solve again", "")
            warnings.warn(text, stacklevel=2)
            if tell is not None:
                tell(text)
            return data
        self._require(data, last)
        return data

    def _own(self, path: Path) -> dict[str, Any]:
        data = read(path)
        self._require(data, path)
        return data

    def _require(self, data: Mapping[str, Any], path: Path) -> None:
        """CheckpointError for a state of another run or part, or of an earlier moment."""
        require_run(data, self.run, path, self.part)
        if self.within is not None:
            require_unaltered(self.within, f"{self._place}/{path.name}")


def require_run(data: Mapping[str, Any], run: str | None, path: Path, part: str = "") -> None:
    """CheckpointError where a checkpoint is of another run than its folder, or of another part."""
    if run is not None and data.get("run", "") != run:
        raise CheckpointError(
            f"{path}: belongs to another run than config.yaml beside it; put the checkpoints of"
            f" this run back, or solve it again"
        )
    if run is not None and data.get("part", part) != part:
        raise CheckpointError(
            f"{path}: belongs to another part of the run, '{data['part']}'; put the checkpoints of"
            f" this one back, or solve it again"
        )


def network_state(network: nn.Module) -> dict[str, Any]:
    """A network as plain data; of functions beside it only their coefficients, since their formulas
    stand in the config.
    """
    if isinstance(network, Enriched):
        return {**network_state(network.net), "functions": _copies([network.coefficients])[0]}
    if isinstance(network, KAN):
        layers = network.stack
        tensors = [t for layer in layers for t in (layer.knots, layer.coefficients)]
        tensors += [layer.base for layer in layers if layer.base is not None]
        tensors += [
            t
            for layer in network.every
            if isinstance(layer, Affine)
            for t in (layer.weight, layer.bias)
        ]
        facts: dict[str, Any] = {"bases": [layer.grid.facts for layer in layers]}
        if any(layer.mask is not None for layer in layers):
            facts["left"] = _copies([layer.kept_edges for layer in layers])
        return {"kind": "kan", **facts, "tensors": _copies(tensors)}
    if isinstance(network, Own):
        return network.state()
    if isinstance(network, MLP):
        return {
            "kind": "mlp",
            "activation": network.activation,
            "tensors": _copies([*network.weights, *network.biases]),
        }
    raise CheckpointError(
        f"cannot save a network of type {type(network).__name__}; known are KAN and MLP"
    )


def constants_state(constants: Constants) -> dict[str, Any]:
    """The unknown constants s as plain data, beside those of the network; nothing where there are
    none.
    """
    return {"constants": constants.raw.detach().clone()} if constants.count else {}


def restore_constants(data: Mapping[str, Any], constants: Constants) -> None:
    """Write saved constants s (q,); CheckpointError when they do not fit."""
    saved = data["network"].get("constants", constants.raw.detach()[:0])
    if (
        not isinstance(saved, Tensor)
        or saved.shape != constants.raw.shape
        or not bool(saved.isfinite().all())
    ):
        raise CheckpointError(
            f"checkpoint: its unknown parameters do not fit the {constants.count} of the config;"
            f" use the run's own config.yaml"
        )
    constants.write(saved)


def restore_network(state: Mapping[str, Any], trial: TrialConfig) -> KAN | MLP:
    """The network of a state; CheckpointError when it does not fit the config beside it."""
    layers = trial.layers
    try:
        tensors: list[Tensor] = list(state["tensors"])
        if not all(bool(tensor.isfinite().all()) for tensor in tensors):
            raise CheckpointError(
                "checkpoint: it holds parameters that are not finite; solve again"
            )
        if state["kind"] != trial.kind:
            raise CheckpointError(
                f"checkpoint: holds a {state['kind']}, but the config asks for a {trial.kind}"
            )
        network = (
            _kan(state, tensors, trial) if trial.kind == "kan" else _mlp(state, tensors, layers)
        )
        _check_network(network, trial)
    except (KeyError, IndexError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint: its network is incomplete ({error}); use another checkpoint"
        ) from error
    except CheckpointError:
        raise
    except KanpdeError as error:
        raise CheckpointError(f"checkpoint: its network is inconsistent: {error}") from error
    return network


def restore_beside(
    state: Mapping[str, Any], trial: TrialConfig, present: nn.Module
) -> KAN | MLP | Own | Enriched:
    """The network of a state with the functions beside the `present` one, if there are any;
    CheckpointError as above.
    """
    if isinstance(present, Own):
        return present.restored(state)
    network, given = restore_network(state, trial), state.get("functions")
    if not isinstance(present, Enriched):
        if given is not None:
            raise CheckpointError(
                "checkpoint: it holds trial.functions or trial.multipoles, but the config has"
                " none; use the run's own config.yaml"
            )
        return network
    restored, wanted = present.around(network), tuple(present.coefficients.shape)
    if not isinstance(given, Tensor) or tuple(given.shape) != wanted:
        shape = tuple(given.shape) if isinstance(given, Tensor) else "none"
        raise CheckpointError(
            f"checkpoint: the coefficients of trial.functions and trial.multipoles must be"
            f" {wanted}, found {shape}; use the run's"
            " own config.yaml"
        )
    with torch.no_grad():
        restored.coefficients.copy_(given)
    return restored


def go_on(trial: TrialSolution, earlier: TrialSolution, config: TrialConfig) -> None:
    """Give a new trial solution the parameters of an earlier one; ConfigError where the network or
    its domain is another.
    """
    ends = [torch.stack([-1 / t.scale + t.shift, 1 / t.scale + t.shift]) for t in (trial, earlier)]
    if ends[0].shape != ends[1].shape or bool(
        ((ends[0].to(ends[1]) - ends[1]) * earlier.scale).abs().max() > 1e-5
    ):
        raise ConfigError("after: the earlier solution has another domain; give `domain` to both")
    if (trial.wrapping and trial.wrapping.circles) != (
        earlier.wrapping and earlier.wrapping.circles
    ):
        raise ConfigError(
            "after: the earlier solution is periodic in other coordinates; give both the same"
            " trial.periodic"
        )
    enriched = [isinstance(solution.network, Enriched) for solution in (trial, earlier)]
    if enriched[0] != enriched[1] or trial.constants.count != earlier.constants.count:
        raise ConfigError(
            "after: the earlier solution has other functions, multipoles or unknown parameters;"
            " give the same ones"
        )
    try:
        restored = restore_beside(network_state(earlier.network), config, trial.network)
    except CheckpointError as error:
        raise ConfigError(f"after: the earlier network does not fit ({error})") from error
    trial.network = restored.to(trial.scale)
    trial.constants.write(earlier.constants.raw.detach().to(trial.scale))


def _check_network(network: KAN | MLP, trial: TrialConfig) -> None:
    facts: list[tuple[str, object, object]] = [
        ("hidden sizes", network.shape[1:-1], list(trial.width))
    ]
    if isinstance(network, KAN):
        bases = {layer.base is not None for layer in network.stack}
        fewer = [min(pair) for pair in zip(network.intervals, trial.intervals, strict=False)]
        facts += [
            ("basis", network.bases, list(trial.bases)),
            ("degree", network.degrees, list(trial.degree)),
            ("base function", bases, {trial.base == "silu"}),
            ("fewest intervals", fewer, list(trial.intervals)),
        ]
    else:
        facts.append(("activation", network.activation, trial.activation))
    for what, present, configured in facts:
        if present != configured:
            raise CheckpointError(
                f"checkpoint: {what} {present}, but the config says {configured}; use the run's own"
                f" config.yaml"
            )


def _kan(state: Mapping[str, Any], tensors: list[Tensor], trial: TrialConfig) -> KAN:
    layers, affine = trial.layers, 2 * trial.layers if trial.on == "nodes" else 0
    splines, between = (tensors[:-affine], tensors[-affine:]) if affine else (tensors, [])
    bases: list[Tensor | None] = [*splines[2 * layers :]] or [None] * layers
    kept_edges: list[Tensor | None] = [*state.get("left", [None] * layers)]
    every = state["bases"] if "bases" in state else _splines(state)
    if len(bases) != layers or len(every) != layers or len(kept_edges) != layers:
        raise ValueError(f"{len(tensors)} tensors for {layers} layers")
    stack: list[SplineLayer | Affine] = []
    for k, facts in enumerate(every):
        stack += [Affine(*between[2 * k : 2 * k + 2])] if affine else []
        kind = NodeSplines if affine and k < layers - 1 else SplineLayer
        stack.append(
            kind(restored(facts, splines[2 * k]), splines[2 * k + 1], bases[k], kept_edges[k])
        )
    return KAN(stack)


def _splines(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Facts of the bases in a checkpoint that was written when there were B-splines only."""
    listed = zip(state["degrees"], state["uniform"], state["periodic"], strict=True)
    return [
        {"name": "bspline", "degree": p, "uniform": even, "periodic": wraps}
        for p, even, wraps in listed
    ]


def _mlp(state: Mapping[str, Any], tensors: list[Tensor], layers: int) -> MLP:
    if len(tensors) != 2 * layers:
        raise ValueError(f"{len(tensors)} tensors for {layers} layers")
    return MLP(tensors[:layers], tensors[layers:], state["activation"])


def _copies(tensors: list[Any]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]
