"""PyTorch's files of weights, .pt and .pth, in both forms; without PyTorch and without pickle.

    zip      name/data.pkl, name/data/0, ... (stored), name/byteorder        since PyTorch 1.6
    legacy   five pickles (magic, protocol, system, object, keys), then storages: count, data

A tensor is a view of a storage: offset, shape and strides. Several tensors may share one. What a
view reads is checked against its storage before an array is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.errors import FileFormatError
from lamina.interchange import archives
from lamina.interchange.pickles import Constructor, interpret

MAGIC = 0x1950A86A20F9469CFC6C
MOST_AXES = 64
MOST_DEPTH = 32
SLACK = 1 << 20  # bytes that arrays may take in addition to four times the file


@dataclass(frozen=True)
class DType:
    """An element type: the name that PyTorch has for it, and NumPy's for its bytes."""

    name: str
    storage: str

    @property
    def size(self) -> int:
        return np.dtype(self.storage).itemsize


_STORAGES = {
    "Double": DType("float64", "<f8"),
    "Float": DType("float32", "<f4"),
    "Half": DType("float16", "<f2"),
    "BFloat16": DType("bfloat16", "<u2"),
    "Long": DType("int64", "<i8"),
    "Int": DType("int32", "<i4"),
    "Short": DType("int16", "<i2"),
    "Char": DType("int8", "i1"),
    "Byte": DType("uint8", "u1"),
    "Bool": DType("bool", "u1"),
    "ComplexFloat": DType("complex64", "<c8"),
    "ComplexDouble": DType("complex128", "<c16"),
}
_UNTYPED = DType("bytes", "u1")


@dataclass
class Storage:
    """Elements of one type; `data` is None until the file's part for them is known."""

    dtype: DType
    count: int
    data: memoryview | None = None


@dataclass(frozen=True)
class View:
    """A tensor: elements of a storage, from an offset on, with strides in elements."""

    storage: Storage
    dtype: DType
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    def array(self) -> np.ndarray:
        """The elements in C order; bfloat16 as float32, booleans as bool."""
        if not self.count:
            found = np.zeros(self.shape, self.dtype.storage)
        else:
            assert self.storage.data is not None
            begin = self.offset * self.dtype.size
            end = len(self.storage.data) // self.dtype.size * self.dtype.size
            base = np.frombuffer(self.storage.data[begin:end], self.dtype.storage)
            moved = zip(self.shape, self.strides, strict=True)
            strides = [stride * self.dtype.size if n > 1 else 0 for n, stride in moved]
            parts = np.lib.stride_tricks.as_strided(base, self.shape, strides, writeable=False)
            found = np.ascontiguousarray(parts).reshape(self.shape)
        if self.dtype.name == "bfloat16":
            return (found.astype("<u4") << 16).view("<f4")
        return found != 0 if self.dtype.name == "bool" else found


# ---- what a file may name ----------------------------------------------------------------------
def _size(value: Any) -> tuple[int, ...]:
    sizes = _integers(value)
    if math.prod(max(n, 1) for n in sizes) >= 1 << 58:
        raise ValueError(f"a shape {sizes!r:.60}")
    return sizes


def _integers(value: Any) -> tuple[int, ...]:
    if type(value) not in (list, tuple) or len(value) > MOST_AXES:
        raise TypeError("a shape or strides of something else than some integers")
    if any(type(n) is not int or not 0 <= n < 1 << 62 for n in value):
        raise ValueError(f"a shape or strides {value!r:.60}")
    return tuple(value)


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any, dtype: DType | None = None
) -> View:
    dtype = dtype or getattr(storage, "dtype", None)
    if not isinstance(storage, Storage) or type(offset) is not int or dtype is None:
        raise TypeError("a tensor without a storage")
    shape = _size(shape)
    if len(_integers(strides)) != len(shape):
        raise ValueError("a tensor with other strides than axes")
    view = View(storage, dtype, offset, shape, tuple(strides))
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    available = storage.count * storage.dtype.size // dtype.size
    if view.count and not 0 <= offset <= last < available:
        raise FileFormatError(
            f"a tensor of shape {shape} ends at element {last} (expected at most "
            f"{available - 1} in its storage)"
        )
    return view


def _tensor_v3(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, *_: Any
) -> View:
    if not isinstance(dtype, DType):
        raise TypeError("a tensor without a dtype")
    return _tensor(storage, offset, shape, strides, dtype=dtype)


def _parameter(data: Any, *_: Any) -> View:
    if not isinstance(data, View):
        raise TypeError("a parameter without a tensor")
    return data


def _ordered(items: Any = None) -> dict[Any, Any]:
    """A dictionary of a list of pairs, which is emptied: a stream cannot repeat it."""
    if items is None:
        return {}
    if type(items) is not list:
        raise TypeError("an OrderedDict of something else than a list of pairs")
    made = {str(key): value for key, value in items}
    items.clear()
    return made


TABLE: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): Constructor("OrderedDict", _ordered),
    ("torch", "Size"): Constructor("Size", lambda sizes=(): _size(sizes)),
    ("torch", "device"): Constructor("device", lambda *names: None),
    ("torch._utils", "_rebuild_tensor"): Constructor("_rebuild_tensor", _tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Constructor("_rebuild_tensor_v2", _tensor),
    ("torch._utils", "_rebuild_tensor_v3"): Constructor("_rebuild_tensor_v3", _tensor_v3),
    ("torch._utils", "_rebuild_parameter"): Constructor("_rebuild_parameter", _parameter),
    ("torch.nn.parameter", "Parameter"): Constructor("Parameter", _parameter),
    ("torch.storage", "UntypedStorage"): _UNTYPED,
    **{("torch", f"{name}Storage"): dtype for name, dtype in _STORAGES.items()},
    **{("torch.cuda", f"{name}Storage"): dtype for name, dtype in _STORAGES.items()},
    **{("torch", dtype.name): dtype for dtype in _STORAGES.values()},
}


