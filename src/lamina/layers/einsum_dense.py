"""EinsumDense: a dense layer whose product is an Einstein summation."""

from __future__ import annotations

import itertools
import string
from collections.abc import Sequence
from typing import Any, Unpack

from lamina import activations, constraints, initializers, regularizers
from lamina import operations as ops
from lamina.annotations import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike
from lamina.errors import ArgumentError
from lamina.layers._base.contracting import MODES, Contracting
from lamina.layers._base.low_rank import AdaptedWeight
from lamina.layers._base.options import LayerOptions
from lamina.quantizers.configs import QuantizationConfig
from lamina.tensor import Tensor
from lamina.variables import Variable

__all__ = ["EinsumDense"]

ELLIPSIS = "..."


class EinsumDense(Contracting):
    """Dense layer whose product is an Einstein summation.

        activation(einsum(equation, inputs, kernel) + bias)

    Args:
        equation: "inputs,kernel->outputs", for example "abc,cd->abd", or with an ellipsis
            "...x,xy->...y".
        output_shape: shape of one sample of the output; None for extents of the inputs.
        activation: name or function applied to the outputs; None applies none.
        bias_axes: letters of the output axes along which the bias varies; None adds no bias.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        lora_rank: rank of the product that adapts the frozen kernel, see `enable_lora`; None adapts
            nothing.
        lora_alpha: numerator of the factor of the product, alpha / rank; None is `lora_rank`.
        gptq_unpacked_column_size: accepted for Keras; has no effect.
        quantization_config: quantizers of a layer with a quantized `dtype`, such as
            "int8_from_float32"; None takes the default.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        as `equation` describes

    Raises:
        ArgumentError: the equation has another form, or the extent of a letter is unknown.

    Example:
        >>> import lamina as lm
        >>> layer = lm.layers.EinsumDense("abc,cd->abd", output_shape=(None, 8), bias_axes="d")
        >>> layer(lm.Input((5, 3))).shape
        (batch, 5, 8)
    """

    activation = activations.ActivationAttribute()
    quantization_modes = MODES
    kernel = AdaptedWeight()

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None] | None,
        activation: ActivationLike = None,
        bias_axes: str | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: QuantizationConfig | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.equation = equation.replace(" ", "")
        given = output_shape if isinstance(output_shape, (tuple, list)) else (output_shape,)
        self.partial_output_shape, self.bias_axes = tuple(given), bias_axes
        self.activation = activation
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.lora_rank, self.lora_alpha = lora_rank, lora_alpha
        self.quantization_config = quantization_config
        self.bias: Variable | None = None
        if self.equation.count(",") != 1 or self.equation.count("->") != 1:
            raise ArgumentError(
                f"EinsumDense: the equation is {equation!r}, expected 'inputs,kernel->outputs'"
            )

    def build(self, input_shape: Any) -> None:
        operands, result = self.equation.split("->")
        inputs, kernel = operands.split(",")
        extents = _extents(result, (None, *self.partial_output_shape))
        extents |= {k: n for k, n in _extents(inputs, tuple(input_shape)).items() if n is not None}
        self._kernel_shape = tuple(self._known(letter, extents) for letter in kernel)
        self._axes = Axes(inputs, kernel, result, len(input_shape), self._kernel_shape)
        if not self._quantized_in_build():
            self.kernel = self.add_weight(
                name="kernel",
                shape=self._kernel_shape,
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
        if self.bias_axes:
            self.bias = self.add_weight(
                name="bias",
                shape=self._bias_shape(result, extents, len(self._axes.outputs)),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self._adapt_if_asked()

    def _bias_shape(self, result: str, extents: Any, axes: int) -> tuple[int, ...]:
        """Return the shape of the bias: 1 except along its axes, from the first of them on."""
        assert self.bias_axes is not None
        letters = result.replace(ELLIPSIS, "")
        for letter in self.bias_axes:
            if letter not in letters:
                raise ArgumentError(f"{self._label()}: bias axis {letter!r} is not in {result!r}")
        shape = [self._known(k, extents) if k in self.bias_axes else 1 for k in letters]
        if result.endswith(ELLIPSIS):
            shape += [1] * (axes - len(letters))
        return tuple(shape[min(letters.index(letter) for letter in self.bias_axes) :])

    def _known(self, letter: str, extents: Any) -> int:
        extent = extents.get(letter)
        if extent is None:
            raise ArgumentError(
                f"{self._label()}: the extent of {letter!r} in {self.equation!r} is not known; "
                f"output_shape is {self.partial_output_shape}"
            )
        return int(extent)

    def call(self, inputs: Tensor) -> Tensor:
        inputs = ops.astype(inputs, self._compute_dtype)
        x = self._product(inputs)
        if self.bias is not None:
            x = x + self.bias
        return self.activation(x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_shape": self.partial_output_shape}

    # ---- the product, for quantization ---------------------------------------------------------
    def _contract(self, inputs: Any, kernel: Any) -> Tensor:
        return ops.einsum(self.equation, inputs, kernel)

    def _inputs_gradient(self, g: Tensor, kernel: Tensor) -> Tensor:
        return ops.einsum(self._axes.backward, g, kernel)

    def _summed_rows(self) -> tuple[int, ...]:
        return self._axes.summed(self._axes.kernel)

    def _summed_inputs(self) -> tuple[int, ...]:
        return self._axes.summed(self._axes.inputs)

    def _kernel_scale_as_output(self, columns: Tensor) -> Tensor:
        return self._axes.as_output(ops.reshape(columns, self._axes.kept_extents), "kernel")

    def _inputs_scale_as_output(self, scale: Tensor) -> Tensor:
        kept = [n for k, n in enumerate(scale.shape) if k not in self._summed_inputs()]
        return self._axes.as_output(ops.reshape(scale, kept), "inputs")

    def _stored_scale_shape(self) -> tuple[int, ...]:
        return self._axes.scale_shape

    def _columns(self, stored: Tensor) -> Tensor:
        return self._axes.columns(stored)


class Axes:
    """The axes of inputs, kernel and outputs by letters, those of an ellipsis included."""

    def __init__(
        self, inputs: str, kernel: str, outputs: str, ndim: int, kernel_shape: tuple[int, ...]
    ) -> None:
        free = (c for c in string.ascii_letters if c not in inputs + kernel + outputs)
        elided = ndim - len(inputs.replace(ELLIPSIS, ""))
        rest = "".join(itertools.islice(free, elided)) if ELLIPSIS in inputs else ""
        self.inputs, self.outputs = (each.replace(ELLIPSIS, rest) for each in (inputs, outputs))
        self.kernel = kernel
        self.backward = f"{self.outputs},{kernel}->{self.inputs}"
        extents = dict(zip(kernel, kernel_shape, strict=True))
        self.kept_extents = tuple(extents[c] for c in kernel if c in self.outputs)
        self.scale_shape = tuple(extents.get(c, 1) for c in self.outputs)

    def summed(self, letters: str) -> tuple[int, ...]:
        """Return the axes that the product sums over."""
        return tuple(k for k, c in enumerate(letters) if c not in self.outputs)

    def as_output(self, kept: Tensor, of: str) -> Tensor:
        """Return an array over the axes of inputs or kernel that the outputs have, so that it
        broadcasts to them."""
        letters = [c for c in getattr(self, of) if c in self.outputs]
        order = sorted(range(len(letters)), key=lambda k: self.outputs.index(letters[k]))
        missing = [k for k, c in enumerate(self.outputs) if c not in letters]
        moved = ops.permute_dims(kept, order) if order != sorted(order) else kept
        return ops.expand_dims(moved, axis=tuple(missing)) if missing else moved

    def columns(self, stored: Tensor) -> Tensor:
        """Return the scale that is shaped like the outputs in the order of the kernel."""
        of_outputs = [c for c in self.outputs if c in self.kernel]
        kept = ops.reshape(
            stored, [n for n, c in zip(stored.shape, self.outputs, strict=True) if c in self.kernel]
        )
        order = [of_outputs.index(c) for c in self.kernel if c in self.outputs]
        return ops.reshape(ops.permute_dims(kept, order), (-1,))


def _extents(letters: str, shape: tuple[Any, ...]) -> dict[str, Any]:
    """Return the extents by letter; an ellipsis covers the axes without a letter."""
    if letters.startswith(ELLIPSIS):
        letters = letters.removeprefix(ELLIPSIS)
        return dict(zip(letters, shape[len(shape) - len(letters) :], strict=True))
    return dict(zip(letters.removesuffix(ELLIPSIS), shape, strict=False))
