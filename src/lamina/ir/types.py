"""What a value is: a dtype and a shape whose extents are integers or symbolic polynomials.

type   = dtype [ extent, ... ]           float32[batch, 784]
extent = integer | polynomial            32,  batch,  28*batch + 1,  floor(length / 2)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeGuard, overload

import numpy as np


# ---- dtypes ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class DType:
    """An element type. `kind` is "b" bool, "i" signed, "u" unsigned or "f" floating.

    `storage` is the NumPy dtype that holds it: bfloat16, which NumPy lacks, is held as uint16 bits.
    float16 and bfloat16 are storage types: they are moved and converted, never computed with.
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
        except TypeError:
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


def dtype(spec: object) -> DType:
    """The DType that a DType, a name, a NumPy dtype or a Python type stands for.

    Python's `float` means float32 here, the default of the framework, and `int` means int64... as
    NumPy has it; `bool` is bool.
    """
    if isinstance(spec, DType):
        return spec
    if spec is float:
        return float32
    if isinstance(spec, str) and spec in DTYPES:
        return DTYPES[spec]
    try:
        found = DTYPES.get(np.dtype(spec).name)  # type: ignore[call-overload]
    except TypeError:
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


def is_safe_cast(source: DType, target: DType) -> bool:
    """True if NumPy calls the conversion safe: it keeps values, of int64 in float64 their size."""
    if source == target:
        return True
    if target == bfloat16:
        return source.bits == 8
    return np.can_cast(float32.storage if source == bfloat16 else source.storage, target.storage)


# ---- extents -----------------------------------------------------------------------------------
Monomial = tuple[str, ...]  # sorted symbols, one entry a power: ("batch", "batch") is batch squared


class Extent:
    """A polynomial in named symbols with integer coefficients: the size of an axis not yet known.

    Symbols stand for integers of at least 0. An inexact division makes an opaque symbol, whose
    meaning `FLOORS` keeps.
    """

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = {k: v for k, v in sorted(terms.items()) if v}
        self._hash = hash(tuple(self.terms.items()))

    @staticmethod
    def symbol(name: str) -> Extent:
        return Extent({(name,): 1})

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (int, np.integer)):
            return self.terms == ({(): int(other)} if other else {})
        return isinstance(other, Extent) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Dim) -> Dim:
        terms = dict(self.terms)
        for monomial, coefficient in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _simplified(terms)

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1

    def __rsub__(self, other: Dim) -> Dim:
        return -self + other

    def __mul__(self, other: Dim) -> Dim:
        terms: dict[Monomial, int] = {}
        for m1, c1 in self.terms.items():
            for m2, c2 in _terms(other).items():
                monomial = tuple(sorted(m1 + m2))
                terms[monomial] = terms.get(monomial, 0) + c1 * c2
        return _simplified(terms)

    __radd__, __rmul__ = __add__, __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        exact = exact_division(self, other)
        if exact is not None:
            return exact
        name = f"floor({self} / {other})"
        FLOORS[name] = (self, other)
        return Extent.symbol(name)

    def __rfloordiv__(self, other: Dim) -> Dim:
        return Extent(_terms(other)).__floordiv__(self)

    def __repr__(self) -> str:
        def term(monomial: Monomial, coefficient: int) -> str:
            factors = ([str(coefficient)] if coefficient != 1 or not monomial else []) + [*monomial]
            return "*".join(factors)

        return " + ".join(term(m, c) for m, c in reversed(self.terms.items())) or "0"

    def __index__(self) -> int:
        from lamina.errors import TracedValueError

        raise TracedValueError(
            f"the extent {self!r} is symbolic: its size is known only when the program runs. "
            "Use lm.reshape(x, (-1, ...)) or broadcasting, which accept symbolic extents, instead "
            "of Python integers."
        )

    __bool__ = None


Dim = int | Extent
FLOORS: dict[str, tuple[Dim, Dim]] = {}


def _terms(value: Dim) -> dict[Monomial, int]:
    return value.terms if isinstance(value, Extent) else {(): int(value)}


def _simplified(terms: Mapping[Monomial, int]) -> Dim:
    extent = Extent(terms)
    if all(m == () for m in extent.terms):
        return extent.terms.get((), 0)
    return extent


@overload
def is_static(value: Dim) -> TypeGuard[int]: ...
@overload
def is_static(value: Sequence[Dim]) -> TypeGuard[tuple[int, ...]]: ...
def is_static(value: Dim | Sequence[Dim]) -> bool:
    """True where an extent, or every extent of a shape, is an integer."""
    if isinstance(value, Extent):
        return False
    return isinstance(value, (int, np.integer)) or all(is_static(v) for v in value)


def exact_division(value: Dim, by: Dim) -> Dim | None:
    """value / by where the division leaves nothing over, else None."""
    if is_static(value) and is_static(by):
        return int(value) // int(by) if by and int(value) % int(by) == 0 else None
    divisor = _terms(by)
    if len(divisor) != 1:
        return 1 if value == by else None
    ((monomial, coefficient),) = divisor.items()
    quotient: dict[Monomial, int] = {}
    for m, c in _terms(value).items():
        rest = list(m)
        for symbol in monomial:
            if symbol not in rest:
                return None
            rest.remove(symbol)
        if c % coefficient:
            return None
        quotient[tuple(rest)] = c // coefficient
    return _simplified(quotient)


def evaluate(value: Dim, sizes: Mapping[str, int]) -> int:
    """The integer that an extent is when its symbols have the given sizes."""
    if not isinstance(value, Extent):
        return int(value)
    total = 0
    for monomial, coefficient in value.terms.items():
        for symbol in monomial:
            coefficient *= _size(symbol, sizes)
        total += coefficient
    return total


def _size(symbol: str, sizes: Mapping[str, int]) -> int:
    if symbol in sizes:
        return sizes[symbol]
    value, by = FLOORS[symbol]
    return evaluate(value, sizes) // evaluate(by, sizes)


def symbols(shape: Iterable[Dim]) -> set[str]:
    """The free symbols in a shape; those inside a floor division included."""
    found: set[str] = set()
    for extent in shape:
        for symbol in {s for m in _terms(extent) for s in m}:
            found |= symbols(FLOORS[symbol]) if symbol in FLOORS else {symbol}
    return found


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
