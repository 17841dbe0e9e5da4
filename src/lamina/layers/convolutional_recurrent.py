"""ConvLSTM1D, 2D and 3D: LSTMs whose products are convolutions (Shi et al. 2015).

Inputs (batch, steps, spatial..., channels), states and outputs (batch, spatial..., filters). The
inputs of all steps are convolved before the loop; each step convolves the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.annotations import ActivationLike
from lamina.arguments import Checks, Text
from lamina.errors import ArgumentError, RangeError, ShapeError
from lamina.ir.types import Dim
from lamina.layers._base.options import LSTMOptions
from lamina.layers._base.recurrent_cell import Parts, States
from lamina.layers._base.spec import InputSpec
from lamina.layers.recurrent_cells import LSTMCell
from lamina.layers.recurrent_layers import OfCell
from lamina.operations.shaping import sliced
from lamina.operations.windows import checked_format, per_axis
from lamina.tensor import Tensor

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]

Sizes = int | Sequence[int]
PADDINGS = ("valid", "same")


class ConvLSTMCell(LSTMCell):
    """One step of a ConvLSTM over `rank` spatial axes, with the gates of an LSTM.

        i, f, g, o = conv(x, kernel) + conv(h, recurrent_kernel) + bias, in four parts

    The convolution of x has strides, padding and dilation_rate, that of the state preserves its
    size. Weights: kernel (*kernel_size, channels, 4 filters), recurrent_kernel (*kernel_size,
    filters, 4 filters), bias (4 filters,).
    """

    argument_checks: ClassVar[Checks] = {"padding": Text()}

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        rank: int = 2,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, **kwargs)
        if rank not in (1, 2, 3):
            raise RangeError(f"ConvLSTMCell: invalid rank (expected 1, 2 or 3, got {rank!r})")
        own = f"ConvLSTM{rank}D"
        self.rank, self.filters = rank, self.units
        self.kernel_size = per_axis(own, "kernel_size", kernel_size, rank)
        self.strides = per_axis(own, "strides", strides, rank)
        self.dilation_rate = per_axis(own, "dilation_rate", dilation_rate, rank)
        self.padding = padding.lower()
        if self.padding not in PADDINGS:
            raise ArgumentError(f"{own}: padding must be one of {PADDINGS}, not {padding!r}")
        self.data_format = checked_format(own, data_format)
        self._channels = -1 if self.data_format == "channels_last" else 1
        self.input_spec = InputSpec(ndim=rank + 2)

    def build(self, input_shape: Any) -> None:
        example = tuple(input_shape[1:])
        if any(n is None for n in example):
            raise ShapeError(
                f"{self._label()}: images of shape {example} have open extents, and the states "
                "need to know theirs",
                hint="only the batch and the steps may be None: Input((None, 64, 64, 1))",
            )
        width, channels = 4 * self.units, input_shape[self._channels]
        self.kernel = self._weight("kernel", (*self.kernel_size, channels, width))
        shape = (*self.kernel_size, self.units, width)
        self.recurrent_kernel = self._weight("recurrent_kernel", shape, "recurrent")
        self.bias = self._weight("bias", (width,)) if self.use_bias else None
        self._example = example
        probe = ops.zeros((1, *example), dtype=self._compute_dtype)
        gates = self._convolved(probe, ops.zeros(self.kernel.shape, dtype=self._compute_dtype))
        self._state = self._gates(gates)[0].shape[1:]

    def get_initial_state(self, batch_size: Dim) -> States:
        """Return zeros, (batch, spatial..., filters) for each state."""
        shape = (batch_size, *self._state)
        return [ops.zeros(shape, dtype=self._compute_dtype) for _ in range(2)]

    def parts(self, batch: Dim, features: Dim, training: bool) -> Parts:
        outer = self._kept("dropout", (batch, *self._example), training)
        inner = self._kept("recurrent_dropout", (batch, *self._state), training)
        kernel, recurrent = self.kernel.read(), self.recurrent_kernel.read()
        bias = None if self.bias is None else self._per_channel(self.bias.read())

        def project(x: Tensor) -> Tensor:
            x = ops.astype(x, self._compute_dtype)
            x = x if outer is None else x * outer
            front = x.shape[: x.ndim - self.rank - 1]  # (steps, batch), or the batch alone
            rows = ops.reshape(x, (_product(front), *x.shape[len(front) :]))
            found = self._convolved(rows, kernel)
            found = found if bias is None else found + bias
            return ops.reshape(found, (*front, *found.shape[1:]))

        def step(x: Tensor, states: States) -> tuple[Tensor, States]:
            seen = states[0] if inner is None else states[0] * inner
            around = ops.conv(seen, recurrent, padding="same", data_format=self.data_format)
            return self._advanced(x + around, states[1])

        return Parts(project, step)

    def _convolved(self, x: Tensor, kernel: Tensor) -> Tensor:
        return ops.conv(
            x,
            kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def _per_channel(self, bias: Tensor) -> Tensor:
        after = (1,) * self.rank if self._channels == 1 else ()
        return ops.reshape(bias, (bias.shape[0], *after))

    def _gates(self, x: Tensor) -> list[Tensor]:
        """Split the channels into the four gates."""
        axis, width = self._channels % x.ndim, self.units
        return [sliced(x, axis, k * width, (k + 1) * width) for k in range(4)]

    def _advanced(self, gates: Tensor, c: Tensor) -> tuple[Tensor, States]:
        gate = self.recurrent_activation
        i, f, g, o = self._gates(gates)
        c = gate(f) * c + gate(i) * self.activation(g)
        h = gate(o) * self.activation(c)
        return h, [h, c]


def _product(extents: Sequence[Dim]) -> Dim:
    total: Dim = 1
    for extent in extents:
        total = total * extent
    return total


# ---- layers ------------------------------------------------------------------------------------
class _ConvLSTM(OfCell):
    """Base class of LSTMs whose products are convolutions (Shi et al. 2015)."""

    argument_checks: ClassVar[Checks] = {"padding": Text()}

    rank: ClassVar[int]
    cell_class = ConvLSTMCell

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        **kwargs: Unpack[LSTMOptions],
    ) -> None:
        super().__init__(
            filters,
            kernel_size=kernel_size,
            rank=self.rank,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=self.rank + 3)

    @property
    def filters(self) -> int:
        return self.units


class ConvLSTM1D(_ConvLSTM):
    """Convolutional LSTM over sequences of rows.

    The convolution of the inputs has the given geometry; that of the state preserves its size.
    Spatial extents must be known. Weights: kernel (*kernel_size, channels, 4 filters),
    recurrent_kernel (*kernel_size, filters, 4 filters), bias (4 filters,).

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        activation: name or function applied to candidates and outputs.
        recurrent_activation: name or function applied to the gates.
        use_bias: add a learned bias.
        **kwargs: arguments of `RNN`, `LSTMCell` and `Layer`, such as `return_sequences`.

    Shapes:
        (batch, steps, places, channels) -> (batch, new places, filters), with all steps if
            return_sequences

    Example:
        >>> import lamina as lm
        >>> lm.layers.ConvLSTM1D(4, 3)(lm.Input((5, 8, 1))).shape
        (batch, 6, 4)

    Source: Shi et al. (2015), Convolutional LSTM network, equation 3.
    """

    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """Convolutional LSTM over sequences of images.

    The convolution of the inputs has the given geometry; that of the state preserves its size.
    Spatial extents must be known. Weights: kernel (*kernel_size, channels, 4 filters),
    recurrent_kernel (*kernel_size, filters, 4 filters), bias (4 filters,).

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        activation: name or function applied to candidates and outputs.
        recurrent_activation: name or function applied to the gates.
        use_bias: add a learned bias.
        **kwargs: arguments of `RNN`, `LSTMCell` and `Layer`, such as `return_sequences`.

    Shapes:
        (batch, steps, height, width, channels) -> (batch, new height, new width, filters), with all
            steps if return_sequences

    Example:
        >>> import lamina as lm
        >>> video = lm.Input((5, 8, 8, 1))
        >>> lm.layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)(video).shape
        (batch, 5, 8, 8, 4)

    Source: Shi et al. (2015), Convolutional LSTM network, equation 3.
    """

    rank = 2


class ConvLSTM3D(_ConvLSTM):
    """Convolutional LSTM over sequences of volumes.

    The convolution of the inputs has the given geometry; that of the state preserves its size.
    Spatial extents must be known. Weights: kernel (*kernel_size, channels, 4 filters),
    recurrent_kernel (*kernel_size, filters, 4 filters), bias (4 filters,).

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        activation: name or function applied to candidates and outputs.
        recurrent_activation: name or function applied to the gates.
        use_bias: add a learned bias.
        **kwargs: arguments of `RNN`, `LSTMCell` and `Layer`, such as `return_sequences`.

    Shapes:
        (batch, steps, depth, height, width, channels) -> (batch, new depth, new height, new width,
            filters), with all steps if return_sequences

    Example:
        >>> import lamina as lm
        >>> lm.layers.ConvLSTM3D(2, 2)(lm.Input((3, 4, 4, 4, 1))).shape
        (batch, 3, 3, 3, 2)

    Source: Shi et al. (2015), Convolutional LSTM network, equation 3.
    """

    rank = 3
