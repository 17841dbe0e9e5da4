"""Random numbers from counters: the same key gives the same bits on every engine and machine.

A key is a tensor uint32[2]. `fold_in` derives one from another, `split` many. Functions take a
`key`; without one they take the next key of the scope around the code, or, in eager code, of the
global state that `set_seed` sets. `scoped_key(path)` gives a layer its own stream, so that a layer
more does not change what the others draw.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina import context
from lamina.errors import ArgumentError, DTypeError, RangeError, ShapeError, StateError, describe
from lamina.ir import types
from lamina.ir.types import DType, Extent, Shape, float32, float64, int32, uint32
from lamina.locks import renewed
from lamina.operations import reductions
from lamina.operations.creation import full, iota
from lamina.operations.elementwise import (
    add,
    bitwise_and,
    bitwise_right_shift,
    bitwise_xor,
    clip,
    cos,
    divide,
    greater,
    less,
    log,
    minimum,
    multiply,
    negative,
    remainder,
    sqrt,
    subtract,
    where,
)
from lamina.operations.indexing import take
from lamina.operations.promote import floating, shape_of, widened
from lamina.operations.shaping import expand_dims, moveaxis, reshape, sliced, unstack
from lamina.tensor import Overlay, Tensor, as_tensor, bind

# the names that stand in `lamina` itself
# fmt: off
__all__ = [
    "erfinv",
]
# fmt: on


# ---- keys --------------------------------------------------------------------------------------
def key(seed: int) -> Tensor:
    """Return the key of a seed, its 64 bits as two words.

    Args:
        seed: integer; negative ones are taken modulo 2^64.

    Returns:
        A tensor uint32[2], the `key` of the functions here.

    Example:
        >>> import lamina as lm
        >>> lm.random.key(7).tolist()
        [0, 7]
    """
    number = int(seed) % 2**64
    return as_tensor(np.array([number >> 32, number & 0xFFFFFFFF], np.uint32))


def _as_key(value: Any) -> Tensor:
    if isinstance(value, (int, np.integer)):
        return key(int(value))
    tensor = as_tensor(value)
    if tensor.shape != (2,) or tensor.dtype != uint32:
        raise ShapeError(
            f"a key is a tensor uint32[2]; got {describe(value)}",
            hint="make one with lm.random.key(seed)",
        )
    return tensor


def bits(key: Any, shape: Any) -> Tensor:
    """Return random uint32 numbers, uniform over all of them.

    Args:
        key: key, a tensor uint32[2], or a seed.
        shape: tuple of extents of the result.

    Example:
        >>> import lamina as lm
        >>> lm.random.bits(lm.random.key(0), (2, 3)).shape
        (2, 3)

    Source: Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3 (Threefry-2x32).
    """
    return bind("rng_bit_generator", _as_key(key), shape=shape_of(shape))


def fold_in(key: Any, data: Any) -> Tensor:
    """Return a key derived from a key and an integer.

    Args:
        key: key, a tensor uint32[2], or a seed.
        data: integer, such as the number of a step or layer; known or traced.

    Example:
        >>> import lamina as lm
        >>> lm.random.fold_in(lm.random.key(0), 5).shape
        (2,)
    """
    return bits(bitwise_xor(_as_key(key), _words(data)), (2,))


def _words(data: Any) -> Tensor:
    """An integer as two uint32 words, the high one first."""
    if isinstance(data, (int, np.integer)):
        return _as_key(int(data))
    number = as_tensor(data)
    if number.shape != () or not number.dtype.is_integer:
        raise DTypeError(f"fold_in: data must be one integer; got {describe(number)}")
    low = as_tensor(number, uint32) if number.dtype.bits <= 32 else _low_word(number)
    high = bitwise_right_shift(number, 32) if number.dtype.bits == 64 else 0
    high = as_tensor(high, uint32)
    return bind("concatenate", reshape(high, (1,)), reshape(low, (1,)), dimension=0)


def _low_word(number: Tensor) -> Tensor:
    return as_tensor(bitwise_and(number, 0xFFFFFFFF), uint32)


def split(key: Any, n: int = 2) -> tuple[Tensor, ...]:
    """Return keys derived from one.

    Args:
        key: key, a tensor uint32[2], or a seed.
        n: number of keys.

    Example:
        >>> import lamina as lm
        >>> first, second = lm.random.split(lm.random.key(0))
    """
    return unstack(bits(key, (n, 2)))


# ---- where keys come from when none is given ---------------------------------------------------
class Scope:
    """A key, or a function that reads it, with the number of requests of each path.

    Args:
        key: key, a tensor uint32[2], or a function that returns one when it is needed.

    Example:
        >>> import lamina as lm
        >>> Scope(lm.random.key(0)).next("dropout").shape
        (2,)
    """

    def __init__(self, key: Tensor | Callable[[], Tensor]) -> None:
        self.key = key
        self.requests: dict[int, int] = {}

    def next(self, path: str) -> Tensor:
        """Return the next key of a path.

        Args:
            path: name of a stream, such as the path of a layer.
        """
        mark = zlib.crc32(path.encode())
        count = self.requests.get(mark, 0)
        self.requests[mark] = count + 1
        key = self.key() if callable(self.key) else self.key
        return fold_in(key, (mark << 32) | count)


FIRST_SEED = 0  # what a process starts from, so that a program run again does the same again


class _Global:
    """The state of eager code: a seed, and how many keys have been taken."""

    def __init__(self) -> None:
        self.lock = renewed(self)
        self.scope: Scope | None = None

    def seed(self, number: int) -> None:
        with self.lock:
            self.scope = Scope(key(number))

    def next(self, path: str) -> Tensor:
        with self.lock:
            if self.scope is None:
                self.scope = Scope(key(FIRST_SEED))
            return self.scope.next(path)

    def state(self) -> dict[str, Any]:
        with self.lock:
            scope = self.scope or Scope(key(FIRST_SEED))
            requests = {str(mark): count for mark, count in scope.requests.items()}
            return {"key": np.asarray(scope.key).tolist(), "requests": requests}

    def restore(self, state: Mapping[str, Any]) -> None:
        with self.lock:
            self.scope = Scope(as_tensor(np.array(state["key"], np.uint32)))
            self.scope.requests = {int(mark): n for mark, n in state["requests"].items()}


_GLOBAL = _Global()


def set_seed(number: int | None) -> None:
    """Set the global state: the same seed gives the same numbers from here on.

    A process starts from seed 0, so a program that runs again repeats its numbers.

    Args:
        number: integer; None takes a seed from the operating system, so numbers differ in every
            run.

    Example:
        >>> import lamina as lm
        >>> lm.set_seed(1)
    """
    _GLOBAL.seed(int.from_bytes(os.urandom(8)) if number is None else number)


@contextmanager
def key_scope(key: Any) -> Iterator[Scope]:
    """Within a `with` block, derive the keys that no caller gives from this one.

    Args:
        key: key, a tensor uint32[2], or a seed; or a function that returns one, called when the
            first key is needed.

    Example:
        >>> import lamina as lm
        >>> with lm.random.key_scope(7):
        ...     x = lm.random.uniform((2,))
        >>> with lm.random.key_scope(7):
        ...     bool(lm.all(x == lm.random.uniform((2,))))
        True
    """
    scope = Scope(key if callable(key) else _as_key(key))
    with context.entered(random_scope=scope):
        yield scope


def scoped_key(path: str = "") -> Tensor:
    """Return the next key of a path, derived from the scope's key and the number of earlier calls.

    Outside of every scope the key comes from the global state.

    Args:
        path: name of a stream of its own, such as the path of a layer.

    Raises:
        StateError: in a trace without a scope, since a compiled program would draw the same numbers
            in every call.

    Example:
        >>> import lamina as lm
        >>> with lm.random.key_scope(7):
        ...     lm.random.scoped_key("dropout").shape
        (2,)
    """
    here = context.current()
    if here.random_scope is not None:
        found: Tensor = here.random_scope.next(path)
        return found
    if any(not isinstance(t, Overlay) for t in here.traces):
        raise StateError(
            "random numbers in a compiled function need a key: without one every call would draw "
            "the same numbers",
            hint="pass key=..., an argument of the function, or wrap the code in "
            "`with lm.random.key_scope(key):`",
        )
    return global_key(path)


def global_key(path: str) -> Tensor:
    """Return the next key of a path from the global state, whatever scope there is."""
    return _GLOBAL.next(path)


def global_state() -> dict[str, Any]:
    """Return the global state: its key, and how many keys of each path were taken."""
    return _GLOBAL.state()


def set_global_state(state: Mapping[str, Any]) -> None:
    """Set the global state to what `global_state` returned."""
    _GLOBAL.restore(state)


def _key_or_next(key: Any) -> Tensor:
    return scoped_key() if key is None else _as_key(key)


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
    shape: Any = (),
    minval: Any = 0.0,
    maxval: Any = 1.0,
    dtype: Any = None,
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
    unit = _unit(_key_or_next(key), shape_of(shape), wide)
    if not (_is_number(minval, 0) and _is_number(maxval, 1)):
        low, high = as_tensor(minval, wide), as_tensor(maxval, wide)
        unit = add(multiply(unit, subtract(high, low)), low)
    return as_tensor(unit, found)


def bernoulli(shape: Any = (), p: Any = 0.5, *, key: Any = None) -> Tensor:
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
    chosen = _key_or_next(key)
    if type(p) in (int, float):
        if not 0 <= p <= 1:
            raise RangeError(f"bernoulli: p must lie within 0 and 1; got {p}")
        below = round(p * 2.0**32)
        return less(bits(chosen, shape), below) if below < 2**32 else full(shape, True)
    return less(_unit(chosen, shape_of(shape), float32), p)


def randint(
    shape: Any, minval: Any, maxval: Any = None, dtype: Any = None, *, key: Any = None
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
    drawn = bits(_key_or_next(key), shape)
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


def erfinv(x: Any, /) -> Tensor:
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
    shape: Any = (), mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, *, key: Any = None
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
    drawn = _standard_normal(_key_or_next(key), shape_of(shape), wide)
    return as_tensor(_moved(drawn, mean, stddev), found)


def _moved(drawn: Tensor, mean: Any, stddev: Any) -> Tensor:
    if not _is_number(stddev, 1):
        drawn = multiply(drawn, as_tensor(stddev, drawn.dtype))
    return drawn if _is_number(mean, 0) else add(drawn, as_tensor(mean, drawn.dtype))


def truncated_normal(
    shape: Any = (), mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, *, key: Any = None
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
    unit = _unit(_key_or_next(key), shape_of(shape), wide)
    centered = subtract(multiply(unit, 2.0 * edge), edge)
    drawn = clip(multiply(erfinv(centered), math.sqrt(2.0)), -2.0, 2.0)
    return as_tensor(_moved(drawn, mean, stddev), found)


# ---- choices -----------------------------------------------------------------------------------
def permutation(x: Any, *, axis: int = 0, key: Any = None) -> Tensor:
    """Return the elements of x along an axis in random order.

    Args:
        x: tensor or array-like; an integer n stands for 0 to n - 1.
        axis: axis whose elements are reordered.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> lm.sort(lm.random.permutation(5, key=1)).tolist()
        [0, 1, 2, 3, 4]
    """
    if isinstance(x, (int, np.integer, Extent)):
        return _random_order(x, key)
    tensor = as_tensor(x)
    if tensor.ndim == 0:
        return _random_order(tensor.item(), key)
    return take(tensor, _random_order(tensor.shape[axis], key), axis=axis)


def _random_order(n: Any, key: Any) -> Tensor:
    """0 to n - 1 sorted by 64 random bits each."""
    first, second = split(_key_or_next(key), 2)
    extent = n if isinstance(n, Extent) else int(n)
    line = iota((extent,), 0)
    return bind(
        "sort", bits(first, (extent,)), bits(second, (extent,)), line, dimension=0, num_keys=2
    )[2]


def shuffle(x: Any, *, axis: int = 0, key: Any = None) -> Tensor:
    """Return the elements of x along an axis in random order, as `permutation`; x is unchanged.

    Args:
        x: tensor or array-like.
        axis: axis whose elements are reordered.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> lm.sort(lm.random.shuffle([3, 1, 2], key=1)).tolist()
        [1, 2, 3]
    """
    return permutation(as_tensor(x), axis=axis, key=key)


def gumbel(shape: Any = (), dtype: Any = None, *, key: Any = None) -> Tensor:
    """Return random numbers of the Gumbel distribution, -log(-log(u)) of uniform u.

    The position of the largest of logits plus these is a draw from softmax(logits).

    Args:
        shape: tuple of extents of the result.
        dtype: floating dtype; None is float32.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> lm.random.gumbel((2, 3), key=1).shape
        (2, 3)
    """
    found = _float_dtype("gumbel", dtype)
    wide = float32 if found.is_storage_only else found
    unit = _unit(_key_or_next(key), shape_of(shape), wide)
    inside = add(unit, 2.0**-25 if wide == float32 else 2.0**-54)  # never 0
    inside = minimum(inside, 1.0 - (2.0**-24 if wide == float32 else 2.0**-53))  # never 1
    return as_tensor(negative(log(negative(log(inside)))), found)


def categorical(
    logits: Any, num_samples: int | None = None, *, axis: int = -1, key: Any = None
) -> Tensor:
    """Return random classes with probabilities softmax(logits), as int32.

    Args:
        logits: scores of the classes.
        num_samples: draws from each distribution, along a new last axis; None draws one without
            that axis.
        axis: axis of the classes.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> lm.random.categorical([[0.0, 1000.0]], key=1).tolist()
        [1]
    """
    tensor = floating(logits)
    if axis != -1:
        tensor = moveaxis(tensor, axis, -1)
    if num_samples is not None:
        tensor = expand_dims(tensor, -2)
        shape = (*tensor.shape[:-2], num_samples, tensor.shape[-1])
    else:
        shape = tensor.shape
    noise = gumbel(shape, tensor.dtype, key=key)
    return reductions.argmax(add(tensor, noise), -1)


def choice(x: Any, shape: Any = (), *, replace: bool = True, key: Any = None) -> Tensor:
    """Return elements of x, drawn uniformly along its first axis.

    Args:
        x: tensor or array-like; an integer n stands for 0 to n - 1.
        shape: tuple of extents of the result.
        replace: draw with replacement; False draws each element at most once.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> lm.sort(lm.random.choice(3, (3,), replace=False, key=1)).tolist()
        [0, 1, 2]
    """
    line = iota((int(x),), 0) if isinstance(x, int) else as_tensor(x)
    n = line.shape[0].__index__()
    wanted = shape_of(shape)
    if replace:
        places = randint(wanted, 0, n, key=key)
    else:
        count = math.prod(n.__index__() for n in wanted)
        if count > n:
            raise ArgumentError(f"choice: cannot draw {count} of {n} without replacement")
        places = reshape(sliced(_random_order(n, key), 0, 0, count), wanted)
    return take(line, places, axis=0)
