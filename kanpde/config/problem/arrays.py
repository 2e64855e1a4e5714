"""Arrays of float64 in a .npz file, read without numpy: a config is checked before anything heavy
is loaded.

A .npz file is a zip of .npy files, each a header {'descr': '<f8', 'fortran_order': False, 'shape':
(3, 4)} and the numbers.
Source: NEP 1, the .npy format, versions 1.0 to 3.0.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from kanpde.config.reader import Reader

MOST_ARRAYS, MOST_UNPACKED = 50, 8 << 20
_HEADER = re.compile(
    r"\{'descr': '<f8', 'fortran_order': (True|False), 'shape': \(((?:[0-9]{1,9}, ?)*(?:[0-9]{1,9})?)\),? ?\}\s*"
)


@dataclass(frozen=True)
class Numbers:
    """The numbers of an array of some shape, the last index fastest."""

    shape: tuple[int, ...]
    values: tuple[float, ...]


def read_arrays(content: bytes, node: Reader, most: int = MOST_UNPACKED) -> dict[str, Numbers]:
    """Every array of a .npz file of at most `most` bytes by its name; ConfigError for one that is
    not of finite float64 numbers.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ARRAYS or sum(entry.file_size for entry in entries) > most:
                raise node.error(
                    f"must hold at most {MOST_ARRAYS} arrays of {most >> 20} MiB in all"
                )
            for entry in entries:
                name = entry.filename.removesuffix(".npy")
                with archive.open(entry) as file:
                    arrays[name] = _array(file.read(entry.file_size), name, node)
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        struct.error,
    ) as error:
        raise node.error(
            f"cannot be read as a .npz file ({type(error).__name__}); save it again"
        ) from None
    return arrays


def dump_columns(columns: Mapping[str, bytes]) -> bytes:
    """A .npz file with one array (N,) of float64 per name, from its 8·N bytes, little-endian."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, packed in columns.items():
            header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({len(packed) // 8},), }}"
            header += (
                " " * (-(len(header) + 11) % 64) + "\n"
            )  # the numbers begin at a multiple of 64
            start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy"), start + header.encode("latin-1") + packed
            )
    return stream.getvalue()


def _array(content: bytes, name: str, node: Reader) -> Numbers:
    wide = content[6:7] > b"\x01"
    length, start = (
        struct.unpack("<I" if wide else "<H", content[8 : 12 if wide else 10])[0],
        12 if wide else 10,
    )
    header = _HEADER.fullmatch(content[start : start + length].decode("latin-1"))
    if content[:6] != b"\x93NUMPY" or header is None:
        raise node.error(
            f"the array {name[:40]!r} must be of float64 (little-endian); save it as such"
        )
    shape = tuple(int(size) for size in re.findall("[0-9]+", header[2]))
    count, body = math.prod(shape), content[start + length :]
    if len(body) != 8 * count:
        raise node.error(
            f"the array {name[:40]!r} must hold {count} numbers, found {len(body) // 8}"
        )
    values = struct.unpack(f"<{count}d", body)
    if not all(abs(value) <= 1e300 for value in values):
        raise node.error(f"the array {name[:40]!r} must hold finite numbers")
    return Numbers(shape, _rows(values, shape) if header[1] == "True" else values)


def _rows(values: tuple[float, ...], shape: tuple[int, ...]) -> tuple[float, ...]:
    """Numbers whose first index runs fastest, with the last one fastest."""
    if len(shape) < 2:
        return values
    step = math.prod(shape[:1])
    return tuple(
        number for first in range(step) for number in _rows(values[first::step], shape[1:])
    )
