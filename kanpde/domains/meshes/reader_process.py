"""The process that reads one mesh file: `python -m kanpde.domains.meshes.reader_process FOLDER`,
started by `kanpde/config/problem/meshes.py`.

FOLDER holds question.json and the mesh; the process writes arrays.npz and answer.json there. The
memory limit is set first, because a mesh file of a few bytes can ask for any amount.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from kanpde.errors import KanpdeError

MOST_WRITTEN = 1 << 30
"""Bytes of one file that this process may write."""


def answer(folder: Path, question: dict[str, Any]) -> dict[str, Any]:
    """The dimension, parts, regions and fields of the mesh in `folder`, or `error`."""
    suffix = Path(question["file"]).suffix
    try:
        import numpy as np

        from kanpde.domains.meshes import check as meshcheck
        from kanpde.domains.meshes import files as meshfile

        boundary = question["boundary"]
        mesh = meshcheck.checked(
            meshfile.read(folder / question["file"]),
            None if boundary is None else tuple(boundary),
            question["names"],
        )
        masks = np.array([mesh.regions[name] for name in mesh.regions], dtype=bool).reshape(
            -1, len(mesh.cells)
        )
        values = np.array(list(mesh.fields.values()), dtype=np.float64).reshape(
            -1, len(mesh.points)
        )
        np.savez(
            folder / "arrays.npz",
            points=mesh.points, cells=mesh.cells, facets=mesh.facets, labels=mesh.labels,
            regions=masks, fields=values, through=mesh.through,
        )  # fmt: skip
        names = {
            "parts": mesh.parts,
            "regions": tuple(mesh.regions),
            "fields": tuple(mesh.fields),
            "notes": mesh.notes,
        }
        return {"dimension": mesh.points.shape[1], **names}
    except KanpdeError as error:
        return {"error": str(error)}
    except MemoryError:
        return {
            "error": f"needs more than {question['memory'] >> 20} MiB of memory to read;"
            " save a coarser mesh"
        }
    except (Exception, SystemExit) as error:  # whatever a reader of foreign files may raise
        reason = " ".join(ascii(str(error)).split())[:80] or type(error).__name__
        return {
            "error": f"cannot be read as a {suffix} mesh ({type(error).__name__}: {reason});"
            " save it again"
        }


def main(folder: Path) -> None:
    """Answer the question in `folder`."""
    question = json.loads((folder / "question.json").read_text(encoding="utf-8"))
    _limit(question["memory"])
    (folder / "answer.json").write_text(json.dumps(answer(folder, question)), encoding="utf-8")


def _limit(memory: int) -> None:
    """Bound the bytes of memory of this process and of each file that it writes, where the
    platform can; elsewhere its time alone is bounded.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, MOST_WRITTEN)):
        try:
            resource.setrlimit(limit, (most, most))
        except (OSError, ValueError):  # macOS has no limit of addresses
            continue


if __name__ == "__main__":
    main(Path(sys.argv[1]))
