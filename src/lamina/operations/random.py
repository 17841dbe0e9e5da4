"""Random numbers of the usual distributions, computed from keys (see `random_keys`).

Functions take a `key`; without one they take the next key of the scope around the code, or, in
eager code, of the global state.
"""

from __future__ import annotations

import math
from typing import Any

from lamina.annotations import ArrayLike, DTypeLike, ShapeLike
from lamina.errors import DTypeError, RangeError
from lamina.ir import types
from lamina.ir.types import DType, Shape, float32, float64, int32, uint32
from lamina.operations.creation import full
from lamina.operations.elementwise import (
    add,
    bitwise_right_shift,
    clip,
    cos,
    divide,
    greater,
    less,
    log,
    multiply,
    negative,
    remainder,
    sqrt,
    subtract,
    where,
)
from lamina.operations.promote import floating, shape_of, widened
from lamina.operations.random_keys import bits, key_or_next
from lamina.operations.shaping import reshape, sliced
from lamina.tensor import Tensor, as_tensor, bind

# the names that are in `lamina` itself
# fmt: off
__all__ = ["erfinv"]
# fmt: on


# ---- uniform -----------------------------------------------------------------------------------
def _float_dtype(function: str, dtype: Any) -> DType:
    found = float32 if dtype is None else types.dtype(dtype)
    if not found.is_float:
        raise DTypeError(f"{function}: needs a floating dtype; got {found}")
    return found


def _unit(key: Tensor, shape: Shape, dtype: DType) -> Tensor:
    """Uniform in [0, 1): 24 bits of float32, 53 of float64."""
    if dtype == float64:
        pair = bits(key, (2, *shape))
        high, low = (reshape(part, shape) for part in _halves(pair))
        whole = add(
            multiply(as_tensor(bitwise_right_shift(high, 5), float64), 2.0**26),
            as_tensor(bitwise_right_shift(low, 6), float64),
        )
        return multiply(whole, 2.0**-53)
    return unit_of(bits(key, shape))


def unit_of(bits: Tensor) -> Tensor:
    """Return uint32 bits as float32 in [0, 1).

    Args:
        bits: tensor of uint32, as from `bits`.

    Example:
        >>> import lamina as lm
        >>> unit_of(lm.asarray([0], dtype="uint32")).tolist()
        [0.0]
    """
    return multiply(_signed_float(bitwise_right_shift(bits, 8)), 2.0**-24)


def _halves(pair: Tensor) -> tuple[Tensor, ...]:
    return tuple(sliced(pair, 0, k, k + 1) for k in range(2))


def _signed_float(small: Tensor) -> Tensor:
    """uint32 below 2^31 as float32, by way of int32, which machines convert quicker."""
    return as_tensor(bind("bitcast_convert", small, dtype=int32), float32)


def _is_number(value: Any, number: float) -> bool:
    return type(value) in (int, float) and value == number


def uniform(
    shape: ShapeLike = (),
    minval: Any = 0.0,
    maxval: Any = 1.0,
    dtype: DTypeLike = None,
    *,
    key: Any = None,
) -> Tensor:
    """Return random numbers uniform in [minval, maxval).

    Args:
        shape: tuple of extents of the result.
        minval: lower end, a number or a tensor that broadcasts to `shape`.
        maxval: upper end, excluded; needed for integers.
        dtype: floating or integer dtype; None is float32.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> lm.random.uniform((2, 3), key=1).shape
        (2, 3)
    """
    found = float32 if dtype is None else types.dtype(dtype)
    if found.is_integer:
        return randint(shape, minval, maxval, found, key=key)
    found = _float_dtype("uniform", dtype)
    wide = float32 if found.is_storage_only else found
    unit = _unit(key_or_next(key), shape_of(shape), wide)
    if not (_is_number(minval, 0) and _is_number(maxval, 1)):
        low, high = as_tensor(minval, wide), as_tensor(maxval, wide)
        unit = add(multiply(unit, subtract(high, low)), low)
    return as_tensor(unit, found)


def bernoulli(shape: ShapeLike = (), p: Any = 0.5, *, key: Any = None) -> Tensor:
    """Return random bools that are True with probability p.

    Args:
        shape: tuple of extents of the result.
        p: probability, a number or a tensor that broadcasts to `shape`.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> lm.random.bernoulli((2,), 1.0).tolist()
        [True, True]
    """
    chosen = key_or_next(key)
    if type(p) in (int, float):
        if not 0 <= p <= 1:
            raise RangeError(f"bernoulli: p must be within 0 and 1; got {p}")
        below = round(p * 2.0**32)
        return less(bits(chosen, shape), below) if below < 2**32 else full(shape, True)
    return less(_unit(chosen, shape_of(shape), float32), p)


