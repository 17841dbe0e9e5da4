"""MobileNetV3, large and small: found by a search, with gates and hard activations.

Source: Howard et al. (2019), Searching for MobileNetV3, arXiv:1905.02244. Top-1 accuracy on
ImageNet: large 75.2%, small 67.4%.
"""

from __future__ import annotations

from typing import NamedTuple

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Multiply,
    ReLU,
    Rescaling,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.blocks import before_stride
from lamina.zoo.parts import DEVIATIONS, MEANS, Options, Shape, divisible


class Block(NamedTuple):
    """Expansion, filters, window, stride, a gate for each channel, and the hard activation."""

    expansion: float
    filters: int
    kernel: int
    stride: int
    gate: bool
    hard: bool


SMALL = (
    Block(1, 16, 3, 2, True, False),
    Block(72 / 16, 24, 3, 2, False, False),
    Block(88 / 24, 24, 3, 1, False, False),
    Block(4, 40, 5, 2, True, True),
    *[Block(6, 40, 5, 1, True, True)] * 2,
    *[Block(3, 48, 5, 1, True, True)] * 2,
    Block(6, 96, 5, 2, True, True),
    *[Block(6, 96, 5, 1, True, True)] * 2,
)
LARGE = (
    Block(1, 16, 3, 1, False, False),
    Block(4, 24, 3, 2, False, False),
    Block(3, 24, 3, 1, False, False),
    Block(3, 40, 5, 2, True, False),
    *[Block(3, 40, 5, 1, True, False)] * 2,
    Block(6, 80, 3, 2, False, True),
    Block(2.5, 80, 3, 1, False, True),
    *[Block(2.3, 80, 3, 1, False, True)] * 2,
    *[Block(6, 112, 3, 1, True, True)] * 2,
    Block(6, 160, 5, 2, True, True),
    *[Block(6, 160, 5, 1, True, True)] * 2,
)


def activated(x: Tensor, hard: bool) -> Tensor:
    """Return hard swish, or ReLU, of x.

    Args:
        x: features.
        hard: hard swish.
    """
    return Activation("hard_swish")(x) if hard else ReLU()(x)


def normalized(x: Tensor, name: str, momentum: float = 0.999) -> Tensor:
    """Return x normalized over the batch.

    Args:
        x: features.
        name: name of the layer.
        momentum: of the moving statistics.
    """
    return BatchNormalization(epsilon=1e-3, momentum=momentum, name=name)(x)


def _gated(x: Tensor, channels: int, prefix: str) -> Tensor:
    name = f"{prefix}squeeze_excite"
    gate = GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    gate = Conv2D(divisible(channels / 4), 1, padding="same", name=f"{name}_conv")(gate)
    gate = ReLU(name=f"{name}_relu")(gate)
    gate = Conv2D(channels, 1, padding="same", name=f"{name}_conv_1")(gate)
    gate = ReLU(6.0)(gate + 3.0) * (1 / 6)
    return Multiply(name=f"{name}_mul")([x, gate])


