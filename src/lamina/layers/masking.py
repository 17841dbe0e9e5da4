"""Masking: a mask of the steps whose features all equal a value."""

from __future__ import annotations

from typing import ClassVar, Unpack

from lamina import operations as ops
from lamina.arguments import AnyNumber, Checks
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec
from lamina.operations import masks
from lamina.tensor import Tensor

__all__ = ["Masking"]


class Masking(Layer):
    """Masking of the steps whose features all equal a value.

    The mask (batch, steps) is propagated to the following layers, losses and metrics.

    Args:
        mask_value: value of all features of a masked step.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, features) -> (batch, steps, features), zeros at masked steps

    Example:
        >>> import lamina as lm
        >>> x = lm.asarray([[[1.0], [0.0], [3.0]]])
        >>> lm.layers.Masking().compute_mask(x).tolist()
        [[True, False, True]]
    """

    streams = "each_step"
    argument_checks: ClassVar[Checks] = {"mask_value": AnyNumber()}
    input_spec = InputSpec(min_ndim=3)
    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.mask_value = float(mask_value)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return a mask, True if any feature differs from `mask_value` (and the mask of the inputs
        is True).

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """
        own = ops.any(inputs != self.mask_value, axis=-1)
        found = masks.both(own, mask)
        return own if found is None else found

    def call(self, inputs: Tensor) -> Tensor:
        there = ops.any(inputs != self.mask_value, axis=-1, keepdims=True)
        return ops.where(there, inputs, 0)
