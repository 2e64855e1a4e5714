"""What a door is, and pieces of the input that it is tried with."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST = 1 << 22
"""Bytes of a member of an archive."""


@dataclass(frozen=True)
class Door:
    """What takes bytes in a folder and gives an exit code or raises, good inputs, pieces of them,
    and the processor seconds that an answer may take.
    """

    enter: Callable[[bytes, Path], int]
    seeds: Callable[[], Sequence[bytes]]
    tokens: Sequence[bytes]
    seconds: float


def consistent(data: bytes) -> bytes:
    """An archive whose members have the checksums that are theirs, so that what was changed in them
    reaches whoever reads them; other bytes as they are.
    """
    stream = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
            for member in old.infolist():
                member.CRC = None  # type: ignore[assignment] # not compared
                new.writestr(member.filename, old.read(member)[:MOST])
    except Exception:
        return data
    return stream.getvalue()


EQUATIONS = (
    b"-laplacian(u) = f",
    b"dx(k*dx(u)) + dot(wind, grad(u)) = sin(pi*x)**2/(1 + y**2)",
    b"dt(u) = where(x < 0.5, u**3, sqrt(abs(u)))",
)
LETTERS = (*re.findall(rb"\w+|\W", b" ".join(EQUATIONS)), b"((((", b"\xff", b"\x00")
KEYS = (b"{", b"}", b"[", b"]", b": ", b"- ", b"\n  ", b"*a", b"&a ", b"!!python/none ", b"${x}")
BYTES = (b"\x00", b"\xff" * 4, b"PK\x03\x04", b"\x80\x02", b".", b"q\x00", b"<f8", b"nan", b"(2,)")
