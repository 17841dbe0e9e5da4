"""The arguments that every layer takes, and the inputs that it is called with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from lamina import tree
from lamina.errors import DTypeError, describe, unknown_name
from lamina.ir import types
from lamina.layers import symbolic
from lamina.tensor import Tensor

# fmt: off
KEYWORDS = (
    "name", "trainable", "dtype", "input_shape", "input_dim", "batch_input_shape", "batch_shape",
    "batch_size", "activity_regularizer",
)
# fmt: on


def parameters(f: Callable[..., Any]) -> list[str]:
    """The names of a function's parameters."""
    return list(inspect.signature(f).parameters)


# ---- of the constructor ------------------------------------------------------------------------
def refuse_unknown(cls: type, names: Iterable[str]) -> None:
    """Raise UnknownNameError for a keyword argument that neither Layer nor the class takes."""
    for name in names:
        if name not in KEYWORDS:
            own = set(parameters(cls.__init__)) - {"self", "args", "kwargs"}  # type: ignore[misc]
            raise unknown_name(f"argument of {cls.__name__}", name, own | {*KEYWORDS})


def float_dtype(owner: str, dtype: Any) -> types.DType:
    """The dtype of a layer: float32 unless said, or float64."""
    found = types.dtype(dtype) if dtype is not None else types.float32
    if found.name not in ("float32", "float64"):
        raise DTypeError(f"{owner}: dtype must be 'float32' or 'float64', not {describe(dtype)}")
    return found


def first_shape(
    input_shape: Any = None,
    input_dim: int | None = None,
    batch_input_shape: Any = None,
    batch_shape: Any = None,
    batch_size: int | None = None,
) -> tuple[int | None, ...] | None:
    """The shape of the first input, batch included, however it was said."""
    if batch_input_shape is not None or batch_shape is not None:
        return tuple(batch_input_shape if batch_input_shape is not None else batch_shape)
    if input_dim is not None:
        input_shape = (input_dim,)
    if input_shape is None:
        return None
    return (batch_size, *((input_shape,) if isinstance(input_shape, int) else input_shape))


# ---- of calls ----------------------------------------------------------------------------------
def has_tensor(value: Any) -> bool:
    return any(isinstance(t, Tensor) for t in tree.leaves(value))


def as_traced(value: Any) -> Any:
    """A symbolic tensor as an ordinary tensor of the program being recorded."""
    if isinstance(value, symbolic.SymbolicTensor):
        return Tensor(value._type, None, value._node)
    return value


def is_numbers(value: Any) -> bool:
    """True for [[1, 2], [3, 4]]: a nest of Python numbers, which is one tensor."""
    leaves = tree.leaves(value)
    is_nest = isinstance(value, (list, tuple, int, float)) and bool(leaves)
    return is_nest and all(isinstance(v, (bool, int, float)) for v in leaves)


def batched(shapes: Any) -> Any:
    """Shapes with None for the batch, as a layer is built for."""
    return symbolic.map_shapes(lambda shape: (None, *shape[1:]) if shape else (), shapes)
