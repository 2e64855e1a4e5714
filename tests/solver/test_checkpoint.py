"""Checkpoints: what is written is read, and nothing damaged, foreign, unfit or non-finite is taken
for a state.
"""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from core_helpers import (
    SIDES,
    SQUARE,
    StopAfter,
    config,
    gap,
    generator,
    kan,
    mlp,
    problem_node,
    uniform,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from kanpde import api
from kanpde.config import TrialConfig
from kanpde.errors import CheckpointError, KanpdeError, StorageError
from kanpde.solver import checkpoint
from kanpde.solver.checkpoint import Store, network_state, read, restore_network, write
from kanpde.storage import forget
from kanpde.trial.networks import KAN, MLP, build_kan, build_nodes

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORKS: dict[str, tuple[KAN | MLP, TrialConfig]] = {
    "kan": (kan([2, 4, 1], degree=3, intervals=2), TrialConfig("kan", (4,), (3, 3), (2, 2))),
    "kan-flat": (kan([3, 2], degree=5, intervals=4), TrialConfig("kan", (), (5,), (4,))),
    "kan-silu": (
        kan([2, 3, 2, 1], base=True),
        TrialConfig("kan", (3, 2), (4,) * 3, (3,) * 3, base="silu"),
    ),
    "kan-moved": (
        kan([2, 3, 1]).updated(2 * uniform(40, 2), 0.7).extended([5, 9]),
        TrialConfig("kan", (3,), (4, 4), (3, 3)),
    ),
    "fourier": (
        build_kan(
            [2, 4, 1], [3, 3], [2, 2], "paper", False, generator(), bases=["bspline", "fourier"]
        ),
        TrialConfig("kan", (4,), (3, 3), (2, 2), basis=("bspline", "fourier")),
    ),
    "nodes": (
        build_nodes(
            [2, 4, 3, 1], [("bspline", 3, 2), ("chebyshev", 3, 2)], "ridge", True, generator()
        ),
        TrialConfig(
            "kan", (4, 3), (3, 3), (2, 2), base="silu", basis=("bspline", "chebyshev"), on="nodes"
        ),
    ),
    "mlp": (
        mlp([2, 5, 4, 1], "sine"),
        TrialConfig("mlp", (5, 4), activation="sine", start="xavier"),
    ),
}


def state(name: str = "kan") -> dict[str, Any]:
    network = NETWORKS[name][0]
    return {
        "network": network_state(network),
        "state": {
            "step": 7,
            "history": [(1, 0.25, 1.5, 0)],
            "optimizer": {"moments": [uniform(3)], "lr": None},
        },
    }


@pytest.fixture(params=list(NETWORKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# Round trip
# --------------------------------------------------------------------------------------------------


def test_what_is_written_is_read(name: str, tmp_path: Path) -> None:
    write(tmp_path / "a.pt", state(name))
    contents = read(tmp_path / "a.pt")
    network, trial = NETWORKS[name]
    restored = restore_network(contents["network"], trial)
    x = uniform(20, network.shape[0])
    assert torch.equal(restored(x), network(x)) and restored.shape == network.shape
    assert all(p.requires_grad for p in restored.parameters())
    assert (
        contents["state"]["history"] == [(1, 0.25, 1.5, 0)]
        and contents["state"]["optimizer"]["lr"] is None
    )
    assert torch.equal(contents["state"]["optimizer"]["moments"][0], uniform(3))


def test_a_restored_network_can_be_refined_and_trained(name: str, tmp_path: Path) -> None:
    write(tmp_path / "a.pt", state(name))
    restored = restore_network(read(tmp_path / "a.pt")["network"], NETWORKS[name][1])
    restored(uniform(5, restored.shape[0])).square().sum().backward()
    if isinstance(restored, KAN):
        x = uniform(9, restored.shape[0])
        assert gap(restored.extended([2 * g for g in restored.intervals])(x), restored(x)) < 1e-12


def test_a_state_is_a_copy() -> None:
    network = kan([2, 2, 1])
    saved = network_state(network)
    before = [tensor.clone() for tensor in saved["tensors"]]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert all(torch.equal(a, b) for a, b in zip(saved["tensors"], before, strict=True))


def test_equal_states_are_equal_files(tmp_path: Path) -> None:
    for file in ("a.pt", "b.pt"):
        write(tmp_path / file, state())
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_an_unknown_module_is_not_saved() -> None:
    with pytest.raises(
        CheckpointError, match="cannot save a network of type Linear; known are KAN and MLP"
    ):
        network_state(torch.nn.Linear(2, 1))


# Damage
# --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "a.pt"
    write(path, state())
    return path.read_bytes()


def refused(path: Path, raw: bytes) -> str:
    """The one line with which these bytes are refused, exit code 5."""
    path.write_bytes(raw)
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert caught.value.exit_code == 5 and "\n" not in str(caught.value)
    return str(caught.value)


def test_every_flipped_byte_is_refused(good: bytes, tmp_path: Path) -> None:
    step = max(1, len(good) // 300)
    for place in (*range(100), *range(100, len(good), step), len(good) - 1):
        for flip in (0x01, 0x80):
            refused(
                tmp_path / "a.pt", good[:place] + bytes([good[place] ^ flip]) + good[place + 1 :]
            )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_other_bytes_are_refused(
    good: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(good)))
    raw = (
        good[:start]
        + data.draw(st.binary(max_size=40))
        + good[start + data.draw(st.integers(0, 40)) :]
    )
    if raw != good:
        refused(tmp_path_factory.getbasetemp() / "any.pt", raw)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(good: bytes, share: float, tmp_path: Path) -> None:
    refused(tmp_path / "a.pt", good[: int(share * len(good))])


def test_messages_say_what_is_wrong_and_what_to_do(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    damaged = refused(path, good[:-1])
    assert damaged == f"{path}: damaged (its digest does not match); solve again"
    foreign = refused(path, b"PK\x03\x04" + good)
    assert (
        foreign
        == f"{path}: not a kanpde checkpoint of format 1; use a run folder made by this version"
    )
    assert refused(path, good.replace(b"checkpoint 1 ", b"checkpoint 2 ", 1)) == foreign


def signed(payload: bytes) -> bytes:
    """A file with a true digest, whatever it holds."""
    return checkpoint.MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def test_a_true_digest_of_nonsense_is_refused(tmp_path: Path) -> None:
    assert "cannot be decoded" in refused(tmp_path / "a.pt", signed(b"no archive"))
    torch.save([1, 2], tmp_path / "list.pt")
    assert "must hold a mapping, found list" in refused(
        tmp_path / "a.pt", signed((tmp_path / "list.pt").read_bytes())
    )


class Bomb:
    """Something that makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"network": Bomb(tmp_path / "burst")}, tmp_path / "bomb.pt")
    assert "cannot be decoded" in refused(
        tmp_path / "a.pt", signed((tmp_path / "bomb.pt").read_bytes())
    )
    assert not (tmp_path / "burst").exists()
    torch.load(tmp_path / "bomb.pt", weights_only=False)
    assert (tmp_path / "burst").exists(), "the bomb must be live, or this test says nothing"


def test_a_missing_file_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"none\.pt: cannot be read"):
        read(tmp_path / "none.pt")


# Networks that do not fit
# --------------------------------------------------------------------------------------------

UNFIT: dict[str, tuple[str, TrialConfig, str]] = {
    "other kind": ("kan", TrialConfig("mlp", (4,)), "holds a kan, but the config asks for a mlp"),
    "other width": (
        "kan",
        TrialConfig("kan", (5,), (3, 3), (2, 2)),
        r"hidden sizes \[4\], but the config says \[5\]",
    ),
    "more layers": ("kan", TrialConfig("kan", (4, 4), (3,) * 3, (2,) * 3), "checkpoint: "),
    "fewer layers": ("kan", TrialConfig("kan", (), (3,), (2,)), "checkpoint: "),
    "other mlp": ("mlp", TrialConfig("mlp", (5,)), "checkpoint: "),
    "other degree": ("kan", TrialConfig("kan", (4,), (5, 3), (2, 2)), "degree"),
    "fewer intervals": ("kan", TrialConfig("kan", (4,), (3, 3), (2, 6)), "intervals"),
    "base function": ("kan", TrialConfig("kan", (4,), (3, 3), (2, 2), base="silu"), "base"),
    "no base function": ("kan-silu", TrialConfig("kan", (3, 2), (4,) * 3, (3,) * 3), "base"),
    "other basis": (
        "kan",
        TrialConfig("kan", (4,), (3, 3), (2, 2), basis=("bspline", "rbf")),
        "basis",
    ),
    "on nodes": ("kan", TrialConfig("kan", (4, 1), (3, 3), (2, 2), on="nodes"), "checkpoint: "),
    "on edges": (
        "nodes",
        TrialConfig("kan", (4,), (3, 3), (2, 2), base="silu", basis=("bspline", "chebyshev")),
        "checkpoint: ",
    ),
    "other activation": ("mlp", TrialConfig("mlp", (5, 4), activation="tanh"), "activation"),
}


@pytest.mark.parametrize("case", list(UNFIT))
def test_a_network_that_does_not_fit_its_config_is_refused(case: str) -> None:
    saved, trial, message = UNFIT[case]
    with pytest.raises(CheckpointError, match=message) as caught:
        restore_network(network_state(NETWORKS[saved][0]), trial)
    assert "\n" not in str(caught.value)


SPLINE = {"name": "bspline", "degree": 3, "uniform": True, "periodic": False}


def broken(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**network_state(NETWORKS["kan"][0]), **changes}


BROKEN: dict[str, dict[str, Any]] = {
    "no tensors": broken({"tensors": []}),
    "texts": broken({"tensors": ["a", "b", "c", "d"]}),
    "a number": broken({"tensors": 3}),
    "no bases": {k: v for k, v in network_state(NETWORKS["kan"][0]).items() if k != "bases"},
    "one basis": broken({"bases": [SPLINE]}),
    "wrong degrees": broken({"bases": [{**SPLINE, "degree": 2}, {**SPLINE, "degree": 9}]}),
    "text degrees": broken({"bases": [{**SPLINE, "degree": "3"}] * 2}),
    "unknown basis": broken({"bases": [{**SPLINE, "name": "wavelet"}] * 2}),
    "foreign facts": broken({"bases": [{**SPLINE, "intervals": 3}] * 2}),
    "no facts": broken({"bases": [3, 4]}),
    "flat tensors": broken(
        {"tensors": [t.reshape(-1) for t in network_state(NETWORKS["kan"][0])["tensors"]]}
    ),
    "swapped": broken({"tensors": network_state(NETWORKS["kan"][0])["tensors"][::-1]}),
    "no kind": {k: v for k, v in network_state(NETWORKS["kan"][0]).items() if k != "kind"},
}


def test_a_checkpoint_from_when_there_were_splines_only_is_read() -> None:
    network, trial = NETWORKS["kan"]
    new = network_state(network)
    facts = {"degrees": [3, 3], "uniform": [True, True], "periodic": [False, False]}
    x = uniform(9, 2)
    old = {"kind": "kan", **facts, "tensors": new["tensors"]}
    assert torch.equal(restore_network(old, trial)(x), network(x))


@pytest.mark.parametrize("case", list(BROKEN))
def test_an_incomplete_network_is_refused(case: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        restore_network(BROKEN[case], NETWORKS["kan"][1])
    assert "\n" not in str(caught.value) and str(caught.value).startswith("checkpoint: ")


# A run folder's store
# ------------------------------------------------------------------------------------------------


def steps(store: Store) -> int:
    return int(store.load()["state"]["step"])


def numbered(step: int) -> dict[str, Any]:
    contents = state()
    return {**contents, "state": {**contents["state"], "step": step}}


def test_last_previous_and_best(tmp_path: Path) -> None:
    store = Store.at(tmp_path)
    for step, best in ((1, False), (2, True), (3, False)):
        store.save(numbered(step), best)
    assert steps(store) == 3
    kept = {
        name: read(store.folder / f"{name}.pt")["state"]["step"]
        for name in ("last", "previous", "best")
    }
    assert kept == {"last": 3, "previous": 2, "best": 2}
    assert {path.name for path in store.folder.iterdir()} == {"last.pt", "previous.pt", "best.pt"}
    assert Store.at(tmp_path) == store


def test_an_empty_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError,
        match="holds no checkpoint; the run stopped before its first one, so solve it",
    ):
        Store.at(tmp_path).load()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_non_finite_parameters_are_never_saved(bad: float, tmp_path: Path) -> None:
    store = Store.at(tmp_path)
    store.save(numbered(1), best=True)
    poisoned = numbered(2)
    poisoned["network"]["tensors"][1][0, 0, 0] = bad
    for _ in range(3):
        with pytest.raises(
            CheckpointError,
            match="non-finite parameters are never saved; the earlier checkpoint was kept",
        ):
            store.save(poisoned, best=True)
        assert steps(store) == 1 and read(store.folder / "best.pt")["state"]["step"] == 1
    store.save(numbered(3), best=False)
    assert steps(store) == 3 and read(store.folder / "previous.pt")["state"]["step"] == 1


def damage(path: Path) -> None:
    """Flip one bit of a file."""
    raw = path.read_bytes()
    path.write_bytes(raw[:500] + bytes([raw[500] ^ 1]) + raw[501:])


def test_where_the_last_is_damaged_the_previous_one_is_used_and_told(tmp_path: Path) -> None:
    store, told = Store.at(tmp_path), list[str]()
    store.save(numbered(1), best=False)
    store.save(numbered(2), best=False)
    damage(store.folder / "last.pt")
    with pytest.warns(UserWarning, match="last.pt: damaged .* the checkpoint before it is used"):
        assert store.load(told.append)["state"]["step"] == 1
    assert len(told) == 1 and "damaged" in told[0]
    store.save(numbered(3), best=False)  # the damaged one does not take the place of a good one
    assert steps(store) == 3 and read(store.folder / "previous.pt")["state"]["step"] == 1
    for name in ("last.pt", "previous.pt"):
        damage(store.folder / name)
    with pytest.raises(CheckpointError, match=r"previous.pt: damaged .*; solve again"):
        store.load()


def test_a_checkpoint_that_cannot_be_renamed_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.at(tmp_path)
    store.save(numbered(1), best=False)

    def refused(*paths: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(StorageError, match=r"previous.pt: cannot be written: Operation not"):
        store.save(numbered(2), best=False)


class Killed(BaseException):
    """As if the process ended here."""


@pytest.mark.parametrize("call", range(1, 8))
def test_a_kill_at_any_system_call_leaves_the_old_state_or_the_new_one(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.at(tmp_path)
    store.save(numbered(1), best=True)
    store.save(numbered(2), best=True)
    count = 0

    def dying(true: Any) -> Any:
        def called(*args: Any, **keys: Any) -> Any:
            nonlocal count
            count += 1
            if count == call:
                raise Killed
            return true(*args, **keys)

        return called

    with monkeypatch.context() as patch:
        for module, function in ((os, "replace"), (os, "fsync"), (Path, "write_bytes")):
            patch.setattr(module, function, dying(getattr(module, function)))
        try:
            store.save(numbered(3), best=True)
        except Killed:
            assert count == call
    assert steps(store) in (2, 3)
    assert read(store.folder / "best.pt")["state"]["step"] in (2, 3)
    store.save(numbered(4), best=False)
    assert steps(store) == 4


WRITER = """
import sys
sys.path[:0] = [{tests!r}, {beside!r}]
from pathlib import Path
from test_checkpoint import Store, numbered
store = Store.at(Path(sys.argv[1]))
step = 0
while True:
    step += 1
    store.save(numbered(step), best=step % 2 == 0)
    print(step, flush=True)
"""


def test_a_killed_process_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    program = WRITER.format(tests=str(Path(__file__).parents[1]), beside=str(Path(__file__).parent))
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        steps_written = [int(writer.stdout.readline()) for _ in range(20)]
        time.sleep(0.0037)
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        rest, _ = writer.communicate(timeout=60)
    last = int(rest.split()[-1]) if rest.split() else steps_written[-1]
    assert steps(Store(tmp_path / "checkpoints")) in (last, last + 1)


def test_a_full_disk_is_a_storage_error_and_keeps_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.at(tmp_path)
    store.save(numbered(1), best=False)

    def full(*args: Any, **keys: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(StorageError, match="No space left on device"):
            store.save(numbered(2), best=False)
    assert steps(store) == 1


# A run that is loaded
# ------------------------------------------------------------------------------------------------

NODE = problem_node(SQUARE, ["laplacian(u) = 1"], [{"part": SIDES, "equation": "u = 0"}])
TRIAL = {"width": [3], "degree": 4, "intervals": 2}
SAMPLER = {"interior": 40, "boundary": 16}


@pytest.fixture
def run(tmp_path: Path, quick: None) -> Path:
    settings = config(
        NODE, trial=TRIAL, sampler=SAMPLER, schedule=[{"optimizer": "adam", "steps": 20}]
    )
    api.solve(settings, out=tmp_path / "run", progress=StopAfter(1))
    return tmp_path / "run"


def changed(run: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Rewrite the last checkpoint, with a true digest."""
    forget(run, "checkpoints/last.pt")
    path, buffer = run / "checkpoints" / "last.pt", io.BytesIO()
    data = read(path)
    change(data)
    torch.save(data, buffer)
    path.write_bytes(signed(buffer.getvalue()))


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no state": lambda data: data.pop("state"),
    "no network": lambda data: data.pop("network"),
    "unknown key": lambda data: data["state"].update(surprise=1),
    "stage beyond the schedule": lambda data: data["state"].update(stage=99),
    "unknown reason": lambda data: data["state"].update(reason="BORED"),
    "wrong type": lambda data: data["state"].update(history="none"),
    "other inputs": lambda data: data.update(
        network=network_state(kan([3, 3, 1], degree=4, intervals=2))
    ),
    "other outputs": lambda data: data.update(
        network=network_state(kan([2, 3, 2], degree=4, intervals=2))
    ),
    "other precision": lambda data: data.update(
        network=network_state(kan([2, 3, 1], degree=4, intervals=2).float())
    ),
    "optimizer of another shape": lambda data: data["state"]["optimizer"]["state"][0].update(
        exp_avg=uniform(3)
    ),
}


@pytest.mark.parametrize("case", list(CHANGES))
def test_a_checkpoint_that_does_not_fit_its_run_is_refused(case: str, run: Path) -> None:
    changed(run, CHANGES[case])
    with pytest.raises(KanpdeError) as caught:
        (api.resume if case.startswith("optimizer") else api.load)(run)
    assert caught.value.exit_code == 5 and "\n" not in str(caught.value)


def test_a_run_whose_last_checkpoint_is_damaged_goes_on_from_the_previous_one(run: Path) -> None:
    whole = api.resume(run)
    damage(run / "checkpoints" / "last.pt")
    with pytest.warns(UserWarning, match="the checkpoint before it is used instead"):
        again = api.resume(run)
    assert "the checkpoint before it is used instead" in (run / "run.log").read_text()
    assert torch.equal(again.coefficients(), whole.coefficients())
    damage(run / "checkpoints" / "last.pt")
    (run / "checkpoints" / "previous.pt").unlink()
    for verb in (api.load, api.resume):
        with pytest.raises(CheckpointError, match=r"last\.pt: damaged"):
            verb(run)


def test_a_run_whose_last_checkpoint_is_gone_goes_on_from_the_previous_one(run: Path) -> None:
    whole = api.resume(run)
    folder = run / "checkpoints"
    (folder / "last.pt").unlink()
    with pytest.warns(UserWarning, match="the checkpoint before it is used instead"):
        again = api.resume(run)
    assert torch.equal(again.coefficients(), whole.coefficients())
    (folder / "last.pt").unlink()
    forget(run, "checkpoints/last.pt")  # as a kill between two renames leaves it
    assert torch.equal(api.resume(run).coefficients(), whole.coefficients())


def test_parameters_that_are_not_finite_are_refused_behind_a_good_digest(run: Path) -> None:
    path = run / "checkpoints" / "last.pt"
    forget(run, "checkpoints/last.pt")
    data = read(path)
    data["network"]["tensors"][1][0, 0, 0] = float("nan")
    buffer = io.BytesIO()
    torch.save(data, buffer)
    payload = buffer.getvalue()
    head = checkpoint.MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n"
    path.write_bytes(head + payload)
    for verb in (api.load, api.resume):
        with pytest.raises(CheckpointError, match="parameters that are not finite"):
            verb(run)
