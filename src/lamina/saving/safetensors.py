"""The safetensors format: named arrays in one file, without code.

    file     = length, header, data         length: 8 bytes, little-endian
    header   = {"__metadata__": {string: string}, name: tensor, ...}       JSON, padded with spaces
    tensor   = {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}

The package safetensors reads and writes the tensors. Only four things are Lamina's own, because
the package (0.8) does not have them:

- A checksum of the whole file. Lamina writes one into the metadata of files of weights,
  "lamina_sha256"; the 64 digits of the checksum count as zeros.
- Metadata in a fixed order, so that equal arrays give equal bytes. The package writes metadata in
  random order, so they are inserted into the header that the package wrote.
- Rules of the format that the package does not enforce: names are unique, a file begins with "{",
  tensors have no further fields, metadata are strings, booleans are 0 or 1. The size of the header
  is limited (see `json_data`) before the package allocates anything.
- bfloat16, which NumPy does not have: written from its bits (`Bits`), read as float32.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

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


class Bits(NamedTuple):
    """Numbers of bfloat16 as their bits, an array of uint16."""

    bits: np.ndarray


Arrays = Mapping[str, np.ndarray | Bits]


# ---- writing -----------------------------------------------------------------------------------
def write(arrays: Arrays, metadata: Mapping[str, str]) -> bytes:
    """Return the content of a file. Equal arrays give equal bytes."""
    return b"".join(_chunks(arrays, metadata))


def write_with_checksum(arrays: Arrays, metadata: Mapping[str, str]) -> bytes:
    """Return the content of a file whose metadata hold its SHA-256."""
    head, data = _chunks(arrays, {"format": FORMAT, CHECKSUM: UNKNOWN, **metadata})
    digest = _digest(head, data).encode()
    return b"".join([head.replace(UNKNOWN.encode(), digest, 1), data])


def _chunks(arrays: Arrays, metadata: Mapping[str, str]) -> tuple[bytes, memoryview]:
    """Length and header with the metadata, and the data."""
    from safetensors.numpy import save

    bits = [name for name, array in arrays.items() if isinstance(array, Bits)]
    found = {n: array.bits if isinstance(array, Bits) else array for n, array in arrays.items()}
    content = save({name: np.asarray(array, order="C") for name, array in found.items()})
    begin = 8 + int.from_bytes(content[:8], "little")
    tensors = content[8:begin].rstrip()[1:-1]  # without the braces around all of them
    tensors = _named_bfloat16(tensors, bits) if bits else tensors
    text = b'{"__metadata__":' + json.dumps(dict(metadata), separators=(",", ":")).encode()
    text += b"," * bool(tensors) + tensors + b"}"
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, memoryview(content)[begin:]


def _named_bfloat16(tensors: bytes, names: list[str]) -> bytes:
    """The header's tensors, some of which are the bits of bfloat16."""
    header = json.loads(b"{" + tensors + b"}")
    for name in names:
        header[name]["dtype"] = "BF16"
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()[1:-1]


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
    """Return the arrays of a file and its metadata. Raises ValueError, with the reason, for
    everything that is not a complete and consistent file."""
    from safetensors import SafetensorError, deserialize

    metadata = _checked_metadata(memoryview(content))
    try:
        tensors = deserialize(content if isinstance(content, bytes) else bytes(content))
    except SafetensorError as error:
        raise ValueError(str(error).removeprefix("Error while deserializing: ")) from error
    return {name: _array(name, tensor) for name, tensor in tensors}, metadata


def _checked_metadata(view: memoryview) -> dict[str, str]:
    """The metadata, after the checks of the header that the package does not make."""
    length = int.from_bytes(view[:8], "little")
    if len(view) < 8 or length > len(view) - 8:
        raise ValueError(f"the header is cut off at {len(view)} bytes")
    if bytes(view[8:9]) != b"{":
        raise ValueError("the header is not a JSON object")
    header = from_json(view[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    pairs = metadata.items() if isinstance(metadata, dict) else [(None, None)]
    if not all(isinstance(value, str) for pair in pairs for value in pair):
        raise ValueError("__metadata__ is not a table of strings")
    for name, tensor in header.items():
        if not isinstance(tensor, dict) or set(tensor) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"{name!r} is not described by dtype, shape and data_offsets")
    _check_sum(view[: 8 + length], view[8 + length :], metadata)
    return metadata


def _check_sum(head: memoryview, data: memoryview, metadata: Mapping[str, str]) -> None:
    if CHECKSUM not in metadata and metadata.get("format") != FORMAT:
        return  # written by another program, or by Lamina before there were checksums
    digits = metadata.get(CHECKSUM, "").encode()
    at = bytes(head).find(digits)
    if len(digits) != 64 or at < 0:
        raise ValueError("the checksum is missing")
    if _digest(head[:at], UNKNOWN.encode(), head[at + 64 :], data).encode() != digits:
        raise ValueError("the content is not what was written (SHA-256)")


def _array(name: str, tensor: Mapping[str, Any]) -> np.ndarray:
    kind = tensor["dtype"]
    if kind not in _DTYPES:
        raise ValueError(f"{name!r} has the dtype {kind!r}, expected one of {', '.join(_DTYPES)}")
    array = np.frombuffer(tensor["data"], _DTYPES[kind]).reshape(tensor["shape"])
    if kind == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError(f"{name!r} is of booleans and holds other bytes than 0 and 1")
    return (array.astype("<u4") << 16).view("<f4") if kind == "BF16" else array
