"""GoogLeNet: 22 layers of parallel windows, narrowed by convolutions of 1 x 1.

Without the two additional classifiers, which only training had, and without local response
normalization.

Source: Szegedy et al. (2015), Going deeper with convolutions, arXiv:1409.4842. Top-5 error on
ImageNet 6.67% with seven networks, 10.07% with one and one crop.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Concatenate,
    Conv2D,
    Dropout,
    GlobalAveragePooling2D,
    MaxPooling2D,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape

BLOCKS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Filters of 1 x 1; before 3 x 3, 3 x 3; before 5 x 5, 5 x 5; behind pooling (table 1)."""


def _conv(x: Tensor, filters: int, size: int, name: str) -> Tensor:
    return Conv2D(filters, size, padding="same", activation="relu", name=name)(x)


def _inception(x: Tensor, filters: tuple[int, ...], name: str) -> Tensor:
    one, before3, three, before5, five, pooled = filters
    prefix = f"inception_{name}"
    pool = MaxPooling2D(3, strides=1, padding="same", name=f"{prefix}_pool")(x)
    parts = [
        _conv(x, one, 1, f"{prefix}_1x1"),
        _conv(_conv(x, before3, 1, f"{prefix}_3x3_reduce"), three, 3, f"{prefix}_3x3"),
        _conv(_conv(x, before5, 1, f"{prefix}_5x5_reduce"), five, 5, f"{prefix}_5x5"),
        _conv(pool, pooled, 1, f"{prefix}_pool_proj"),
    ]
    return Concatenate(name=f"{prefix}_output")(parts)


def _halved(x: Tensor, name: str) -> Tensor:
    return MaxPooling2D(3, strides=2, padding="same", name=name)(x)


def _googlenet(o: Options) -> Model:
    inputs = o.images(224, 32)
    x = Conv2D(64, 7, strides=2, padding="same", activation="relu", name="conv1")(inputs)
    x = _conv(_halved(x, "pool1"), 64, 1, "conv2_reduce")
    x = _halved(_conv(x, 192, 3, "conv2"), "pool2")
    for name, filters in BLOCKS.items():
        x = _inception(x, filters, name)
        if name in ("3b", "4e"):
            x = _halved(x, f"pool{name[0]}")
    if not o.include_top:
        return o.model(inputs, o.pooled(x))
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    return o.model(inputs, o.classified(Dropout(0.4, name="dropout")(x)))


def GoogLeNet(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "googlenet",
) -> Model:
    """Return GoogLeNet.

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
        >>> lm.zoo.GoogLeNet(weights=None).count_params()
        6998552

    Source: Szegedy et al. (2015), arXiv:1409.4842.
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
    return _googlenet(o)
