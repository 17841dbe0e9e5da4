"""Convolutions, as `keras.ops` has them: plain, transposed, depthwise, separable.

x is (batch, spatial..., channels) with 1 to 3 spatial axes, or (batch, channels, spatial...) where
data_format is "channels_first", which costs a transpose there and back. Kernels are not flipped:
what deep learning calls a convolution is a cross-correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.annotations import ArrayLike, PaddingLike
from lamina.errors import ShapeError
from lamina.ir import types
from lamina.ir.types import Shape, same
from lamina.operations.promote import promoted, widened
from lamina.operations.windows import (
    Pairs,
    channels_back,
    channels_last,
    need_rank,
    padding_of,
    per_axis,
    with_room,
)
from lamina.tensor import Tensor, as_tensor, bind

__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]


def conv(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Return the convolution of inputs with a kernel (cross-correlation, as in Keras).

        out[n, y, o] = sum over k, i of inputs[n, y stride + k dilation - low, i] kernel[k, i, o]

    Args:
        inputs: tensor (batch, spatial..., channels) or array-like, with one to three spatial axes.
        kernel: tensor (spatial..., channels / groups, filters); the number of groups follows from
            it.
        strides: steps of the window, an integer or one for each spatial axis.
        padding: "valid", "same", "causal" (one spatial axis only), an integer, or (low, high) for
            each axis.
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.
        dilation_rate: spacing between the taps of the window, an integer or one for each axis.

    Shapes:
        (batch, spatial..., channels) -> (batch, windows..., filters)

    Raises:
        ShapeError: if ranks, channels or groups do not match, or a window exceeds its input.

    Example:
        >>> import lamina as lm
        >>> lm.nn.conv(lm.ones((1, 8, 8, 3)), lm.ones((3, 3, 3, 16)), padding="same").shape
        (1, 8, 8, 16)
    """
    x, weights, rank, dtype = _operands("conv", inputs, kernel, data_format)
    window = _static("conv", weights.shape)
    groups = _groups(x.shape, window)
    steps = per_axis("conv", "strides", strides, rank)
    gaps = per_axis("conv", "dilation_rate", dilation_rate, rank)
    x, padding = with_room(x, padding, window[:rank], steps, gaps)
    pairs = padding_of("conv", padding, x.shape[1:-1], window[:rank], steps, gaps)
    result = _convolution(x, weights, steps, pairs, (1,) * rank, gaps, groups)
    return channels_back(as_tensor(result, dtype), data_format)


