"""EfficientNetV2: smaller and faster to train, with plain convolutions in its first blocks.

In the first stages the expansion and the depthwise convolution of a block are one convolution of
3 x 3 (Fused-MBConv). The network scales pixels from 0 to 255 itself.

Source: Tan and Le (2021), EfficientNetV2: smaller models and faster training, arXiv:2104.00298.
Top-1 accuracy on ImageNet: B0 78.7%, B1 79.8%, B2 80.5%, B3 82.1%, S 83.9%, M 85.1%, L 85.7%.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lamina.annotations import ActivationLike, PathLike
from lamina.initializers import VarianceScaling
from lamina.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Normalization,
    Rescaling,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.blocks import before_stride
from lamina.zoo.efficientnet import gated
from lamina.zoo.parts import DEVIATIONS, MEANS, Network, Options, Shape, described

DROPPED = 0.2
"""Rate at which training skips the last block; it grows from 0 in proportion to the depth."""
DROPOUT = 0.2


class Stage(NamedTuple):
    """Blocks with one convolution of 3 x 3 in place of two, number of blocks, filters, expansion,
    and stride of the first block."""

    fused: bool
    blocks: int
    filters: int
    expansion: int
    stride: int


BASE = (
    *(Stage(True, 1, 16, 1, 1), Stage(True, 2, 32, 4, 2), Stage(True, 2, 48, 4, 2)),
    *(Stage(False, 3, 96, 4, 2), Stage(False, 5, 112, 6, 1), Stage(False, 8, 192, 6, 2)),
)
SMALL = (
    *(Stage(True, 2, 24, 1, 1), Stage(True, 4, 48, 4, 2), Stage(True, 4, 64, 4, 2)),
    *(Stage(False, 6, 128, 4, 2), Stage(False, 9, 160, 6, 1), Stage(False, 15, 256, 6, 2)),
)
MEDIUM = (
    *(Stage(True, 3, 24, 1, 1), Stage(True, 5, 48, 4, 2), Stage(True, 5, 80, 4, 2)),
    *(Stage(False, 7, 160, 4, 2), Stage(False, 14, 176, 6, 1), Stage(False, 18, 304, 6, 2)),
    Stage(False, 5, 512, 6, 1),
)
LARGE = (
    *(Stage(True, 4, 32, 1, 1), Stage(True, 7, 64, 4, 2), Stage(True, 7, 96, 4, 2)),
    *(Stage(False, 10, 192, 4, 2), Stage(False, 19, 224, 6, 1), Stage(False, 25, 384, 6, 2)),
    Stage(False, 7, 640, 6, 1),
)


def _rounded(filters: float) -> int:
    """The nearest multiple of 8; other than in the first version it may be less by a tenth."""
    return max(8, int(filters + 4) // 8 * 8)


class _Builder:
    """Convolutions of one network, whose padding is that of Keras or of torchvision."""

    def __init__(self, torch: bool) -> None:
        self.torch = torch
        self.spread = VarianceScaling(2.0, "fan_out", "truncated_normal")

    def padded(self, x: Tensor, stride: int, name: str) -> tuple[Tensor, str]:
        if stride == 1 or not self.torch:
            return x, "same"
        return before_stride(x, 3, f"{name}_pad", symmetric=True), "valid"

    def convolved(
        self, x: Tensor, filters: int, name: str, size: int = 1, stride: int = 1
    ) -> Tensor:
        x, padding = self.padded(x, stride, name)
        return Conv2D(
            filters,
            size,
            strides=stride,
            padding=padding,
            use_bias=False,
            kernel_initializer=self.spread,
            name=name,
        )(x)

    def normalized(self, x: Tensor, name: str, activation: str = "") -> Tensor:
        x = BatchNormalization(momentum=0.9, name=name)(x)
        return Activation("swish", name=activation)(x) if activation else x

    def block(
        self, inputs: Tensor, s: Stage, filters: int, stride: int, drop: float, name: str
    ) -> Tensor:
        x, before = inputs, int(inputs.shape[-1])
        wide = before * s.expansion
        size = 3 if s.fused else 1
        if s.expansion != 1:
            step = stride if s.fused else 1
            x = self.convolved(x, wide, f"{name}expand_conv", size, step)
            x = self.normalized(x, f"{name}expand_bn", f"{name}expand_activation")
        if not s.fused:
            x, padding = self.padded(x, stride, f"{name}dwconv2")
            x = DepthwiseConv2D(
                3,
                strides=stride,
                padding=padding,
                use_bias=False,
                depthwise_initializer=self.spread,
                name=f"{name}dwconv2",
            )(x)
            x = self.normalized(x, f"{name}bn", f"{name}activation")
            x = gated(x, wide, max(1, before // 4), name)
        is_single = s.fused and s.expansion == 1
        size, step = (3, stride) if is_single else (1, 1)
        x = self.convolved(x, filters, f"{name}project_conv", size, step)
        activation = f"{name}project_activation" if is_single else ""
        x = self.normalized(x, f"{name}project_bn", activation)
        if stride == 1 and before == filters:
            if drop > 0:
                x = Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
            x = Add(name=f"{name}add")([x, inputs])
        return x


def _scaled(x: Tensor, as_in_v1: bool) -> Tensor:
    if not as_in_v1:
        return Rescaling(1 / 128, offset=-1.0)(x)
    variance = [d * d for d in DEVIATIONS]
    return Normalization(axis=-1, mean=list(MEANS), variance=variance)(Rescaling(1 / 255)(x))


def _efficientnet_v2(
    o: Options,
    stages: tuple[Stage, ...],
    width: float,
    depth: float,
    size: int,
    include_preprocessing: bool,
) -> Model:
    inputs = x = o.images(size, 32)
    build = _Builder(o.torch)
    if include_preprocessing:
        x = _scaled(x, o.torch or (stages is BASE and x.shape[-1] == 3))
    first = 32 if stages is BASE else stages[0].filters
    x = build.convolved(x, _rounded(first * width), "stem_conv", 3, 2)
    x = build.normalized(x, "stem_bn", "stem_activation")
    counts = [math.ceil(depth * s.blocks) for s in stages]
    number = 0
    for k, s in enumerate(stages):
        for n in range(counts[k]):
            stride = s.stride if n == 0 else 1
            drop = DROPPED * number / sum(counts)
            name = f"block{k + 1}{chr(ord('a') + n)}_"
            x = build.block(x, s, _rounded(s.filters * width), stride, drop, name)
            number += 1
    x = build.convolved(x, _rounded(1280 * width), "top_conv")
    x = build.normalized(x, "top_bn", "top_activation")
    if not o.include_top:
        return o.model(inputs, o.pooled(x))
    x = Dropout(DROPOUT, name="top_dropout")(GlobalAveragePooling2D(name="avg_pool")(x))
    classes = Dense(
        o.classes,
        o.classifier_activation,
        kernel_initializer=VarianceScaling(1 / 3, "fan_out", "uniform"),
        name="predictions",
    )
    return o.model(inputs, classes(x))


def _sized(
    public: str,
    parameters: int,
    stages: tuple[Stage, ...],
    size: int,
    width: float = 1.0,
    depth: float = 1.0,
) -> Network:
    kind = public.removeprefix("EfficientNetV2")
    default_name = f"efficientnetv2-{kind.lower()}"

    def make(
        include_top: bool = True,
        weights: PathLike | None = "imagenet",
        input_tensor: Tensor | None = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: ActivationLike = "softmax",
        include_preprocessing: bool = True,
        name: str = default_name,
    ) -> Model:
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
        return _efficientnet_v2(o, stages, width, depth, size, include_preprocessing)

    title = f"EfficientNetV2-{kind}, for images of {size} x {size}"
    return described(make, public, title, parameters, "Tan and Le (2021), arXiv:2104.00298")


EfficientNetV2B0 = _sized("EfficientNetV2B0", 7200312, BASE, 224)
EfficientNetV2B1 = _sized("EfficientNetV2B1", 8212124, BASE, 240, 1.0, 1.1)
EfficientNetV2B2 = _sized("EfficientNetV2B2", 10178374, BASE, 260, 1.1, 1.2)
EfficientNetV2B3 = _sized("EfficientNetV2B3", 14467622, BASE, 300, 1.2, 1.4)
EfficientNetV2S = _sized("EfficientNetV2S", 21612360, SMALL, 384)
EfficientNetV2M = _sized("EfficientNetV2M", 54431388, MEDIUM, 480)
EfficientNetV2L = _sized("EfficientNetV2L", 119027848, LARGE, 480)
