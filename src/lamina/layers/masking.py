"""Masking: which steps of a series are there, told by a value that stands for "nothing"."""

from __future__ import annotations

from typing import Any, ClassVar

from lamina.arguments import Checks, Number
from lamina.layers.base import Layer
from lamina.layers.spec import InputSpec
from lamina.operations import elementwise, masks, reductions
from lamina.tensor import Tensor


class Masking(Layer):
    """Marks the steps of which every feature is `mask_value` as not there.

    Inputs (batch, steps, features); they come out as they are, with zeros at the marked steps, and
    with a mask (batch, steps) that the layers, losses and metrics further on take into account.

    Args:
        mask_value: steps all of whose features equal this value are masked.

        >>> import lamina as lm
        >>> x = lm.asarray([[[1.0], [0.0], [3.0]]])
        >>> lm.layers.Masking().compute_mask(x).tolist()
        [[True, False, True]]
    """

    argument_checks: ClassVar[Checks] = {"mask_value": Number()}
    input_spec = InputSpec(min_ndim=3)
    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = float(mask_value)

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> Tensor:
        """True where a feature differs from `mask_value` (and where the inputs' mask is True)."""
        own = reductions.any(inputs != self.mask_value, axis=-1)
        found = masks.both(own, mask)
        return own if found is None else found

    def call(self, inputs: Tensor) -> Tensor:
        there = reductions.any(inputs != self.mask_value, axis=-1, keepdims=True)
        return elementwise.where(there, inputs, 0)
