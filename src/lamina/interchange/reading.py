"""Arrays by name from the files of weights of other programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lamina.errors import FileFormatError, LaminaError
from lamina.files import checked_name
from lamina.interchange import archives, torch_files
from lamina.saving import json_data, safetensors

Arrays = dict[str, np.ndarray]
LARGEST = 1 << 36
"""Bytes of a file or of all files of a folder."""

_OF_A_FOLDER = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                "pytorch_model.bin.index.json")  # fmt: skip


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return the arrays of a file of weights by name, as the file has them.

    The content decides on the format, not the ending: PyTorch (.pt, .pth, .bin; zip and legacy
    form), safetensors, NumPy (.npz), and Hugging Face's folders with one file or with
    shards. Nothing in a file is executed, and no module is imported that it names. Names within one
    another are joined by dots, as in "encoder.0.weight". bfloat16 becomes float32.

    Args:
        path: path of the file, or of the folder.

    Raises:
        FileFormatError: the file is damaged, of another format, or holds other objects than
            weights; the message names them.

    Example:
        >>> import lamina as lm
        >>> import numpy as np
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/weights.npz", kernel=np.ones((2, 3)))
        ...     lm.interchange.read(f"{folder}/weights.npz")["kernel"].shape
        (2, 3)
    """
    target = Path(checked_name(path))
    if target.is_dir():
        return _named(target, lambda: _read_folder(target))
    size = target.stat().st_size
    if size > LARGEST:
        raise FileFormatError(f"{path}: {size:,} bytes (expected at most {LARGEST:,})")
    content = target.read_bytes()
    return _named(target, lambda: read_content(content))


def _named(path: Path, compute: Callable[[], Arrays]) -> Arrays:
    """The result of a function, whose errors then begin with the path."""
    try:
        return compute()
    except LaminaError as error:
        if error.message.startswith(f"{path}"):
            raise
        raise FileFormatError(f"{path}: {error.message}", hint=error.hint) from error
    except MemoryError as error:
        raise FileFormatError(f"{path}: the arrays do not fit into memory") from error


def read_content(content: bytes) -> Arrays:
    """The arrays of a file's content."""
    if content[:4] == b"PK\x03\x04":
        return _read_zip(archives.members(content))
    if safetensors.is_safetensors(content):
        try:
            return safetensors.read(content)[0]
        except ValueError as error:
            raise FileFormatError(f"safetensors: {error}") from error
    if torch_files.is_legacy(content):
        return torch_files.read_legacy(memoryview(content))
    if content[:6] == b"\x93NUMPY":
        return {"array": archives.read_npy("the file", memoryview(content))}
    raise FileFormatError(
        "is of no known format (expected .pt, .pth, .safetensors or .npz)"
        if content
        else "is empty",
    )


def _read_zip(members: dict[str, archives.Member]) -> Arrays:
    if any(name.split("/")[1:] == ["data.pkl"] for name in members):
        return torch_files.read_zip(members)
    if members and all(name.endswith(".npy") for name in members):
        return archives.read_npz(members)
    listed = ", ".join(sorted(members)[:5])
    raise FileFormatError(
        f"is an archive of other files ({listed:.200}; expected data.pkl of PyTorch, or .npy)",
        hint="a model of TorchScript: save its weights, torch.save(model.state_dict(), path)"
        if any(name.endswith("constants.pkl") for name in members)
        else None,
    )


# ---- Hugging Face ------------------------------------------------------------------------------
def _read_folder(folder: Path) -> Arrays:
    found = next((name for name in _OF_A_FOLDER if (folder / name).is_file()), None)
    if found is None:
        raise FileFormatError(
            f"is a folder without weights (expected {' or '.join(_OF_A_FOLDER[:2])})"
        )
    if not found.endswith(".json"):
        return read(folder / found)
    return _read_shards(folder, found)


def _read_shards(folder: Path, index: str) -> Arrays:
    try:
        described = json_data.from_json((folder / index).read_bytes())
        places = described["weight_map"]
        shards = sorted(set(places.values()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileFormatError(f"{index} is not a table of shards ({error})") from error
    outside = [name for name in shards if not _is_inside(folder, name)]
    if outside:
        raise FileFormatError(f"{index} names {json.dumps(outside[0])}, not a file in the folder")
    found: Arrays = {}
    for shard in shards:
        arrays = read(folder / shard)
        expected = {name for name, place in places.items() if place == shard}
        if set(arrays) != expected:
            odd = sorted(set(arrays) ^ expected)
            raise FileFormatError(f"{shard} does not hold what {index} says: {odd[0]!r}")
        found.update(arrays)
    return found


def _is_inside(folder: Path, name: object) -> bool:
    is_plain = isinstance(name, str) and name not in ("", ".", "..")
    is_plain = is_plain and not set(str(name)) & {"/", "\\", "\0", ":"}
    return is_plain and (folder / str(name)).is_file()
