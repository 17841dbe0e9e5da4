"""Layers that mix the images of a batch, and their labels, in training.

Arguments and defaults are those of Keras 3; what is drawn for an image is described in
`_base/images.py`. The partners are the images of the batch in the order of a random number that
each image draws, so they depend on the batch; the weights do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.arguments import Checks, Number
from lamina.errors import ArgumentError
from lamina.layers._base.images import RandomImages, Transformation, between, factor_range
from lamina.layers._base.options import ImageOptions
from lamina.layers.random_filters import inside, rectangle
from lamina.operations.sample_distributions import GAMMA_DRAWS, beta
from lamina.seeding import SeedLike
from lamina.tensor import Tensor, as_tensor

__all__ = ["CutMix", "MixUp"]


class _Mixing(RandomImages):
    """Base class of layers that mix each image with another one of the batch."""

    moves = True

    def transform_labels(
        self, labels: Any, transformation: Transformation | None = None, training: bool = True
    ) -> Any:
        if transformation is None or not training:
            return labels
        given = as_tensor(labels)
        if not given.dtype.is_float and given.ndim < 2:
            raise ArgumentError(
                f"{self._label()}: labels of two classes are mixed, so they are one-hot (expected "
                f"(batch, classes), got {given.dtype} of shape {given.shape})",
                hint="lm.one_hot(labels, num_classes)",
            )
        return self._mixed(ops.astype(given, self._compute_dtype), transformation)

    def _mixed(self, x: Tensor, transformation: Transformation) -> Tensor:
        """Return the sum of x and that of the partners, by their weights."""
        weight = ops.astype(transformation["mix_weight"], x.dtype)
        weight = ops.reshape(weight, (-1, *[1] * (x.ndim - 1)))
        return weight * x + (1.0 - weight) * self._partner(x, transformation)

    def _partner(self, x: Tensor, transformation: Transformation) -> Tensor:
        return ops.take(x, transformation["permutation_order"], axis=0)


class MixUp(_Mixing):
    """Weighted sum of each image with another one of the batch, in training.

        weight * inputs + (1 - weight) * others, weight random with the distribution Beta(alpha,
        alpha)

    Labels, which are one-hot, and segmentation masks are mixed in the same way; the boxes are those
    of both images.

    Args:
        alpha: parameter of the distribution of the weights, above 0.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> data = {"images": lm.ones((4, 8, 8, 3)), "labels": lm.ones((4, 2))}
        >>> {name: value.shape for name, value in lm.layers.MixUp()(data).items()}
        {'images': (4, 8, 8, 3), 'labels': (4, 2)}

    Source: Zhang et al. (2018), mixup: beyond empirical risk minimization.
    """

    draws = 1 + 2 * GAMMA_DRAWS
    argument_checks: ClassVar[Checks] = {"alpha": Number(above=0)}

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: SeedLike = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.alpha = alpha

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        return {
            "mix_weight": beta(uniform[:, 1:], self.alpha),
            "permutation_order": ops.argsort(uniform[:, 0]),
        }

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        return self._mixed(x, transformation)

    def transform_bounding_boxes(
        self,
        bounding_boxes: Any,
        transformation: Transformation | None = None,
        training: bool = True,
    ) -> Any:
        if transformation is None or not training:
            return bounding_boxes
        names = ("boxes", "labels")
        own = {name: as_tensor(bounding_boxes[name]) for name in names}
        both = {
            k: ops.concat([v, self._partner(v, transformation)], axis=1) for k, v in own.items()
        }
        return {**bounding_boxes, **both}


class CutMix(_Mixing):
    """Replacement of a random rectangle of each image by that of another one of the batch, in
    training.

    The share of the image that is left has the distribution Beta(a, a), with a random in the range
    of `factor`; labels, which are one-hot, are mixed by the shares. Boxes cannot be cut.

    Args:
        factor: number a in [0, 1] for the range (0, a) of the parameter of the distribution, or a
            pair (low, high).
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> data = {"images": lm.ones((4, 8, 8, 3)), "labels": lm.ones((4, 2))}
        >>> {name: value.shape for name, value in lm.layers.CutMix()(data).items()}
        {'images': (4, 8, 8, 3), 'labels': (4, 2)}

    Source: Yun et al. (2019), CutMix: regularization strategy to train strong classifiers with
        localizable features.
    """

    draws = 6 + 2 * GAMMA_DRAWS

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        own = type(self).__name__
        self.factor, self._pair = factor, factor_range(own, "factor", factor, 0, 1)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        alpha = between(uniform, 1, *self._pair, 1) + 1e-6
        side = ops.sqrt(1.0 - beta(uniform[:, 6:], alpha))
        rows = rectangle(uniform, 2, side, shape[1])
        columns = rectangle(uniform, 3, side, shape[2])
        area = (rows[1] - rows[0]) * (columns[1] - columns[0])
        return {
            "permutation_order": ops.argsort(uniform[:, 0]),
            "batch_masks": inside(shape, rows, columns),
            "mix_weight": 1.0 - area / (shape[1] * shape[2]),
        }

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        return ops.where(transformation["batch_masks"], self._partner(x, transformation), x)

    def transform_bounding_boxes(
        self,
        bounding_boxes: Any,
        transformation: Transformation | None = None,
        training: bool = True,
    ) -> Any:
        raise ArgumentError(
            f"{self._label()}: bounding boxes cannot be cut (expected images, labels or "
            "segmentation masks)",
            hint="lm.layers.MixUp keeps the boxes of both images",
        )
