"""The table of synsets in the development kit of ImageNet: meta.mat, a MAT-file of MATLAB 5.

Only what that file has is read: one compressed array of structures, with fields of text and of
numbers.

Source: MathWorks, MAT-File Format.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from lamina.errors import FileFormatError

_NUMBERS = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_MATRIX, _COMPRESSED = 14, 15
_STRUCTURE = 2
_HEADER = 128
_MOST_BYTES = 1 << 26


def synsets_of(content: bytes, path: str) -> list[tuple[int, str, str]]:
    """Return number, id and words of each synset without children, which are the classes.

    Args:
        content: the bytes of the file.
        path: its name in errors.

    Raises:
        FileFormatError: if the file is damaged, or another one.
    """
    try:
        order = {b"IM": "<", b"MI": ">"}[content[126:128]]
        for kind, data in _elements(content[_HEADER:], order):
            if kind == _COMPRESSED:
                inflated = zlib.decompressobj().decompress(data, _MOST_BYTES)
                kind, data = next(_elements(inflated, order))
            if kind == _MATRIX:
                return [_synset(row) for row in _structures(data, order) if _is_class(row)]
        raise KeyError("synsets")
    except (struct.error, zlib.error, KeyError, ValueError, IndexError, StopIteration) as error:
        raise FileFormatError(
            f"{path}: not the table of synsets of the development kit: {error!r}"
        ) from error


def _is_class(row: dict[str, np.ndarray | str]) -> bool:
    return "num_children" not in row or not np.any(row["num_children"])


def _synset(row: dict[str, np.ndarray | str]) -> tuple[int, str, str]:
    return int(np.ravel(row["ILSVRC2012_ID"])[0]), str(row["WNID"]), str(row["words"])


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of each data element."""
    place = 0
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        if kind >> 16:  # a small element: size and type in the first four bytes
            yield kind & 0xFFFF, data[place + 4 : place + 4 + (kind >> 16)]
            place += 8
            continue
        if place + 8 + size > len(data):
            raise ValueError("an element ends after the file")
        yield kind, data[place + 8 : place + 8 + size]
        place += 8 + size + (-size % 8 if kind != _COMPRESSED else 0)


def _structures(data: bytes, order: str) -> list[dict[str, np.ndarray | str]]:
    """Return the fields of an array of structures."""
    parts = _elements(data, order)
    flags = next(parts)[1]
    if struct.unpack_from(f"{order}I", flags)[0] & 0xFF != _STRUCTURE:
        raise ValueError("expected an array of structures")
    extents = np.frombuffer(next(parts)[1], f"{order}i4")
    next(parts)  # the name of the array
    width = int(np.frombuffer(next(parts)[1], f"{order}i4")[0])
    text = next(parts)[1]
    names = [text[k : k + width].split(b"\0")[0].decode() for k in range(0, len(text), width)]
    count = int(np.prod(extents.astype(np.int64)))
    if count > _MOST_BYTES:
        raise ValueError(f"{count:,} structures")
    return [{name: _value(next(parts)[1], order) for name in names} for _ in range(count)]


def _value(data: bytes, order: str) -> np.ndarray | str:
    """Return a matrix of numbers, or a text."""
    parts = _elements(data, order)
    kind = struct.unpack_from(f"{order}I", next(parts)[1])[0] & 0xFF
    next(parts), next(parts)  # extents and name
    element, content = next(parts, (2, b""))
    if kind == 4:  # characters
        encoding = {2: "utf-8", 16: "utf-8", 4: "utf-16", 17: "utf-16", 18: "utf-32"}[element]
        if encoding == "utf-8":
            return content.decode(encoding, "replace")
        return content.decode(encoding + ("-le" if order == "<" else "-be"), "replace")
    return np.frombuffer(content, f"{order}{_NUMBERS[element]}")
