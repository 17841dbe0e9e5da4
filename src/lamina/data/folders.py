"""Folders of files, one below it for each class; on disk, or in a .zip file.

photos/                       photos.zip            the same folders in it,
    cats/1.jpg  cats/2.jpg                          also all below a single one
    dogs/1.jpg                photos.zip/train      a folder in it
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, DataError, FileFormatError, describe

MOST_BYTES = 1 << 30  # of one file in a .zip, which may claim any size
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}


class Directory:
    """A folder on disk. Paths of files in it are written with /, from it on."""

    def __init__(self, root: Path, follow_links: bool = False) -> None:
        self.root, self.follow_links = root, follow_links

    def paths(self) -> list[str]:
        """All files in it and below, sorted by folder and then by name; hidden ones left out."""
        found: list[str] = []
        for folder, inner, names in os.walk(self.root, followlinks=True):
            visible = [name for name in inner if not name.startswith(".")]
            inner[:] = sorted(each for each in visible if self._followed(Path(folder), each))
            relative = Path(folder).relative_to(self.root).as_posix()
            prefix = "" if relative == "." else f"{relative}/"
            found += [prefix + name for name in sorted(names) if not name.startswith(".")]
        return found

    def folders(self) -> list[str]:
        """The folders just below it, empty ones too."""
        return sorted(e.name for e in os.scandir(self.root) if e.is_dir() and e.name[0] != ".")

    def _followed(self, folder: Path, name: str) -> bool:
        """Links below the folders of classes are followed only if that is wanted."""
        return self.follow_links or folder == self.root or not (folder / name).is_symlink()

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def name(self, path: str) -> str:
        """The path for people, and for other programs."""
        return os.path.join(self.root, *path.split("/"))

    def __str__(self) -> str:
        return str(self.root)


UNREADABLE = (  # what reading from a damaged .zip file raises
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    LookupError,
    RuntimeError,  # encrypted, or compressed in a way that is not implemented
    ValueError,
    struct.error,
)


class Zipped:
    """A folder in a .zip file, which several threads may read at once."""

    def __init__(self, file: Path, inner: str) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
            self._members = {m.filename: m for m in self._zip.infolist() if not m.is_dir()}
        except UNREADABLE as error:
            raise FileFormatError(f"{file}: not a .zip file that can be read: {error}") from error
        self.file = file
        self.inner = self._folder(inner)

    def _folder(self, inner: str) -> str:
        """The folder with a / at its end, or nothing; of a zipped folder, the folder."""
        prefix = f"{inner.strip('/')}/" if inner.strip("/") else ""
        tops = sorted({path.partition("/")[0] for path in self._members if not _hidden(path)})
        if prefix and len(tops) == 1 and tops[0] != prefix.partition("/")[0]:
            prefix = f"{tops[0]}/{prefix}"  # below the only folder that there is
        if prefix and not any(path.startswith(prefix) for path in self._members):
            raise DataError(
                f"{self.file}: holds no folder {inner!r}; it begins with {describe(tops)}"
            )
        visible = [path for path in self._members if not _hidden(path)]
        while True:
            below = [path[len(prefix) :] for path in visible if path.startswith(prefix)]
            folders = {path.partition("/")[0] for path in below}
            if len(folders) != 1 or any(path.count("/") < 2 for path in below):
                return prefix
            prefix += f"{folders.pop()}/"

    def paths(self) -> list[str]:
        inside = [path for path in self._members if path.startswith(self.inner)]
        below = [path[len(self.inner) :] for path in inside if not _hidden(path)]
        return sorted(below, key=lambda path: (path.rpartition("/")[0].split("/"), path))

    def folders(self) -> list[str]:
        return sorted({path.partition("/")[0] for path in self.paths() if "/" in path})

    def read(self, path: str) -> bytes:
        member = self._members[self.inner + path]
        if member.file_size > MOST_BYTES:
            raise OSError(f"it claims {member.file_size:,} bytes")
        return self._zip.read(member)

    def name(self, path: str) -> str:
        return f"{self.file}/{self.inner}{path}"

    def __str__(self) -> str:
        return f"{self.file}/{self.inner}".rstrip("/")


def _hidden(path: str) -> bool:
    return path.startswith((".", "__MACOSX/")) or "/." in path


Folder = Directory | Zipped


def open_folder(directory: Any, follow_links: bool = False) -> Folder:
    """The folder on disk, the .zip file, or the folder in a .zip file (photos.zip/train).

    Raises DataError where there is nothing of the name, FileFormatError for a damaged .zip file.
    """
    path = Path(directory).expanduser()
    if path.is_dir():
        return Directory(path, follow_links)
    for outer in (path, *path.parents):
        if outer.is_file():
            if outer.suffix.lower() != ".zip":
                raise DataError(f"{outer} is a file, expected a folder or a .zip file")
            return Zipped(outer, path.relative_to(outer).as_posix() if outer != path else "")
    raise DataError(
        f"{path}: no such folder or .zip file",
        hint=f"paths begin at the folder in which the program runs, {Path.cwd()}",
    )


# ---- classes -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Index:
    """The files of a folder, in order, with the class number of each file.

    labels: int32 (files,); None, with no class_names, without labels.
    """

    folder: Folder
    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str] | None

    def __len__(self) -> int:
        return len(self.paths)


def index(
    folder: Folder,
    wanted: Callable[[str], bool],
    kind: str,
    labels: Any = "inferred",
    class_names: Sequence[str] | None = None,
) -> Index:
    """The files that are `wanted` (by path), with their classes.

    labels: "inferred": each folder is a class, with all that is in it and below, numbered in the
    order of `class_names`, by default the alphabet's. None: all files, without labels. Else the
    number of the class of each file, in the order of the sorted paths.

    Raises DataError if the folder has no such files (`kind` says of what), no folders of classes,
    or folders of parts instead; ArgumentError where class_names or labels do not go with the files.
    """
    everything = folder.paths()
    paths = [path for path in everything if wanted(path)]
    if not paths:
        raise DataError(
            f"{folder}: holds no {kind}, among {len(everything):,} files",
            hint="is this the folder that you mean? Files of other kinds are left out",
        )
    if class_names is not None and not (isinstance(labels, str) and labels == "inferred"):
        raise ArgumentError(
            f"class_names: expected None unless labels='inferred', got {describe(class_names)}",
            hint="leave class_names out: it gives the order of the folders that are the classes",
        )
    if labels is None:
        return Index(folder, paths, None, None)
    if not isinstance(labels, str):
        return _given(folder, paths, labels)
    if labels != "inferred":
        raise ArgumentError(
            f"labels is {labels!r}, expected 'inferred', None, or the class of each file"
        )
    return _inferred(folder, paths, kind, class_names)


def _given(folder: Folder, paths: list[str], labels: Any) -> Index:
    numbers = np.asarray(labels)
    if numbers.shape != (len(paths),) or numbers.dtype.kind not in "iu":
        raise ArgumentError(
            f"labels: {describe(numbers)}, expected a whole number for each of the "
            f"{len(paths):,} files in {folder}",
            hint="in the order of the sorted paths",
        )
    names = [str(each) for each in np.unique(numbers).tolist()]
    return Index(folder, paths, numbers.astype(np.int32), names)


def _inferred(folder: Folder, paths: list[str], kind: str, given: Any) -> Index:
    found = folder.folders()
    if not found:
        raise DataError(
            f"{folder}: {len(paths):,} {kind}, but no folders, and each folder is a class",
            hint="labels=None for data without labels; or give the folder above this one",
        )
    if {name.lower() for name in found} <= _PARTS:
        raise DataError(
            f"{folder}: its folders are {', '.join(found)}: parts of a data set, not classes",
            hint=f"give one of them: {folder.name(found[0])}",
        )
    names = _class_names(folder, found, given)
    number = {name: k for k, name in enumerate(names)}
    labeled = [path for path in paths if "/" in path]
    labels = np.array([number[path.partition("/")[0]] for path in labeled], np.int32)
    return Index(folder, labeled, labels, names)


def _class_names(folder: Folder, found: list[str], given: Sequence[str] | None) -> list[str]:
    if given is None:
        return found
    names = list(given)
    if sorted(names) != found:
        missing = [name for name in names if name not in found]
        unnamed = [name for name in found if name not in names]
        raise ArgumentError(
            f"class_names are not those of the folders in {folder}: "
            f"no folders for {describe(missing)}, no names for {describe(unnamed)}"
        )
    return names
