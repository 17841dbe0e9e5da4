"""ResNet, version 2: normalization and activation come before each convolution.

Source: He et al. (2016), Identity mappings in deep residual networks, arXiv:1603.05027. Top-5 error
on ImageNet, one crop of 320 x 320: ResNet-152 5.5%; ResNet-200 4.8%.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import Add, Conv2D, MaxPooling2D, ZeroPadding2D
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape
from lamina.zoo.resnet import WIDTHS, normalized, stem


def _preactivated(x: Tensor, width: int, stride: int, is_first: bool, name: str) -> Tensor:
    """A bottleneck of version 2: normalization and activation come before each convolution."""
    before = normalized(x, f"{name}_preact")
    if is_first:
        shortcut = Conv2D(4 * width, 1, strides=stride, name=f"{name}_0_conv")(before)
    else:
        shortcut = MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = Conv2D(width, 1, use_bias=False, name=f"{name}_1_conv")(before)
    x = normalized(x, f"{name}_1")
    x = ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = Conv2D(width, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = normalized(x, f"{name}_2")
    x = Conv2D(4 * width, 1, name=f"{name}_3_conv")(x)
    return Add(name=f"{name}_out")([shortcut, x])


def _resnet_v2(o: Options, depths: Sequence[int]) -> Model:
    """Four stages; the last block of a stage halves the size, but for the last."""
    inputs = o.images(224, 32)
    x = stem(inputs, bias=True, before=False)
    for k, (count, width) in enumerate(zip(depths, WIDTHS, strict=True)):
        for n in range(count):
            stride = 2 if k < 3 and n == count - 1 else 1
            x = _preactivated(x, width, stride, n == 0, f"conv{k + 2}_block{n + 1}")
    x = normalized(x, "post")
    return o.model(inputs, o.ended(x))


def ResNet50V2(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "resnet50v2",
) -> Model:
    """Return ResNet-50, version 2.

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
        >>> lm.zoo.ResNet50V2(weights=None).count_params()
        25613800

    Source: He et al. (2016), arXiv:1603.05027.
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
    return _resnet_v2(o, (3, 4, 6, 3))


def ResNet101V2(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "resnet101v2",
) -> Model:
    """Return ResNet-101, version 2.

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
        >>> lm.zoo.ResNet101V2(weights=None).count_params()
        44675560

    Source: He et al. (2016), arXiv:1603.05027.
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
    return _resnet_v2(o, (3, 4, 23, 3))


def ResNet152V2(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "resnet152v2",
) -> Model:
    """Return ResNet-152, version 2.

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
        >>> lm.zoo.ResNet152V2(weights=None).count_params()
        60380648

    Source: He et al. (2016), arXiv:1603.05027.
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
    return _resnet_v2(o, (3, 8, 36, 3))
