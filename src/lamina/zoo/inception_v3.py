"""Inception-v3: blocks of parallel convolutions, large windows as several small or thin ones.

Source: Szegedy et al. (2016), Rethinking the Inception architecture for computer vision,
arXiv:1512.00567. Top-5 error on ImageNet, one crop: 5.6%.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    MaxPooling2D,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape


def _conv(
    x: Tensor, filters: int, rows: int, columns: int, stride: int = 1, padding: str = "same"
) -> Tensor:
    size = (rows, columns)
    x = Conv2D(filters, size, strides=stride, padding=padding, use_bias=False)(x)
    return Activation("relu")(BatchNormalization(scale=False)(x))


def _pooled(x: Tensor, filters: int) -> Tensor:
    return _conv(AveragePooling2D(3, strides=1, padding="same")(x), filters, 1, 1)


def _small(x: Tensor, pooled: int, name: str) -> Tensor:
    """35 x 35: windows of 5 x 5, and of 3 x 3 twice."""
    one = _conv(x, 64, 1, 1)
    five = _conv(_conv(x, 48, 1, 1), 64, 5, 5)
    three = _conv(_conv(_conv(x, 64, 1, 1), 96, 3, 3), 96, 3, 3)
    return Concatenate(name=name)([one, five, three, _pooled(x, pooled)])


def _thin(x: Tensor, filters: int, name: str) -> Tensor:
    """17 x 17: windows of 7 x 7 as 1 x 7 and 7 x 1, once and twice."""
    one = _conv(x, 192, 1, 1)
    once = _conv(_conv(_conv(x, filters, 1, 1), filters, 1, 7), 192, 7, 1)
    twice = _conv(x, filters, 1, 1)
    for columns, rows, width in ((1, 7, filters), (7, 1, filters), (1, 7, filters), (7, 1, 192)):
        twice = _conv(twice, width, rows, columns)
    return Concatenate(name=name)([one, once, twice, _pooled(x, 192)])


def _wide(x: Tensor, number: int) -> Tensor:
    """8 x 8: windows of 1 x 3 and 3 x 1 in parallel."""
    one = _conv(x, 320, 1, 1)
    three = _conv(x, 384, 1, 1)
    three = Concatenate(name=f"mixed9_{number}")([_conv(three, 384, 1, 3), _conv(three, 384, 3, 1)])
    twice = _conv(_conv(x, 448, 1, 1), 384, 3, 3)
    twice = Concatenate()([_conv(twice, 384, 1, 3), _conv(twice, 384, 3, 1)])
    return Concatenate(name=f"mixed{9 + number}")([one, three, twice, _pooled(x, 192)])


def _inception(o: Options) -> Model:
    inputs = o.images(299, 75)
    x = _conv(inputs, 32, 3, 3, 2, "valid")
    x = _conv(_conv(x, 32, 3, 3, padding="valid"), 64, 3, 3)
    x = MaxPooling2D(3, strides=2)(x)
    x = _conv(_conv(x, 80, 1, 1, padding="valid"), 192, 3, 3, padding="valid")
    x = MaxPooling2D(3, strides=2)(x)
    for number, pooled in enumerate((32, 64, 64)):
        x = _small(x, pooled, f"mixed{number}")
    three = _conv(x, 384, 3, 3, 2, "valid")
    twice = _conv(_conv(_conv(x, 64, 1, 1), 96, 3, 3), 96, 3, 3, 2, "valid")
    x = Concatenate(name="mixed3")([three, twice, MaxPooling2D(3, strides=2)(x)])
    for number, filters in enumerate((128, 160, 160, 192), start=4):
        x = _thin(x, filters, f"mixed{number}")
    three = _conv(_conv(x, 192, 1, 1), 320, 3, 3, 2, "valid")
    seven = _conv(_conv(_conv(x, 192, 1, 1), 192, 1, 7), 192, 7, 1)
    seven = _conv(seven, 192, 3, 3, 2, "valid")
    x = Concatenate(name="mixed8")([three, seven, MaxPooling2D(3, strides=2)(x)])
    for number in range(2):
        x = _wide(x, number)
    return o.model(inputs, o.ended(x))


def InceptionV3(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "inception_v3",
) -> Model:
    """Return Inception-v3.

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
        >>> lm.zoo.InceptionV3(weights=None).count_params()
        23851784

    Source: Szegedy et al. (2016), arXiv:1512.00567.
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
    return _inception(o)
