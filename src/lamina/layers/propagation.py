"""How masks get from layer to layer: looked up at the arguments of a call, attached to its outputs.

The rules are those of Keras. The mask of the first argument goes to `mask`, those of arguments of
the name `value` to `value_mask`, where a layer's `call` has such arguments and nobody gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import tree
from lamina.operations import masks
from lamina.tensor import Tensor


def like(tensor: Tensor, other: Any) -> Any:
    """`other`, with the mask of `tensor`."""
    mask = masks.mask_of(tensor)
    return other if mask is None else masks.attach(other, mask)


def with_masks(names: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments, with masks of the arguments where none were given."""
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


def passed_on(layer: Any, inputs: Any, mask: Any, outputs: Any) -> None:
    """Attach what the layer says is the mask of its outputs, one for each, or one for the first."""
    found = layer.compute_mask(inputs, mask)
    if found is None:
        return
    each = list(found) if isinstance(found, (list, tuple)) else [found]
    for output, own in zip(tree.leaves(outputs), each):
        if own is not None and isinstance(output, Tensor) and masks.mask_of(output) is None:
            masks.attach(output, own)


def given(inputs: Any, mask: Any) -> Any:
    """The inputs of a model, with the masks that its caller gave."""
    if mask is not None:
        each = mask if isinstance(mask, (list, tuple)) else [mask]
        for tensor, own in zip(tree.leaves(inputs), each):
            if own is not None:
                masks.attach(tensor, own)
    return inputs
