"""NASNet: cells found by a search on small images, repeated for large ones.

A normal cell keeps the size of its features, a reduction cell halves it; each reads the results of
the two cells before it.

Source: Zoph et al. (2018), Learning transferable architectures for scalable image recognition,
arXiv:1707.07012. Top-1 accuracy on ImageNet: NASNet-A (6 @ 4032) 82.7%, mobile, (4 @ 1056) 74.0%.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.annotations import ActivationLike, PathLike
from lamina.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Cropping2D,
    MaxPooling2D,
    SeparableConv2D,
    ZeroPadding2D,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.blocks import before_stride
from lamina.zoo.parts import Network, Options, Shape, described


def _normalized(x: Tensor, name: str) -> Tensor:
    return BatchNormalization(momentum=0.9997, epsilon=1e-3, name=name)(x)


def _convolved(x: Tensor, filters: int, name: str) -> Tensor:
    initial = "he_normal"
    return Conv2D(filters, 1, use_bias=False, kernel_initializer=initial, name=name)(x)


def _projected(x: Tensor, filters: int, conv: str, bn: str) -> Tensor:
    return _normalized(_convolved(Activation("relu")(x), filters, conv), bn)


def _separable(x: Tensor, filters: int, size: int, name: str, stride: int = 1) -> Tensor:
    """ReLU, a separable convolution and a normalization, twice; the first has the stride."""
    for n in (1, 2):
        x = Activation("relu")(x)
        step = stride if n == 1 else 1
        if step == 2:
            x = before_stride(x, size, f"separable_conv_1_pad_{name}")
        x = SeparableConv2D(
            filters,
            size,
            strides=step,
            padding="same" if step == 1 else "valid",
            use_bias=False,
            name=f"separable_conv_{n}_{name}",
        )(x)
        x = _normalized(x, f"separable_conv_{n}_bn_{name}")
    return x


def _adjusted(earlier: Tensor | None, x: Tensor, filters: int, name: str) -> Tensor:
    """The result of the cell before the last, in the size and with the filters of the cell."""
    if earlier is None:
        return x
    if earlier.shape[2] != x.shape[2]:
        p = Activation("relu", name=f"adjust_relu_1_{name}")(earlier)
        halves = []
        shifted = Cropping2D(((1, 0), (1, 0)))(ZeroPadding2D(((0, 1), (0, 1)))(p))
        for n, each in enumerate((p, shifted), start=1):
            each = AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{n}_{name}")(each)
            halves.append(_convolved(each, filters // 2, f"adjust_conv_{n}_{name}"))
        return _normalized(Concatenate()(halves), f"adjust_bn_{name}")
    if earlier.shape[-1] != filters:
        conv = f"adjust_conv_projection_{name}"
        return _projected(earlier, filters, conv, f"adjust_bn_{name}")
    return earlier


def _averaged(x: Tensor, name: str) -> Tensor:
    return AveragePooling2D(3, strides=1, padding="same", name=name)(x)


def _normal(x: Tensor, earlier: Tensor | None, filters: int, name: str) -> tuple[Tensor, Tensor]:
    p = _adjusted(earlier, x, filters, name)
    h = _projected(x, filters, f"normal_conv_1_{name}", f"normal_bn_1_{name}")
    pairs = [
        [
            _separable(h, filters, 5, f"normal_left1_{name}"),
            _separable(p, filters, 3, f"normal_right1_{name}"),
        ],
        [
            _separable(p, filters, 5, f"normal_left2_{name}"),
            _separable(p, filters, 3, f"normal_right2_{name}"),
        ],
        [_averaged(h, f"normal_left3_{name}"), p],
        [_averaged(p, f"normal_left4_{name}"), _averaged(p, f"normal_right4_{name}")],
        [_separable(h, filters, 3, f"normal_left5_{name}"), h],
    ]
    sums = [Add(name=f"normal_add_{n}_{name}")(pair) for n, pair in enumerate(pairs, start=1)]
    return Concatenate(name=f"normal_concat_{name}")([p, *sums]), x


def _reduction(x: Tensor, earlier: Tensor | None, filters: int, name: str) -> tuple[Tensor, Tensor]:
    p = _adjusted(earlier, x, filters, name)
    h = _projected(x, filters, f"reduction_conv_1_{name}", f"reduction_bn_1_{name}")
    padded = before_stride(h, 3, f"reduction_pad_1_{name}")
    one = Add(name=f"reduction_add_1_{name}")(
        [
            _separable(h, filters, 5, f"reduction_left1_{name}", 2),
            _separable(p, filters, 7, f"reduction_right1_{name}", 2),
        ]
    )
    two = Add(name=f"reduction_add_2_{name}")(
        [
            MaxPooling2D(3, strides=2, name=f"reduction_left2_{name}")(padded),
            _separable(p, filters, 7, f"reduction_right2_{name}", 2),
        ]
    )
    three = Add(name=f"reduction_add3_{name}")(
        [
            AveragePooling2D(3, strides=2, name=f"reduction_left3_{name}")(padded),
            _separable(p, filters, 5, f"reduction_right3_{name}", 2),
        ]
    )
    four = Add()([two, _averaged(one, f"reduction_left4_{name}")])
    five = Add(name=f"reduction_add4_{name}")(
        [
            _separable(one, filters, 3, f"reduction_left4_{name}"),
            MaxPooling2D(3, strides=2, name=f"reduction_right5_{name}")(padded),
        ]
    )
    return Concatenate(name=f"reduction_concat_{name}")([two, three, four, five]), x


@dataclass(frozen=True)
class _Size:
    """Blocks of each stage, filters at the end and of the stem, whether the first cell after a
    reduction reads the cell before the reduction's last, and the size of the images."""

    blocks: int
    last: int
    stem: int
    skip: bool
    images: int


