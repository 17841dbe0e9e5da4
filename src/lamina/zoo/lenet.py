"""LeNet-5 for digits of 32 x 32 pixels.

The classes are an ordinary dense layer; the paper's table of connections between the second and the
third layer, and its distances to drawings of the digits, are left out.

Source: LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document
recognition. Test error on MNIST 0.95%, with distorted digits 0.8%.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import AveragePooling2D, Conv2D, Dense, Flatten
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape


def LeNet5(
    include_top: bool = True,
    weights: PathLike | None = None,
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = (32, 32, 1),
    pooling: str | None = None,
    classes: int = 10,
    classifier_activation: ActivationLike = "softmax",
    name: str = "lenet5",
) -> Model:
    """Return LeNet-5.

    Args:
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, or None for random ones.
        input_tensor: symbolic images; None makes an Input.
        input_shape: shape of the images (height, width, channels).
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.LeNet5().count_params()
        61706

    Source: LeCun et al. (1998), Gradient-based learning applied to document recognition.
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
    inputs = x = o.images(32, 16, flat=True)
    for number, filters in ((1, 6), (3, 16)):
        x = Conv2D(filters, 5, activation="tanh", name=f"c{number}")(x)
        x = AveragePooling2D(2, name=f"s{number + 1}")(x)
    if not include_top:
        return o.model(inputs, o.pooled(x))
    x = Flatten(name="flatten")(x)
    x = Dense(84, "tanh", name="f6")(Dense(120, "tanh", name="c5")(x))
    return o.model(inputs, o.classified(x))
