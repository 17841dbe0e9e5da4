"""Tensors of ONNX files: their values as NumPy arrays, and arrays as their messages.

bfloat16 is held as uint16 bits, as in Lamina; strings are arrays of Python strings. Values in other
files are read from the model's folder only.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import DTypeError, FileFormatError
from lamina.ir import types
from lamina.ir.types import DType
from lamina.onnx import narrow
from lamina.onnx.messages import SparseTensorProto, TensorProto

EXTERNAL = 1
"""The data location of values in another file."""
STRING, BFLOAT16 = 8, 16

DTYPES: dict[int, DType] = {
    1: types.float32,
    2: types.uint8,
    3: types.int8,
    4: types.uint16,
    5: types.int16,
    6: types.int32,
    7: types.int64,
    9: types.bool_,
    10: types.float16,
    11: types.float64,
    12: types.uint32,
    13: types.uint64,
    BFLOAT16: types.bfloat16,
}
CODES = {dtype.name: code for code, dtype in DTYPES.items()}
OTHERS = {
    14: "complex64",
    15: "complex128",
    17: "float8e4m3fn",
    18: "float8e4m3fnuz",
    19: "float8e5m2",
    20: "float8e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4e2m1",
    24: "float8e8m0",
    25: "uint2",
    26: "int2",
}
_FIELDS = {"float32": "float_data", "int64": "int64_data", "float64": "double_data"}
_FIELDS |= {"uint32": "uint64_data", "uint64": "uint64_data"}


def dtype_of(code: int, what: str) -> DType:
    """The dtype of a code of an ONNX file.

    Raises:
        DTypeError: Lamina has no such numbers.
    """
    if code in DTYPES:
        return DTYPES[code]
    name = OTHERS.get(code, f"of the unknown code {code}")
    known = ", ".join(dtype.name for dtype in DTYPES.values())
    raise DTypeError(f"ONNX: {what} is {name} (expected one of {known})")


def held_dtype(code: int, what: str) -> DType:
    """The dtype in which Lamina holds the values of a code: of narrow numbers a wider one.

    Raises:
        DTypeError: Lamina cannot hold such numbers.
    """
    return narrow.DTYPES[code] if code in narrow.DTYPES else dtype_of(code, what)


def size_of(code: int, count: int, what: str) -> int:
    """The number of bytes of values of a code."""
    if code in narrow.DTYPES:
        return narrow.size_of(code, count)
    return count * dtype_of(code, what).storage.itemsize


def array_of(tensor: TensorProto, folder: Path | None = None) -> np.ndarray:
    """The values of a tensor, in the storage of its dtype; strings as objects.

    Args:
        tensor: the message.
        folder: where files of values may be; None if there are none.

    Raises:
        FileFormatError: the values do not have the declared number or place.
        DTypeError: Lamina has no such numbers.
    """
    label = f"tensor '{tensor.name}'"
    shape = tuple(tensor.dims)
    if any(n < 0 for n in shape):
        raise FileFormatError(f"ONNX: {label} has the shape {shape}, with a negative extent")
    if tensor.data_type == STRING:
        found = [each.decode("utf-8", "replace") for each in tensor.string_data]
        return _shaped(np.array(found, dtype=object), shape, label)
    code, count = tensor.data_type, math.prod(shape)
    storage = held_dtype(code, label).storage.newbyteorder("<")
    is_narrow = code in narrow.DTYPES
    size = size_of(code, count, label)
    if tensor.data_location == EXTERNAL:
        raw = _external(tensor, folder, size, label)
    elif tensor.raw_data:
        raw = tensor.raw_data
    elif is_narrow:  # one byte a number
        raw = (np.array(tensor.int32_data, np.int64) & 0xFF).astype(np.uint8).tobytes()
    else:
        return _shaped(_typed(tensor), shape, label)
    if len(raw) != size:
        raise FileFormatError(
            f"ONNX: {label} of shape {shape} has {len(raw)} bytes (expected {size})"
        )
    if is_narrow:
        return narrow.values_of(code, raw, count).reshape(shape)
    return np.frombuffer(raw, storage).astype(storage.newbyteorder("=")).reshape(shape)


def _typed(tensor: TensorProto) -> np.ndarray:
    """The values of the field for the tensor's dtype."""
    dtype = DTYPES[tensor.data_type]
    given = getattr(tensor, _FIELDS.get(dtype.name, "int32_data"))
    if dtype.name in ("float16", "bfloat16"):
        return (np.array(given, np.int64) & 0xFFFF).astype(np.uint16).view(dtype.storage)
    whole = np.array(given, np.float64 if dtype.name in ("float32", "float64") else np.int64)
    with np.errstate(over="ignore"):
        return whole.astype(dtype.storage)


