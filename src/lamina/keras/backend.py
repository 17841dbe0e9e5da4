"""`keras.backend`: what programs still ask of it, and the functions of Keras 2 with a warning.

`K.mean(x)` and the like are today in `keras.ops`; here they warn, naming the function there.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from lamina import namespaces
from lamina.annotations import DTypeLike
from lamina.errors import DTypeError
from lamina.ir import types
from lamina.keras.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from lamina.keras.legacy_backend import LEGACY, WITHOUT
from lamina.layers._base.symbolic import SymbolicTensor
from lamina.operations.promote import common_dtype

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]

_counts: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))


def clear_session(free_memory: bool = True) -> None:
    """Restart the numbers of `get_uid`; models and their programs are freed with their last
    reference.

    Args:
        free_memory: accepted for Keras.
    """
    _counts.clear()


def get_uid(prefix: str = "") -> int:
    """Return 1, 2, ... for each call with a prefix.

    Args:
        prefix: name that is numbered.

    Example:
        >>> from lamina import keras
        >>> keras.backend.get_uid("layer_of_mine"), keras.backend.get_uid("layer_of_mine")
        (1, 2)
    """
    return next(_counts[prefix])


def is_float_dtype(dtype: DTypeLike) -> bool:
    """True for floating dtypes.

    Args:
        dtype: dtype or its name.
    """
    return types.dtype(dtype).is_float


def is_int_dtype(dtype: DTypeLike) -> bool:
    """True for integer dtypes, with and without sign.

    Args:
        dtype: dtype or its name.
    """
    return types.dtype(dtype).is_integer


def is_keras_tensor(x: object) -> bool:
    """True for a symbolic tensor: an Input, or the output of a layer called on one.

    Args:
        x: any value.
    """
    return isinstance(x, SymbolicTensor)


def result_type(*dtypes: Any) -> str:
    """Return the dtype of an operation on values of these dtypes.

    Args:
        *dtypes: dtypes, their names, or Python's int and float, which adapt to the others.

    Example:
        >>> from lamina import keras
        >>> keras.backend.result_type("int32", "float32")
        'float32'
    """
    found = [each(0) if each in (bool, int, float) else types.dtype(each) for each in dtypes]
    return common_dtype(found).name if found else floatx()


def standardize_dtype(dtype: DTypeLike) -> str:
    """Return the name of a dtype; None is the default floating dtype.

    Args:
        dtype: dtype of Lamina, NumPy or Python, or its name.

    Raises:
        ArgumentError: for anything else.

    Example:
        >>> import numpy as np
        >>> from lamina import keras
        >>> keras.backend.standardize_dtype(np.int64), keras.backend.standardize_dtype(None)
        ('int64', 'float32')
    """
    if dtype is None:
        return floatx()
    if dtype in (str, "string"):
        return "string"
    if dtype is int:
        return "int32"
    try:
        return types.dtype(dtype).name
    except DTypeError as error:
        raise _UnknownDType(error.message, hint=error.hint) from error


class _UnknownDType(DTypeError, ValueError):
    """The error that Keras raises for an unknown dtype is a ValueError."""


namespaces.declare(__name__, instead=WITHOUT)
globals().update(LEGACY)
