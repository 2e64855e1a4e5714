"""The process that reads one mesh file: `python -m kanpde.meshreader FOLDER`, started by
`kanpde/config/meshes.py`.

FOLDER holds question.json and the mesh; arrays.npz and answer.json are left there. The memory limit
comes first, because a mesh file of a few bytes can ask for any amount.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from kanpde.errors import KanpdeError

MOST_WRITTEN = 1 << 30
"""Bytes of one file that this process may write."""


def answer(folder: Path, question: dict[str, Any]) -> dict[str, Any]:
    """What there is to say about the mesh in `folder`: its facts, or `error`."""
    suffix = Path(question["file"]).suffix
    try:
        import numpy as np

        from kanpde.domains.meshes import check as meshcheck
        from kanpde.domains.meshes import files as meshfile

        boundary = question["boundary"]
        found = meshcheck.checked(
            meshfile.read(folder / question["file"]), None if boundary is None else tuple(boundary)
        )
        masks = np.array([found.regions[name] for name in found.regions], dtype=bool).reshape(
            -1, len(found.cells)
        )
        values = np.array(list(found.fields.values()), dtype=np.float64).reshape(
            -1, len(found.points)
        )
        np.savez(
            folder / "arrays.npz",
            points=found.points, cells=found.cells, facets=found.facets, labels=found.labels,
            regions=masks, fields=values,
        )  # fmt: skip
        names = {
            "parts": found.parts,
            "regions": tuple(found.regions),
            "fields": tuple(found.fields),
        }
        return {"dimension": found.points.shape[1], **names}
    except KanpdeError as error:
        return {"error": str(error)}
    except MemoryError:
        return {
            "error": f"needs more than {question['memory'] >> 20} MiB of memory to read; save a coarser mesh"
        }
    except (Exception, SystemExit) as error:  # whatever a reader of foreign files may raise
        told = " ".join(ascii(str(error)).split())[:80] or type(error).__name__
        return {
            "error": f"cannot be read as a {suffix} mesh ({type(error).__name__}: {told}); save it again"
        }


def main(folder: Path) -> None:
    """Answer the question in `folder`."""
    question = json.loads((folder / "question.json").read_text(encoding="utf-8"))
    for limit, most in (
        (resource.RLIMIT_AS, question["memory"]),
        (resource.RLIMIT_FSIZE, MOST_WRITTEN),
    ):
        try:
            resource.setrlimit(limit, (most, most))
        except (OSError, ValueError):  # a platform without this limit
            continue
    (folder / "answer.json").write_text(json.dumps(answer(folder, question)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