def randint(
    shape: ShapeLike, minval: Any, maxval: Any = None, dtype: DTypeLike = None, *, key: Any = None
) -> Tensor:
    """Return random integers uniform in [minval, maxval).

    The 32 random bits are reduced by a remainder, so probabilities differ by up to (maxval -
    minval) / 2^32.

    Args:
        shape: tuple of extents of the result.
        minval: lower end; the upper end if `maxval` is None.
        maxval: upper end, excluded; None means the interval [0, minval).
        dtype: integer dtype; None is int32.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> lm.random.randint((4,), 10, key=1).shape
        (4,)
    """
    if maxval is None:
        minval, maxval = 0, minval
    found = int32 if dtype is None else types.dtype(dtype)
    if not found.is_integer:
        raise DTypeError(
            f"randint: expected an integer dtype, got {found.name}",
            hint="uniform(shape, minval, maxval) draws floating numbers",
        )
    known = [v for v in (minval, maxval) if isinstance(v, int)]
    if len(known) == 2 and minval >= maxval:
        raise RangeError(f"randint: needs minval < maxval; got {minval} and {maxval}")
    drawn = bits(key_or_next(key), shape)
    low, high = as_tensor(minval, found), as_tensor(maxval, found)
    span = as_tensor(subtract(high, low), uint32)
    offset = as_tensor(remainder(drawn, span), found)
    return add(offset, low)


# ---- normal ------------------------------------------------------------------------------------
# M. Giles, Approximating the erfinv function, GPU Computing Gems (2012): polynomials in
# w = -log(1 - x^2), single precision, relative error 3e-7. Coefficients from the highest power.
_CENTRAL = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
    -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip


def _polynomial(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    value = add(multiply(x, coefficients[0]), coefficients[1])
    for c in coefficients[2:]:
        value = add(multiply(value, x), c)
    return value


def erfinv(x: ArrayLike, /) -> Tensor:
    """Return the inverse error function, with a relative error of 4e-7, also in float64.

    Args:
        x: tensor or array-like in [-1, 1]; +-inf at the ends.

    Example:
        >>> import lamina as lm
        >>> lm.erfinv([0.0]).tolist()
        [0.0]
    """
    tensor = floating(x)
    wide = widened(tensor)
    w = negative(log(multiply(subtract(1, wide), add(wide, 1))))
    central = _polynomial(_CENTRAL, subtract(w, 2.5))
    tail = _polynomial(_TAIL, subtract(sqrt(w), 3.0))
    value = multiply(where(less(w, 5.0), central, tail), wide)
    value = where(greater(w, 1e30), divide(wide, 0.0), value)
    return as_tensor(value, tensor.dtype)


def _box_muller(key: Tensor, shape: Shape, dtype: DType) -> Tensor:
    """sqrt(-2 log u) cos(2 pi v) (Box and Muller, 1958)."""
    pair = _unit(key, (2, *shape), dtype)
    u, v = (reshape(part, shape) for part in _halves(pair))
    radius = sqrt(multiply(log(subtract(1.0, u)), -2.0))
    return multiply(radius, cos(multiply(v, 2.0 * math.pi)))


def _standard_normal(key: Tensor, shape: Shape, dtype: DType) -> Tensor:
    if dtype == float64:
        return _box_muller(key, shape, dtype)
    # odd multiples of 2^-23 in (-1, 1), exact in float32, so that both tails are alike
    whole = _signed_float(bitwise_right_shift(bits(key, shape), 9))
    centered = subtract(multiply(add(whole, 0.5), 2.0**-22), 1.0)
    return multiply(erfinv(centered), math.sqrt(2.0))


def normal(
    shape: ShapeLike = (),
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: DTypeLike = None,
    *,
    key: Any = None,
) -> Tensor:
    """Return random numbers of a normal distribution.

    Args:
        shape: tuple of extents of the result.
        mean: mean, a number or a tensor that broadcasts to `shape`.
        stddev: standard deviation, likewise.
        dtype: floating dtype; None is float32.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> lm.random.normal((2, 3), key=1).shape
        (2, 3)
    """
    found = _float_dtype("normal", dtype)
    wide = float32 if found.is_storage_only else found
    drawn = _standard_normal(key_or_next(key), shape_of(shape), wide)
    return as_tensor(_moved(drawn, mean, stddev), found)


def _moved(drawn: Tensor, mean: Any, stddev: Any) -> Tensor:
    if not _is_number(stddev, 1):
        drawn = multiply(drawn, as_tensor(stddev, drawn.dtype))
    return drawn if _is_number(mean, 0) else add(drawn, as_tensor(mean, drawn.dtype))


def truncated_normal(
    shape: ShapeLike = (),
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: DTypeLike = None,
    *,
    key: Any = None,
) -> Tensor:
    """Return random numbers of a normal distribution truncated at two standard deviations.

    Args:
        shape: tuple of extents of the result.
        mean: mean, a number or a tensor that broadcasts to `shape`.
        stddev: standard deviation before truncation, likewise.
        dtype: floating dtype; None is float32.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> bool(lm.all(lm.abs(lm.random.truncated_normal((64,), key=1)) <= 2))
        True
    """
    found = _float_dtype("truncated_normal", dtype)
    wide = float32 if found.is_storage_only else found
    edge = math.erf(math.sqrt(2.0))
    unit = _unit(key_or_next(key), shape_of(shape), wide)
    centered = subtract(multiply(unit, 2.0 * edge), edge)
    drawn = clip(multiply(erfinv(centered), math.sqrt(2.0)), -2.0, 2.0)
    return as_tensor(_moved(drawn, mean, stddev), found)
