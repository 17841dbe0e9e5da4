"""Keys of random numbers: made from seeds, split, and derived in a scope.

A key is a tensor uint32[2]; the same key gives the same bits on every engine and machine. `fold_in`
derives one from another, `split` many. A key that is not given comes from the scope around the
code, or, in eager code, from the global state that `set_seed` sets. `scoped_key(path)` gives a
layer a separate stream, so that a further layer does not change what the others draw.
"""

from __future__ import annotations

import operator
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina import context
from lamina.annotations import ArrayLike, ShapeLike
from lamina.errors import DTypeError, ShapeError, StateError, describe
from lamina.ir.types import same, uint32
from lamina.locks import renewed
from lamina.operations.elementwise import (
    add,
    bitwise_and,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    less,
)
from lamina.operations.joining import unstack
from lamina.operations.promote import shape_of
from lamina.operations.shaping import reshape
from lamina.reference.threefry import PARITY, ROTATIONS
from lamina.tensor import Tensor, as_tensor, bind
from lamina.variables import Overlay


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


def as_key(value: Any) -> Tensor:
    if isinstance(value, (int, np.integer)):
        return key(int(value))
    tensor = as_tensor(value)
    if not same(tensor.shape, (2,)) or tensor.dtype != uint32:
        raise ShapeError(
            f"a key is a tensor uint32[2]; got {describe(value)}",
            hint="make one with lm.random.key(seed)",
        )
    return tensor


def bits(key: Any, shape: ShapeLike) -> Tensor:
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
    return bind("rng_bit_generator", as_key(key), shape=shape_of(shape))


def bits_at(key: Any, starts: Tensor, offsets: Tensor) -> Tensor:
    """Return the random uint32 numbers at some positions: position p has element p, in C order, of
    `bits(key, shape)` for any shape that is large enough.

    Args:
        key: key, a tensor uint32[2], or a seed.
        starts: uint64 tensor of positions.
        offsets: uint32 tensor that broadcasts against `starts`; the sums are the positions.

    Example:
        >>> import lamina as lm
        >>> from lamina.operations.creation import iota
        >>> from lamina.operations.random_keys import bits_at
        >>> from lamina.ir.types import uint32, uint64
        >>> found = bits_at(7, iota((3,), 0, dtype=uint64), iota((1,), 0, dtype=uint32))
        >>> found.shape, str(found.dtype)
        ((3,), 'uint32')

    Source: Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3 (Threefry-2x32).
    """
    k0, k1 = unstack(as_key(key))
    keys = (k0, k1, bitwise_xor(bitwise_xor(k0, k1), PARITY))
    low = as_tensor(bitwise_and(starts, 0xFFFFFFFF), uint32)
    x1 = add(low, offsets)  # both halves of 64 bits, with the carry between them
    carry = as_tensor(less(x1, low), uint32)
    x0 = add(as_tensor(bitwise_right_shift(starts, 32), uint32), carry)
    x0, x1 = add(x0, keys[0]), add(x1, keys[1])
    for group in range(5):
        for amount in ROTATIONS[group % 2]:
            x0 = add(x0, x1)
            x1 = bitwise_or(bitwise_left_shift(x1, amount), bitwise_right_shift(x1, 32 - amount))
            x1 = bitwise_xor(x1, x0)
        x0 = add(x0, keys[(group + 1) % 3])
        x1 = add(x1, add(keys[(group + 2) % 3], group + 1))
    return bitwise_xor(x0, x1)


def fold_in(key: Any, data: ArrayLike) -> Tensor:
    """Return a key derived from a key and an integer.

    Args:
        key: key, a tensor uint32[2], or a seed.
        data: integer, such as the number of a step or layer; known or traced.

    Example:
        >>> import lamina as lm
        >>> lm.random.fold_in(lm.random.key(0), 5).shape
        (2,)
    """
    return bits(bitwise_xor(as_key(key), _words(data)), (2,))


def _words(data: Any) -> Tensor:
    """An integer as two uint32 words, the high one first."""
    if isinstance(data, (int, np.integer)):
        return as_key(int(data))
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
        scope = Scope(as_key(np.array(state["key"], np.uint32)))
        scope.requests = {int(mark): operator.index(n) for mark, n in state["requests"].items()}
        with self.lock:
            self.scope = scope


GLOBAL = _Global()


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
    GLOBAL.seed(int.from_bytes(os.urandom(8)) if number is None else number)


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
    scope = Scope(key if callable(key) else as_key(key))
    with context.entered(random_scope=scope):
        yield scope


def scoped_key(path: str = "") -> Tensor:
    """Return the next key of a path, derived from the scope's key and the number of earlier calls.

    Outside of every scope the key comes from the global state.

    Args:
        path: name of a separate stream, such as the path of a layer.

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
    return GLOBAL.next(path)


def global_state() -> dict[str, Any]:
    """Return the global state: its key, and how many keys of each path were taken."""
    return GLOBAL.state()


def set_global_state(state: Mapping[str, Any]) -> None:
    """Set the global state to what `global_state` returned. Raises StateError for anything else."""
    try:
        GLOBAL.restore(state)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise StateError(f"the global state of random numbers is damaged: {error}") from error


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within: the global state is that of a seed; afterwards, the state before."""
    before = global_state()
    set_seed(seed)
    try:
        yield
    finally:
        set_global_state(before)


def key_or_next(key: Any) -> Tensor:
    return scoped_key() if key is None else as_key(key)
