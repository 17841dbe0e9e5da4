"""Files written whole or not at all, and error messages that name the file.

    write_whole(path, content)      temporary file next to it, fsync, rename, fsync of the folder
    make_folder(path)               folders whose names are on the disk
    read_text(path)                 the text of a file, or an error that names it

A temporary file is called ".NAME.HOST-PID-RANDOM.tmp". A writer that was killed leaves it behind;
the next `write_whole` of the same name removes it when that process is gone, or after a day, and
`remove_all_unfinished` those of all names in a folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from lamina.errors import ArgumentError, FileFormatError, describe

DAY = 24 * 3600.0
_WRITING: set[str] = set()  # names of temporary files that this process is writing
_UNSUPPORTED = {  # by which systems say that folders cannot be synchronized
    errno.EINVAL, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOSYS,
    errno.ENOTSUP, errno.EOPNOTSUPP,
}  # fmt: skip
_UNFINISHED = re.compile(r"\.(?:(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{16}\.tmp)")
_UNFINISHED_AT_END = re.compile(_UNFINISHED.pattern + r"\Z")
_UNFINISHED_BEFORE = re.compile(r"-[0-9a-z_]{8}")  # names that earlier versions gave


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Replace a file, or make it. Readers see the old content or the new one, never a part; if this
    raises, the old content stays, unless the new one is complete and only its name may not be on
    the disk yet.

    The target of a symbolic link is written, not the link; an existing file keeps its permissions.
    Raises OSError with the cause, and with `path` as its file name.
    """
    target = Path(os.path.realpath(checked_name(path)))
    with _named(path, len(content)), temporary_name(target) as temporary:
        mode = _mode(target)
        try:
            _write(temporary, content, mode)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        sync_folder(target.parent)
    remove_unfinished(target)


@contextlib.contextmanager
def temporary_name(target: Path) -> Iterator[Path]:
    """Within: a name next to the target that nothing else has, and that is in use."""
    name = f"{_prefix(target)}.{_host()}-{os.getpid()}-{secrets.token_hex(8)}.tmp"
    _WRITING.add(name)
    try:
        yield target.with_name(name)
    finally:
        _WRITING.discard(name)


def make_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder and those above it, if they do not exist, and have their names on the disk."""
    folder = Path(os.path.realpath(checked_name(path)))
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        sync_folder(each.parent)


def checked_name(path: str | os.PathLike[str]) -> str:
    """The name as a string. Raises ArgumentError for a name that no file can have."""
    name = os.fspath(path)
    if not isinstance(name, str) or "\0" in name:
        raise ArgumentError(
            f"file name: invalid (expected a string without NUL characters, got {describe(name)})"
        )
    return name


@contextlib.contextmanager
def _named(path: str | os.PathLike[str], size: int) -> Iterator[None]:
    """An OSError inside names the file that was asked for, not a temporary one."""
    try:
        yield
    except OSError as error:
        folder = os.path.dirname(os.fspath(path)) or "."
        reason = f"cannot write {size:,} bytes: {error.strerror or error}"
        if isinstance(error, FileNotFoundError) and not os.path.isdir(folder):
            reason += f" (the folder {folder!r} does not exist: make it first)"
        raise OSError(error.errno or 0, reason, os.fspath(path)) from error


def _mode(target: Path) -> int | None:
    """The permissions of the file that is there. Raises OSError for a folder or a device."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise OSError(0, "there is something else than a file under this name")
    return stat.S_IMODE(found.st_mode)


def _write(temporary: Path, content: bytes, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(temporary, flags, 0o666 if mode is None else mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        with contextlib.suppress(OSError):  # some file systems have no permissions
            os.chmod(temporary, mode)


def sync_folder(folder: Path) -> None:
    """Have the new name on the disk as well; not every system and file system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


# ---- reading -----------------------------------------------------------------------------------
def read_text(path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """The text of a file, lines ended by a newline character. Raises FileFormatError, with the file
    and the place, for bytes that this encoding cannot decode."""
    try:
        with open(checked_name(path), encoding=encoding) as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{os.fspath(path)}: not text in {encoding}: {error.reason} at byte {error.start}",
            hint="save the file as UTF-8, or decode it in the program",
        ) from error


# ---- files of killed writers -------------------------------------------------------------------
def remove_unfinished(target: Path) -> None:
    """Remove the temporary files of writers of this target that are gone."""
    prefix = _prefix(target)
    with contextlib.suppress(OSError):
        for entry in os.scandir(target.parent):
            if entry.name.startswith(prefix) and _is_left(entry, entry.name[len(prefix) :]):
                _remove(entry)


def remove_all_unfinished(folder: Path) -> None:
    """Remove the temporary files of writers that are gone, of any file in a folder."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            named = _UNFINISHED_AT_END.search(entry.name)
            if entry.name.startswith(".") and named and _is_left(entry, named[0]):
                _remove(entry)


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        remove_folder(entry.path)
        return
    with contextlib.suppress(OSError):
        os.unlink(entry.path)


def remove_folder(path: str | os.PathLike[str]) -> None:
    """Remove the files in a folder and the folder, unless it holds another folder."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(path):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
        os.rmdir(path)


def _is_left(entry: os.DirEntry[str], rest: str) -> bool:
    named = _UNFINISHED.fullmatch(rest)
    if not named and not _UNFINISHED_BEFORE.fullmatch(rest):
        return False
    if named and named["host"] == _host():
        pid = int(named["pid"])
        if pid == os.getpid():  # also of an earlier process, as in containers
            return entry.name not in _WRITING
        if not _is_running(pid):
            return True
    with contextlib.suppress(OSError):
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > DAY
    return False


def _is_running(pid: int) -> bool:
    if os.name != "posix":
        return True  # os.kill(pid, 0) would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _prefix(target: Path) -> str:
    name = os.fsencode(target.name)
    return f".{target.name}" if len(name) < 180 else f".{hashlib.sha256(name).hexdigest()}"


def _host() -> str:
    import platform

    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
