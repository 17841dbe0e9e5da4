"""EinsumDense: a dense layer whose product is an Einstein summation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from lamina import activations, constraints, initializers, regularizers
from lamina import operations as ops
from lamina.annotations import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike
from lamina.errors import ArgumentError
from lamina.layers._base.low_rank import LowRank
from lamina.layers._base.options import LayerOptions
from lamina.tensor import Tensor
from lamina.variables import Variable

__all__ = ["EinsumDense"]

ELLIPSIS = "..."


class EinsumDense(LowRank):
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
        self.kernel = self.add_weight(
            name="kernel",
            shape=tuple(self._known(letter, extents) for letter in kernel),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.bias_axes:
            self.bias = self.add_weight(
                name="bias",
                shape=self._bias_shape(result, extents, len(self.partial_output_shape) + 1),
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
        x = ops.einsum(self.equation, inputs, self._adapted())
        if self.bias is not None:
            x = x + self.bias
        return self.activation(x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_shape": self.partial_output_shape}


def _extents(letters: str, shape: tuple[Any, ...]) -> dict[str, Any]:
    """Return the extents by letter; an ellipsis covers the axes without a letter."""
    if letters.startswith(ELLIPSIS):
        letters = letters.removeprefix(ELLIPSIS)
        return dict(zip(letters, shape[len(shape) - len(letters) :], strict=True))
    return dict(zip(letters.removesuffix(ELLIPSIS), shape, strict=False))
