"""EfficientNet-B0 to B7: a network in eight sizes; depth, width and resolution grow together.

Blocks are those of MobileNetV2 with a gate for each channel (squeeze and excitation, Hu et al.
2018). The network scales pixels from 0 to 255 itself, by ImageNet's means and deviations until a
file of weights brings others.

Source: Tan and Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks,
arXiv:1905.11946. Top-1 accuracy on ImageNet: B0 77.1%, B1 79.1%, B2 80.1%, B3 81.6%, B4 82.9%, B5
83.6%, B6 84.0%, B7 84.3%.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lamina.annotations import ActivationLike, PathLike
from lamina.initializers import VarianceScaling
from lamina.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Multiply,
    Normalization,
    Rescaling,
    Reshape,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.blocks import before_stride
from lamina.zoo.parts import DEVIATIONS, MEANS, Options, Shape, divisible

STAGES = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
"""Window, number of blocks, filters, expansion and stride of each stage."""
DROPPED = 0.2
"""Rate at which training skips the last block; it grows from 0 in proportion to the depth."""


@dataclass(frozen=True)
class _Size:
    """Factors of width and depth, resolution, and rate of dropout."""

    width: float
    depth: float
    resolution: int
    dropout: float


def _convolved(x: Tensor, filters: int, name: str, size: int = 1, stride: int = 1) -> Tensor:
    spread = VarianceScaling(2.0, "fan_out", "truncated_normal")
    padding = "same" if stride == 1 else "valid"
    return Conv2D(
        filters,
        size,
        strides=stride,
        padding=padding,
        use_bias=False,
        kernel_initializer=spread,
        name=name,
    )(x)


def _activated(x: Tensor, bn: str, name: str, epsilon: float) -> Tensor:
    return Activation("swish", name=name)(BatchNormalization(epsilon=epsilon, name=bn)(x))


def gated(x: Tensor, channels: int, reduced: int, name: str) -> Tensor:
    """Return x times a number between 0 and 1 for each channel, from the means of all channels.

    Args:
        x: features.
        channels: number of channels.
        reduced: filters of the convolution between the means and the numbers.
        name: name that those of the layers begin with.
    """
    spread = VarianceScaling(2.0, "fan_out", "truncated_normal")
    gate = GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    gate = Reshape((1, 1, channels), name=f"{name}se_reshape")(gate)
    for width, activation, part in ((reduced, "swish", "reduce"), (channels, "sigmoid", "expand")):
        gate = Conv2D(
            width,
            1,
            padding="same",
            activation=activation,
            kernel_initializer=spread,
            name=f"{name}se_{part}",
        )(gate)
    return Multiply(name=f"{name}se_excite")([x, gate])


def _block(
    inputs: Tensor,
    filters: int,
    kernel: int,
    expansion: int,
    stride: int,
    drop: float,
    name: str,
    torch: bool,
    epsilon: float,
) -> Tensor:
    x, before = inputs, int(inputs.shape[-1])
    channels = before * expansion
    if expansion != 1:
        x = _convolved(x, channels, f"{name}expand_conv")
        x = _activated(x, f"{name}expand_bn", f"{name}expand_activation", epsilon)
    if stride == 2:
        x = before_stride(x, kernel, f"{name}dwconv_pad", symmetric=torch)
    x = DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        depthwise_initializer=VarianceScaling(2.0, "fan_out", "truncated_normal"),
        name=f"{name}dwconv",
    )(x)
    x = _activated(x, f"{name}bn", f"{name}activation", epsilon)
    x = gated(x, channels, max(1, before // 4), name)
    x = _convolved(x, filters, f"{name}project_conv")
    x = BatchNormalization(epsilon=epsilon, name=f"{name}project_bn")(x)
    if stride == 1 and before == filters:
        if drop > 0:
            x = Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
        x = Add(name=f"{name}add")([x, inputs])
    return x


def _efficientnet(o: Options, size: _Size) -> Model:
    inputs = o.images(size.resolution, 32)
    scaling = Normalization(axis=-1)
    x = scaling(Rescaling(1 / 255)(inputs))
    scaling.mean.assign(MEANS)
    scaling.variance.assign([d * d for d in DEVIATIONS])
    if o.weights == "imagenet":  # the weights were trained with a division by the deviation twice
        x = Rescaling([1 / math.sqrt(d) for d in DEVIATIONS])(x)
    epsilon = 1e-5 if o.torch and size.width < 1.6 else 1e-3
    x = before_stride(x, 3, "stem_conv_pad", symmetric=o.torch)
    x = _convolved(x, divisible(32 * size.width), "stem_conv", 3, 2)
    x = _activated(x, "stem_bn", "stem_activation", epsilon)
    counts = [math.ceil(size.depth * stage[1]) for stage in STAGES]
    number = 0
    for k, (kernel, _, filters, expansion, stride) in enumerate(STAGES):
        for n in range(counts[k]):
            drop = DROPPED * number / sum(counts)
            name = f"block{k + 1}{chr(ord('a') + n)}_"
            width = divisible(filters * size.width)
            step = stride if n == 0 else 1
            x = _block(x, width, kernel, expansion, step, drop, name, o.torch, epsilon)
            number += 1
    x = _convolved(x, divisible(1280 * size.width), "top_conv")
    x = _activated(x, "top_bn", "top_activation", epsilon)
    if not o.include_top:
        return o.model(inputs, o.pooled(x))
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dropout(size.dropout, name="top_dropout")(x)
    classes = Dense(
        o.classes,
        o.classifier_activation,
        kernel_initializer=VarianceScaling(1 / 3, "fan_out", "uniform"),
        name="predictions",
    )
    return o.model(inputs, classes(x))


def EfficientNetB0(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "efficientnetb0",
) -> Model:
    """Return EfficientNet-B0, for images of 224 x 224.

    Args:
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.EfficientNetB0(weights=None).count_params()
        5330571

    Source: Tan and Le (2019), arXiv:1905.11946.
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
    return _efficientnet(o, _Size(1.0, 1.0, 224, 0.2))