def _nasnet(o: Options, s: _Size) -> Model:
    inputs = o.images(s.images, 32)
    x = Conv2D(
        s.stem,
        3,
        strides=2,
        use_bias=False,
        kernel_initializer="he_normal",
        name="stem_conv1",
    )(inputs)
    x = _normalized(x, "stem_bn1")
    filters = s.last // 24
    p: Tensor | None = None
    for n, factor in ((1, 4), (2, 2)):
        x, p = _reduction(x, p, filters // factor, f"stem_{n}")
    for stage in range(3):
        first = stage * s.blocks + (1 if stage else 0)
        if stage:
            name = f"reduce_{stage * s.blocks}"
            x, before = _reduction(x, p, filters * 2**stage, name)
            p = p if s.skip else before
        for n in range(s.blocks):
            x, p = _normal(x, p, filters * 2**stage, str(first + n))
    return o.model(inputs, o.ended(Activation("relu")(x)))


def _sized(public: str, title: str, parameters: int, size: _Size) -> Network:
    default_name = "nasnet_" + public.removeprefix("NASNet").lower()

    def make(
        input_shape: Shape | None = None,
        include_top: bool = True,
        weights: PathLike | None = "imagenet",
        input_tensor: Tensor | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: ActivationLike = "softmax",
        name: str = default_name,
    ) -> Model:
        o = Options(
            name,
            include_top,
            weights,
            input_tensor,
            input_shape or (size.images, size.images, 3),
            pooling,
            classes,
            classifier_activation,
        )
        return _nasnet(o, size)

    return described(make, public, title, parameters, "Zoph et al. (2018), arXiv:1707.07012")


MOBILE, LARGE = _Size(4, 1056, 32, False, 224), _Size(6, 4032, 96, True, 331)
NASNetMobile = _sized("NASNetMobile", "NASNet-A, mobile (4 @ 1056)", 5326716, MOBILE)
NASNetLarge = _sized("NASNetLarge", "NASNet-A, large (6 @ 4032)", 88949818, LARGE)
