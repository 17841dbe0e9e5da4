"""MobileNet: depthwise convolutions of 3 x 3 and convolutions of 1 x 1, for phones.

Source: Howard et al. (2017), MobileNets: efficient convolutional neural networks for mobile vision
applications, arXiv:1704.04861. Top-1 accuracy on ImageNet 70.6%.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    ReLU,
    Reshape,
    ZeroPadding2D,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape

BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
"""Filters and strides of the blocks."""


def _normalized(x: Tensor, name: str) -> Tensor:
    return ReLU(6.0, name=f"{name}_relu")(BatchNormalization(name=f"{name}_bn")(x))


def _block(x: Tensor, filters: int, stride: int, multiplier: int, number: int) -> Tensor:
    if stride == 2:
        x = ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
    name = f"conv_dw_{number}"
    x = DepthwiseConv2D(
        3,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        depth_multiplier=multiplier,
        use_bias=False,
        name=name,
    )(x)
    x = _normalized(x, name)
    name = f"conv_pw_{number}"
    return _normalized(Conv2D(filters, 1, padding="same", use_bias=False, name=name)(x), name)


def MobileNet(
    input_shape: Shape | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 0.001,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Return MobileNet, version 1.

    Args:
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        alpha: factor of the filters of all layers.
        depth_multiplier: outputs of a depthwise convolution for each channel.
        dropout: rate of dropout before the classes.
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
        >>> lm.zoo.MobileNet(weights=None).count_params()
        4253864

    Source: Howard et al. (2017), arXiv:1704.04861.
    """
    o = Options(
        name or f"mobilenet_{alpha:0.2f}",
        include_top,
        weights,
        input_tensor,
        input_shape,
        pooling,
        classes,
        classifier_activation,
    )
    inputs = o.images(224, 32)
    x = Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(inputs)
    x = _normalized(x, "conv1")
    for number, (filters, stride) in enumerate(BLOCKS, start=1):
        x = _block(x, int(filters * alpha), stride, depth_multiplier, number)
    if not include_top:
        return o.model(inputs, o.pooled(x))
    x = GlobalAveragePooling2D(keepdims=True)(x)
    x = Dropout(dropout, name="dropout")(x)
    x = Conv2D(classes, 1, padding="same", name="conv_preds")(x)
    x = Reshape((classes,), name="reshape_2")(x)
    return o.model(inputs, Activation(classifier_activation, name="predictions")(x))
