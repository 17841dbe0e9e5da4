"""Initializers without random numbers: constants and the identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.initializers.sources import (
    Initializer,
    tensor,
)
from lamina.tensor import Tensor

__all__ = ["Constant", "Identity", "Ones", "Zeros"]


class Constant(Initializer):
    """The same value, or given values, for every weight.

    Args:
        value: number, or array that broadcasts to the weight's shape.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.Constant(0.5)((2, 2)).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """

    def __init__(self, value: ArrayLike = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return tensor(np.broadcast_to(np.asarray(self.value), tuple(shape)), dtype)


class Zeros(Initializer):
    """The value 0 for every weight.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.Zeros()((2,)).tolist()
        [0.0, 0.0]
    """

    aliases = ("zero",)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return tensor(np.zeros(shape), dtype)


class Ones(Initializer):
    """The value 1 for every weight.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.Ones()((2,)).tolist()
        [1.0, 1.0]
    """

    aliases = ("one",)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return tensor(np.ones(shape), dtype)


class Identity(Initializer):
    """The identity matrix times `gain`.

    Args:
        gain: factor of the matrix.

    Raises:
        ShapeError: for a weight that has not two axes.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.Identity()((2, 2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    aliases = ("IdentityInitializer",)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if len(shape) != 2:
            raise ShapeError(f"Identity initializer makes matrices only, not shape {tuple(shape)}")
        return tensor(self.gain * np.eye(shape[0], shape[1]), dtype)
