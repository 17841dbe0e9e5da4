"""ConvNeXt: a ResNet with the choices of vision transformers.

Patches at the begin, depthwise convolutions of 7 x 7, layer normalization, GELU, fewer
normalizations and activations, and blocks that are wide inside. The network normalizes pixels from
0 to 255 itself.

Source: Liu et al. (2022), A ConvNet for the 2020s, arXiv:2201.03545. Top-1 accuracy on ImageNet,
224 x 224: Tiny 82.1%, Small 83.1%, Base 83.8%, Large 84.3%; trained before on ImageNet-21k, XLarge
87.0%.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from lamina.annotations import ActivationLike, PathLike
from lamina.initializers import Constant
from lamina.layers import (
    Activation,
    Add,
    Conv2D,
    Dense,
    Dropout,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    LayerNormalization,
    Normalization,
)
from lamina.layers._base.options import LayerOptions
from lamina.models.model import Model
from lamina.models.sequential import Sequential
from lamina.tensor import Tensor
from lamina.zoo.parts import DEVIATIONS, MEANS, Network, Options, Shape, described

SCALE = 1e-6
"""First factor of what a block adds."""


class LayerScale(Layer):
    """A learned factor for each feature.

    Args:
        init_values: the first value of all factors.
        projection_dim: number of features.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ..., features) -> (batch, ..., features)

    Example:
        >>> import lamina as lm
        >>> from lamina.zoo.convnext import LayerScale
        >>> LayerScale(0.5, 2)(lm.ones((1, 2))).tolist()
        [[0.5, 0.5]]

    Source: Touvron et al. (2021), Going deeper with image transformers, arXiv:2103.17239.
    """

    family = "lamina.zoo"

    def __init__(
        self, init_values: float, projection_dim: int, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.init_values, self.projection_dim = float(init_values), int(projection_dim)

    def build(self, input_shape: Any) -> None:
        self.gamma = self.add_weight(
            name="gamma", shape=(self.projection_dim,), initializer=Constant(self.init_values)
        )

    def call(self, inputs: Tensor) -> Tensor:
        return inputs * self.gamma


def _normalized(name: str) -> LayerNormalization:
    return LayerNormalization(epsilon=1e-6, name=name)


def _block(inputs: Tensor, width: int, drop: float, name: str) -> Tensor:
    x = Conv2D(width, 7, padding="same", groups=width, name=f"{name}_depthwise_conv")(inputs)
    x = _normalized(f"{name}_layernorm")(x)
    x = Dense(4 * width, name=f"{name}_pointwise_conv_1")(x)
    x = Activation("gelu", name=f"{name}_gelu")(x)
    x = Dense(width, name=f"{name}_pointwise_conv_2")(x)
    x = LayerScale(SCALE, width, name=f"{name}_layer_scale")(x)
    if drop:
        noise = (None, 1, 1, 1)
        x = Dropout(drop, noise_shape=noise, name=f"{name}_stochastic_depth")(x)
    return Add(name=f"{name}_add")([inputs, x])


def _convnext(
    o: Options,
    depths: tuple[int, ...],
    widths: tuple[int, ...],
    include_preprocessing: bool,
    drop_path_rate: float = 0.0,
) -> Model:
    inputs = x = o.images(224, 32)
    name = o.name
    if include_preprocessing and x.shape[-1] == 3:
        x = Normalization(
            mean=[255 * m for m in MEANS],
            variance=[(255 * d) ** 2 for d in DEVIATIONS],
            name=f"{name}_prestem_normalization",
        )(x)
    number, count = 0, sum(depths)
    for k, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        x = _reduced(width, k, name)(x)
        for n in range(depth):
            drop = drop_path_rate * number / max(count - 1, 1)
            x = _block(x, width, drop, f"{name}_stage_{k}_block_{n}")
            number += 1
    names = _names(name)
    if not o.include_top:
        if o.pooling is not None:
            pool = GlobalAveragePooling2D if o.pooling == "avg" else GlobalMaxPooling2D
            x = pool()(x)
        return o.model(inputs, _normalized(f"{name}_head_layernorm")(x), names)
    x = GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
    x = _normalized(f"{name}_head_layernorm")(x)
    return o.model(inputs, o.classified(x, f"{name}_head_dense"), names)


def _reduced(width: int, stage: int, name: str) -> Sequential:
    """The layers before a stage: patches of 4 x 4 for the first, of 2 x 2 for the others."""
    if stage == 0:
        stem = Conv2D(width, 4, strides=4, name=f"{name}_stem_conv")
        return Sequential([stem, _normalized(f"{name}_stem_layernorm")], name=f"{name}_stem")
    place = f"{name}_downsampling"
    convolution = Conv2D(width, 2, strides=2, name=f"{place}_conv_{stage - 1}")
    layers = [_normalized(f"{place}_layernorm_{stage - 1}"), convolution]
    return Sequential(layers, name=f"{place}_block_{stage - 1}")


def _names(name: str) -> Callable[[str], str]:
    """The layer for a module of torchvision."""
    parts = {
        "0": "depthwise_conv",
        "2": "layernorm",
        "3": "pointwise_conv_1",
        "5": "pointwise_conv_2",
    }

    def name_of(module: str) -> str:
        kind, number, *rest = module.split(".")
        if kind == "classifier":
            return f"{name}_head_layernorm" if number == "0" else f"{name}_head_dense"
        stage, is_block = divmod(int(number), 2)
        if is_block:
            part = parts[rest[2]] if len(rest) > 1 else "layer_scale"
            return f"{name}_stage_{stage}_block_{rest[0]}_{part}"
        if stage == 0:
            return f"{name}_stem/{name}_stem_{('conv', 'layernorm')[int(rest[0])]}"
        place, part = f"{name}_downsampling", ("layernorm", "conv")[int(rest[0])]
        return f"{place}_block_{stage - 1}/{place}_{part}_{stage - 1}"

    return name_of


def _sized(
    public: str, parameters: int, depths: tuple[int, ...], widths: tuple[int, ...]
) -> Network:
    size = public.removeprefix("ConvNeXt")
    default_name = f"convnext_{size.lower()}"

    def make(
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: PathLike | None = "imagenet",
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
        return _convnext(o, depths, widths, include_preprocessing)

    title = f"ConvNeXt, {size}"
    return described(make, public, title, parameters, "Liu et al. (2022), arXiv:2201.03545")


ConvNeXtTiny = _sized("ConvNeXtTiny", 28589128, (3, 3, 9, 3), (96, 192, 384, 768))
ConvNeXtSmall = _sized("ConvNeXtSmall", 50223688, (3, 3, 27, 3), (96, 192, 384, 768))
ConvNeXtBase = _sized("ConvNeXtBase", 88591464, (3, 3, 27, 3), (128, 256, 512, 1024))
ConvNeXtLarge = _sized("ConvNeXtLarge", 197767336, (3, 3, 27, 3), (192, 384, 768, 1536))
ConvNeXtXLarge = _sized("ConvNeXtXLarge", 350196968, (3, 3, 27, 3), (256, 512, 1024, 2048))
