"""Layers made of other layers that change images: policies of augmentation, and pipelines.

Arguments and defaults are those of Keras 3. In Keras all images of a batch, and in AugMix all
batches of a compiled program, get the same operations; here each image draws its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.arguments import Checks, Integer, Number
from lamina.errors import ArgumentError, describe
from lamina.layers._base.images import (
    ImageLayer,
    RandomImages,
    Transformation,
    between,
    factor_range,
    value_pair,
)
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import (
    ImageOptions,
    PlacedImageOptions,
    UnnamedOptions,
)
from lamina.layers.random_colors import RandomColorDegeneration, RandomPosterization
from lamina.layers.random_filters import RandomSharpness
from lamina.layers.random_geometry import RandomRotation, RandomShear, RandomTranslation
from lamina.layers.random_images import RandomBrightness, RandomContrast
from lamina.layers.value_curves import AutoContrast, Equalization, Solarization
from lamina.operations.sample_distributions import GAMMA_DRAWS, beta, log_gamma
from lamina.seeding import SeedLike
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import scan

__all__ = ["AugMix", "MaxNumBoundingBoxes", "Pipeline", "RandAugment"]

Factor = float | Sequence[float]


def _layers(
    factor: tuple[float, float], value_range: Any, interpolation: str, dtype: Any, color: bool
) -> list[ImageLayer]:
    """Return the operations of a policy; those of color and light last, if at all."""
    space = {"interpolation": interpolation, "dtype": dtype}
    values = {"value_range": value_range, "dtype": dtype}
    bits = max(1, int(8 * factor[1]))
    found: list[ImageLayer] = [
        RandomShear(factor, factor, **space),
        RandomTranslation(factor, factor, **space),
        RandomRotation(factor, **space),
        RandomPosterization(bits, **values),
        Solarization(factor, factor, **values),
        AutoContrast(**values),
        Equalization(**values),
    ]
    if color:
        kinds = (RandomBrightness, RandomColorDegeneration, RandomContrast, RandomSharpness)
        found += [kind(factor, **values) for kind in kinds]
    return found


class _Choice:
    """One operation of a list for each image; `spare` further choices do nothing."""

    def __init__(self, layers: Sequence[ImageLayer], spare: int = 0) -> None:
        self.layers, self.count = layers, len(layers) + spare
        self.draws = 1 + sum(layer.draws for layer in layers)

    def each(self, uniform: Tensor, shape: Any) -> Iterator[tuple[Any, ImageLayer, dict[str, Any]]]:
        """Yield which images get a layer, (batch, 1, 1, 1), the layer, and its transformation."""
        place, first = ops.floor(between(uniform, 0, 0.0, self.count, 4)), 1
        for number, layer in enumerate(self.layers):
            own = uniform[:, first : first + layer.draws] if layer.draws else None
            first += layer.draws
            yield place == number, layer, {"input_shape": shape, **layer.drawn(own, shape)}

    def images(self, x: Tensor, uniform: Tensor, only_masks: bool = False) -> Tensor:
        """Return the images, or masks, after the operation that each of them draws."""
        found = x
        for chosen, layer, transformation in self.each(uniform, x.shape):
            if not only_masks:
                found = ops.where(chosen, layer.changed(x, transformation), found)
            elif layer.moves:
                found = ops.where(chosen, layer.moved_masks(x, transformation), found)
        return found

    def repeated(self, x: Tensor, uniform: Tensor, only_masks: bool = False) -> Tensor:
        """Return the images after several operations; `uniform` is (operations, batch, draws)."""

        def step(images: Any, draws: Any) -> tuple[Any, Any]:
            return self.images(images, draws, only_masks), ()

        found: Tensor = scan(step, x, uniform)[0]
        return found

    def boxes(self, boxes: Tensor, uniform: Tensor, shape: Any) -> Tensor:
        for chosen, layer, transformation in self.each(uniform, shape):
            if layer.moves:
                moved = layer.moved_boxes(boxes, transformation)
                boxes = ops.where(ops.squeeze(chosen, -1), moved, boxes)
        return boxes


class RandAugment(RandomImages):
    """A random series of operations on each image in training (RandAugment).

    Operations are shear, translation, rotation, brightness, color degeneration, contrast,
    sharpness, posterization, solarization, automatic contrast and equalization.

    Args:
        value_range: pair (low, high) of the possible values of the images.
        num_ops: number of operations on each image.
        factor: strength of the operations: number a in [0, 1] for the range (0, a), or a pair.
        interpolation: "bilinear" or "nearest".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandAugment()(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)

    Source: Cubuk et al. (2020), RandAugment: practical automated data augmentation with a reduced
        search space.
    """

    moves = True
    argument_checks: ClassVar[Checks] = {"num_ops": Integer(0)}

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: Factor = 0.5,
        interpolation: str = "bilinear",
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        own = type(self).__name__
        self.value_range, self.num_ops = value_pair(own, value_range), num_ops
        self.factor, self._pair = factor, factor_range(own, "factor", factor, 0, 1)
        self.interpolation = interpolation
        self._choice = _Choice(
            _layers(self._pair, self.value_range, interpolation, self.dtype_policy, color=True)
        )

    def number_of_draws(self, shape: Any) -> int:
        return self.num_ops * self._choice.draws

    def drawn(self, uniform: Any, shape: Any) -> dict[str, Any]:
        if not self.num_ops:
            return {}
        steps = ops.reshape(uniform, (-1, self.num_ops, self._choice.draws))
        return {"draws": ops.permute_dims(steps, (1, 0, 2))}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        return self._choice.repeated(x, transformation["draws"]) if self.num_ops else x

    def moved_masks(self, x: Tensor, transformation: Transformation) -> Tensor:
        return self._choice.repeated(x, transformation["draws"], True) if self.num_ops else x

    def moved_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        for step in range(self.num_ops):
            draws = transformation["draws"][step]
            boxes = self._choice.boxes(boxes, draws, transformation["input_shape"])
        return boxes


class AugMix(RandomImages):
    """Weighted sum of each image with several versions of it that random series of operations make,
    in training (AugMix).

        weight * inputs + (1 - weight) * sum over chains of share * chain(inputs)

    with weight random with the distribution Beta(alpha, alpha), and the shares with the
    distribution Dirichlet(alpha). Each operation of a chain may also be none.

    Args:
        value_range: pair (low, high) of the possible values of the images.
        num_chains: number of versions.
        chain_depth: number of operations of each.
        factor: strength of the operations: number a in [0, 1] for the range (0, a), or a pair.
        alpha: parameter of the distributions of the weights, above 0.
        all_ops: use brightness, color degeneration, contrast and sharpness, too.
        interpolation: "bilinear" or "nearest".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AugMix(num_chains=2)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)

    Source: Hendrycks et al. (2020), AugMix: a simple data processing method to improve robustness
        and uncertainty.
    """

    moves = True
    argument_checks: ClassVar[Checks] = {
        "num_chains": Integer(1),
        "chain_depth": Integer(1),
        "alpha": Number(above=0),
    }

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Factor = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        own = type(self).__name__
        self.value_range, self.alpha, self.all_ops = value_pair(own, value_range), alpha, all_ops
        self.num_chains, self.chain_depth = num_chains, chain_depth
        self.factor, self._pair = factor, factor_range(own, "factor", factor, 0, 1)
        self.interpolation = interpolation
        layers = _layers(self._pair, self.value_range, interpolation, self.dtype_policy, all_ops)
        self._choice = _Choice(layers, spare=1)

    def number_of_draws(self, shape: Any) -> int:
        steps = self.num_chains * self.chain_depth * self._choice.draws
        return (self.num_chains + 2) * GAMMA_DRAWS + steps

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        count, chains = GAMMA_DRAWS, self.num_chains
        parts = [
            log_gamma(uniform[:, k * count : (k + 1) * count], self.alpha) for k in range(chains)
        ]
        steps = ops.reshape(
            uniform[:, (chains + 2) * count :], (-1, chains, self.chain_depth, self._choice.draws)
        )
        steps = ops.permute_dims(steps, (2, 0, 1, 3))
        return {
            "chain_mixing_weights": ops.softmax(ops.stack(parts, axis=1), axis=1),
            "weight_sample": beta(uniform[:, chains * count : (chains + 2) * count], self.alpha),
            "draws": ops.reshape(steps, (self.chain_depth, -1, self._choice.draws)),
        }

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        return ops.clip(self._sum(x, transformation), *self.value_range)

    def moved_masks(self, x: Tensor, transformation: Transformation) -> Tensor:
        return self._sum(x, transformation, only_masks=True)

    def _sum(self, x: Tensor, transformation: Transformation, only_masks: bool = False) -> Tensor:
        batch, rows, columns, channels = x.shape
        each = (batch, self.num_chains, rows, columns, channels)
        several = ops.broadcast_to(ops.expand_dims(x, 1), each)
        flat = ops.reshape(several, (batch * self.num_chains, rows, columns, channels))
        chains = self._choice.repeated(flat, transformation["draws"], only_masks)
        shares = ops.reshape(transformation["chain_mixing_weights"], (-1, self.num_chains, 1, 1, 1))
        mixed = ops.sum(ops.reshape(chains, each) * ops.astype(shares, x.dtype), axis=1)
        weight = ops.astype(ops.reshape(transformation["weight_sample"], (-1, 1, 1, 1)), x.dtype)
        return weight * x + (1.0 - weight) * mixed


class Pipeline(Layer):
    """A series of layers, such as those that prepare data.

    Args:
        layers: the layers in order.
        name: name of the layer.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        those of the layers

    Example:
        >>> import lamina as lm
        >>> steps = lm.layers.Pipeline([lm.layers.Rescaling(0.5), lm.layers.RandomFlip()])
        >>> steps(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    trains_unless_told = True

    def __init__(
        self,
        layers: Sequence[Any],
        name: str | None = None,
        **kwargs: Unpack[UnnamedOptions],
    ) -> None:
        super().__init__(name=name, **kwargs)
        several = isinstance(layers, (list, tuple))
        if not several or not all(isinstance(layer, Layer) for layer in layers):
            raise ArgumentError(
                f"Pipeline: invalid layers (expected a list of layers, got {describe(layers)})"
            )
        self.layers = list(layers)

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        for place, layer in enumerate(self.layers):
            more = {"mask": mask} if place == 0 and mask is not None else {}
            inputs = layer(inputs, training=training, **more)
        return inputs


class MaxNumBoundingBoxes(ImageLayer):
    """The same number of bounding boxes for each image: the first ones, and filling.

    Args:
        max_number: number of boxes of each image.
        fill_value: value of the numbers and labels of the boxes that fill up a row.
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

    Shapes:
        boxes (batch, boxes, 4) -> (batch, max_number, 4)
        labels (batch, boxes) -> (batch, max_number)

    Example:
        >>> import lamina as lm
        >>> boxes = {"boxes": lm.ones((1, 3, 4)), "labels": lm.ones((1, 3))}
        >>> layer = lm.layers.MaxNumBoundingBoxes(5, bounding_box_format="xyxy")
        >>> found = layer({"images": lm.ones((1, 8, 8, 3)), "bounding_boxes": boxes})
        >>> found["bounding_boxes"]["labels"].tolist()
        [[1.0, 1.0, 1.0, -1.0, -1.0]]
    """

    only_in_training = False
    argument_checks: ClassVar[Checks] = {"max_number": Integer(1), "fill_value": Integer()}

    def __init__(
        self,
        max_number: int,
        fill_value: int = -1,
        **kwargs: Unpack[PlacedImageOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.max_number, self.fill_value = max_number, fill_value

    def transform_images(
        self, images: Any, transformation: Transformation | None = None, training: bool = True
    ) -> Tensor:
        return as_tensor(images)

    def transform_bounding_boxes(
        self,
        bounding_boxes: Any,
        transformation: Transformation | None = None,
        training: bool = True,
    ) -> Any:
        found = {}
        for name, values in bounding_boxes.items():
            value = as_tensor(values)[:, : self.max_number]
            room = self.max_number - int(value.shape[1])
            widths = [(0, 0), (0, room), *[(0, 0)] * (value.ndim - 2)]
            fill = self.fill_value if name in ("boxes", "labels") else 0
            found[name] = ops.pad(value, widths, constant_values=fill)
        return found
