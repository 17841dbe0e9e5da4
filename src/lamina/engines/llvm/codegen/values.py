"""LLVM's values, types and constants, as text.

Types are LLVM's own spelling: "float", "i64", "<16 x float>", "ptr".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

FLOATS = {"float": 32, "double": 64}


@dataclass(frozen=True, slots=True)
class Value:
    """An SSA value or a constant: `text` is how an instruction names it, `type` its LLVM type."""

    text: str
    type: str

    def __str__(self) -> str:
        return f"{self.type} {self.text}"


# ---- types -------------------------------------------------------------------------------------
@cache
def lanes(type_: str) -> int:
    """Number of lanes of a vector type; 0 for a scalar."""
    return int(type_[1 : type_.index(" ")]) if type_[0] == "<" else 0


@cache
def scalar(type_: str) -> str:
    """The element type of a vector type; a scalar type is its own."""
    return type_[type_.index("x") + 2 : -1] if type_[0] == "<" else type_


@cache
def vector(type_: str, count: int) -> str:
    """`count` lanes of a scalar type; 0 lanes is the scalar itself."""
    return f"<{count} x {type_}>" if count else type_


def like(type_: str, element: str) -> str:
    """A type with the lanes of `type_` and elements of type `element`."""
    return vector(element, lanes(type_))


@cache
def bits(type_: str) -> int:
    """Width of the element type in bits."""
    element = scalar(type_)
    return FLOATS[element] if element in FLOATS else int(element[1:])


def is_float(type_: str) -> bool:
    return scalar(type_) in FLOATS


@cache
def suffix(type_: str) -> str:
    """Return a type as an intrinsic's name spells it: v16f32."""
    element = scalar(type_)
    name = f"f{FLOATS[element]}" if element in FLOATS else element
    return f"v{lanes(type_)}{name}" if lanes(type_) else name


def constant(type_: str, value: float | int | bool) -> Value:
    """A constant, repeated over the lanes of a vector type."""
    if is_float(type_):
        return _float_constant(type_, struct.pack("<d", value))
    return _integer_constant(type_, int(value))


@lru_cache(maxsize=4096)
def _float_constant(type_: str, bits: bytes) -> Value:
    """Keyed by the bits of a double: 0.0 and -0.0 compare equal, but are two constants."""
    element, (value,) = scalar(type_), struct.unpack("<d", bits)
    return _repeated(type_, _float_text(element, value))


@lru_cache(maxsize=4096)
def _integer_constant(type_: str, value: int) -> Value:
    element = scalar(type_)
    if element == "i1":
        return _repeated(type_, "true" if value else "false")
    width = int(element[1:])
    number = value & ((1 << width) - 1)
    return _repeated(type_, str(number - (1 << width) if number >> (width - 1) else number))


def _repeated(type_: str, text: str) -> Value:
    return Value(f"splat ({scalar(type_)} {text})" if lanes(type_) else text, type_)


def _float_text(element: str, value: float) -> str:
    if element == "float":
        try:
            value = struct.unpack("f", struct.pack("f", value))[0]
        except OverflowError:
            value = float("inf") if value > 0 else float("-inf")
    return "0x" + struct.pack(">d", value).hex().upper()


def integers(type_: str, values: Sequence[int]) -> Value:
    """A constant vector of differing integers, such as the lane numbers 0, 1, 2, ..."""
    element = scalar(type_)
    return Value("<" + ", ".join(f"{element} {v}" for v in values) + ">", type_)


def zero(type_: str) -> Value:
    return Value("zeroinitializer", type_) if lanes(type_) else constant(type_, 0)
