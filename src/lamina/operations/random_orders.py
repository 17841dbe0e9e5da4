"""Random orders and choices: permutations, shuffles, samples of categories."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina.annotations import ArrayLike, DTypeLike, ShapeLike
from lamina.errors import ArgumentError
from lamina.ir.types import Extent, float32
from lamina.operations import reductions
from lamina.operations.creation import iota
from lamina.operations.elementwise import (
    add,
    log,
    minimum,
    negative,
)
from lamina.operations.gathering import take
from lamina.operations.promote import floating, shape_of
from lamina.operations.random import _float_dtype, _unit, randint
from lamina.operations.random_keys import bits, key_or_next, split
from lamina.operations.shaping import expand_dims, moveaxis, reshape, sliced
from lamina.tensor import Tensor, as_tensor, bind


def permutation(x: ArrayLike, *, axis: int = 0, key: Any = None) -> Tensor:
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
    first, second = split(key_or_next(key), 2)
    extent = n if isinstance(n, Extent) else int(n)
    line = iota((extent,), 0)
    return bind(
        "sort", bits(first, (extent,)), bits(second, (extent,)), line, dimension=0, num_keys=2
    )[2]


def shuffle(x: ArrayLike, *, axis: int = 0, key: Any = None) -> Tensor:
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


def gumbel(shape: ShapeLike = (), dtype: DTypeLike = None, *, key: Any = None) -> Tensor:
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
    unit = _unit(key_or_next(key), shape_of(shape), wide)
    inside = add(unit, 2.0**-25 if wide == float32 else 2.0**-54)  # never 0
    inside = minimum(inside, 1.0 - (2.0**-24 if wide == float32 else 2.0**-53))  # never 1
    return as_tensor(negative(log(negative(log(inside)))), found)


def categorical(
    logits: ArrayLike, num_samples: int | None = None, *, axis: int = -1, key: Any = None
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


def choice(x: ArrayLike, shape: ShapeLike = (), *, replace: bool = True, key: Any = None) -> Tensor:
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
