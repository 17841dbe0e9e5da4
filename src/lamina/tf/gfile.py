"""`tf.io.gfile`: files and folders, by Python's own functions."""

from __future__ import annotations

import glob as globbing
import os
import shutil
from typing import Any

from lamina.string_tensor import StringTensor, text_of


def _path(path: Any) -> str:
    return path.item() if isinstance(path, StringTensor) else text_of(os.fspath(path))


def GFile(name: Any, mode: str = "r") -> Any:
    """Open a file."""
    return open(_path(name), mode, encoding=None if "b" in mode else "utf-8")


def exists(path: Any) -> bool:
    """Return True if there is a file or folder."""
    return os.path.exists(_path(path))


def isdir(path: Any) -> bool:
    """Return True if there is a folder."""
    return os.path.isdir(_path(path))


def listdir(path: Any) -> list[str]:
    """Return the names in a folder."""
    return sorted(os.listdir(_path(path)))


def glob(pattern: Any) -> list[str]:
    """Return the paths that a pattern matches."""
    return sorted(globbing.glob(_path(pattern)))


def mkdir(path: Any) -> None:
    """Make a folder."""
    os.mkdir(_path(path))


def makedirs(path: Any) -> None:
    """Make a folder and those that it is in."""
    os.makedirs(_path(path), exist_ok=True)


def remove(path: Any) -> None:
    """Remove a file."""
    os.remove(_path(path))


def rmtree(path: Any) -> None:
    """Remove a folder with all that it holds."""
    shutil.rmtree(_path(path))


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Move a file."""
    (os.replace if overwrite else os.rename)(_path(src), _path(dst))


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copy a file."""
    if not overwrite and exists(dst):
        raise FileExistsError(_path(dst))
    shutil.copyfile(_path(src), _path(dst))


def join(path: Any, *paths: Any) -> str:
    """Return the parts of a path joined."""
    return os.path.join(_path(path), *map(_path, paths))


def walk(top: Any, topdown: bool = True, onerror: Any = None) -> Any:
    """Go through a folder and those in it."""
    return os.walk(_path(top), topdown, onerror)
