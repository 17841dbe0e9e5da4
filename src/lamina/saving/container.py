"""The file of a model: a zip of JSON and safetensors, whole or not there, checked when read.

    model.lamina = zip (stored, not compressed)
        manifest.json        {"format": "lamina model", "version": 1, "sha256": {...}, ...}
        model.json           layers and their arguments, and what the model was compiled for
        weights.safetensors  the weights by path, "dense_1/kernel"
        optimizer.safetensors   the optimizer's state, where there is one

Nothing in it can run code, and nothing is read that the manifest does not name.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import FileFormatError
from lamina.version import __version__

FORMAT, VERSION = "lamina model", 1
MANIFEST, MODEL = "manifest.json", "model.json"
WEIGHTS, OPTIMIZER = "weights.safetensors", "optimizer.safetensors"
MEMBERS = {MANIFEST, MODEL, WEIGHTS, OPTIMIZER}
MOST_JSON = 32 << 20  # bytes
DEEPEST = 100  # nests within nests

Arrays = dict[str, np.ndarray]


# ---- writing -----------------------------------------------------------------------------------
def pack(model: Mapping[str, Any], weights: Arrays, optimizer: Arrays | None) -> bytes:
    """The bytes of a file: the same model gives the same bytes."""
    members = {MODEL: to_json(model), WEIGHTS: to_safetensors(weights)}
    if optimizer is not None:
        members[OPTIMIZER] = to_safetensors(optimizer)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    manifest = {"format": FORMAT, "version": VERSION, "lamina": __version__, "sha256": sums}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {MANIFEST: to_json(manifest), **members}.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # dated 1980, so that bytes repeat
    return buffer.getvalue()


def to_json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


def to_safetensors(arrays: Arrays) -> bytes:
    from safetensors.numpy import save

    kept = {name: np.array(array, order="C") for name, array in arrays.items()}
    # one entry: safetensors writes several in an order that differs from run to run
    return save(kept, {"format": f"{FORMAT} {VERSION}"})


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file under a name of its own, then rename it: nobody ever sees a part of it, and what
    was there before stays if this fails. Raises OSError."""
    target = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent or ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _like_other_files(temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _like_other_files(path: str) -> None:
    """mkstemp lets only the owner read; a model is a file like any other."""
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(path, 0o666 & ~mask)


# ---- reading -----------------------------------------------------------------------------------
def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file. Raises FileNotFoundError, with what lies beside it."""
    target = Path(path)
    if target.is_dir():
        raise FileFormatError(f"{target}: is a folder, expected a file that model.save wrote")
    if not target.is_file():
        beside = sorted(p.name for p in target.parent.glob(f"*{target.suffix}"))[:10]
        found = f"; there are {', '.join(beside)}" if beside and target.suffix else ""
        raise FileNotFoundError(f"{target}: no such file{found}")
    return target.read_bytes()


def unpack(path: Any, content: bytes) -> tuple[dict[str, Any], Arrays, Arrays | None]:
    """Model, weights and optimizer state of a file. Raises FileFormatError where it is truncated,
    damaged, or something else."""
    members = dict(_members(path, content))
    manifest = from_json(path, MANIFEST, members.pop(MANIFEST, b""))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise not_a_model(path, content)
    if manifest.get("version") != VERSION:
        raise FileFormatError(
            f"{path}: has version {manifest.get('version')!r} of the format, this is Lamina "
            f"{__version__}, which reads version {VERSION}",
            hint=f"it was written by Lamina {manifest.get('lamina')}: install that, or a newer one",
        )
    _check_sums(path, members, manifest.get("sha256"))
    optimizer = members.get(OPTIMIZER)
    return (
        from_json(path, MODEL, members[MODEL]),
        from_safetensors(path, members[WEIGHTS]),
        None if optimizer is None else from_safetensors(path, optimizer),
    )


def _members(path: Any, content: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                stored = info.compress_type == zipfile.ZIP_STORED
                if info.filename not in MEMBERS or not stored or info.file_size > len(content):
                    raise not_a_model(path, content)
                yield info.filename, archive.read(info)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        if content[:2] == b"PK":
            raise damaged(path, str(error)) from error
        raise not_a_model(path, content) from error


def _check_sums(path: Any, members: Mapping[str, bytes], sums: Any) -> None:
    if not isinstance(sums, dict) or set(sums) != set(members) or not {MODEL, WEIGHTS} <= set(sums):
        raise damaged(path, "parts are missing")
    for name, part in members.items():
        if hashlib.sha256(part).hexdigest() != sums[name]:
            raise damaged(path, f"{name} is not what was written (SHA-256)")


def from_json(path: Any, name: str, content: bytes) -> Any:
    if len(content) > MOST_JSON:
        raise damaged(path, f"{name} has {len(content):,} bytes")
    try:
        value = json.loads(content)
        _check_depth(value)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"{name}: {error}") from error
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError(f"nested more than {DEEPEST} deep")


def from_safetensors(path: Any, content: bytes) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise damaged(path, f"safetensors: {error}") from error


# ---- what a file is that is none of ours -------------------------------------------------------
def damaged(path: Any, what: str) -> FileFormatError:
    return FileFormatError(
        f"{path}: the file is truncated or damaged: {what}",
        hint="copy or save it again; an interrupted copy or download is the usual cause",
    )


_KINDS = (
    (b"\x89HDF", "an HDF5 file, as Keras writes", "load it in Keras, and save model.get_weights()"),
    (b"\x80\x04", "a pickle", "pickles can run code and are never read"),
    (b"\x80\x02", "a pickle", "pickles can run code and are never read"),
    (b"PK", "a zip archive, but no model of Lamina", "a .keras or .pt file? Load it there, and "
     "take its arrays over with model.set_weights"),
    (b"\x93NUMPY", "a NumPy array", "read it with numpy.load"),
)  # fmt: skip


def not_a_model(path: Any, content: bytes) -> FileFormatError:
    what, cure = "not a model that Lamina wrote", "load_model reads what model.save wrote"
    for magic, kind, advice in _KINDS:
        if content.startswith(magic):
            what, cure = kind, advice
    if not content:
        what, cure = "an empty file", "save the model again"
    elif _is_safetensors(content):
        what, cure = "a file of weights alone", "make the model, then model.load_weights(path)"
    return FileFormatError(f"{path}: is {what}", hint=cure)


def _is_safetensors(content: bytes) -> bool:
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") < len(content)
