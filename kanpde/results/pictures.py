"""The figures of a solution in memory: a notebook shows them, `.save` writes them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kanpde.storage import make_folder, write_bytes


@dataclass(frozen=True, repr=False)
class Pictures:
    """PNG files by their names: solution, error, residual, ... as far as they exist."""

    files: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"<Pictures {', '.join(self.files)}; .save(folder) writes them>"

    def __getitem__(self, name: str) -> bytes:
        """The PNG of one figure."""
        return self.files[name]

    def save(self, folder: str | Path) -> tuple[Path, ...]:
        """Write every figure as NAME.png into a folder; StorageError where that fails."""
        target = make_folder(Path(folder))
        return tuple(write_bytes(target / f"{n}.png", data) for n, data in self.files.items())

    def _repr_html_(self) -> str:
        """The solution and its error, or its residual where the error is not known."""
        chosen = [name for name in ("solution", "error", "fit") if name in self.files]
        chosen += ["residual"] if len(chosen) == 1 and "residual" in self.files else []
        images = []
        for name in chosen:
            data = base64.b64encode(self.files[name]).decode()
            images.append(f'<img alt="{name}" src="data:image/png;base64,{data}">')
        return "".join(images)
