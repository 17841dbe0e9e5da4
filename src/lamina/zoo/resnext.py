"""ResNeXt: a ResNet whose middle convolutions are divided into groups.

Groups instead of width or depth: a block of 32 groups of 4 filters costs as much as one of ResNet.
As in torchvision, the stride is in the convolution of 3 x 3.

Source: Xie et al. (2017), Aggregated residual transformations for deep neural networks,
arXiv:1611.05431. Top-1 error on ImageNet, one crop: ResNeXt-50 (32 x 4d) 22.2%, ResNeXt-101 (32 x
4d) 21.2%, ResNeXt-101 (64 x 4d) 20.4%.
"""

from __future__ import annotations

from functools import partial

from lamina.annotations import ActivationLike, PathLike
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Network, Options, Shape, described
from lamina.zoo.resnet import late_stride, resnet


def _sized(
    public: str, parameters: int, depths: tuple[int, ...], groups: int, width: int
) -> Network:
    default_name = public.lower()
    title = f"ResNeXt-{3 * sum(depths) + 2} ({groups} x {width}d)"

    def make(
        include_top: bool = True,
        weights: PathLike | None = None,
        input_tensor: Tensor | None = None,
        input_shape: Shape | None = None,
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
            input_shape,
            pooling,
            classes,
            classifier_activation,
        )
        return resnet(o, partial(late_stride, groups=groups, group_width=width), depths)

    return described(make, public, title, parameters, "Xie et al. (2017), arXiv:1611.05431")


ResNeXt50 = _sized("ResNeXt50", 25097128, (3, 4, 6, 3), 32, 4)
ResNeXt101 = _sized("ResNeXt101", 44315560, (3, 4, 23, 3), 32, 4)
ResNeXt101_32x8d = _sized("ResNeXt101_32x8d", 88994216, (3, 4, 23, 3), 32, 8)
ResNeXt101_64x4d = _sized("ResNeXt101_64x4d", 83658152, (3, 4, 23, 3), 64, 4)