def block(
    inputs: Tensor,
    b: Block,
    filters: int,
    number: int,
    symmetric: bool = False,
    momentum: float = 0.999,
) -> tuple[Tensor, Tensor]:
    """Return what a block gives, and its features before the depthwise convolution.

    Args:
        inputs: features.
        b: what the block is.
        filters: number of filters that come out.
        number: number of the block, for names.
        symmetric: pad before strides as PyTorch does.
        momentum: of the moving statistics.
    """
    x, before = inputs, int(inputs.shape[-1])
    channels = divisible(before * b.expansion)
    prefix = f"expanded_conv_{number}_" if number else "expanded_conv_"
    if number:
        x = Conv2D(channels, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = activated(normalized(x, f"{prefix}expand_bn", momentum), b.hard)
    wide = x
    if b.stride == 2:
        x = before_stride(x, b.kernel, f"{prefix}depthwise_pad", symmetric)
    padding = "same" if b.stride == 1 else "valid"
    name = f"{prefix}depthwise"
    x = DepthwiseConv2D(b.kernel, strides=b.stride, padding=padding, use_bias=False, name=name)(x)
    x = activated(normalized(x, f"{name}_bn", momentum), b.hard)
    if b.gate:
        x = _gated(x, channels, prefix)
    x = Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = normalized(x, f"{prefix}project_bn", momentum)
    if b.stride == 1 and before == filters:
        x = Add(name=f"{prefix}add")([inputs, x])
    return x, wide


def _mobilenet_v3(
    o: Options,
    blocks: tuple[Block, ...],
    last: int,
    alpha: float,
    minimalistic: bool,
    dropout_rate: float,
    include_preprocessing: bool,
) -> Model:
    inputs = x = o.images(224, 32)
    if minimalistic:
        blocks = tuple(Block(*b[:2], 3, b.stride, False, False) for b in blocks)
    hard = not minimalistic
    if include_preprocessing and o.torch:
        scales = [255 * d for d in DEVIATIONS]
        shifts = [-m / d for m, d in zip(MEANS, DEVIATIONS, strict=True)]
        x = Rescaling([1 / s for s in scales], offset=shifts)(x)
    elif include_preprocessing:
        x = Rescaling(1 / 127.5, offset=-1.0)(x)
    if o.torch:
        x = before_stride(x, 3, "conv_pad", symmetric=True)
    padding = "valid" if o.torch else "same"
    x = Conv2D(16, 3, strides=2, padding=padding, use_bias=False, name="conv")(x)
    x = activated(normalized(x, "conv_bn"), hard)
    for number, b in enumerate(blocks):
        x, _ = block(x, b, divisible(b.filters * alpha), number, symmetric=o.torch)
    wide = divisible(int(x.shape[-1]) * 6)
    x = Conv2D(wide, 1, padding="same", use_bias=False, name="conv_1")(x)
    x = activated(normalized(x, "conv_1_bn"), hard)
    if not o.include_top:
        return o.model(inputs, o.pooled(x))
    last = divisible(last * alpha) if alpha > 1 else last
    x = GlobalAveragePooling2D(keepdims=True)(x)
    x = activated(Conv2D(last, 1, padding="same", name="conv_2")(x), hard)
    if dropout_rate > 0:
        x = Dropout(dropout_rate)(x)
    x = Flatten()(Conv2D(o.classes, 1, padding="same", name="logits")(x))
    return o.model(inputs, Activation(o.classifier_activation, name="predictions")(x))


def MobileNetV3Small(
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: ActivationLike = "softmax",
    include_preprocessing: bool = True,
    name: str = "MobileNetV3Small",
) -> Model:
    """Return MobileNetV3, small.

    Args:
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        alpha: factor of the filters of all layers.
        minimalistic: leave out gates, hard activations and windows of 5 x 5.
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        classes: number of classes.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        dropout_rate: rate of dropout before the classes.
        classifier_activation: activation of the classes; None gives logits.
        include_preprocessing: scale pixels from 0 to 255 in the network.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.MobileNetV3Small(weights=None).count_params()
        2554968

    Source: Howard et al. (2019), arXiv:1905.02244.
    """
    o = Options(
        name,
        include_top,
        weights,
        input_tensor,
        input_shape,
        pooling,
        classes,
        classifier_activation,
    )
    return _mobilenet_v3(o, SMALL, 1024, alpha, minimalistic, dropout_rate, include_preprocessing)


def MobileNetV3Large(
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: ActivationLike = "softmax",
    include_preprocessing: bool = True,
    name: str = "MobileNetV3Large",
) -> Model:
    """Return MobileNetV3, large.

    Args:
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        alpha: factor of the filters of all layers.
        minimalistic: leave out gates, hard activations and windows of 5 x 5.
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        classes: number of classes.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        dropout_rate: rate of dropout before the classes.
        classifier_activation: activation of the classes; None gives logits.
        include_preprocessing: scale pixels from 0 to 255 in the network.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.MobileNetV3Large(weights=None).count_params()
        5507432

    Source: Howard et al. (2019), arXiv:1905.02244.
    """
    o = Options(
        name,
        include_top,
        weights,
        input_tensor,
        input_shape,
        pooling,
        classes,
        classifier_activation,
    )
    return _mobilenet_v3(o, LARGE, 1280, alpha, minimalistic, dropout_rate, include_preprocessing)
