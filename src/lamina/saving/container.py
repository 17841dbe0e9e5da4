"""The file of a model: a zip of JSON and safetensors, whole or not there, checked when read.

    model.lamina = zip (stored, not compressed)
        manifest.json        {"format": "lamina model", "version": 1, "sha256": {...}, ...}
        model.json           layers and their arguments, and what the model was compiled for
        weights.safetensors  the weights by path, "dense_1/kernel"
        optimizer.safetensors   the optimizer's state, where there is one

A folder may hold the same members (`folders`). Nothing in it can run code, and nothing is read that
the manifest does not name.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lamina.errors import ArgumentError, FileFormatError, MissingFileError
from lamina.files import checked_name
from lamina.saving import folders, json_data, safetensors
from lamina.version import __version__

FORMAT, VERSION = "lamina model", 1
MANIFEST, MODEL = "manifest.json", "model.json"
WEIGHTS, OPTIMIZER = "weights.safetensors", "optimizer.safetensors"
MEMBERS = {MANIFEST, MODEL, WEIGHTS, OPTIMIZER}

NAMES = {"names": "attributes"}  # in the metadata: what weights are called by

Arrays = dict[str, np.ndarray]
Members = Mapping[str, bytes]


# ---- writing -----------------------------------------------------------------------------------
def members_of(
    model: Mapping[str, Any],
    weights: safetensors.Arrays,
    optimizer: safetensors.Arrays | None,
    metadata: Mapping[str, str] | None = None,
) -> dict[str, bytes]:
    """The members of a file, the manifest first: the same model gives the same bytes. Raises
    ArgumentError for a description that is too large to be read again."""
    members = {MODEL: _described(model), WEIGHTS: to_safetensors(weights, metadata)}
    if optimizer is not None:
        members[OPTIMIZER] = to_safetensors(optimizer)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    manifest = {"format": FORMAT, "version": VERSION, "lamina": __version__, "sha256": sums}
    return {MANIFEST: json_data.to_json(manifest), **members}


def pack(members: Members) -> bytes:
    """The bytes of a file of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # dated 1980, so that bytes repeat
    return buffer.getvalue()


def _described(model: Mapping[str, Any]) -> bytes:
    try:
        json_data.count_objects(model)
        return json_data.to_json(model)
    except ValueError as error:
        raise ArgumentError(
            f"save: the description of the model is too large for a file: {error}",
            hint="save weights alone with model.save_weights; a vocabulary of this size belongs "
            "into a separate file: set_vocabulary(path) reads it",
        ) from error


def to_safetensors(arrays: safetensors.Arrays, metadata: Mapping[str, str] | None = None) -> bytes:
    """Arrays as a member of a model file, whose manifest has the checksum."""
    about = {"format": f"{FORMAT} {VERSION}", **NAMES, **(metadata or {})}
    return safetensors.write(arrays, about)


# ---- reading -----------------------------------------------------------------------------------
def read_file(path: str | os.PathLike[str]) -> bytes | Members:
    """The bytes of a file, or the members in a folder. Raises MissingFileError, with the files
    next to it."""
    target = Path(checked_name(path))
    if target.is_dir():
        members = folders.read_folder(target, MEMBERS, {MANIFEST, MODEL})
        if MANIFEST not in members:
            raise FileFormatError(
                f"{target}: is a folder without {MANIFEST}, expected a file or folder that "
                "model.save wrote"
            )
        return members
    if not target.is_file():
        beside = sorted(p.name for p in target.parent.glob(f"*{target.suffix}"))[:10]
        found = f"; there are {', '.join(beside)}" if beside and target.suffix else ""
        raise MissingFileError(f"{target}: no such file{found}")
    return target.read_bytes()


class Stored(NamedTuple):
    """Arrays by name, and the metadata; by_attribute: whether the names are those of
    `layers.saved_names`."""

    arrays: Arrays
    by_attribute: bool
    metadata: Mapping[str, str]


class Content(NamedTuple):
    """The content of a model file; `objects` is the number of objects in its description."""

    model: dict[str, Any]
    objects: int
    weights: Stored
    optimizer: Stored | None

    @property
    def elements(self) -> int:
        """Number of elements of all arrays."""
        stored = (self.weights, *([self.optimizer] if self.optimizer else []))
        return sum(array.size for each in stored for array in each.arrays.values())


