"""The IDX file format, in which MNIST and its relatives are published.

    file   = 0 0 type rank extent{rank} values     all numbers big-endian
    type   = 0x08 uint8 | 0x09 int8 | 0x0B int16 | 0x0C int32 | 0x0D float32 | 0x0E float64
    rank   = one byte
    extent = four bytes

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lamina.errors import FileFormatError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_RANK = 8
_LARGEST_RATIO = 1100  # of gzip: 258 bytes for each two bits
_GZIP = b"\x1f\x8b"
_HINT = "delete the file, and copy or download it again"


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, plain or gzipped (its first bytes tell, not its name).

    Raises:
        FileFormatError: not an IDX file, truncated, damaged, or with bytes left over.
    """
    with open(path, "rb") as file:
        start = file.read(2)
        file.seek(0)
        stream: Any = gzip.GzipFile(fileobj=file) if start == _GZIP else file
        try:
            return _read(stream, path)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            size = f"{path.stat().st_size:,} bytes"
            raise FileFormatError(
                f"{path}: truncated or damaged gzip file of {size} ({error})", hint=_HINT
            ) from error


def _read(stream: BinaryIO, path: Path) -> np.ndarray:
    dtype, shape = _header(stream, path)
    expected = math.prod(shape) * dtype.itemsize
    size = path.stat().st_size * (_LARGEST_RATIO if isinstance(stream, gzip.GzipFile) else 1)
    if expected > size:
        raise FileFormatError(
            f"{path}: truncated or damaged: it claims an array of shape {shape} and {expected:,} "
            f"bytes, and holds at most {size:,}",
            hint=_HINT,
        )
    values = np.empty(shape, dtype)
    filled = _fill(stream, values.reshape(-1).view(np.uint8))
    left_over = stream.read(1)
    if filled < expected or left_over:
        actual = "more" if left_over else f"{filled:,}"
        raise FileFormatError(
            f"{path}: expected {expected:,} bytes of values for an array of shape {shape}, "
            f"the file holds {actual}",
            hint=_HINT,
        )
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _header(stream: BinaryIO, path: Path) -> tuple[np.dtype, tuple[int, ...]]:
    magic = stream.read(4)
    rank = magic[3] if len(magic) == 4 else 0
    if magic[:2] != b"\0\0" or len(magic) < 4 or magic[2] not in _TYPES or rank > _MOST_RANK:
        raise FileFormatError(
            f"{path}: not an IDX file: its first bytes are [{magic.hex(' ')}], "
            "expected 00 00, then the type (08 for uint8) and the number of axes",
            hint=_HINT,
        )
    extents = stream.read(4 * rank)
    if len(extents) < 4 * rank:
        raise FileFormatError(
            f"{path}: truncated: expected {4 * rank} bytes of extents after the first 4, "
            f"the file holds {len(extents)}",
            hint=_HINT,
        )
    dtype, shape = np.dtype(_TYPES[magic[2]]), struct.unpack(f">{rank}I", extents)
    return dtype, shape


def _fill(stream: BinaryIO, target: np.ndarray) -> int:
    """Read into `target` until it is full or the stream ends; the number of bytes read."""
    filled = 0
    while filled < len(target):
        piece = stream.read(min(1 << 20, len(target) - filled))
        if not piece:
            break
        target[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
        filled += len(piece)
    return filled
