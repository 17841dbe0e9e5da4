"""ResNet: each block adds its result to its input, so that a hundred layers and more train.

The bottleneck networks have Keras' names of layers, and its strides in the first convolution of a
block.

Source: He et al. (2015), Deep residual learning for image recognition, arXiv:1512.03385. Top-5
error on ImageNet, ten crops: ResNet-34 7.46%, 50 6.71%, 101 6.05%, 152 5.71%.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    MaxPooling2D,
    ZeroPadding2D,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Options, Shape

WIDTHS = (64, 128, 256, 512)
"""Filters of the blocks of each stage; a bottleneck ends with four times as many."""
EPSILON = 1.001e-5


def normalized(x: Tensor, name: str, activation: bool = True) -> Tensor:
    """Return x normalized over the batch, with an activation.

    Args:
        x: images.
        name: name that those of the layers begin with.
        activation: apply ReLU.
    """
    x = BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return Activation("relu", name=f"{name}_relu")(x) if activation else x


def stem(x: Tensor, bias: bool, before: bool) -> Tensor:
    """Return images of a quarter of the size, by a convolution of 7 x 7 and pooling.

    Args:
        x: images.
        bias: the convolution has one.
        before: normalize, and apply ReLU, before pooling.
    """
    x = ZeroPadding2D(3, name="conv1_pad")(x)
    x = Conv2D(64, 7, strides=2, use_bias=bias, name="conv1_conv")(x)
    if before:
        x = normalized(x, "conv1")
    x = ZeroPadding2D(1, name="pool1_pad")(x)
    return MaxPooling2D(3, strides=2, name="pool1_pool")(x)


# ---- blocks ------------------------------------------------------------------------------------
def _basic(x: Tensor, width: int, stride: int, is_first: bool, name: str) -> Tensor:
    """Two convolutions of 3 x 3, of ResNet-18 and 34."""
    shortcut = x
    if is_first and (stride > 1 or x.shape[-1] != width):
        shortcut = Conv2D(width, 1, strides=stride, use_bias=False, name=f"{name}_0_conv")(x)
        shortcut = normalized(shortcut, f"{name}_0", activation=False)
    x = ZeroPadding2D(1, name=f"{name}_1_pad")(x)
    x = Conv2D(width, 3, strides=stride, use_bias=False, name=f"{name}_1_conv")(x)
    x = normalized(x, f"{name}_1")
    x = Conv2D(width, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(x)
    x = normalized(x, f"{name}_2", activation=False)
    x = Add(name=f"{name}_add")([shortcut, x])
    return Activation("relu", name=f"{name}_out")(x)


def _bottleneck(x: Tensor, width: int, stride: int, is_first: bool, name: str) -> Tensor:
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1."""
    shortcut = x
    if is_first:
        shortcut = Conv2D(4 * width, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = normalized(shortcut, f"{name}_0", activation=False)
    x = Conv2D(width, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = normalized(x, f"{name}_1")
    x = Conv2D(width, 3, padding="same", name=f"{name}_2_conv")(x)
    x = normalized(x, f"{name}_2")
    x = Conv2D(4 * width, 1, name=f"{name}_3_conv")(x)
    x = normalized(x, f"{name}_3", activation=False)
    x = Add(name=f"{name}_add")([shortcut, x])
    return Activation("relu", name=f"{name}_out")(x)


def late_stride(
    x: Tensor,
    width: int,
    stride: int,
    is_first: bool,
    name: str,
    groups: int = 1,
    group_width: int = 64,
) -> Tensor:
    """Return the result of a bottleneck of torchvision, with the stride in its second convolution
    and without biases.

    Args:
        x: features.
        width: filters of ResNet's block; four times as many come out.
        stride: step of the windows.
        is_first: the first block of a stage, whose shortcut has a convolution.
        name: name that those of the layers begin with.
        groups: groups of the second convolution.
        group_width: filters of a group in the first stage; they grow with the width.
    """
    shortcut, inner = x, groups * (width * group_width // 64)
    if is_first:
        shortcut = Conv2D(4 * width, 1, strides=stride, use_bias=False, name=f"{name}_0_conv")(x)
        shortcut = normalized(shortcut, f"{name}_0", activation=False)
    x = Conv2D(inner, 1, use_bias=False, name=f"{name}_1_conv")(x)
    x = ZeroPadding2D(1, name=f"{name}_2_pad")(normalized(x, f"{name}_1"))
    x = Conv2D(inner, 3, strides=stride, groups=groups, use_bias=False, name=f"{name}_2_conv")(x)
    x = normalized(x, f"{name}_2")
    x = Conv2D(4 * width, 1, use_bias=False, name=f"{name}_3_conv")(x)
    x = normalized(x, f"{name}_3", activation=False)
    x = Add(name=f"{name}_add")([shortcut, x])
    return Activation("relu", name=f"{name}_out")(x)


Block = Callable[[Tensor, int, int, bool, str], Tensor]


def resnet(o: Options, block: Block, depths: Sequence[int]) -> Model:
    """Return four stages of blocks; the first block of a stage halves the size, but for the first.

    Args:
        o: arguments of the network.
        block: function from features, width, stride, whether the block is a stage's first, and the
            name to features.
        depths: number of blocks of each stage.
    """
    block = late_stride if o.torch and block is _bottleneck else block
    inputs = o.images(224, 32)
    x = stem(inputs, bias=block is _bottleneck, before=True)
    for k, (count, width) in enumerate(zip(depths, WIDTHS, strict=True)):
        for n in range(count):
            stride = 2 if k > 0 and n == 0 else 1
            x = block(x, width, stride, n == 0, f"conv{k + 2}_block{n + 1}")
    return o.model(inputs, o.ended(x), _name_of)


def _name_of(module: str) -> str:
    """The layer for a module of torchvision: conv3_block1_2_conv for layer2.0.conv2."""
    if not module.startswith("layer"):
        return {"conv1": "conv1_conv", "bn1": "conv1_bn", "fc": "predictions"}.get(module, "")
    stage, block, *part = module.removeprefix("layer").split(".")
    last = part[0]
    if last == "downsample":
        end = ("0_conv", "0_bn")[int(part[1])]
    else:
        end = f"{last[-1]}_{last[:-1]}"
    return f"conv{int(stage) + 1}_block{int(block) + 1}_{end}"


def ResNet18(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "resnet18",
) -> Model:
    """Return ResNet-18, version 1.

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
        >>> lm.zoo.ResNet18(weights=None).count_params()
        11699112

    Source: He et al. (2015), arXiv:1512.03385.
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
    return resnet(o, _basic, (2, 2, 2, 2))


def ResNet34(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "resnet34",
) -> Model:
    """Return ResNet-34, version 1.

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
        >>> lm.zoo.ResNet34(weights=None).count_params()
        21814696

    Source: He et al. (2015), arXiv:1512.03385.
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
    return resnet(o, _basic, (3, 4, 6, 3))


def ResNet50(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "resnet50",
) -> Model:
    """Return ResNet-50, version 1.

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
        >>> lm.zoo.ResNet50(weights=None).count_params()
        25636712

    Source: He et al. (2015), arXiv:1512.03385.
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
    return resnet(o, _bottleneck, (3, 4, 6, 3))


def ResNet101(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "resnet101",
) -> Model:
    """Return ResNet-101, version 1.

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
        >>> lm.zoo.ResNet101(weights=None).count_params()
        44707176

    Source: He et al. (2015), arXiv:1512.03385.
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
    return resnet(o, _bottleneck, (3, 4, 23, 3))


def ResNet152(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str = "resnet152",
) -> Model:
    """Return ResNet-152, version 1.

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
        >>> lm.zoo.ResNet152(weights=None).count_params()
        60419944

    Source: He et al. (2015), arXiv:1512.03385.
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
    return resnet(o, _bottleneck, (3, 8, 36, 3))
