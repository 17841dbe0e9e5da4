"""Mask propagation between layers: looked up for the arguments of a call, attached to its outputs.

The rules are those of Keras. The mask of the first argument is passed as `mask`, that of an
argument `value` as `value_mask`, if `call` has such an argument and the caller does not pass it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import tree
from lamina.operations import masks
from lamina.tensor import Tensor, bind


def like(tensor: Tensor, other: Any) -> Any:
    """Return `other` with the mask of `tensor`."""
    mask = masks.mask_of(tensor)
    return other if mask is None else masks.attach(other, mask)


def with_masks(names: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments, completed by the masks of the arguments."""
    given = {**dict(zip(names, args)), **kwargs}
    added: dict[str, Any] = {}
    for place, (name, value) in enumerate(given.items()):
        found = masks.masks_of(value) if value is not None else None
        if found is None:
            continue
        for key in ("mask", f"{name}_mask") if place == 0 else (f"{name}_mask",):
            if given.get(key) is None and (key in names or key == "mask"):
                added[key] = found
    return {**kwargs, **added} if added else kwargs


def passed_on(layer: Any, inputs: Any, mask: Any, outputs: Any) -> Any:
    """Attach the masks that the layer computes to its outputs: one per output, or one for the
    first. An output that is an input becomes a new tensor, so that the mask of the input is
    unchanged."""
    found = layer.compute_mask(inputs, mask)
    if found is None and mask is None:
        return outputs
    each = list(found) if isinstance(found, (list, tuple)) else [found]
    flat, structure = tree.flatten(outputs)
    came = {id(leaf) for leaf in tree.leaves(inputs)}
    for place, output in enumerate(flat):
        own = each[place] if place < len(each) else None
        if not isinstance(output, Tensor) or own is masks.mask_of(output):
            continue
        if id(output) in came:
            flat[place] = _with_mask(output, own)
        elif own is not None and masks.mask_of(output) is None:
            masks.attach(output, own)
    return tree.unflatten(structure, flat)


def _with_mask(tensor: Tensor, mask: Any) -> Tensor:
    """Return a new tensor of the same values with this mask, or without one."""
    same = bind("reshape", tensor, shape=tensor.shape)
    return same if mask is None else masks.attach(same, mask)


def given(inputs: Any, mask: Any) -> Any:
    """Return the inputs of a model with the masks from its caller; the caller's tensors are
    unchanged."""
    if mask is None:
        return inputs
    each = list(mask) if isinstance(mask, (list, tuple)) else [mask]
    flat, structure = tree.flatten(inputs)
    for place, own in enumerate(each[: len(flat)]):
        if own is not None and own is not masks.mask_of(flat[place]):
            flat[place] = _with_mask(flat[place], own)
    return tree.unflatten(structure, flat)
