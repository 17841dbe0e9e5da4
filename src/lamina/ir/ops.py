"""Node builders by name, for rules and rewrites: `ops.add(x, y)`, `ops.reduce(x, kind="sum")`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.ir.graph import Node
from lamina.ir.primitive import Primitive
from lamina.ir.primitives import PRIMITIVES, constant_of
from lamina.ir.types import DType, Shape


def __getattr__(name: str) -> Primitive:
    try:
        return PRIMITIVES[name.rstrip("_")]
    except KeyError:
        raise AttributeError(f"no primitive is named {name!r}") from None


def fill(
    value: float, like: Node | None = None, *, shape: Shape = (), dtype: DType | None = None
) -> Node:
    """A constant repeated over the shape and dtype of `like`, or those given."""
    if like is not None:
        shape, dtype = like.shape, like.dtype
    scalar = constant_of(np.asarray(value, dtype=dtype.storage if dtype else None), dtype)
    return broadcast(scalar, shape, ())


def broadcast(x: Node, shape: Shape, dimensions: Sequence[int]) -> Node:
    """x in a larger shape, its axes at `dimensions`; x itself where nothing changes."""
    if x.shape == tuple(shape):
        return x
    return PRIMITIVES["broadcast_in_dim"](
        x, shape=tuple(shape), broadcast_dimensions=tuple(dimensions)
    )


def sum_over(x: Node, axes: Sequence[int]) -> Node:
    return PRIMITIVES["reduce"](x, kind="sum", dimensions=tuple(axes)) if axes else x


def transposed(x: Node, permutation: Sequence[int]) -> Node:
    if list(permutation) == list(range(len(permutation))):
        return x
    return PRIMITIVES["transpose"](x, permutation=tuple(permutation))


def reshaped(x: Node, shape: Shape) -> Node:
    return x if x.shape == tuple(shape) else PRIMITIVES["reshape"](x, shape=tuple(shape))


def elements(node: Node) -> list[Node]:
    """The results of a node with several."""
    get: Any = PRIMITIVES["get_tuple_element"]
    return [get(node, index=i) for i in range(len(node.type))]
