"""The safetensors format: named arrays in one file, without code.

    file     = length, header, data         length: 8 bytes, little-endian
    header   = {"__metadata__": {string: string}, name: tensor, ...}       JSON, padded with spaces
    tensor   = {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}

The tensors fill the data without a gap and without an overlap. The reader checks every number
before an array is made, and the arrays are views of the file's bytes.

A file of weights that Lamina writes has a checksum in its metadata, "lamina_sha256": that of the
whole file, in which the 64 digits of the checksum itself are zeros.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.saving.json_data import from_json

FORMAT, CHECKSUM = "lamina weights 2", "lamina_sha256"
UNKNOWN = "0" * 64  # the checksum while the checksum is computed

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items() if name != "BF16"}

Arrays = Mapping[str, np.ndarray]


# ---- writing -----------------------------------------------------------------------------------
def write(arrays: Arrays, metadata: Mapping[str, str]) -> bytes:
    """The bytes of a file: the same arrays give the same bytes."""
    return b"".join(_chunks(arrays, metadata))


def write_with_checksum(arrays: Arrays, metadata: Mapping[str, str]) -> bytes:
    """The bytes of a file whose metadata hold its SHA-256."""
    chunks = _chunks(arrays, {"format": FORMAT, CHECKSUM: UNKNOWN, **metadata})
    digest = _digest(*chunks).encode()
    return b"".join([chunks[0].replace(UNKNOWN.encode(), digest, 1), *chunks[1:]])


def _chunks(arrays: Arrays, metadata: Mapping[str, str]) -> list[bytes]:
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    data, end = [], 0
    for name in sorted(arrays, key=lambda name: (-arrays[name].itemsize, name)):
        array = np.ascontiguousarray(arrays[name])
        begin, end = end, end + array.nbytes
        shape = list(arrays[name].shape)
        tensor = {"dtype": _NAMES[array.dtype], "shape": shape, "data_offsets": [begin, end]}
        header[name] = tensor
        data.append(array.tobytes())
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little") + text, *data]


def _digest(*chunks: Any) -> str:
    sum_ = hashlib.sha256()
    for chunk in chunks:
        sum_.update(chunk)
    return sum_.hexdigest()


# ---- reading -----------------------------------------------------------------------------------
def is_safetensors(content: Any) -> bool:
    """True if the content begins like a file of this format."""
    return bytes(content[8:9]) == b"{" and int.from_bytes(content[:8], "little") < len(content)


def read(content: Any) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays of a file, as read-only views of its bytes, and its metadata. Raises ValueError,
    with the reason, for everything that is not a complete and consistent file."""
    view = memoryview(content)
    length = int.from_bytes(view[:8], "little")
    if len(view) < 8 or length > len(view) - 8:
        raise ValueError(f"the header is cut off at {len(view)} bytes")
    if bytes(view[8:9]) != b"{":
        raise ValueError("the header is not a JSON object")
    header = from_json(view[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    _check_metadata(view, metadata)
    data = view[8 + length :]
    spans = {name: _span(name, tensor, len(data)) for name, tensor in header.items()}
    end = 0
    for name, (begin, stop) in sorted(spans.items(), key=lambda item: item[1]):
        if begin != end:
            raise ValueError(f"{name!r} begins at byte {begin} of the data, expected {end}")
        end = stop
    if end != len(data):
        raise ValueError(f"the tensors fill {end} bytes of data, and there are {len(data)}")
    arrays = {name: _array(name, header[name], data[slice(*spans[name])]) for name in header}
    return arrays, metadata


def _check_metadata(view: memoryview, metadata: Any) -> None:
    pairs = metadata.items() if isinstance(metadata, dict) else [(None, None)]
    if not all(isinstance(value, str) for pair in pairs for value in pair):
        raise ValueError("__metadata__ is not a table of strings")
    checksum = metadata.get(CHECKSUM, "")
    if CHECKSUM not in metadata and metadata.get("format") != FORMAT:
        return  # written by another program, or by Lamina before there were checksums
    digits = checksum.encode()
    at = bytes(view[: 8 + int.from_bytes(view[:8], "little")]).find(digits)
    if len(digits) != 64 or at < 0:
        raise ValueError("the checksum is missing")
    if _digest(view[:at], UNKNOWN.encode(), view[at + 64 :]) != checksum:
        raise ValueError("the content is not what was written (SHA-256)")


def _span(name: str, tensor: Any, size: int) -> tuple[int, int]:
    """Where a tensor's data begin and end, if its description is consistent."""
    name.encode()  # UnicodeEncodeError, a ValueError, for half of a surrogate pair
    if not isinstance(tensor, dict) or set(tensor) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name!r} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"{name!r} has the dtype {dtype!r}, expected one of {', '.join(_DTYPES)}")
    numbers = [shape, offsets] if isinstance(shape, list) and isinstance(offsets, list) else [[-1]]
    if not all(type(n) is int and n >= 0 for each in numbers for n in each) or len(offsets) != 2:
        raise ValueError(
            f"{name!r} has the shape {shape!r:.80} and the data_offsets {offsets!r:.80}"
        )
    begin, end = offsets
    if (
        not begin <= end <= size
        or end - begin != math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    ):
        raise ValueError(f"{name!r} of shape {shape!r:.80} does not fit bytes {begin} to {end}")
    return begin, end


def _array(name: str, tensor: Mapping[str, Any], data: memoryview) -> np.ndarray:
    kind = tensor["dtype"]
    array = np.frombuffer(data, _DTYPES[kind]).reshape(tensor["shape"])
    if kind == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError(f"{name!r} is of booleans and holds other bytes than 0 and 1")
    return (array.astype("<u4") << 16).view("<f4") if kind == "BF16" else array
