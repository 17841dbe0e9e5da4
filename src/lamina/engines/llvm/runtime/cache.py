"""Compiled code on disk: written whole or not at all, and checked before LLVM sees a byte of it.

    payload = lookup(key_of(program_text))      # bytes, or None
    store(key_of(program_text), pack({"arena": 4096}, [image, image]))

A damaged object ends the process or computes wrongly, so an entry proves what it is:

    entry   = magic (8 bytes)  SHA-256 of all that follows (32)  rest
    rest    = length of header (4, little endian)  header (JSON)  payload
    header  = format, versions of Lamina and LLVM, machine, key, settings that change code

Nothing here raises: whatever is wrong with the folder or an entry costs a compilation, no more,
and is said once on stderr. The folder is private to the user.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from lamina.engines.llvm.runtime import limits
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.target import target
from lamina.settings import settings
from lamina.version import __version__

__all__ = ["clear", "folder", "key_of", "lookup", "pack", "size", "store", "unpack"]

MAGIC = b"lamina\x00\x01"
FORMAT = 3  # raised when objects of the format before may be wrong, or are laid out differently
DIGEST = 32
SUFFIX = ".object"
UNFINISHED = ".unfinished"

CODE_SETTINGS = (
    "compare",
    "skip",
    "winograd",
)  # settings that change the compiled code

_said: set[str] = set()
_usable: dict[Path, bool] = {}
_stores: dict[Path, int] = {}


# ---- keys and payloads -------------------------------------------------------------------------
def key_of(*parts: str | bytes) -> str:
    """The name of a program: a hash of its parts and of all else that the machine code depends on.

    The order of the parts and where one ends matter: `("ab", "c")` and `("a", "bc")` differ.
    """
    digest = hashlib.sha256(json.dumps(_circumstances(), sort_keys=True).encode())
    digest.update(_compiler_stamp())
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def pack(plan: dict[str, Any], objects: Sequence[bytes]) -> bytes:
    """One payload of a JSON-shaped plan and several objects."""
    head = json.dumps({"plan": plan, "sizes": [len(image) for image in objects]}).encode()
    return b"".join([len(head).to_bytes(4, "little"), head, *objects])


def unpack(payload: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """The plan and the objects that `pack` was given."""
    head, at = _split(payload)
    objects = []
    for length in head["sizes"]:
        objects.append(payload[at : at + length])
        at += length
    return head["plan"], objects


def _split(data: bytes) -> tuple[dict[str, Any], int]:
    """The JSON that begins `data`, after its length, and where it ends."""
    end = 4 + int.from_bytes(data[:4], "little")
    return json.loads(data[4:end]), end


def _circumstances() -> dict[str, Any]:
    """Return what, apart from the program, the machine code depends on."""
    return {
        "format": FORMAT,
        "lamina": __version__,
        "llvm": toolchain.version(),
        "machine": [*toolchain.host(), *target().key()],
        "settings": {name: str(getattr(settings, name)) for name in CODE_SETTINGS},
    }


@cache
def _compiler_stamp() -> bytes:
    """Sizes and dates of Lamina's own files: a compiler that was edited finds no old code."""
    root = Path(__file__).parents[3]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        entry = path.stat()
        digest.update(f"{path.relative_to(root)} {entry.st_size} {entry.st_mtime_ns}\n".encode())
    return digest.digest()


# ---- entries -----------------------------------------------------------------------------------
def lookup(key: str) -> bytes | None:
    """Return what was stored under the key; None without an entry that can be trusted."""
    place = _place()
    if place is None:
        return None
    path = place / (key + SUFFIX)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _notice("read", f"the cache folder {place} cannot be read ({error}); compiling instead")
        return None
    fault = _fault(data, key)
    if fault:
        _remove(path)
        _notice("damaged", f"a cached object was {fault}; deleted and compiled again")
        return None
    _touch(path)
    return data[_split(data[len(MAGIC) + DIGEST :])[1] + len(MAGIC) + DIGEST :]


def store(key: str, payload: bytes) -> None:
    """Keep the payload for later processes, and replace an older one; the oldest entries make
    room."""
    place = _place()
    if place is None:
        return
    try:
        _write(place, key, _entry(key, payload))
    except OSError as error:
        _notice(
            "write", f"cannot write to the cache folder {place} ({error}); continuing without it"
        )
        return
    if _stores.get(place, 0) % limits.SWEEP_EVERY == 0:
        _sweep(place)
    _stores[place] = _stores.get(place, 0) + 1


def _header(key: str) -> dict[str, Any]:
    return _circumstances() | {"key": key}


