"""Projection: the dense layers inside attention in heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from lamina import constraints, initializers, regularizers
from lamina import operations as ops
from lamina.layers._base.contracting import MODES, Contracting
from lamina.layers._base.low_rank import AdaptedWeight
from lamina.layers._base.options import LayerOptions
from lamina.tensor import Tensor


class Projection(Contracting):
    """Dense layer over several axes: the last axes of the inputs times a kernel, plus a bias.

    Inputs (..., *inner), kernel (*inner, *outer), bias (*outer), outputs (..., *outer).
    """

    streams = "each_step"
    quantization_modes = MODES
    kernel = AdaptedWeight()

    def __init__(
        self,
        inner: Sequence[int],
        outer: Sequence[int],
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.inner, self.outer = tuple(inner), tuple(outer)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Any = None) -> None:
        self._kernel_shape = (*self.inner, *self.outer)
        if not self._quantized_in_build():
            self.kernel = self.add_weight(
                name="kernel",
                shape=self._kernel_shape,
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=self.outer,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs: Tensor) -> Tensor:
        product = self._product(ops.astype(inputs, self._compute_dtype))
        return product if self.bias is None else product + self.bias

    # ---- the product, for quantization ---------------------------------------------------------
    def _contract(self, inputs: Any, kernel: Any) -> Tensor:
        rows = self._summed_rows()
        axes = tuple(range(inputs.ndim - len(rows), inputs.ndim))
        return ops.tensordot(inputs, kernel, axes=(axes, rows))

    def _inputs_gradient(self, g: Tensor, kernel: Tensor) -> Tensor:
        count = len(self.outer)
        outer = tuple(range(len(self.inner), kernel.ndim))
        return ops.tensordot(g, kernel, axes=(tuple(range(g.ndim - count, g.ndim)), outer))

    def _summed_rows(self) -> tuple[int, ...]:
        return tuple(range(len(self.inner)))

    def _summed_inputs(self) -> tuple[int, ...]:
        return tuple(range(-len(self.inner), 0))

    def _kernel_scale_as_output(self, columns: Tensor) -> Tensor:
        return ops.reshape(columns, self.outer)

    def _inputs_scale_as_output(self, scale: Tensor) -> Tensor:
        steps = scale.shape[: scale.ndim - len(self.inner)]
        return ops.reshape(scale, (*steps, *(1 for _ in self.outer)))

    def _stored_scale_shape(self) -> tuple[int, ...]:
        return self.outer