def conv_transpose(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Return the transposed convolution: the gradient of `conv` with respect to its inputs.

    Without `output_padding` an extent n becomes n * stride ("same") or (n - 1) * stride +
    max(window, stride) ("valid"); with it (n - 1) * stride + window + output_padding ("valid"), or
    window % 2 in place of window ("same").

    Args:
        inputs: tensor (batch, spatial..., channels) or array-like.
        kernel: tensor (spatial..., filters, channels).
        strides: steps of the window, an integer or one for each spatial axis.
        padding: "valid" uses only whole windows; "same" pads with zeros so that the extents stay
            (divided by the strides).
        output_padding: extent added to one side of the result, to choose between possible ones.
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.
        dilation_rate: spacing between the taps of the window, an integer or one for each axis.

    Shapes:
        (batch, spatial..., channels) -> (batch, larger spatial..., filters)

    Example:
        >>> import lamina as lm
        >>> kernel = lm.ones((3, 3, 16, 3))
        >>> lm.nn.conv_transpose(lm.ones((1, 4, 4, 3)), kernel, strides=2, padding="same").shape
        (1, 8, 8, 16)
    """
    function = "conv_transpose"
    x, weights, rank, dtype = _operands(function, inputs, kernel, data_format)
    window = _static(function, weights.shape)
    if not same(x.shape[-1], window[-1]):
        raise ShapeError(
            f"{function}: inputs of shape {x.shape} have {x.shape[-1]} channels; the kernel of "
            f"shape {window} (spatial..., filters, channels) takes {window[-1]}"
        )
    steps = per_axis(function, "strides", strides, rank)
    gaps = per_axis(function, "dilation_rate", dilation_rate, rank)
    extra: Sequence[int | None] = [None] * rank
    if output_padding is not None:
        extra = per_axis(function, "output_padding", output_padding, rank, least=0)
    sizes = zip(window, gaps, steps, extra, strict=False)
    pairs = tuple(transposed_padding(padding, (w - 1) * d + 1, s, e) for w, d, s, e in sizes)
    turned = bind("reverse", weights, dimensions=tuple(range(rank)))
    swapped = bind("transpose", turned, permutation=(*range(rank), rank + 1, rank))
    result = _convolution(x, swapped, (1,) * rank, pairs, steps, gaps, 1)
    return channels_back(as_tensor(result, dtype), data_format)


def transposed_padding(padding: str, reach: int, stride: int, extra: int | None) -> tuple[int, int]:
    """(low, high) around inputs spread out by the stride; Keras's rule for all its backends."""
    name = padding.lower() if isinstance(padding, str) else ""
    if name == "valid":
        return reach - 1, reach - 1 + (max(reach, stride) - reach if extra is None else extra)
    if name == "same":
        total = stride + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
        low = min(total // 2 + total % 2, reach - 1)
        return low, total - low
    raise ShapeError(f"conv_transpose: padding must be 'valid' or 'same'; got {padding!r}")


def depthwise_conv(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Return the convolution of each channel with kernels of that channel.

    Output c * multiplier + m is channel c convolved with its kernel m.

    Args:
        inputs: tensor (batch, spatial..., channels) or array-like.
        kernel: tensor (spatial..., channels, multiplier).
        strides: steps of the window, an integer or one for each spatial axis.
        padding: "valid" uses only whole windows; "same" pads with zeros so that the extents stay
            (divided by the strides).
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.
        dilation_rate: spacing between the taps of the window, an integer or one for each axis.

    Shapes:
        (batch, spatial..., channels) -> (batch, windows..., channels * multiplier)

    Example:
        >>> import lamina as lm
        >>> lm.nn.depthwise_conv(lm.ones((1, 8, 8, 3)), lm.ones((3, 3, 3, 2))).shape
        (1, 6, 6, 6)
    """
    x, weights, rank, dtype = _operands("depthwise_conv", inputs, kernel, data_format)
    window = _static("depthwise_conv", weights.shape)
    if not same(x.shape[-1], window[-2]):
        raise ShapeError(
            f"depthwise_conv: inputs of shape {x.shape} have {x.shape[-1]} channels; the kernel "
            f"of shape {window} (spatial..., channels, multiplier) takes {window[-2]}"
        )
    steps = per_axis("depthwise_conv", "strides", strides, rank)
    gaps = per_axis("depthwise_conv", "dilation_rate", dilation_rate, rank)
    x, padding = with_room(x, padding, window[:rank], steps, gaps)
    pairs = padding_of("depthwise_conv", padding, x.shape[1:-1], window[:rank], steps, gaps)
    flat = bind("reshape", weights, shape=(*window[:rank], 1, window[-2] * window[-1]))
    result = _convolution(x, flat, steps, pairs, (1,) * rank, gaps, window[-2])
    return channels_back(as_tensor(result, dtype), data_format)


def separable_conv(
    inputs: ArrayLike,
    depthwise_kernel: ArrayLike,
    pointwise_kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Return a `depthwise_conv` followed by a convolution with windows of 1.

    Args:
        inputs: tensor (batch, spatial..., channels) or array-like.
        depthwise_kernel: tensor (spatial..., channels, multiplier).
        pointwise_kernel: tensor (1..., channels * multiplier, filters).
        strides: steps of the window, an integer or one for each spatial axis.
        padding: "valid" uses only whole windows; "same" pads with zeros so that the extents stay
            (divided by the strides).
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.
        dilation_rate: spacing between the taps of the window, an integer or one for each axis.

    Shapes:
        (batch, spatial..., channels) -> (batch, windows..., filters)

    Example:
        >>> import lamina as lm
        >>> depthwise, pointwise = lm.ones((3, 3, 3, 2)), lm.ones((1, 1, 6, 4))
        >>> lm.nn.separable_conv(lm.ones((1, 8, 8, 3)), depthwise, pointwise).shape
        (1, 6, 6, 4)
    """
    spread = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(spread, pointwise_kernel, 1, "valid", data_format)


# ---- shared parts ------------------------------------------------------------------------------
def _operands(function: str, inputs: Any, kernel: Any, data_format: str | None) -> Any:
    """Inputs with channels last, the kernel, the number of spatial axes, the result's dtype."""
    x, weights = promoted([inputs, kernel])
    rank = need_rank(function, x)
    if weights.ndim != x.ndim:
        raise ShapeError(
            f"{function}: inputs of shape {x.shape} need a kernel of {x.ndim} axes (spatial..., "
            f"then two of channels); got shape {weights.shape}"
        )
    return channels_last(function, widened(x), data_format), widened(weights), rank, x.dtype


def _static(function: str, shape: Shape) -> tuple[int, ...]:
    if not types.is_static(shape):
        raise ShapeError(f"{function}: the kernel's shape {shape} must be known")
    return tuple(int(n) for n in shape)


def _groups(shape: Shape, kernel: tuple[int, ...]) -> int:
    """channels / (channels that the kernel takes), where both it and the filters divide."""
    channels, inputs, filters = shape[-1], kernel[-2], kernel[-1]
    groups = channels // inputs if isinstance(channels, int) and inputs else 0
    groups = groups if groups * inputs == channels else 0
    if not groups or filters % groups:
        why = f" in {groups} groups, which do not divide its {filters} filters" if groups else ""
        raise ShapeError(
            f"conv: inputs of shape {tuple(shape)} have {channels} channels; a kernel of shape "
            f"{kernel} (spatial..., channels, filters) takes {inputs}{why}",
            hint="channels must be the kernel's, or with groups a multiple that divides the "
            "filters; data_format='channels_first' takes channels in axis 1",
        )
    return groups


def _convolution(
    x: Tensor,
    kernel: Tensor,
    strides: tuple[int, ...],
    padding: Pairs,
    spreading: tuple[int, ...],
    dilations: tuple[int, ...],
    groups: int,
) -> Tensor:
    """The primitive, with channels in the last axis and kernels (spatial..., inputs, outputs)."""
    rank = x.ndim - 2
    space = tuple(range(1, rank + 1))
    data = (0, rank + 1, *space)
    return bind(
        "convolution",
        x,
        kernel,
        window_strides=strides,
        padding=padding,
        lhs_dilation=spreading,
        rhs_dilation=dilations,
        lhs_spec=data,
        rhs_spec=(rank + 1, rank, *range(rank)),
        out_spec=data,
        feature_group_count=groups,
    )
