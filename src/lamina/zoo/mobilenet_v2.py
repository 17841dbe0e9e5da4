"""MobileNetV2: blocks that are narrow at their ends and wide inside, with shortcuts between ends.

Source: Sandler et al. (2018), MobileNetV2: inverted residuals and linear bottlenecks,
arXiv:1801.04381. Top-1 accuracy on ImageNet 72.0%.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    ReLU,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.blocks import before_stride
from lamina.zoo.parts import Options, Shape, divisible

BLOCKS = (
    *((16, 1), (24, 2), (24, 1), (32, 2), (32, 1), (32, 1), (64, 2)),
    *((64, 1),) * 3,
    *((96, 1),) * 3,
    *((160, 2), (160, 1), (160, 1), (320, 1)),
)
"""Filters and strides of the blocks."""
EXPANSION = 6


def _normalized(x: Tensor, torch: bool, name: str, activation: str = "") -> Tensor:
    epsilon = 1e-5 if torch else 1e-3
    x = BatchNormalization(epsilon=epsilon, momentum=0.999, name=name)(x)
    return ReLU(6.0, name=activation)(x) if activation else x


def _block(inputs: Tensor, filters: int, stride: int, number: int, torch: bool) -> Tensor:
    x, channels = inputs, int(inputs.shape[-1])
    prefix = f"block_{number}_" if number else "expanded_conv_"
    if number:
        name = f"{prefix}expand"
        x = Conv2D(EXPANSION * channels, 1, padding="same", use_bias=False, name=name)(x)
        x = _normalized(x, torch, f"{name}_BN", f"{name}_relu")
    if stride == 2:
        x = before_stride(x, 3, f"{prefix}pad", symmetric=torch)
    name = f"{prefix}depthwise"
    padding = "same" if stride == 1 else "valid"
    x = DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False, name=name)(x)
    x = _normalized(x, torch, f"{name}_BN", f"{name}_relu")
    x = Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = _normalized(x, torch, f"{prefix}project_BN")
    if channels == filters and stride == 1:
        return Add(name=f"{prefix}add")([inputs, x])
    return x


def MobileNetV2(
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Return MobileNetV2.

    Args:
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        alpha: factor of the filters of all layers.
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.MobileNetV2(weights=None).count_params()
        3538984

    Source: Sandler et al. (2018), arXiv:1801.04381.
    """
    o = Options(
        name or f"mobilenetv2_{alpha:0.2f}",
        include_top,
        weights,
        input_tensor,
        input_shape,
        pooling,
        classes,
        classifier_activation,
    )
    inputs = o.images(224, 32)
    first = divisible(32 * alpha)
    x = before_stride(inputs, 3, "Conv1_pad", symmetric=True) if o.torch else inputs
    padding = "valid" if o.torch else "same"
    x = Conv2D(first, 3, strides=2, padding=padding, use_bias=False, name="Conv1")(x)
    x = _normalized(x, o.torch, "bn_Conv1", "Conv1_relu")
    for number, (filters, stride) in enumerate(BLOCKS):
        x = _block(x, divisible(int(filters * alpha)), stride, number, o.torch)
    last = divisible(1280 * alpha) if alpha > 1 else 1280
    x = Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
    x = _normalized(x, o.torch, "Conv_1_bn", "out_relu")
    if not include_top:
        return o.model(inputs, o.pooled(x))
    x = GlobalAveragePooling2D()(x)
    return o.model(inputs, Dense(classes, classifier_activation, name="predictions")(x))
