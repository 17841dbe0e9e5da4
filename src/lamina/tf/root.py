"""Names at the root of TensorFlow that belong to no other module."""

from __future__ import annotations

import logging
from typing import Any

from lamina.specs import TensorShape
from lamina.tensor import Tensor


class UnconnectedGradients:
    """Values of the gradient of what a target does not depend on."""

    NONE, ZERO = "none", "zero"


class AggregationMethod:
    """Ways to add gradients, accepted for TensorFlow."""

    ADD_N = 0


def get_logger() -> logging.Logger:
    """Return the logger of the package."""
    return logging.getLogger("lamina")


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """Return the value of a tensor as an array; None inside of a program."""
    if isinstance(tensor, Tensor):
        return None if tensor.is_traced else tensor.numpy()
    return tensor


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """Return the shape to which two shapes broadcast."""
    from lamina.tf import own as lm

    return TensorShape(lm.broadcast_shapes(tuple(shape_x), tuple(shape_y)))


def make_ndarray(tensor: Any) -> Any:
    """Return a tensor as an array."""
    return tensor.numpy()


def grad_pass_through(f: Any) -> Any:
    """Return the function: its gradient is that of its operations."""
    return f
