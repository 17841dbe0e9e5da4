"""Inception-ResNet-v2: blocks of parallel convolutions whose results are added to their inputs.

Source: Szegedy et al. (2017), Inception-v4, Inception-ResNet and the impact of residual connections
on learning, arXiv:1602.07261. Top-5 error on ImageNet, one crop: 4.9%.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    MaxPooling2D,
    Rescaling,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape

Windows = tuple[tuple[int, int | tuple[int, int]], ...]
"""Filters and window of the convolutions of one branch."""

SMALL: tuple[Windows, ...] = (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3)))
MIDDLE: tuple[Windows, ...] = (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1))))
LAST: tuple[Windows, ...] = (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1))))
"""Branches of the blocks for features of 35 x 35, 17 x 17 and 8 x 8."""


def _convolved(
    x: Tensor,
    filters: int,
    size: int | tuple[int, int],
    stride: int = 1,
    padding: str = "same",
    name: str | None = None,
) -> Tensor:
    x = Conv2D(filters, size, strides=stride, padding=padding, use_bias=False, name=name)(x)
    x = BatchNormalization(scale=False, name=name and f"{name}_bn")(x)
    return Activation("relu", name=name and f"{name}_ac")(x)


def _branch(x: Tensor, windows: Windows) -> Tensor:
    for filters, size in windows:
        x = _convolved(x, filters, size)
    return x


def _block(x: Tensor, branches: tuple[Windows, ...], scale: float, relu: bool, name: str) -> Tensor:
    mixed = Concatenate(name=f"{name}_mixed")([_branch(x, windows) for windows in branches])
    added = Conv2D(int(x.shape[-1]), 1, padding="same", name=f"{name}_conv")(mixed)
    x = Add(name=f"{name}_add")([x, Rescaling(scale, name=f"{name}_scale")(added)])
    return Activation("relu", name=f"{name}_ac")(x) if relu else x


def _inception_resnet(o: Options) -> Model:
    inputs = o.images(299, 75)
    x = _convolved(inputs, 32, 3, 2, "valid")
    x = _convolved(_convolved(x, 32, 3, padding="valid"), 64, 3)
    x = MaxPooling2D(3, strides=2)(x)
    x = _convolved(_convolved(x, 80, 1, padding="valid"), 192, 3, padding="valid")
    x = MaxPooling2D(3, strides=2)(x)

    pooled = _convolved(AveragePooling2D(3, strides=1, padding="same")(x), 64, 1)
    five, three = _branch(x, ((48, 1), (64, 5))), _branch(x, ((64, 1), (96, 3), (96, 3)))
    x = Concatenate(name="mixed_5b")([_convolved(x, 96, 1), five, three, pooled])
    for n in range(1, 11):
        x = _block(x, SMALL, 0.17, True, f"block35_{n}")

    three = _convolved(_branch(x, ((256, 1), (256, 3))), 384, 3, 2, "valid")
    one = _convolved(x, 384, 3, 2, "valid")
    x = Concatenate(name="mixed_6a")([one, three, MaxPooling2D(3, strides=2)(x)])
    for n in range(1, 21):
        x = _block(x, MIDDLE, 0.1, True, f"block17_{n}")

    one = _convolved(_convolved(x, 256, 1), 384, 3, 2, "valid")
    two = _convolved(_convolved(x, 256, 1), 288, 3, 2, "valid")
    three = _convolved(_branch(x, ((256, 1), (288, 3))), 320, 3, 2, "valid")
    x = Concatenate(name="mixed_7a")([one, two, three, MaxPooling2D(3, strides=2)(x)])
    for n in range(1, 10):
        x = _block(x, LAST, 0.2, True, f"block8_{n}")
    x = _block(x, LAST, 1.0, False, "block8_10")
    x = _convolved(x, 1536, 1, name="conv_7b")
    return o.model(inputs, o.ended(x))


def InceptionResNetV2(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "inception_resnet_v2",
) -> Model:
    """Return Inception-ResNet-v2.

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
        >>> lm.zoo.InceptionResNetV2(weights=None).count_params()
        55873736

    Source: Szegedy et al. (2017), arXiv:1602.07261.
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
    return _inception_resnet(o)
