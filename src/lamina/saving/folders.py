"""The folder of a model: the members of a model file as separate files, whole or not there.

    model/
        manifest.json, model.json, weights.safetensors, optimizer.safetensors    (see `container`)

A folder is written under a temporary name next to its place, synchronized and renamed. One that is
there already is exchanged with it in one operation where the system has it (Linux); elsewhere the
old one is renamed first.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from lamina.errors import ArgumentError, FileFormatError
from lamina.files import remove_folder, remove_unfinished, sync_folder, temporary_name, write_whole
from lamina.saving import json_data

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of renameat2, Linux 3.15


# ---- writing -----------------------------------------------------------------------------------
def write_folder(path: Path, members: Mapping[str, bytes], known: set[str]) -> None:
    """Make a folder with these files, or replace one that holds nothing but `known` names.

    Raises:
        ArgumentError: if there is something else under this name.
        OSError: with the cause and the name, if the folder cannot be written. The one that was
            there stays.
    """
    target = Path(os.path.realpath(path))
    _check_place(target, known)
    with _named(path), temporary_name(target) as temporary:
        try:
            temporary.mkdir()
            for name, content in members.items():
                write_whole(temporary / name, content)
            _put(temporary, target)
        finally:
            remove_folder(temporary)
        sync_folder(target.parent)
    remove_unfinished(target)


def _check_place(target: Path, known: set[str]) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir() or not {*os.listdir(target)} <= known:
        raise ArgumentError(
            f"{target}: there is something else than a model under this name",
            hint="give another name, or remove it first",
        )


def _put(temporary: Path, target: Path) -> None:
    """Rename the new folder; what was there is then under the temporary name."""
    if not target.exists():
        os.rename(temporary, target)
    elif not _exchange(temporary, target):
        with temporary_name(target) as before:
            os.rename(target, before)
            try:
                os.rename(temporary, target)
            except BaseException:
                os.rename(before, target)
                raise
            remove_folder(before)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one operation; False if the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    names = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    if rename(*names) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), os.fspath(other))


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"cannot write the folder: {error.strerror or error}"
        raise OSError(error.errno or 0, reason, os.fspath(path)) from error


# ---- reading -----------------------------------------------------------------------------------
def read_folder(path: Path, names: set[str], limited: set[str]) -> dict[str, bytes]:
    """The files of these names in a folder; those of `limited` names must not be larger than JSON
    may be.

    Raises:
        FileFormatError: for one that is a link or no file, or too large.
    """
    found = {}
    for name in sorted(names):
        try:
            found[name] = _content(path / name, json_data.MOST_BYTES if name in limited else None)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise FileFormatError(f"{path}: {name} is a link (expected a file)") from error
    return found


def _content(path: Path, most: int | None) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    about = os.fstat(handle)
    shown = f"{path.parent}: {path.name} has {about.st_size:,} bytes"
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise FileFormatError(f"{path.parent}: {path.name} is not a file")
    with os.fdopen(handle, "rb") as file:
        if most is not None and about.st_size > most:
            raise FileFormatError(f"{shown} (expected at most {most:,})")
        try:
            return file.read()
        except MemoryError:
            raise FileFormatError(f"{shown}, more than there is memory") from None
