"""ImageLayer, the base class of layers that change images and what belongs to them.

The data are images, or a dictionary with images and what changes with them:

    {"images": (batch, rows, columns, channels), "labels": ..., "segmentation_masks": ...,
     "bounding_boxes": {"boxes": (batch, boxes, 4), "labels": (batch, boxes)}}

A subclass states how many numbers it draws per image, makes a transformation of them (`drawn`), and
applies it to images with the channels last (`changed`), to boxes "xyxy" (`moved_boxes`) and so on.

The change of an image depends only on the seed, the epoch, the layer and the index of the image in
the data set, and not on order, batches or threads. In `fit` the seed is that of `fit`, and the
index in an iterable of batches is the position in the epoch. If a layer is called directly, the
index is the position in the batch, each call is a new epoch, and the seed is that of
`lamina.random`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.arguments import Numbers, number
from lamina.errors import ArgumentError, RangeError, ShapeError
from lamina.ir.types import Dim, Shape, is_static
from lamina.layers._base import spec
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions, PlacedImageOptions
from lamina.operations import boxes as box_operations
from lamina.operations import samples, shaping
from lamina.operations.windows import channels_back, channels_last, checked_format
from lamina.seeding import SeedLike
from lamina.tensor import Tensor, as_tensor

IMAGES = spec.InputSpec(min_ndim=3, max_ndim=4)
Transformation = Mapping[str, Any]


class ImageLayer(Layer):
    """Base class of layers over images and their labels, boxes and masks.

    `draws` is the number of random numbers per image, and `moves` states that pixels change their
    places, so that boxes and masks do. `only_in_training` is False for layers that act always. A
    single image (rows, columns, channels) is treated as a batch of one.
    """

    trains_unless_told = True
    draws: ClassVar[int] = 0
    moves: ClassVar[bool] = False
    only_in_training: ClassVar[bool] = True

    def __init__(
        self,
        *,
        data_format: str | None = None,
        bounding_box_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = checked_format(type(self).__name__, data_format)
        self.bounding_box_format = bounding_box_format

    # ---- to be defined by subclasses -----------------------------------------------------------
    def number_of_draws(self, shape: Shape) -> int:
        """Return how many random numbers each image of a batch needs.

        Args:
            shape: shape of the images, (batch, rows, columns, channels).
        """
        return self.draws

    def drawn(self, uniform: Any, shape: Shape) -> dict[str, Any]:
        """Return the transformation that random numbers stand for.

        Args:
            uniform: random numbers in [0, 1), (batch, draws); None without draws.
            shape: shape of the images, (batch, rows, columns, channels).
        """
        return {}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        """Return the changed images, channels last.

        Args:
            x: images, (batch, rows, columns, channels).
            transformation: what `get_random_transformation` returned.
        """
        return x

    def moved_masks(self, x: Tensor, transformation: Transformation) -> Tensor:
        """Return changed segmentation masks, channels last.

        Args:
            x: masks, (batch, rows, columns, channels).
            transformation: what `get_random_transformation` returned.
        """
        return self.changed(x, transformation)

    def moved_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        """Return changed boxes.

        Args:
            boxes: boxes in the format "xyxy", (batch, boxes, 4).
            transformation: what `get_random_transformation` returned.
        """
        return boxes

    def new_size(self, rows: Dim, columns: Dim) -> tuple[Any, Any]:
        """Return rows and columns of the changed images.

        Args:
            rows: rows of the images.
            columns: columns of the images.
        """
        return rows, columns

    # ---- the parts of a call -------------------------------------------------------------------
    def get_random_transformation(
        self, data: ArrayLike | Mapping[str, Any], training: bool = True, seed: SeedLike = None
    ) -> dict[str, Any] | None:
        """Return what is drawn for the images; None if they do not change.

        Args:
            data: images, or a dictionary with "images".
            training: True in training.
            seed: integer or SeedGenerator to draw from in place of that of the layer.
        """
        if not self._acts(training):
            return None
        images = as_tensor(data["images"] if isinstance(data, Mapping) else data)
        shape = self._canonical(images)[0].shape
        count = self.number_of_draws(shape)
        uniform = None
        if count:
            seed = getattr(self, "seed", None) if seed is None else seed
            uniform = samples.uniform(self.path, shape[0], count, seed)
        return {"input_shape": shape, **self.drawn(uniform, shape)}

    def transform_images(
        self, images: ArrayLike, transformation: Transformation | None = None, training: bool = True
    ) -> Tensor:
        """Return changed images.

        Args:
            images: images, (batch, rows, columns, channels) in the format of the layer.
            transformation: what `get_random_transformation` returned.
            training: True in training.
        """
        x, back = self._canonical(ops.astype(as_tensor(images), self._compute_dtype))
        return back(self.changed(x, transformation or {}) if self._acts(training) else x)

    def transform_labels(
        self, labels: ArrayLike, transformation: Transformation | None = None, training: bool = True
    ) -> Any:
        """Return the labels of changed images.

        Args:
            labels: labels, (batch, ...).
            transformation: what `get_random_transformation` returned.
            training: True in training.
        """
        return labels

    def transform_segmentation_masks(
        self,
        segmentation_masks: ArrayLike,
        transformation: Transformation | None = None,
        training: bool = True,
    ) -> Any:
        """Return segmentation masks that moved with the images.

        Args:
            segmentation_masks: masks, (batch, rows, columns, channels) or (batch, rows, columns).
            transformation: what `get_random_transformation` returned.
            training: True in training.
        """
        if not (self.moves and self._acts(training)):
            return segmentation_masks
        masks = as_tensor(segmentation_masks)
        flat = masks.ndim == 3
        axis = -1 if self.data_format == "channels_last" else 1
        x, back = self._canonical(ops.expand_dims(masks, axis) if flat else masks)
        found = self.moved_masks(ops.astype(x, self._compute_dtype), transformation or {})
        found = back(ops.astype(found, masks.dtype))
        return ops.squeeze(found, axis) if flat else found

    def transform_bounding_boxes(
        self,
        bounding_boxes: Mapping[str, Any],
        transformation: Transformation | None = None,
        training: bool = True,
    ) -> Any:
        """Return boxes that moved with the images, restricted to them; the label of a box that is
        outside is -1.

        Args:
            bounding_boxes: {"boxes": (batch, boxes, 4), "labels": (batch, boxes)}.
            transformation: what `get_random_transformation` returned.
            training: True in training.
        """
        if not (self.moves and self._acts(training)):
            return bounding_boxes
        form = self._need_format()
        given = transformation or {}
        rows, columns = given["input_shape"][1:3]
        found = box_operations.convert_format(bounding_boxes, form, "xyxy", rows, columns)
        moved = self.moved_boxes(found["boxes"], given)
        rows, columns = self.new_size(rows, columns)
        found = box_operations.clip_to_image_size({**found, "boxes": moved}, rows, columns)
        return box_operations.convert_format(found, "xyxy", form, rows, columns)

    def call(self, data: Any, training: bool = True) -> Any:
        if not isinstance(data, Mapping):
            spec.check(self._label(), IMAGES, data)
            transformation = self.get_random_transformation(data, training)
            return self.transform_images(data, transformation, training)
        if "images" not in data:
            raise ArgumentError(
                f'{self._label()}: a dictionary of data needs "images", got {sorted(data)}'
            )
        spec.check(self._label(), IMAGES, data["images"])
        single = data["images"].ndim == 3
        batch = {**data, "images": ops.expand_dims(data["images"], 0)} if single else {**data}
        for name in _PARTS if single else ():
            if name in batch:
                batch[name] = ops.expand_dims(as_tensor(batch[name]), 0)
        if "bounding_boxes" in batch:
            if self.moves:
                self._need_format()
            boxes = batch["bounding_boxes"]
            if single:
                batch["bounding_boxes"] = {k: ops.expand_dims(v, 0) for k, v in boxes.items()}
        transformation = self.get_random_transformation(batch, training)
        for name, transform in self._transforms().items():
            if name in batch:
                batch[name] = transform(batch[name], transformation, training)
        return _first(batch) if single else batch

    def _converted(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Convert the data to tensors, lists of boxes too."""
        if args and isinstance(args[0], Mapping) and "bounding_boxes" in args[0]:
            data = {**args[0], "bounding_boxes": _dense(args[0]["bounding_boxes"])}
            args = (data, *args[1:])
        return super()._converted(args, kwargs)

    def _transforms(self) -> dict[str, Callable[..., Any]]:
        return {
            "images": self.transform_images,
            "bounding_boxes": self.transform_bounding_boxes,
            "labels": self.transform_labels,
            "segmentation_masks": self.transform_segmentation_masks,
        }

    def _acts(self, training: bool) -> bool:
        return bool(training) or not self.only_in_training

    def _canonical(self, images: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return images as (batch, rows, columns, channels), and a function for the way back."""
        single, form = images.ndim == 3, self.data_format
        x = ops.expand_dims(images, 0) if single else images

        def back(found: Tensor) -> Tensor:
            found = channels_back(found, form)
            return ops.squeeze(found, 0) if single else found

        return channels_last(type(self).__name__, x, form), back

    def _need_format(self) -> str:
        """Return the format of boxes; raise if the layer was not given any."""
        if self.bounding_box_format is None:
            raise ArgumentError(
                f"{self._label()}: the data have bounding boxes, and their format is not known",
                hint=f"{type(self).__name__}(..., bounding_box_format='xyxy')",
            )
        return self.bounding_box_format

    def _need_size(self, x: Tensor, what: str) -> None:
        """Raise ShapeError if rows and columns of the images are not known."""
        if not is_static(x.shape[1:3]):
            raise ShapeError(
                f"{self._label()}: {what} needs to know the rows and columns of "
                f"{spec.shape_text(x.shape)}",
                hint="give the Input a height and a width; Resizing without an aspect ratio, in "
                "front, takes images of any size",
            )


_PARTS = ("labels", "segmentation_masks")


def _first(batch: dict[str, Any]) -> dict[str, Any]:
    """Return the only sample of a batch."""
    found: dict[str, Any] = {
        name: ops.squeeze(batch[name], 0) for name in ("images", *_PARTS) if name in batch
    }
    boxes = batch.get("bounding_boxes")
    if boxes is not None:
        found["bounding_boxes"] = {k: ops.squeeze(as_tensor(v), 0) for k, v in boxes.items()}
    return {**batch, **found}


def _dense(boxes: Any) -> dict[str, Any]:
    """Return boxes and their labels as arrays; lists of different lengths are filled up with boxes
    of zeros and the label -1."""
    if not isinstance(boxes, Mapping) or not {"boxes", "labels"} <= boxes.keys():
        raise ArgumentError(
            'bounding boxes are a dictionary {"boxes": (batch, boxes, 4), "labels": (batch, '
            f"boxes)}}, got {type(boxes).__name__}"
        )
    corners, labels = boxes["boxes"], boxes["labels"]
    if not isinstance(corners, (list, tuple)):
        return {**boxes}
    nested = any(len(row) and np.ndim(row[0]) == 1 for row in corners)
    if not nested:  # the boxes of one image
        one = np.reshape(np.asarray(corners, "float32"), (-1, 4))
        return {**boxes, "boxes": one, "labels": np.asarray(labels)}
    longest = max(len(row) for row in corners)
    filled = np.zeros((len(corners), longest, 4), "float32")
    classes = np.full((len(corners), longest), -1, "int32")
    for k, (row, names) in enumerate(zip(corners, labels, strict=True)):
        filled[k, : len(row)], classes[k, : len(row)] = np.reshape(row, (-1, 4)), names
    return {**boxes, "boxes": filled, "labels": classes}


class RandomImages(ImageLayer):
    """Base class of layers that draw for each image, in training only."""

    needs_samples = True
    draws = 1

    def __init__(self, *, seed: SeedLike = None, **kwargs: Unpack[PlacedImageOptions]) -> None:
        super().__init__(**kwargs)
        self.seed = seed


# ---- random numbers and their ranges -----------------------------------------------------------
def between(uniform: Tensor, place: int, low: Any, high: Any, ndim: int) -> Any:
    """Return one random number per image, scaled to low..high, with `ndim` axes."""
    one = shaping.sliced(uniform, 1, place, place + 1)
    shaped = ops.reshape(one, (uniform.shape[0], *[1] * (ndim - 1)))
    return shaped * (high - low) + low


def factor_range(
    owner: str, name: str, factor: Any, least: float, most: float
) -> tuple[float, float]:
    """Return (low, high) of a factor: a number f means (-f, f), restricted to least..most."""
    Numbers(alone=True)(owner, name, factor)
    if isinstance(factor, (Sequence, np.ndarray)):
        pair = sorted(float(f) for f in factor)
        if len(pair) != 2 or not least <= pair[0] <= pair[1] <= most:
            raise RangeError(
                f"{owner}: invalid {name} (expected a number, or two, from {least} to {most}, got "
                f"{factor!r})"
            )
        return pair[0], pair[1]
    size = abs(number(owner, name, factor, least, most))
    return max(-size, least), size


def value_pair(owner: str, value_range: Any) -> tuple[float, float]:
    """Return (low, high) of the values of images."""
    pair = list(value_range) if isinstance(value_range, (Sequence, np.ndarray)) else []
    if len(pair) != 2 or not pair[0] != pair[1]:
        raise RangeError(
            f"{owner}: invalid value_range (expected two different numbers, got {value_range!r})"
        )
    low, high = sorted(float(v) for v in pair)
    return low, high


def rescaled(x: Any, source: tuple[float, float], target: tuple[float, float]) -> Any:
    """Return values of one range in another."""
    if source == target:
        return x
    return (x - source[0]) * ((target[1] - target[0]) / (source[1] - source[0])) + target[0]
