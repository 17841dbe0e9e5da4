"""Types of values: a dtype and a shape whose extents are integers or symbolic polynomials.

type   = dtype [ extent, ... ]           float32[batch, 784]
extent = integer | polynomial            see `extents`
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from lamina.ir.extents import FLOORS as FLOORS
from lamina.ir.extents import Dim as Dim
from lamina.ir.extents import Extent as Extent
from lamina.ir.extents import Size as Size
from lamina.ir.extents import evaluate as evaluate
from lamina.ir.extents import exact_division as exact_division
from lamina.ir.extents import is_nonnegative as is_nonnegative
from lamina.ir.extents import is_static as is_static
from lamina.ir.extents import plain as plain
from lamina.ir.extents import same as same
from lamina.ir.extents import sizes as sizes
from lamina.ir.extents import symbols as symbols


# ---- dtypes ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class DType:
    """An element type, such as `lm.float32`.

    float16 and bfloat16 are storage types: values are moved and converted, and computed with in
    float32.

    Args:
        name: name of the dtype.
        kind: "b" for bool, "i" signed, "u" unsigned, "f" floating.
        bits: number of bits of an element.
        storage: NumPy dtype that holds the elements; bfloat16, which NumPy lacks, is held as
            uint16.

    Example:
        >>> import lamina as lm
        >>> lm.float32.itemsize, lm.float32.is_float
        (4, True)
    """

    name: str
    kind: str
    bits: int
    storage: np.dtype

    def __repr__(self) -> str:
        return f"lamina.{self.name}"

    def __str__(self) -> str:
        return self.name

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.storage.itemsize

    @property
    def is_float(self) -> bool:
        """Whether it is float64, float32, float16 or bfloat16."""
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether it is an integer, with or without sign."""
        return self.kind in "iu"

    @property
    def is_storage_only(self) -> bool:
        """Whether it is a 16-bit float: stored, but computed with as float32."""
        return self.kind == "f" and self.bits == 16

    def __eq__(self, other: object) -> bool:
        """Equal to a DType, a NumPy dtype or a name of the same meaning."""
        if isinstance(other, DType):
            return self.name == other.name
        if isinstance(other, str):
            return self.name == other
        if self.name == "bfloat16" or other is None:
            return False
        try:
            return self.storage == np.dtype(other)  # type: ignore[call-overload]
        except (TypeError, ValueError):  # ValueError of a dictionary, which NumPy reads as fields
            return False

    def __hash__(self) -> int:
        return hash(self.name)


def _dtype(name: str, kind: str, bits: int, storage: str | None = None) -> DType:
    return DType(name, kind, bits, np.dtype(storage or name))


bool_ = _dtype("bool", "b", 8)
int8, int16, int32, int64 = (_dtype(f"int{n}", "i", n) for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (_dtype(f"uint{n}", "u", n) for n in (8, 16, 32, 64))
float16, float32, float64 = (_dtype(f"float{n}", "f", n) for n in (16, 32, 64))
bfloat16 = _dtype("bfloat16", "f", 16, "uint16")

_INTEGERS = (int8, int16, int32, int64, uint8, uint16, uint32, uint64)
DTYPES = {d.name: d for d in (bool_, *_INTEGERS, float16, bfloat16, float32, float64)}


_NATIVE = {np.dtype(d.name): d for d in DTYPES.values() if d is not bfloat16}


def dtype(spec: object) -> DType:
    """Return the DType of a DType, name, NumPy dtype or Python type.

    Args:
        spec: DType, name such as "float32", NumPy dtype, or Python's bool, int (int64) or float
            (float32).

    Example:
        >>> import lamina as lm
        >>> lm.dtype("float32") == lm.float32
        True
    """
    if isinstance(spec, DType):
        return spec
    if isinstance(spec, np.dtype) and spec in _NATIVE:  # its name takes microseconds
        return _NATIVE[spec]
    if spec is float:
        return float32
    if isinstance(spec, str) and spec in DTYPES:
        return DTYPES[spec]
    try:
        found = DTYPES.get(np.dtype(spec).name)  # type: ignore[call-overload]
    except (TypeError, DeprecationWarning):  # an old alias, where warnings are errors
        found = None
    if found is None:
        from lamina.errors import DTypeError

        raise DTypeError(f"unknown dtype {spec!r}; known: {', '.join(DTYPES)}")
    return found


@cache
def promote(x: DType, y: DType) -> DType:
    """The dtype of an operation on both: a float keeps its dtype next to an integer or a bool.

    Floats promote among themselves as in NumPy 2, and so do integers and bools. NumPy itself would
    make float64 of float32 and int32, which halves the width of vectors.
    """
    if x == y:
        return x
    if x.is_float != y.is_float:
        return x if x.is_float else y
    if bfloat16 in (x, y):
        other = y if x == bfloat16 else x
        return float32 if other == float16 else other
    return dtype(np.promote_types(x.storage, y.storage))


def computing(dtype_: DType) -> DType:
    """The dtype that elements are computed in: float32 of 16-bit floats, else the dtype itself."""
    return float32 if dtype_.is_storage_only else dtype_


def is_safe_cast(source: DType, target: DType) -> bool:
    """True if NumPy calls the conversion safe: it keeps values, of int64 in float64 their size."""
    if source == target:
        return True
    if target == bfloat16:
        return source.bits == 8
    return np.can_cast(float32.storage if source == bfloat16 else source.storage, target.storage)


# ---- tensor types ------------------------------------------------------------------------------
Shape = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class TensorType:
    """The type of one tensor: shape (extents may be symbolic) and dtype."""

    shape: Shape
    dtype: DType

    def __str__(self) -> str:
        return f"{self.dtype.name}[{', '.join(map(str, self.shape))}]"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Dim:
        return math.prod(self.shape)


def array_type(array: np.ndarray, dtype_: DType | None = None) -> TensorType:
    """The type of a NumPy array; `dtype_` names what its bits mean where NumPy can't."""
    return TensorType(tuple(array.shape), dtype_ or dtype(array.dtype))


def broadcast_shapes(*shapes: Shape) -> Shape:
    """NumPy's broadcasting of shapes; a symbolic extent matches itself and 1.

    Raises ShapeError naming the shapes where they don't broadcast.
    """
    ndim = max((len(s) for s in shapes), default=0)
    result: list[Dim] = []
    for axis in range(-ndim, 0):
        extents = {s[axis] for s in shapes if len(s) >= -axis}
        wide = [e for e in extents if e != 1]
        if len(wide) > 1:
            from lamina.errors import ShapeError

            listed = " and ".join(str(s) for s in shapes)
            found = " and ".join(sorted(map(str, wide)))
            raise ShapeError(f"shapes {listed} do not broadcast: axis {axis} has {found}")
        result.append(wide[0] if wide else 1)
    return tuple(result)
