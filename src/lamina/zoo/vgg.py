"""VGG-11, 13, 16 and 19: convolutions of 3 x 3 only, in five blocks of growing width.

Source: Simonyan and Zisserman (2014), Very deep convolutional networks for large-scale image
recognition, arXiv:1409.1556, configurations A, B, D and E. Top-5 error of one network on the
validation images of ImageNet: 10.4% (VGG-11), 9.9% (13), 8.8% (16), 9.0% (19), with several scales
8.7%, 8.0% of the last two.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import Conv2D, Dense, Flatten, MaxPooling2D
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape

WIDTHS = (64, 128, 256, 512, 512)
"""Filters of the convolutions of each block."""


def _vgg(o: Options, depths: tuple[int, ...]) -> Model:
    inputs = x = o.images(224, 32, flat=True)
    for k, (count, width) in enumerate(zip(depths, WIDTHS, strict=True), start=1):
        for n in range(1, count + 1):
            name = f"block{k}_conv{n}"
            x = Conv2D(width, 3, padding="same", activation="relu", name=name)(x)
        x = MaxPooling2D(2, name=f"block{k}_pool")(x)
    if not o.include_top:
        return o.model(inputs, o.pooled(x))
    flattened = {"fc1": x.shape[1:]}
    x = Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = Dense(4096, "relu", name=name)(x)
    return o.model(inputs, o.classified(x), flattened=flattened)


def VGG11(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "vgg11",
) -> Model:
    """Return VGG-11, with 11 layers that have weights.

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
        >>> lm.zoo.VGG11(weights=None).count_params()
        132863336

    Source: Simonyan and Zisserman (2014), arXiv:1409.1556.
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
    return _vgg(o, (1, 1, 2, 2, 2))


def VGG13(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "vgg13",
) -> Model:
    """Return VGG-13, with 13 layers that have weights.

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
        >>> lm.zoo.VGG13(weights=None).count_params()
        133047848

    Source: Simonyan and Zisserman (2014), arXiv:1409.1556.
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
    return _vgg(o, (2, 2, 2, 2, 2))


def VGG16(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "vgg16",
) -> Model:
    """Return VGG-16, with 16 layers that have weights.

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
        >>> lm.zoo.VGG16(weights=None).count_params()
        138357544

    Source: Simonyan and Zisserman (2014), arXiv:1409.1556.
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
    return _vgg(o, (2, 2, 3, 3, 3))


def VGG19(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "vgg19",
) -> Model:
    """Return VGG-19, with 19 layers that have weights.

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
        >>> lm.zoo.VGG19(weights=None).count_params()
        143667240

    Source: Simonyan and Zisserman (2014), arXiv:1409.1556.
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
    return _vgg(o, (2, 2, 4, 4, 4))