# ---- the two forms -----------------------------------------------------------------------------
def is_legacy(content: bytes | memoryview) -> bool:
    """True if the content begins like a file of the legacy form, or like another pickle."""
    return bytes(content[:2]) in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def read_zip(members: Mapping[str, archives.Member]) -> dict[str, np.ndarray]:
    """The arrays of a file of the zip form, by name."""
    root = next(name for name in members if name.split("/")[1:] == ["data.pkl"]).split("/")[0]
    order = members.get(f"{root}/byteorder")
    if order is not None and bytes(order.read()) != b"little":
        raise FileFormatError("its numbers are big-endian (expected little-endian)")
    storages: dict[str, Storage] = {}

    def storage(key: str, dtype: DType, count: int) -> Storage:
        if key not in storages:
            member = members.get(f"{root}/data/{key}")
            if member is None:
                raise FileFormatError(f"the storage {key!r:.40} is missing")
            storages[key] = Storage(dtype, count, _exact(member.read(), dtype, count, key))
        return storages[key]

    content = members[f"{root}/data.pkl"].read()
    value, _ = interpret(content, 0, TABLE, _persistent(storage))
    return arrays_of(value, sum(member.size for member in members.values()))


def _exact(data: memoryview, dtype: DType, count: int, key: str) -> memoryview:
    if len(data) != count * dtype.size:
        raise FileFormatError(
            f"the storage {key!r:.40} has {len(data)} bytes (expected {count * dtype.size})"
        )
    return data


def _persistent(storage: Any) -> Any:
    def load(found: Any) -> Storage:
        kind, dtype, key, _, count, *view = found
        is_whole = not view or view[0] is None
        if kind != "storage" or not isinstance(dtype, DType) or not is_whole:
            raise ValueError(f"a persistent id {found!r:.80}")
        if type(count) is not int or not 0 <= count < 1 << 62:
            raise ValueError(f"a storage of {count!r:.40} elements")
        made: Storage = storage(str(key), dtype, count)
        if made.dtype != dtype or made.count != count:
            raise FileFormatError(f"the storage {str(key)!r:.40} has two descriptions")
        return made

    return load


def read_legacy(content: memoryview) -> dict[str, np.ndarray]:
    """The arrays of a file of the legacy form, by name."""
    at, values = 0, []
    storages: dict[str, Storage] = {}

    def storage(key: str, dtype: DType, count: int) -> Storage:
        return storages.setdefault(key, Storage(dtype, count))

    for _ in range(5):
        value, at = interpret(content, at, TABLE, _persistent(storage))
        values.append(value)
        if values[0] != MAGIC:
            raise FileFormatError(
                "is a pickle that torch.save did not write", hint="a pickle is never loaded"
            )
    _, _, system, found, keys = values
    is_little = isinstance(system, dict) and system.get("little_endian") is True
    if not is_little or not isinstance(keys, list):
        raise FileFormatError("its numbers are not little-endian, or its storages have no names")
    for key in map(str, keys):
        if key not in storages or storages[key].data is not None:
            raise FileFormatError(f"the storage {key!r:.40} is not one of its tensors'")
        each = storages[key]
        end = at + 8 + each.count * each.dtype.size
        if int.from_bytes(content[at : at + 8], "little") != each.count or end > len(content):
            raise FileFormatError(f"the storage {key!r:.40} is cut off at {len(content)} bytes")
        each.data, at = content[at + 8 : end], end
    missing = [key for key, each in storages.items() if each.data is None and each.count]
    if missing:
        raise FileFormatError(f"the storage {missing[0]!r:.40} is missing")
    return arrays_of(found, len(content))


# ---- names -------------------------------------------------------------------------------------
def arrays_of(value: object, size: int) -> dict[str, np.ndarray]:
    """The tensors of a nest by name, "encoder.0.weight"; numbers and texts are left out. Their
    bytes are limited by those of the file, since views may repeat elements."""
    found: dict[str, View] = {}
    _Walk(found, size + 1024).visit(value, "", [])
    total = sum(view.count * max(view.dtype.size, 4) for view in found.values())
    if total > 4 * size + SLACK:
        raise FileFormatError(
            f"its tensors take {total:,} bytes (expected at most {4 * size + SLACK:,}, for a file "
            f"of {size:,})"
        )
    return {name: view.array() for name, view in found.items()}


@dataclass
class _Walk:
    """A walk through a nest. Parts that several others hold are visited several times, hence a
    limit, the size of the file: each value took a byte there."""

    found: dict[str, View]
    left: int

    def visit(self, value: Any, name: str, above: list[int]) -> None:
        if isinstance(value, View):
            self.found[name] = value
        if not isinstance(value, (dict, list, tuple)):
            return
        self.left -= 1 + len(value)
        if self.left < 0 or len(above) > MOST_DEPTH or id(value) in above or len(name) > 1024:
            raise FileFormatError(
                f"{name[:80]!r} is nested more than {MOST_DEPTH} deep, in itself, or too often"
            )
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(each, (View, dict, list, tuple)):
                path = f"{name}.{key!s:.1024}" if name else f"{key!s:.1024}"
                self.visit(each, path, [*above, id(value)])
