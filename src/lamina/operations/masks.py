"""Masks that accompany tensors: which steps of which sequences are present.

A mask is a tensor of bools, True where an entry is valid, of the leading axes of the tensor that it
belongs to: (batch, steps) for (batch, steps, features). A layer that knows which steps are valid
attaches one to its output; layers, losses and metrics further on look it up. Operations drop it.
"""

from __future__ import annotations

from typing import Any

from lamina import tree
from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.ir.types import bool_
from lamina.operations.elementwise import logical_and
from lamina.operations.shaping import broadcast_to, expand_dims
from lamina.tensor import Tensor, as_tensor


def attach(tensor: Tensor, mask: ArrayLike) -> Tensor:
    """The tensor, whose mask this is from here on. Raises ShapeError where it does not fit."""
    mask = as_tensor(as_tensor(mask), bool_)
    if mask.ndim > tensor.ndim:
        raise ShapeError(
            f"a mask of shape {mask.shape} does not fit a tensor of shape {tensor.shape}",
            hint="a mask has the leading axes of what it masks: (batch, steps)",
        )
    tensor._mask = mask
    return tensor


def mask_of(tensor: Any) -> Tensor | None:
    """The mask that a layer attached to a tensor, or None."""
    return getattr(tensor, "_mask", None) if isinstance(tensor, Tensor) else None


def masks_of(nest: Any) -> Any:
    """The mask of a tensor; of a list of tensors, the list of theirs; None where there are none."""
    if isinstance(nest, Tensor):
        return mask_of(nest)
    found = [mask_of(leaf) for leaf in tree.leaves(nest)]
    return found if any(m is not None for m in found) else None


def fitted(mask: Tensor, ndim: int) -> Tensor:
    """The mask with further axes of extent 1, so that it broadcasts along the last ones."""
    if mask.ndim >= ndim:
        return mask
    return expand_dims(mask, tuple(range(mask.ndim, ndim)))


def both(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """True where both masks are; a mask that is None is True everywhere."""
    if first is None or second is None:
        return first if second is None else second
    return logical_and(first, second)


def counted(mask: Tensor | None, values: Tensor) -> Tensor | None:
    """The mask of predictions as one of the values of a loss, which may have fewer axes: None where
    the values are of whole sequences, which the mask says nothing of."""
    if mask is None or mask.ndim > values.ndim:
        return None
    return broadcast_to(fitted(mask, values.ndim), values.shape)