def _shaped(flat: np.ndarray, shape: tuple[int, ...], label: str) -> np.ndarray:
    if flat.size != math.prod(shape):
        raise FileFormatError(
            f"ONNX: {label} of shape {shape} has {flat.size} values (expected {math.prod(shape)})"
        )
    return flat.reshape(shape)


def _external(tensor: TensorProto, folder: Path | None, size: int, label: str) -> bytes:
    """The bytes of values in another file, which is in the model's folder."""
    about = {entry.key: entry.value for entry in tensor.external_data}
    name = about.get("location", "")
    if folder is None:
        raise FileFormatError(
            f"ONNX: {label} is in the file {name!r}", hint="give the path of the model's file"
        )
    root = folder.resolve()
    path = (root / name).resolve()
    if not name or not path.is_relative_to(root) or not path.is_file():
        raise FileFormatError(f"ONNX: {label} is in {name!r} (expected a file of {folder})")
    try:
        offset, length = int(about.get("offset", 0)), int(about.get("length", size))
    except ValueError:
        raise FileFormatError(
            f"ONNX: {label} has an invalid offset or length (expected integers)"
        ) from None
    if offset < 0 or length != size or offset + length > path.stat().st_size:
        raise FileFormatError(
            f"ONNX: {label} takes bytes {offset} to {offset + length} of {name!r}, which has "
            f"{path.stat().st_size} (expected {size} of them)"
        )
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def dense(sparse: SparseTensorProto) -> np.ndarray:
    """The array of a sparse tensor, whose zeros are written out."""
    if sparse.values is None or sparse.indices is None:
        raise FileFormatError("ONNX: a sparse tensor needs values and indices")
    values, places = array_of(sparse.values), array_of(sparse.indices)
    shape = tuple(sparse.dims)
    size = math.prod(shape)
    if any(n < 0 for n in shape) or size > 1 << 28:
        raise FileFormatError(f"ONNX: a sparse tensor of shape {shape} is too large to write out")
    if places.ndim == 2 and places.shape[1] == len(shape):
        inside = bool(np.all((places >= 0) & (places < np.array(shape))))
        flat = np.ravel_multi_index(tuple(places.T), shape) if inside else np.array([-1])
    else:
        flat = places.ravel()
    if flat.shape != values.ravel().shape or np.any((flat < 0) | (flat >= size)):
        raise FileFormatError(f"ONNX: positions of a sparse tensor are outside of shape {shape}")
    found = np.zeros(size, values.dtype)
    found[flat] = values.ravel()
    return found.reshape(shape)


def tensor_of(array: Any, name: str = "", dtype: DType | None = None) -> TensorProto:
    """The message of an array.

    Args:
        array: values; strings if its dtype is object.
        name: name of the tensor.
        dtype: dtype of the values, for bits of bfloat16; by default that of the array.
    """
    array = np.asarray(array)
    if array.dtype.kind in "OUS":
        flat = [str(each).encode() for each in array.ravel()]
        return TensorProto(dims=list(array.shape), data_type=STRING, string_data=flat, name=name)
    code = CODES[dtype.name if dtype is not None else array.dtype.name]
    raw = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return TensorProto(dims=list(array.shape), data_type=code, raw_data=raw, name=name)
