"""Conversion of arguments: values to tensors, and shapes to tuples of extents."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.ir.graph import Node
from lamina.string_tensor import StringTensor, is_text_array, string
from lamina.tensor import Tensor, as_node
from lamina.tf import own as lm
from lamina.tf.ragged import RaggedTensor


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: Any = None
) -> Any:
    """Return a tensor of a value; strings become a string tensor."""
    if isinstance(value, (StringTensor, RaggedTensor)):
        return value
    if isinstance(value, (str, bytes)) or dtype == string:
        return StringTensor(value)
    if not isinstance(value, (Tensor, lm.Variable, int, float)):
        if isinstance(value, (list, tuple)) and value and _holds_text(value):
            return StringTensor([_plain_text(each) for each in value])
        if is_text_array(value):
            return StringTensor(value)
    return lm.asarray(value, dtype=None if dtype is None else lm.dtype(dtype))


def _holds_text(value: Any) -> bool:
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    if isinstance(first, (list, tuple)):
        return _holds_text(first)
    return isinstance(first, (str, bytes, StringTensor, np.str_, np.bytes_))


def _plain_text(value: Any) -> Any:
    return np.asarray(value).tolist() if isinstance(value, StringTensor) else value


def extents(shape: Any) -> tuple[Any, ...]:
    """Return the extents of a shape given as a list, a tensor or one number."""
    if isinstance(shape, Tensor) and shape.is_traced:
        return tuple(_open_extents(as_node(shape)))
    if isinstance(shape, (Tensor, np.ndarray)):
        return tuple(np.asarray(shape).ravel().tolist())
    if not isinstance(shape, (list, tuple)):
        return (number(shape),)
    return tuple(number(each) for each in shape)


def _open_extents(node: Node) -> list[Any]:
    """The extents of which a traced shape was joined: symbols, and numbers that are known."""
    if node.op == "size_of":
        return [node.params["extent"]]
    if node.op == "constant":
        return list(np.asarray(node.params["value"]).ravel().tolist())
    if node.op in ("reshape", "broadcast_in_dim", "convert"):
        return _open_extents(node.args[0])
    if node.op == "concatenate":
        return [each for part in node.args for each in _open_extents(part)]
    raise ArgumentError(
        "a shape is computed from values (expected extents of tensors and numbers)",
        hint="tf.shape(x)[0] is an extent, also in tf.concat and tf.stack",
    )


def number(value: Any) -> Any:
    """Return a tensor of one known element as a Python number."""
    known = isinstance(value, Tensor) and not value.is_traced
    return value.item() if known or isinstance(value, np.generic) else value
