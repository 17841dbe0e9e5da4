"""SqueezeNet 1.1: the accuracy of AlexNet with a fiftieth of its weights.

Source: Iandola et al. (2016), SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and
<0.5 MB model size, arXiv:1602.07360. Top-5 accuracy on ImageNet 80.3%.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Activation,
    Concatenate,
    Conv2D,
    Dropout,
    GlobalAveragePooling2D,
    MaxPooling2D,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape

FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
"""Filters of the narrow convolution and of each of the two wide ones, by block."""


def _fire(x: Tensor, narrow: int, wide: int, name: str) -> Tensor:
    x = Conv2D(narrow, 1, activation="relu", name=f"{name}_squeeze")(x)
    one = Conv2D(wide, 1, activation="relu", name=f"{name}_expand1")(x)
    three = Conv2D(wide, 3, padding="same", activation="relu", name=f"{name}_expand3")(x)
    return Concatenate(name=f"{name}_concat")([one, three])


def _squeezenet(o: Options) -> Model:
    inputs = o.images(224, 32)
    x = Conv2D(64, 3, strides=2, activation="relu", name="conv1")(inputs)
    x = MaxPooling2D(3, strides=2, name="pool1")(x)
    for number, (narrow, wide) in enumerate(FIRES, start=2):
        x = _fire(x, narrow, wide, f"fire{number}")
        if number in (3, 5):
            x = MaxPooling2D(3, strides=2, name=f"pool{number}")(x)
    if not o.include_top:
        return o.model(inputs, o.pooled(x))
    x = Dropout(0.5, name="dropout")(x)
    x = Conv2D(o.classes, 1, activation="relu", name="conv10")(x)
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    return o.model(inputs, Activation(o.classifier_activation, name="predictions")(x))


def SqueezeNet(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "squeezenet",
) -> Model:
    """Return SqueezeNet 1.1.

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
        >>> lm.zoo.SqueezeNet(weights=None).count_params()
        1235496

    Source: Iandola et al. (2016), arXiv:1602.07360.
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
    return _squeezenet(o)