def EfficientNetB1(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "efficientnetb1",
) -> Model:
    """Return EfficientNet-B1, for images of 240 x 240.

    Args:
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.EfficientNetB1(weights=None).count_params()
        7856239

    Source: Tan and Le (2019), arXiv:1905.11946.
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
    return _efficientnet(o, _Size(1.0, 1.1, 240, 0.2))


def EfficientNetB2(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "efficientnetb2",
) -> Model:
    """Return EfficientNet-B2, for images of 260 x 260.

    Args:
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.EfficientNetB2(weights=None).count_params()
        9177569

    Source: Tan and Le (2019), arXiv:1905.11946.
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
    return _efficientnet(o, _Size(1.1, 1.2, 260, 0.3))


def EfficientNetB3(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "efficientnetb3",
) -> Model:
    """Return EfficientNet-B3, for images of 300 x 300.

    Args:
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.EfficientNetB3(weights=None).count_params()
        12320535

    Source: Tan and Le (2019), arXiv:1905.11946.
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
    return _efficientnet(o, _Size(1.2, 1.4, 300, 0.3))


def EfficientNetB4(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "efficientnetb4",
) -> Model:
    """Return EfficientNet-B4, for images of 380 x 380.

    Args:
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.EfficientNetB4(weights=None).count_params()
        19466823

    Source: Tan and Le (2019), arXiv:1905.11946.
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
    return _efficientnet(o, _Size(1.4, 1.8, 380, 0.4))


def EfficientNetB5(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "efficientnetb5",
) -> Model:
    """Return EfficientNet-B5, for images of 456 x 456.

    Args:
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.EfficientNetB5(weights=None).count_params()
        30562527

    Source: Tan and Le (2019), arXiv:1905.11946.
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
    return _efficientnet(o, _Size(1.6, 2.2, 456, 0.4))


def EfficientNetB6(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "efficientnetb6",
) -> Model:
    """Return EfficientNet-B6, for images of 528 x 528.

    Args:
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.EfficientNetB6(weights=None).count_params()
        43265143

    Source: Tan and Le (2019), arXiv:1905.11946.
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
    return _efficientnet(o, _Size(1.8, 2.6, 528, 0.5))


def EfficientNetB7(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "efficientnetb7",
) -> Model:
    """Return EfficientNet-B7, for images of 600 x 600.

    Args:
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet" for those trained on ImageNet, or None for
            random ones.
        input_tensor: symbolic images; None makes an Input.
        input_shape: shape of the images (height, width, channels); by default that of the paper
            with the classes, and open without them.
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.EfficientNetB7(weights=None).count_params()
        66658687

    Source: Tan and Le (2019), arXiv:1905.11946.
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
    return _efficientnet(o, _Size(2.0, 3.1, 600, 0.5))
