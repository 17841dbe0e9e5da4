"""DenseNet: each layer of a block reads the results of all layers before it.

Source: Huang et al. (2017), Densely connected convolutional networks, arXiv:1608.06993. Top-1 error
on ImageNet, one crop: DenseNet-121 25.0%, 169 23.8%, 201 22.6%.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    MaxPooling2D,
    ZeroPadding2D,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape

GROWTH = 32
"""Channels that each layer adds."""
EPSILON = 1.001e-5
"""Of Keras; torchvision has 1e-5."""


def _normalized(x: Tensor, bn: str, relu: str) -> Tensor:
    return Activation("relu", name=relu)(BatchNormalization(epsilon=EPSILON, name=bn)(x))


def _layer(x: Tensor, name: str) -> Tensor:
    new = _normalized(x, f"{name}_0_bn", f"{name}_0_relu")
    new = Conv2D(4 * GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(new)
    new = _normalized(new, f"{name}_1_bn", f"{name}_1_relu")
    new = Conv2D(GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(new)
    return Concatenate(name=f"{name}_concat")([x, new])


def _densenet(o: Options, depths: Sequence[int]) -> Model:
    inputs = o.images(224, 32)
    x = Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(ZeroPadding2D(3)(inputs))
    x = _normalized(x, "conv1_bn", "conv1_relu")
    x = MaxPooling2D(3, strides=2, name="pool1")(ZeroPadding2D(1)(x))
    for k, count in enumerate(depths, start=2):
        for n in range(1, count + 1):
            x = _layer(x, f"conv{k}_block{n}")
        if k < 5:
            name = f"pool{k}"
            x = _normalized(x, f"{name}_bn", f"{name}_relu")
            x = Conv2D(int(x.shape[-1]) // 2, 1, use_bias=False, name=f"{name}_conv")(x)
            x = AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)
    x = _normalized(x, "bn", "relu")
    return o.model(inputs, o.ended(x))


def DenseNet121(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "densenet121",
) -> Model:
    """Return DenseNet-121.

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
        >>> lm.zoo.DenseNet121(weights=None).count_params()
        8062504

    Source: Huang et al. (2017), arXiv:1608.06993.
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
    return _densenet(o, (6, 12, 24, 16))


def DenseNet169(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "densenet169",
) -> Model:
    """Return DenseNet-169.

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
        >>> lm.zoo.DenseNet169(weights=None).count_params()
        14307880

    Source: Huang et al. (2017), arXiv:1608.06993.
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
    return _densenet(o, (6, 12, 32, 32))


def DenseNet201(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "densenet201",
) -> Model:
    """Return DenseNet-201.

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
        >>> lm.zoo.DenseNet201(weights=None).count_params()
        20242984

    Source: Huang et al. (2017), arXiv:1608.06993.
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
    return _densenet(o, (6, 12, 48, 32))
