"""A disk that fails: the operations of this process on files of one folder, counted, and the k-th
of them refused, cut short, or the last thing that happens.

    with Disk(folder) as disk: ...          disk.names: every operation, in order
    with Disk(folder, 5, "error"): ...      the fifth raises OSError (EIO), of a write after half
    with Disk(folder, 5, "full"): ...       from the fifth on, all that need space raise ENOSPC
    with Disk(folder, 5, "read"): ...       the fifth file to be read raises OSError (EIO)
    with Disk(folder, 5, "end"): ...        the process ends there, a write half done
    with Disk(folder, 5, "power"): ...      likewise, and what was not synchronized is lost

Operations: open for writing, write, truncate, fsync, replace, unlink, mkdir.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

KINDS = ("error", "full", "end", "power", "read")
STATUS = 9  # of a process that ended at an operation
NEED_SPACE = {"open", "write", "mkdir"}


class Disk:
    """A folder whose operations are counted; see above."""

    def __init__(self, folder: Path, at: int = 0, kind: str = "error") -> None:
        self.folder, self.at, self.kind = os.path.realpath(folder), at, kind
        self.names: list[str] = []
        self.reads = 0
        self._real: dict[tuple[Any, str], Any] = {}
        self._handles: dict[int, str] = {}
        self._synced: dict[str, int] = {}  # files with unsynchronized content: length before it
        self._undo: list[tuple[str, Callable[[], object]]] = []  # by folder

    # ---- what happens at an operation ----------------------------------------------------------
    def happens(self, name: str, path: Any, half: Callable[[], object] | None = None) -> bool:
        """Count an operation. True for a write that is to be cut short."""
        if not self._is_inside(path):
            return False
        self.names.append(f"{name} {os.path.basename(os.fspath(path))}")
        number = len(self.names)
        if self.kind == "full":
            if self.at and number >= self.at and name in NEED_SPACE:
                raise OSError(errno.ENOSPC, "No space left on device", os.fspath(path))
            return False
        if number != self.at or self.kind == "read":
            return False
        if self.kind == "error":
            if half is None:
                raise OSError(errno.EIO, "Input/output error", os.fspath(path))
            return True
        if half is not None:
            half()
        if self.kind == "power":
            self._lose()
        os._exit(STATUS)

    def _is_inside(self, path: Any) -> bool:
        return not isinstance(path, int) and os.path.realpath(path).startswith(self.folder)

    def _lose(self) -> None:
        for path, length in self._synced.items():
            if os.path.exists(path):
                self._call(os, "truncate", path, length)
        for _, undo in reversed(self._undo):
            undo()

    def _call(self, module: Any, name: str, *arguments: Any, **named: Any) -> Any:
        return self._real.get((module, name), getattr(module, name))(*arguments, **named)

    # ---- what replaces the functions of Python -------------------------------------------------
    def __enter__(self) -> Disk:
        for name in ("open", "close", "fsync", "replace", "rename", "unlink", "remove", "mkdir",
                     "truncate", "fdopen"):  # fmt: skip
            self._put_in_place(os, name, getattr(self, f"_{name}"))
        for module in (builtins, io):
            self._put_in_place(module, "open", self._open_file)
        return self

    def __exit__(self, *exception: object) -> None:
        for (module, name), real in self._real.items():
            setattr(module, name, real)

    def _put_in_place(self, module: Any, name: str, function: Any) -> None:
        self._real[module, name] = getattr(module, name)
        setattr(module, name, function)

    def _open(self, path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self.happens("open", path)
        handle: int = self._call(os, "open", path, flags, *arguments, **named)
        self._handles[handle] = os.path.realpath(path)
        return handle

    def _close(self, handle: int) -> None:
        self._handles.pop(handle, None)
        self._call(os, "close", handle)

    def _fdopen(self, handle: int, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        path = self._handles.get(handle, "")
        if not self._is_inside(path) or "b" not in mode or mode == "rb":
            return self._call(os, "fdopen", handle, mode, *arguments, **named)
        return io.BufferedWriter(Raw(self, path, handle, mode))

    def _open_file(self, file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if isinstance(file, int) or not self._is_inside(file):
            return self._call(io, "open", file, mode, *arguments, **named)
        if not set(mode) & set("wax+"):
            self.reads += 1
            if self.kind == "read" and self.reads == self.at:
                raise OSError(errno.EIO, "Input/output error", os.fspath(file))
            return self._call(io, "open", file, mode, *arguments, **named)
        path = os.path.realpath(file)
        self.happens("open", path)
        raw = Raw(self, path, path, mode.replace("b", "").replace("t", ""))
        buffered: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, named.get("encoding"), newline=named.get("newline"))

    def _fsync(self, handle: int) -> None:
        path = self._handles.get(handle, "")
        self.happens("fsync", path)
        self._call(os, "fsync", handle)
        self._synced.pop(path, None)
        self._undo = [each for each in self._undo if each[0] != path]

    def _replace(self, source: Any, target: Any) -> None:
        self.happens("replace", target)
        before = self._content(target)
        self._call(os, "replace", source, target)
        self._undo.append((os.path.dirname(os.path.realpath(target)), self._put(target, before)))
        if (length := self._synced.pop(os.path.realpath(source), None)) is not None:
            self._synced[os.path.realpath(target)] = length

    def _unlink(self, path: Any, *arguments: Any, **named: Any) -> None:
        self.happens("unlink", path)
        before = self._content(path)
        self._call(os, "unlink", path, *arguments, **named)
        self._undo.append((os.path.dirname(os.path.realpath(path)), self._put(path, before)))

    _remove, _rename = _unlink, _replace

    def _mkdir(self, path: Any, *arguments: Any, **named: Any) -> None:
        if not os.path.isdir(path):
            self.happens("mkdir", path)
        self._call(os, "mkdir", path, *arguments, **named)

    def _truncate(self, path: Any, length: int) -> None:
        self.happens("truncate", path)
        self._call(os, "truncate", path, length)

    def _content(self, path: Any) -> bytes | None:
        if self.kind != "power" or not self._is_inside(path) or not os.path.isfile(path):
            return None
        with self._call(io, "open", path, "rb") as file:
            return bytes(file.read())

    def _put(self, path: Any, content: bytes | None) -> Callable[[], object]:
        def put() -> None:
            if content is None:
                self._call(os, "unlink", path)
                return
            with self._call(io, "open", path, "wb") as file:
                file.write(content)

        return put


class Raw(io.FileIO):
    """A file that is written through a Disk."""

    def __init__(self, disk: Disk, path: str, file: Any, mode: str) -> None:
        super().__init__(file, mode.replace("b", ""))
        self._disk, self._path, self._is_cut = disk, path, False
        disk._handles[self.fileno()] = path

    def write(self, content: Any) -> int:
        if self._is_cut:
            raise OSError(errno.EIO, "Input/output error", self._path)
        content = memoryview(content).cast("B")
        half = content[: len(content) // 2]
        self._disk._synced.setdefault(self._path, os.fstat(self.fileno()).st_size)
        self._is_cut = self._disk.happens("write", self._path, lambda: io.FileIO.write(self, half))
        return super().write(half if self._is_cut else content) or 0

    def close(self) -> None:
        if not self.closed:
            self._disk._handles.pop(self.fileno(), None)
        super().close()

    def truncate(self, size: int | None = None) -> int:
        self._disk.happens("truncate", self._path)
        return super().truncate(size)
