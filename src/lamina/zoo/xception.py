"""Xception: convolutions that treat channels and positions separately, with shortcuts.

Source: Chollet (2017), Xception: deep learning with depthwise separable convolutions,
arXiv:1610.02357. Top-5 accuracy on ImageNet 94.5%, top-1 79.0%.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    MaxPooling2D,
    SeparableConv2D,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape


def _separable(x: Tensor, filters: int, name: str, before: bool = True) -> Tensor:
    """A separable convolution with normalization, and an activation before it."""
    if before:
        x = Activation("relu", name=f"{name}_act")(x)
    x = SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return BatchNormalization(name=f"{name}_bn")(x)


def _halved(x: Tensor, filters: tuple[int, int], number: int) -> Tensor:
    """Two separable convolutions and pooling; the shortcut is a convolution of 1 x 1."""
    shortcut = Conv2D(filters[1], 1, strides=2, padding="same", use_bias=False)(x)
    shortcut = BatchNormalization()(shortcut)
    prefix = f"block{number}"
    x = _separable(x, filters[0], f"{prefix}_sepconv1", before=number > 2)
    x = _separable(x, filters[1], f"{prefix}_sepconv2")
    x = MaxPooling2D(3, strides=2, padding="same", name=f"{prefix}_pool")(x)
    return Add()([x, shortcut])


def _xception(o: Options) -> Model:
    inputs = x = o.images(299, 71)
    for n, (filters, stride) in enumerate(((32, 2), (64, 1)), start=1):
        name = f"block1_conv{n}"
        x = Conv2D(filters, 3, strides=stride, use_bias=False, name=name)(x)
        x = BatchNormalization(name=f"{name}_bn")(x)
        x = Activation("relu", name=f"{name}_act")(x)
    for number, filters in ((2, 128), (3, 256), (4, 728)):
        x = _halved(x, (filters, filters), number)
    for number in range(5, 13):
        shortcut = x
        for n in (1, 2, 3):
            x = _separable(x, 728, f"block{number}_sepconv{n}")
        x = Add()([x, shortcut])
    x = _halved(x, (728, 1024), 13)
    for n, filters in enumerate((1536, 2048), start=1):
        name = f"block14_sepconv{n}"
        x = Activation("relu", name=f"{name}_act")(_separable(x, filters, name, before=False))
    return o.model(inputs, o.ended(x))


def Xception(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "xception",
) -> Model:
    """Return Xception.

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
        >>> lm.zoo.Xception(weights=None).count_params()
        22910480

    Source: Chollet (2017), arXiv:1610.02357.
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
    return _xception(o)
