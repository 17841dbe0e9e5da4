"""Numbers of 8 bits and fewer that Lamina lacks, as wider ones with the same values.

    code  numbers                     bits: exponent, fraction, bias   in Lamina
    17    float8e4m3fn                4, 3, 7; no infinity             float32
    18    float8e4m3fnuz              4, 3, 8; no infinity, no -0      float32
    19    float8e5m2                  5, 2, 15                         float32
    20    float8e5m2fnuz              5, 2, 16; no infinity, no -0     float32
    23    float4e2m1                  2, 1, 1; neither NaN             float32
    24    float8e8m0                  8, 0, 127; no sign, no 0         float32
    21, 22  uint4, int4               two a byte, the low bits first   uint8, int8
    25, 26  uint2, int2               four a byte                      uint8, int8

Source: ONNX, onnx.proto, and its documentation of float8 and int4.
"""

from __future__ import annotations

import numpy as np

from lamina.ir import types
from lamina.ir.types import DType

DTYPES: dict[int, DType] = {
    **dict.fromkeys((17, 18, 19, 20, 23, 24), types.float32),
    21: types.uint8,
    22: types.int8,
    25: types.uint8,
    26: types.int8,
}
"""Codes of ONNX files -> the dtype that holds the values."""
BITS = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}
_FLOATS = {17: (4, 3, 7), 18: (4, 3, 8), 19: (5, 2, 15), 20: (5, 2, 16), 23: (2, 1, 1)}


def size_of(code: int, count: int) -> int:
    """Return the number of bytes of values.

    Args:
        code: code of the numbers.
        count: number of values.
    """
    return -(-count * BITS.get(code, 8) // 8)


def values_of(code: int, raw: bytes, count: int) -> np.ndarray:
    """Return the values that bytes hold, in the storage of their dtype.

    Args:
        code: code of the numbers.
        raw: the bytes, as many as `size_of` says.
        count: number of values.
    """
    numbers = _unpacked(np.frombuffer(raw, np.uint8), BITS.get(code, 8))[:count]
    if DTYPES[code] is types.float32:
        return _table(code)[numbers]
    if DTYPES[code] is types.int8:
        sign = 1 << (BITS[code] - 1)
        return ((numbers ^ sign).astype(np.int16) - sign).astype(np.int8)
    return numbers


def _unpacked(content: np.ndarray, bits: int) -> np.ndarray:
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    return ((content[:, None] >> shifts) & ((1 << bits) - 1)).ravel().astype(np.uint8)


def _table(code: int) -> np.ndarray:
    """The float of each pattern of bits."""
    if code == 24:
        found = np.ldexp(1.0, np.arange(256) - 127)
        found[255] = np.nan
        return found.astype(np.float32)
    exponents, fraction, bias = _FLOATS[code]
    pattern = np.arange(1 << BITS.get(code, 8))
    exponent = pattern >> fraction & (1 << exponents) - 1
    mantissa = pattern & (1 << fraction) - 1
    is_normal = exponent > 0
    whole = (mantissa + (is_normal << fraction)).astype(np.float64)
    found = np.ldexp(whole, np.maximum(exponent, 1) - bias - fraction)
    if code == 17:
        found[pattern & 0x7F == 0x7F] = np.nan
    if code == 19:
        found[pattern & 0x7F == 0x7C] = np.inf
        found[pattern & 0x7F > 0x7C] = np.nan
    sign = pattern >> (exponents + fraction) & 1
    found = np.where(sign == 1, -found, found)
    if code in (18, 20):
        found[0x80] = np.nan
    return found.astype(np.float32)
