"""Elements on disk, for `Dataset.cache("file")`: one file of records, read by their numbers.

    file   = record*
    record = number, length, element        two int64, little-endian, and `length` bytes
    element = JSON of the structure, then each array in NumPy's format, none of objects

A record of number -1 says that a pass was complete, and how many elements it had. A record that is
cut off, since the program ended while it was written, is overwritten.
"""

from __future__ import annotations

import io
import json
import os
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import FileFormatError, StateError
from lamina.string_tensor import is_text_array

_HEAD = struct.Struct("<qq")
_COMPLETE = -1


class MemoryCache:
    """Elements in memory by their numbers, and the length of a complete pass."""

    def __init__(self) -> None:
        self._kept: dict[int, Any] = {}
        self.length: int | None = None

    def __contains__(self, number: int) -> bool:
        return number in self._kept

    def read(self, number: int) -> Any:
        """Return the element of a number."""
        return self._kept[number]

    def write(self, number: int, element: Any) -> None:
        """Keep an element."""
        self._kept[number] = element

    def complete(self, length: int) -> None:
        """Note the length of a whole pass."""
        self.length = length


class DiskCache:
    """Elements in a file, with the methods of `MemoryCache`."""

    def __init__(self, path: Any) -> None:
        self.path = Path(os.fspath(path))
        self._places: dict[int, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self.length: int | None = None
        self._end = 0
        if self.path.exists():
            self._scan()

    def __contains__(self, number: int) -> bool:
        return number in self._places

    def _scan(self) -> None:
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            while self._end + _HEAD.size <= size:
                file.seek(self._end)
                number, length = _HEAD.unpack(file.read(_HEAD.size))
                if number == _COMPLETE:
                    self.length, length = length, 0
                elif length < 0 or number < 0:
                    raise FileFormatError(
                        f"Dataset.cache: {self.path} is not a cache of Lamina",
                        hint="give the name of a new file",
                    )
                elif self._end + _HEAD.size + length > size:
                    return
                else:
                    self._places[number] = (self._end + _HEAD.size, length)
                self._end += _HEAD.size + length

    def read(self, number: int) -> Any:
        """Return the element of a number."""
        place, length = self._places[number]
        with self.path.open("rb") as file:
            file.seek(place)
            return _decoded(file.read(length), self.path)

    def write(self, number: int, element: Any) -> None:
        """Append an element to the file."""
        content = _encoded(element)
        with self._lock:
            if number not in self._places:
                self._places[number] = (self._append(number, len(content), content), len(content))

    def complete(self, length: int) -> None:
        """Note the length of a whole pass in the file."""
        with self._lock:
            if self.length is None:
                self._append(_COMPLETE, length, b"")
                self.length = length

    def _append(self, number: int, length: int, content: bytes) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.seek(self._end)
            file.write(_HEAD.pack(number, length) + content)
            file.truncate()
        place = self._end + _HEAD.size
        self._end = place + len(content)
        return place


# ---- an element as bytes -----------------------------------------------------------------------
def _encoded(element: Any) -> bytes:
    leaves: list[np.ndarray] = []
    out = io.BytesIO()
    head = json.dumps(_described(element, leaves)).encode()
    out.write(struct.pack("<q", len(head)) + head)
    for leaf in leaves:
        np.lib.format.write_array(out, leaf, allow_pickle=False)
    return out.getvalue()


def _described(nest: Any, leaves: list[np.ndarray]) -> Any:
    """A nest as JSON, whose arrays are appended to `leaves`."""
    if nest is None:
        return None
    if isinstance(nest, dict):
        if not all(isinstance(key, str) for key in nest):
            raise StateError("Dataset.cache: a file holds dictionaries with names as keys only")
        return {"dict": {key: _described(each, leaves) for key, each in nest.items()}}
    if isinstance(nest, (tuple, list)):
        kind = "list" if isinstance(nest, list) else "tuple"
        return {kind: [_described(each, leaves) for each in nest]}
    array = np.asarray(nest)
    if array.dtype.kind != "O":
        leaves.append(array)
        return "array"
    if not is_text_array(array):
        raise StateError(f"Dataset.cache: a file holds numbers and strings (got {type(nest)})")
    flat = array.reshape(-1).tolist()
    parts = [each if isinstance(each, bytes) else each.encode("utf-8") for each in flat]
    leaves.append(np.frombuffer(b"".join(parts), np.uint8))
    leaves.append(np.asarray([len(each) for each in parts], np.int64))
    text = [isinstance(each, str) for each in flat]
    return {"strings": list(array.shape), "text": all(text)}


def _decoded(content: bytes, path: Path) -> Any:
    file = io.BytesIO(content)
    (size,) = struct.unpack("<q", file.read(8))
    try:
        return _restored(json.loads(file.read(size)), file)
    except (ValueError, KeyError) as error:
        raise FileFormatError(
            f"Dataset.cache: {path} is damaged: {error}", hint="remove the file; it is made again"
        ) from error


def _restored(described: Any, file: io.BytesIO) -> Any:
    if described is None:
        return None
    if described == "array":
        return np.lib.format.read_array(file, allow_pickle=False)
    if "dict" in described:
        return {key: _restored(each, file) for key, each in described["dict"].items()}
    for kind, make in (("list", list), ("tuple", tuple)):
        if kind in described:
            return make(_restored(each, file) for each in described[kind])
    content = np.lib.format.read_array(file, allow_pickle=False).tobytes()
    lengths = np.lib.format.read_array(file, allow_pickle=False)
    ends = np.cumsum(lengths)
    found = np.empty(len(ends), object)
    for k, (length, end) in enumerate(zip(lengths.tolist(), ends.tolist(), strict=True)):
        part = content[end - length : end]
        found[k] = part.decode("utf-8") if described["text"] else part
    return found.reshape(described["strings"])


def cached(cache: MemoryCache | DiskCache, elements: Any) -> Any:
    """Yield elements, from the cache where it has them, and keep the others in it."""
    number = -1
    for number, element in enumerate(elements):
        if number not in cache:
            cache.write(number, element)
        yield element
    cache.complete(number + 1)