def _entry(key: str, payload: bytes) -> bytes:
    header = json.dumps(_header(key), sort_keys=True).encode()
    rest = b"".join([len(header).to_bytes(4, "little"), header, payload])
    return MAGIC + hashlib.sha256(rest).digest() + rest


def _fault(data: bytes, key: str) -> str:
    """Return the reason why an entry is unusable, or an empty string. The checksum is verified
    first."""
    rest = memoryview(data)[len(MAGIC) + DIGEST :]
    if data[: len(MAGIC)] != MAGIC:
        return "no object of Lamina's, or of another format"
    if hashlib.sha256(rest).digest() != data[len(MAGIC) : len(MAGIC) + DIGEST]:
        return "damaged"
    header, _ = _split(bytes(rest))
    differing = [name for name, value in _header(key).items() if header.get(name) != value]
    return f"made for another {' and '.join(differing)}" if differing else ""


def _write(place: Path, key: str, data: bytes) -> None:
    """Atomically: a reader sees the old entry or the new one. The checksum makes fsync needless."""
    unfinished = place / f"{key}.{os.getpid()}.{secrets.token_hex(4)}{UNFINISHED}"
    try:
        try:
            unfinished.write_bytes(data)
        except FileNotFoundError:  # the folder was deleted while we ran
            _make(place)
            unfinished.write_bytes(data)
        _replace(unfinished, place / (key + SUFFIX))
    finally:
        _remove(unfinished)


def _replace(unfinished: Path, path: Path) -> None:
    try:
        os.replace(unfinished, path)
    except PermissionError:
        if sys.platform != "win32":  # there: another process reads, or has just written, the same
            raise


def _touch(path: Path) -> None:
    """The date of an entry is when it was last used."""
    with suppress(OSError):  # deleted meanwhile, or a read-only folder: as good as before
        os.utime(path)


def _remove(path: Path) -> None:
    with suppress(OSError):  # held open by another process (Windows), or read-only: it stays
        path.unlink(missing_ok=True)


# ---- the folder --------------------------------------------------------------------------------
def folder() -> Path:
    """Return the folder of entries: `objects` in the folder that `settings.cache_dir` names."""
    return settings.cache_dir / "objects"


def size() -> int:
    """Bytes of compiled code on disk."""
    return sum(entry.st_size for _, entry in _files(folder()))


def clear() -> None:
    """Delete all compiled code on disk."""
    for path, _ in _files(folder()):
        _remove(path)


def _place() -> Path | None:
    """The folder, made if need be; None where caching is off or the folder is not to be trusted."""
    if not settings.cache:
        return None
    place = folder()
    if place not in _usable:
        _usable[place] = _prepare(place)
    return place if _usable[place] else None


def _prepare(place: Path) -> bool:
    try:
        _make(place)
        fault = _distrust(place.lstat())
    except OSError as error:
        fault = str(error)
    if fault:
        _notice("folder", f"not caching compiled code in {place}: {fault}")
    return not fault


def _make(place: Path) -> None:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)


def _distrust(entry: os.stat_result) -> str:
    """Return the reason why another user could have written to this folder, or an empty string."""
    if not stat.S_ISDIR(entry.st_mode):
        return "it is a link or a file, expected a folder"
    if sys.platform == "win32":
        return ""  # the user's own profile folder is private there
    if entry.st_uid != os.geteuid():
        return "it belongs to another user"
    if entry.st_mode & 0o022:
        return "other users may write to it (chmod 700 makes it private)"
    return ""


def _files(place: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Entries and unfinished entries of a folder, which other processes may be changing."""
    try:
        names = [name for name in os.listdir(place) if name.endswith((SUFFIX, UNFINISHED))]
    except OSError:
        return
    for name in names:
        try:
            yield place / name, (place / name).lstat()
        except OSError:
            continue


def _sweep(place: Path) -> None:
    """Delete what killed writers left, and the least recently used entries above the limit."""
    entries = sorted(_files(place), key=lambda file: file[1].st_mtime)
    total = sum(entry.st_size for _, entry in entries)
    for path, entry in entries:
        unfinished = path.name.endswith(UNFINISHED)
        if unfinished and time.time() - entry.st_mtime < limits.STALE:
            continue  # its writer may be at work
        if unfinished or total > settings.cache_limit:
            _remove(path)
            total -= entry.st_size


def _notice(subject: str, text: str) -> None:
    """One line on stderr, once in a process for each subject."""
    if subject not in _said:
        _said.add(subject)
        print(f"lamina: {text}", file=sys.stderr)
