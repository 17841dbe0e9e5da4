"""Lists of integers in NumPy's files of objects, read without Python's unpickler.

NumPy stores an array of lists as a pickle, and a pickle can call any function. This reader knows
the instructions of which such an array consists, and the three names that stand for an array; any
other instruction or name is an error, and nothing is ever called.
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import FileFormatError

_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): "array",
    ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",  # how protocol 2 spells bytes
}
_MARK = object()
_MOST = 1 << 28  # instructions


class _Made:
    """An object that the names would make: its kind, and its state."""

    def __init__(self, kind: str) -> None:
        self.kind, self.state = kind, ()


def arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of an .npz file: NumPy arrays, and lists of lists of integers.

    Raises:
        FileFormatError: if the file is damaged, or holds objects of other kinds.
    """
    try:
        with zipfile.ZipFile(path) as file:
            return {n.removesuffix(".npy"): _array(file.read(n), path) for n in file.namelist()}
    except (zipfile.BadZipFile, ValueError, struct.error, IndexError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{path}: not a readable file of arrays: {error}", hint="download it again"
        ) from error


def _array(content: bytes, path: Path) -> Any:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    shape, _, dtype = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
    if dtype.kind != "O":
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    found = _Reader(file.read(), path).value()
    lists = found.state[4] if isinstance(found, _Made) and len(found.state) == 5 else None
    if len(shape) != 1 or not isinstance(lists, list) or len(lists) != shape[0]:
        raise FileFormatError(f"{path}: expected an array of lists")
    if not all(isinstance(each, list) and all(type(w) is int for w in each) for each in lists):
        raise FileFormatError(f"{path}: expected lists of integers")
    return lists


class _Reader:
    """The instructions of a pickle of an array of lists."""

    def __init__(self, data: bytes, path: Path) -> None:
        self.data, self.path, self.place = data, path, 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def _take(self, count: int) -> bytes:
        found = self.data[self.place : self.place + count]
        if len(found) < count:
            raise FileFormatError(f"{self.path}: the file is cut off")
        self.place += count
        return found

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._take(struct.calcsize(form)))[0])

    def _line(self) -> str:
        end = self.data.index(b"\n", self.place)
        return self._take(end + 1 - self.place)[:-1].decode("ascii")

    def _marked(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
        found = self.stack[place + 1 :]
        del self.stack[place:]
        return found

    def value(self) -> Any:
        """Return the value that the instructions make."""
        for _ in range(_MOST):
            code = self._take(1)
            if code == b".":
                return self.stack.pop()
            self._step(code)
        raise FileFormatError(f"{self.path}: too many instructions")

    def _step(self, code: bytes) -> None:
        push = self.stack.append
        if code in _NUMBERS:
            push(self._number(_NUMBERS[code]))
        elif code in _CONSTANTS:
            push(_CONSTANTS[code])
        elif code in _SIZED:
            kind, text = _SIZED[code]
            found = self._take(self._number(kind))
            push(found.decode("utf-8") if text else found)
        elif code == b"\x8a":
            push(int.from_bytes(self._take(self._number("<B")), "little", signed=True))
        elif code in _SKIPPED:
            self._take(_SKIPPED[code])
        elif code == b"]":
            push([])
        elif code == b"(":
            push(_MARK)
        elif code in (b"a", b"e"):
            added = [self.stack.pop()] if code == b"a" else self._marked()
            if not isinstance(self.stack[-1], list):
                raise FileFormatError(f"{self.path}: expected an array of lists")
            self.stack[-1].extend(added)
        elif code in _TUPLES:
            count = _TUPLES[code]
            parts = self._marked() if count is None else self.stack[len(self.stack) - count :]
            if count:
                del self.stack[-count:]
            push(tuple(parts))
        else:
            self._object(code)

    def _object(self, code: bytes) -> None:
        if code in (b"c", b"\x93"):
            name = (self._line(), self._line()) if code == b"c" else (*self.stack[-2:],)
            if code == b"\x93":
                del self.stack[-2:]
            if name not in _NAMES:
                raise FileFormatError(f"{self.path}: names {'.'.join(map(str, name))}, refused")
            self.stack.append(_NAMES[name])
        elif code == b"R":
            self.stack.pop()
            self.stack.append(_Made(str(self.stack.pop())))
        elif code == b"b":
            state = self.stack.pop()
            if not isinstance(self.stack[-1], _Made) or not isinstance(state, tuple):
                raise FileFormatError(f"{self.path}: expected an array of lists")
            self.stack[-1].state = state
        elif code in _PUT:
            self.memo[self._number(_PUT[code])] = self.stack[-1]
        elif code == b"\x94":
            self.memo[len(self.memo)] = self.stack[-1]
        elif code in _GET:
            self.stack.append(self.memo[self._number(_GET[code])])
        else:
            raise FileFormatError(f"{self.path}: unknown instruction {code!r}, refused")


_NUMBERS = {b"K": "<B", b"M": "<H", b"J": "<i"}
_CONSTANTS: dict[bytes, Any] = {b"N": None, b"\x88": True, b"\x89": False}
_SIZED = {
    b"U": ("<B", False),
    b"T": ("<i", False),
    b"C": ("<B", False),
    b"B": ("<I", False),
    b"X": ("<I", True),
    b"\x8c": ("<B", True),
}
_SKIPPED = {b"\x80": 1, b"\x95": 8}  # protocol, frame
_TUPLES = {b")": 0, b"\x85": 1, b"\x86": 2, b"\x87": 3, b"t": None}
_PUT = {b"q": "<B", b"r": "<I"}
_GET = {b"h": "<B", b"j": "<I"}
