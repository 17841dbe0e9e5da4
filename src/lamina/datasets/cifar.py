"""The archive format of CIFAR-10 and CIFAR-100: files of records.

    archive = .tar.gz of files, of which those of images are named here
    file    = record*
    record  = label{labels} pixel{3 x 32 x 32}         one byte each: first all red ones, by rows

The authors also publish pickled archives, which can run code when they are read. Lamina reads the
binary ones: in memory, by the names that it looks for, so that nothing is written or run.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).
"""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamina.datasets.download import Source, find_file
from lamina.errors import FileFormatError
from lamina.settings import settings

HEIGHT = WIDTH = 32
PIXELS = 3 * HEIGHT * WIDTH
_MOST_BYTES = 1 << 28  # of one file in the archive; the largest has 154 MB
_DAMAGED = (tarfile.TarError, OSError, zlib.error, EOFError, ValueError, LookupError, struct.error)
_HINT = "delete the file, and copy or download it again"

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Archive:
    """One data set: its source, the folder in the archive, its files, and a record's labels.

    classes: how many there are of each label that a record has.
    """

    source: Source
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    classes: tuple[int, ...]


def load(archive: Archive, label: int = 0) -> tuple[Pair, Pair]:
    """((x_train, y_train), (x_test, y_test)): uint8 (n, 32, 32, 3) and (n, 1).

    `label` is the number of the label among those that a record has.
    """
    names = (*archive.train, *archive.test)
    place, contents = _unpacked(archive, names) or _packed(archive, names)
    parts = {name: _records(archive, content, f"{place}: {name}", label)
             for name, content in zip(names, contents, strict=True)}  # fmt: skip
    return _joined([parts[n] for n in archive.train]), _joined([parts[n] for n in archive.test])


# ---- files -------------------------------------------------------------------------------------
def _unpacked(archive: Archive, names: Sequence[str]) -> tuple[Path, list[bytes]] | None:
    """The files in a folder of the user's into which the archive was unpacked."""
    if settings.data is None:
        return None
    own = settings.data / archive.source.name
    for folder in (own, own / archive.folder, settings.data / archive.folder):
        paths = [folder / name for name in names]
        if all(path.is_file() for path in paths):
            return folder, [path.read_bytes() for path in paths]
    return None


def _packed(archive: Archive, names: Sequence[str]) -> tuple[Path, list[bytes]]:
    (filename,) = archive.source.digests
    path = find_file(archive.source, filename)
    try:
        found = _members(path, names)
    except _DAMAGED as error:
        raise FileFormatError(
            f"{path}: truncated or damaged .tar.gz file of {path.stat().st_size:,} bytes ({error})",
            hint=_HINT,
        ) from error
    missing = [name for name in names if name not in found]
    if missing:
        raise FileFormatError(
            f"{path}: holds no {', '.join(missing)}",
            hint=f"the archive is called {filename}; the pickled one, whose name ends in "
            "-python.tar.gz, is not read, since it can run code",
        )
    return path, [found[name] for name in names]


def _members(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The files of these names, whatever folder of the archive they are in; nothing is unpacked."""
    found: dict[str, bytes] = {}
    with tarfile.open(path, "r|gz") as tar:
        for member in tar:
            name = member.name.rpartition("/")[2]
            if name not in names or not member.isfile():
                continue
            if member.size > _MOST_BYTES:
                raise tarfile.ReadError(f"{name} claims {member.size:,} bytes")
            stream = tar.extractfile(member)
            found[name] = stream.read() if stream is not None else b""
    return found


# ---- records -----------------------------------------------------------------------------------
def _records(archive: Archive, content: bytes, where: str, label: int) -> Pair:
    """Images (n, 3, 32, 32) as views of the content, and one of the labels."""
    size = len(archive.classes) + PIXELS
    if not content or len(content) % size:
        raise FileFormatError(
            f"{where} has {len(content):,} bytes, expected records of {size:,}: "
            f"{len(content) / size:.2f} of them",
            hint=_HINT,
        )
    table = np.frombuffer(content, np.uint8).reshape(-1, size)
    for column, classes in enumerate(archive.classes):
        largest = int(table[:, column].max())
        if largest >= classes:
            raise FileFormatError(
                f"{where} holds the label {largest}, expected 0 to {classes - 1}", hint=_HINT
            )
    return table[:, len(archive.classes) :].reshape(-1, 3, HEIGHT, WIDTH), table[:, label]


def _joined(parts: Sequence[Pair]) -> Pair:
    images = np.empty((sum(len(y) for _, y in parts), HEIGHT, WIDTH, 3), np.uint8)
    filled = 0
    for x, _ in parts:
        images[filled : filled + len(x)] = x.transpose(0, 2, 3, 1)
        filled += len(x)
    return images, np.concatenate([y for _, y in parts])[:, None]
