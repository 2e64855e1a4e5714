"""`solution.save` and `kanpde.load` of one file: the same bits, and nothing else than tensors and text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import kanpde
from kanpde.errors import CheckpointError, ConfigError, StorageError

SQUARE: dict[str, Any] = {
    "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
    "equations": "-laplacian(u) = 1",
    "conditions": {"boundary": "u = 0"},
}
LINE: dict[str, Any] = {
    "domain": {"interval": {"lower": 0, "upper": 1}},
    "conditions": {"boundary": "u = 0"},
}
HEAT = LINE | {
    "time": {"interval": [0, 0.1]},
    "equations": "dt(u) = dxx(u)",
    "conditions": {"boundary": "u = 0", "initial": "u = sin(pi*x)"},
}
FEW = {"interior": 60, "boundary": 40}
ADAM = [{"optimizer": "adam", "steps": 2}]
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "network": (SQUARE, {"trial": {"width": [4]}, "sampler": FEW}),
    "mlp": (SQUARE, {"trial": {"kind": "mlp", "width": [4]}, "schedule": ADAM, "sampler": FEW}),
    "patches": (SQUARE, {"tolerance": 1e-2}),
    "march": (HEAT, {"tolerance": 1e-2}),
    "integral": (LINE | {"equations": "-dxx(u) = 1 + integral(u)"}, {}),
    "modes": (LINE | {"equations": "-dxx(u) = lambda*u", "eigen": {"count": 2}}, {}),
}


def solved(way: str, **more: Any) -> Any:
    stated, keys = WAYS[way]
    return kanpde.solve(kanpde.Problem(unknowns="u", **stated), **keys, **more)


@pytest.mark.parametrize("way", WAYS)
def test_a_file_has_the_same_bits_again(way: str, tmp_path: Path) -> None:
    solution = solved(way)
    loaded = kanpde.load(solution.save(tmp_path / "u.safetensors"))
    x = solution.problem.domain.quadrature(30).x
    assert np.array_equal(loaded(x), solution(x))
    assert loaded.result.as_dict()["stop_reason"] == solution.result.as_dict()["stop_reason"]
    assert loaded.result.estimate == solution.result.estimate
    again = kanpde.load(loaded.save(tmp_path / "again.safetensors"))
    assert np.array_equal(again(x), solution(x))


def test_others_read_its_tensors_and_its_head(tmp_path: Path) -> None:
    path = solved("network").save(tmp_path / "u.safetensors")
    head = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
    assert json.loads(head["__metadata__"]["unknowns"]) == ["u"]
    assert "laplacian(u)" in json.loads(head["__metadata__"]["files"])["config.yaml"]
    assert all(array.dtype.kind in "fiub" for array in load_file(path).values())
    assert b"torch" not in path.read_bytes()  # nothing of a pickle


def test_slabs_are_saved_from_a_run_folder_alone(tmp_path: Path) -> None:
    tree = {
        "problem": kanpde.configure(kanpde.Problem(unknowns="u", **HEAT)).as_tree()["problem"],
        "slabs": 2,
        "trial": {"width": [4]},
        "sampler": FEW,
        "output": {"vtu": False, "plots": False},
    }
    with pytest.raises(ConfigError, match="only a run folder keeps; solve it with out=FOLDER"):
        kanpde.solve(tree).save(tmp_path / "u.safetensors")
    solution = kanpde.solve(tree, out=tmp_path / "run")
    loaded = kanpde.load(solution.save(tmp_path / "u.safetensors"))
    x = solution.problem.domain.quadrature(30).x
    assert np.array_equal(loaded(x), solution(x))


def test_what_is_no_such_file_is_told(tmp_path: Path) -> None:
    solution = solved("network")
    with pytest.raises(ConfigError, match=r"save: 'u.pt' must end in .safetensors"):
        solution.save(tmp_path / "u.pt")
    with pytest.raises(StorageError, match="there is no such file"):
        kanpde.load(tmp_path / "none.safetensors")
    path = solution.save(tmp_path / "u.safetensors")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    (tmp_path / "bent.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="its digest does not match"):
        kanpde.load(tmp_path / "bent.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(content[:-9])
    with pytest.raises(CheckpointError, match="is no file of safetensors"):
        kanpde.load(tmp_path / "cut.safetensors")
    save_file({"a": np.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="no solution of kanpde"):
        kanpde.load(tmp_path / "other.safetensors")


def test_a_file_writes_nowhere_else(tmp_path: Path) -> None:
    from kanpde.results.solution_file import DIGEST, FORMAT, _digest, pack, unpack

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    path = pack(tmp_path / "in", tmp_path / "u.safetensors", {})
    path.write_bytes(path.read_bytes().replace(b"a.txt", b"../ab"))
    with pytest.raises(CheckpointError, match="its digest does not match"):
        unpack(path, tmp_path / "deep")
    head = {"format": FORMAT, "files": json.dumps({"../ab": "a"})}
    head[DIGEST] = _digest({}, head)
    save_file({}, path, metadata=head)
    with pytest.raises(CheckpointError, match="which is outside"):
        unpack(path, tmp_path / "deep")
    assert not (tmp_path / "ab").exists()