def unpack(path: Any, content: bytes | Members) -> Content:
    """Model, weights and optimizer state of a file or folder. Raises FileFormatError where it is
    truncated, damaged, or something else."""
    archive = content if isinstance(content, bytes) else None
    given = content if not isinstance(content, bytes) else _members(path, content)
    members: dict[str, Any] = dict(given)
    manifest = from_json(path, MANIFEST, members.pop(MANIFEST, b""))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise not_a_model(path, b"?" if archive is None else archive)
    if manifest.get("version") != VERSION:
        raise FileFormatError(
            f"{path}: has version {manifest.get('version')!r} of the format, this is Lamina "
            f"{__version__}, which reads version {VERSION}",
            hint=f"it was written by Lamina {manifest.get('lamina')}: install that, or a newer one",
        )
    _check_sums(path, members, manifest.get("sha256"))
    model = from_json(path, MODEL, members[MODEL])
    if not isinstance(model, dict):
        raise damaged(path, f"{MODEL} is not an object")
    try:
        objects = json_data.count_objects(model)
    except ValueError as error:
        raise damaged(path, f"{MODEL}: {error}") from error
    optimizer = members.get(OPTIMIZER)
    return Content(
        model,
        objects,
        from_safetensors(path, members[WEIGHTS]),
        None if optimizer is None else from_safetensors(path, optimizer),
    )


def _members(path: Any, content: bytes) -> dict[str, memoryview]:
    """The members by name, as views of the content. What the directory says is checked before
    anything is read: at most one member of each name, stored side by side."""
    if content[:4] != b"PK\x03\x04":
        raise not_a_model(path, content)
    try:
        if content[-22:-18] != b"PK\x05\x06" or int.from_bytes(content[-10:-6], "little") > 4096:
            raise zipfile.BadZipFile("the directory of its members is not at the end")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except _NOT_A_ZIP as error:
        raise damaged(path, str(error)) from error
    names = [entry.filename for entry in entries]
    is_stored = all(e.compress_type == zipfile.ZIP_STORED and not e.flag_bits & 1 for e in entries)
    if not set(names) <= MEMBERS or not is_stored:
        raise not_a_model(path, content)
    if len(set(names)) != len(names):
        raise damaged(path, "it holds a member twice")
    found, end = {}, 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise damaged(path, f"{entry.filename} overlaps another member")
        found[entry.filename], end = _stored(path, content, entry)
    return found


_NOT_A_ZIP = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
)


def _stored(path: Any, content: bytes, entry: zipfile.ZipInfo) -> tuple[memoryview, int]:
    """The bytes of a member, and where they end."""
    header = content[entry.header_offset : entry.header_offset + 30]
    begin = entry.header_offset + 30 + int.from_bytes(header[26:28], "little")
    begin += int.from_bytes(header[28:30], "little")
    end = begin + entry.file_size
    if header[:4] != b"PK\x03\x04" or end > len(content) or entry.compress_size != entry.file_size:
        raise damaged(path, f"{entry.filename} is not where the directory says")
    part = memoryview(content)[begin:end]
    if entry.filename == MANIFEST and zlib.crc32(part) != entry.CRC:
        raise damaged(path, f"{entry.filename} is not what was written (CRC)")
    return part, end


def _check_sums(path: Any, members: Mapping[str, Any], sums: Any) -> None:
    if not isinstance(sums, dict) or set(sums) != set(members) or not {MODEL, WEIGHTS} <= set(sums):
        raise damaged(path, "parts are missing")
    for name, part in members.items():
        if hashlib.sha256(part).hexdigest() != sums[name]:
            raise damaged(path, f"{name} is not what was written (SHA-256)")


def from_json(path: Any, name: str, content: Any) -> Any:
    try:
        return json_data.from_json(content)
    except ValueError as error:
        raise damaged(path, f"{name}: {error}") from error


def from_safetensors(path: Any, content: Any) -> Stored:
    try:
        arrays, metadata = safetensors.read(content)
        return Stored(arrays, NAMES.items() <= metadata.items(), metadata)
    except ValueError as error:
        raise damaged(path, f"safetensors: {error}") from error


# ---- errors for other files --------------------------------------------------------------------
def damaged(path: Any, what: str) -> FileFormatError:
    return FileFormatError(
        f"{path}: the file is truncated or damaged: {what}",
        hint="copy or save it again; an interrupted copy or download is the usual cause",
    )


_KINDS = (
    (b"\x89HDF", "an HDF5 file, as Keras writes", "make the model, then model.load_weights(path)"),
    (b"\x80\x04", "a pickle", "pickles can run code and are never read"),
    (b"\x80\x02", "a pickle", "pickles can run code and are never read"),
    (b"PK", "a zip archive, but no model of Lamina", "a .pt file? lamina.interchange.read(path) "
     "returns its arrays"),
    (b"\x93NUMPY", "a NumPy array", "read it with numpy.load"),
)  # fmt: skip


def not_a_model(path: Any, content: bytes) -> FileFormatError:
    what, hint = "not a model that Lamina wrote", "load_model reads what model.save wrote"
    for magic, kind, advice in _KINDS:
        if content.startswith(magic):
            what, hint = kind, advice
    if not content:
        what, hint = "an empty file", "save the model again"
    elif safetensors.is_safetensors(content):
        what, hint = "a file of weights alone", "make the model, then model.load_weights(path)"
    return FileFormatError(f"{path}: is {what}", hint=hint)
