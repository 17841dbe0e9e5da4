"""AlexNet: the network that won ImageNet's challenge of 2012.

In its form for one processor (Krizhevsky 2014), without local response normalization.

Sources: Krizhevsky, Sutskever and Hinton (2012), ImageNet classification with deep convolutional
neural networks (top-5 error 16.4% with five networks, 18.2% with one); Krizhevsky (2014), One weird
trick for parallelizing convolutional neural networks, arXiv:1404.5997.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D, ZeroPadding2D
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape


def _alexnet(o: Options) -> Model:
    inputs = o.images(224, 63, flat=True)
    x = ZeroPadding2D(2, name="conv1_pad")(inputs)
    x = Conv2D(64, 11, strides=4, activation="relu", name="conv1")(x)
    x = MaxPooling2D(3, strides=2, name="pool1")(x)
    x = Conv2D(192, 5, padding="same", activation="relu", name="conv2")(x)
    x = MaxPooling2D(3, strides=2, name="pool2")(x)
    for number, filters in ((3, 384), (4, 256), (5, 256)):
        x = Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
    x = MaxPooling2D(3, strides=2, name="pool5")(x)
    if not o.include_top:
        return o.model(inputs, o.pooled(x))
    flattened = {"fc6": x.shape[1:]}
    x = Flatten(name="flatten")(x)
    for number in (6, 7):
        x = Dropout(0.5, name=f"dropout{number}")(x)
        x = Dense(4096, "relu", name=f"fc{number}")(x)
    return o.model(inputs, o.classified(x), flattened=flattened)


def AlexNet(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "alexnet",
) -> Model:
    """Return AlexNet, in the form of 2014.

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
        >>> lm.zoo.AlexNet(weights=None).count_params()
        61100840

    Source: Krizhevsky (2014), arXiv:1404.5997.
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
    return _alexnet(o)
