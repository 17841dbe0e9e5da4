"""HDF5 files with h5py, of which only plain groups and arrays of numbers are read.

    arrays, texts = read(content)        "layers/dense/vars/0": array; (group, attribute): strings
    content = write(arrays, attributes)

Links to other places, external and virtual storage, and filters that would load a library are
refused. Sizes are compared with the file before an array is made.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.errors import FileFormatError, need_extra

MAGIC = b"\x89HDF\r\n\x1a\n"
MOST_DEPTH = 64
MOST_RATIO = 64  # of the bytes of compressed arrays to those of the file
SLACK = 1 << 20
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
_TEXTS = ("layer_names", "weight_names", "model_config", "training_config", "name")

Texts = dict[tuple[str, str], list[str]]


def h5py(purpose: str) -> Any:
    """The module h5py. Raises MissingExtraError if it is not installed."""
    return need_extra("h5py", "hdf5", purpose)


def read(content: bytes | memoryview) -> tuple[dict[str, np.ndarray], Texts]:
    """Return the arrays of a file by path, and the texts in attributes of groups that Keras has."""
    module = h5py("reading an HDF5 file")
    reader = _Reader(module, len(content))
    try:
        with module.File(io.BytesIO(content), "r") as file:
            reader.group(file, "", [])
    except _OF_HDF5 as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"HDF5: damaged ({type(error).__name__}: {error!s:.200})") from error
    return reader.arrays, reader.texts


_OF_HDF5 = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError,
            ArithmeticError, RecursionError, NotImplementedError)  # fmt: skip


class _Reader:
    """A walk through the groups of a file."""

    def __init__(self, module: Any, size: int) -> None:
        self.module, self.size = module, size
        self.arrays: dict[str, np.ndarray] = {}
        self.texts: Texts = {}
        self.left = MOST_RATIO * size + SLACK
        self.groups = size

    def group(self, group: Any, path: str, above: list[Any]) -> None:
        self.groups -= 32  # a group takes more bytes than that
        if len(above) > MOST_DEPTH or group.id in above or self.groups < 0:
            raise FileFormatError(f"HDF5: {path[:80]!r} is nested in itself, or too deep")
        for name in _TEXTS:
            if name in group.attrs:
                self.texts[path, name] = self.text(group.attrs, name)
        for name in group:
            inner = f"{path}/{name}" if path else name
            link = group.get(name, getlink=True)
            if not isinstance(link, self.module.HardLink):
                raise FileFormatError(
                    f"HDF5: {inner[:200]!r} is a {type(link).__name__} (expected groups and "
                    "arrays; links to other places and files are not followed)"
                )
            each = group[name]
            if isinstance(each, self.module.Group):
                self.group(each, inner, [*above, group.id])
            elif isinstance(each, self.module.Dataset):
                self.arrays[inner] = self.array(each, inner)
            else:
                raise FileFormatError(f"HDF5: {inner[:200]!r} is neither group nor array")

    def text(self, attributes: Any, name: str) -> list[str]:
        shape = attributes.get_id(name).shape
        if shape is not None and math.prod(shape) * 8 > self.size:
            raise FileFormatError(f"HDF5: the attribute {name!r} has the shape {shape}")
        value = attributes[name]
        values = value.ravel().tolist() if isinstance(value, (np.ndarray, np.generic)) else [value]
        return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]

    def array(self, found: Any, path: str) -> np.ndarray:
        created = found.id.get_create_plist()
        if found.is_virtual or created.get_external_count():
            raise FileFormatError(f"HDF5: {path[:200]!r} has its elements in other files")
        filters = [created.get_filter(k)[0] for k in range(created.get_nfilters())]
        if not set(filters) <= set(_FILTERS):
            raise FileFormatError(
                f"HDF5: {path[:200]!r} is compressed by filter {filters} (expected "
                f"{', '.join(_FILTERS.values())})"
            )
        kind, shape = found.dtype, found.shape
        if kind.kind not in "biufc" or kind.subdtype or kind.fields or shape is None:
            raise FileFormatError(f"HDF5: {path[:200]!r} holds {kind!s:.60} (expected numbers)")
        nbytes = math.prod(shape) * kind.itemsize
        stored = found.id.get_storage_size()
        self.left -= nbytes
        if (not filters and nbytes != stored and found.chunks is None) or self.left < 0:
            raise FileFormatError(
                f"HDF5: {path[:200]!r} of shape {shape} takes {nbytes:,} bytes, and the file has "
                f"{stored:,} for it"
            )
        return np.asarray(found[()])


# ---- writing -----------------------------------------------------------------------------------
def write(arrays: Mapping[str, np.ndarray], names: Mapping[str, str]) -> bytes:
    """Return the content of a file with arrays by path; `names` has the attribute "name" of groups,
    which are made if they have no arrays."""
    stream = io.BytesIO()
    with h5py("writing an HDF5 file").File(stream, "w", track_order=False) as file:
        for path, name in names.items():
            file.require_group(path).attrs["name"] = name
        for path, array in arrays.items():
            file.create_dataset(path, data=array, track_times=False)
    return stream.getvalue()
