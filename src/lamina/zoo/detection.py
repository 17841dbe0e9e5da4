"""Base class of detectors: from predictions to boxes, without those that overlap.

A detector is a model whose outputs say for fixed places of the image which boxes are there:

    targets = detector.encode(boxes, labels)      # arrays for fit
    detector.compile("adam", detector.default_loss())
    detector.fit(images, targets)
    found = detector.detect(images)               # boxes, scores, labels of each image

Boxes are (left, top, right, bottom) in pixels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, PathLike
from lamina.errors import ArgumentError, FileFormatError, RangeError, ShapeError, describe
from lamina.losses import Loss
from lamina.models.model import Model
from lamina.operations.box_overlaps import compute_iou
from lamina.tensor import Tensor, as_tensor
from lamina.zoo.parts import Shape
from lamina.zoo.weights import arrays_of_torch, assign_layers

CANDIDATES = 400
"""Boxes of an image and a class, those with the highest scores, that suppression compares."""


class Detections(NamedTuple):
    """The objects found in one image, the most certain first.

    Args:
        boxes: (objects, 4), left, top, right and bottom in pixels.
        scores: (objects,), from 0 to 1.
        labels: (objects,), numbers of classes.

    Example:
        >>> import lamina as lm
        >>> import numpy as np
        >>> found = lm.zoo.Detections(np.zeros((1, 4)), np.ones(1), np.zeros(1, int))
        >>> found.scores.tolist()
        [1.0]
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


class Detector(Model):
    """Base class of detectors: a model of images whose predictions stand for boxes.

    A subclass makes a functional model, and defines `encode_image`, `boxes_and_scores` and
    `default_loss`.

    Args:
        inputs: symbolic images.
        outputs: symbolic predictions.
        classes: number of classes.
        weights: path of a file with weights, or None for random ones.
        name: name of the model.

    Example:
        >>> import lamina as lm
        >>> isinstance(lm.zoo.YOLO(2, (64, 64, 3), filters=4), lm.zoo.Detector)
        True
    """

    is_exclusive = True
    """Each box has one class; False lets a box be found once for each class."""

    def __init__(
        self, inputs: Any, outputs: Any, classes: int, weights: PathLike | None, name: str
    ) -> None:
        super().__init__(inputs, outputs, name=name)
        self.classes = classes
        height, width = inputs.shape[1:3]
        self.image_size = (int(height), int(width))
        if weights is not None:
            arrays = arrays_of_torch(weights)
            if arrays is None:
                self.load_weights(weights)
            else:
                assign_layers(self, arrays, self.module_names(arrays), weights)

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Return the detector that `get_config` described, with new weights.

        Args:
            config: dictionary that `get_config` returned.
            custom_objects: dictionary from name to class or function of the caller's own.

        Raises:
            FileFormatError: for the path of a file with weights: a configuration may come from a
                file, and a file must not name other files.
        """
        if config.get("weights") is not None:
            raise FileFormatError(
                f"{cls.__name__}: invalid weights in a configuration (expected None, got "
                f"{describe(config['weights'])})",
                hint="a configuration never names a file to open: call load_weights(path)",
            )
        return super().from_config(config, custom_objects)

    def module_names(self, arrays: dict[str, np.ndarray]) -> Callable[[str], str] | None:
        """Return a function from the name of a module of PyTorch to that of a layer; None if they
        have the same order.

        Args:
            arrays: arrays of the file by name.
        """
        return None

    @abstractmethod
    def default_loss(self) -> Loss:
        """Return the loss of the paper, for `compile`."""

    @abstractmethod
    def encode_image(self, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the targets of one image.

        Args:
            boxes: (objects, 4), left, top, right and bottom in pixels.
            labels: (objects,), numbers of classes.
        """

    @abstractmethod
    def boxes_and_scores(self, predictions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the box of each place, (batch, places, 4) in pixels, and the scores of the
        classes, (batch, places, classes).

        Args:
            predictions: outputs of the model.
        """

    def encode(self, boxes: Any, labels: Any) -> np.ndarray:
        """Return targets for `fit`.

        Args:
            boxes: boxes of one image, (objects, 4), left, top, right and bottom in pixels of the
                model's images; or of several, (batch, objects, 4) or a list of arrays.
            labels: numbers of the classes, from 0, in the same form; -1 fills up rows.

        Raises:
            ShapeError: boxes and labels do not fit each other.
            RangeError: a label is not less than the number of classes.
        """
        if _is_batch(boxes):
            pairs = zip(boxes, labels, strict=True)
            return np.stack([self.encode(b, n) for b, n in pairs])
        b = np.asarray(boxes, np.float32).reshape(-1, 4)
        n = np.asarray(labels).reshape(-1).astype(np.int64)
        if len(b) != len(n):
            raise ShapeError(
                f"{self.name}: {len(b)} boxes and {len(n)} labels (expected as many labels as "
                "boxes)"
            )
        if n.size and n.max() >= self.classes:
            raise RangeError(
                f"{self.name}: label {n.max()} (expected at most {self.classes - 1}, the number of "
                "classes less one)"
            )
        is_object = (n >= 0) & (b[:, 2] > b[:, 0]) & (b[:, 3] > b[:, 1])
        return self.encode_image(b[is_object], n[is_object])

    def decode(
        self,
        predictions: ArrayLike,
        score: float = 0.05,
        overlap: float = 0.5,
        most: int = 100,
    ) -> list[Detections]:
        """Return the objects that predictions stand for, one set an image.

        Boxes whose score is too small are left out. Of boxes of one class that overlap, the one
        with the highest score stays (non-maximum suppression).

        Args:
            predictions: outputs of the model, a batch.
            score: smallest score.
            overlap: largest intersection over union of two boxes of one class.
            most: largest number of objects of an image.
        """
        boxes, scores = self.boxes_and_scores(as_tensor(predictions))
        height, width = self.image_size
        limits = np.asarray([width, height, width, height], np.float32)
        corners = np.clip(boxes.numpy(), 0, limits)
        return [
            _selected(b, s, score, overlap, most, self.is_exclusive)
            for b, s in zip(corners, scores.numpy(), strict=True)
        ]

    def detect(
        self, images: Any, score: float = 0.3, overlap: float = 0.5, most: int = 100
    ) -> list[Detections]:
        """Return the objects in images of any size, boxes in the pixels of each image.

        Args:
            images: batch (images, height, width, 3), or a list of images of different sizes, with
                values from 0 to 255.
            score: smallest score.
            overlap: largest intersection over union of two boxes of one class.
            most: largest number of objects of an image.

        Raises:
            ShapeError: an image does not have three axes.
        """
        arrays = [np.asarray(image, np.float32) for image in images]
        for array in arrays:
            if array.ndim != 3:
                raise ShapeError(
                    f"{self.name}: an image has shape {array.shape} (expected (height, width, "
                    "channels))",
                    hint="pass a batch of images, or a list",
                )
        if not arrays:
            return []
        batch = np.concatenate([_fitted(array, self.image_size) for array in arrays])
        found = self.decode(self.predict(batch, verbose=0), score, overlap, most)
        return [
            _scaled(each, array.shape, self.image_size)
            for each, array in zip(found, arrays, strict=True)
        ]


def checked_size(name: str, input_shape: Shape, least: int) -> tuple[int, int, int]:
    """Return the shape of a detector's images, which must be known.

    Args:
        name: name of the model.
        input_shape: shape of the images (height, width, channels).
        least: smallest height and width.
    """
    if len(input_shape) != 3 or None in input_shape:
        raise ShapeError(f"{name}: input_shape is {input_shape} (expected (height, width, 3))")
    height, width, channels = (int(n) for n in input_shape if n is not None)
    if min(height, width) < least:
        raise RangeError(
            f"{name}: images of {height} x {width} are too small (expected at least {least} x "
            f"{least})"
        )
    return height, width, channels


def checked_classes(name: str, classes: int) -> None:
    """Raise ArgumentError for a number of classes less than 1."""
    if classes < 1:
        raise ArgumentError(f"{name}: classes={classes} (expected at least 1)")


def _is_batch(boxes: Any) -> bool:
    if isinstance(boxes, (np.ndarray, Tensor)):
        return boxes.ndim == 3
    return len(boxes) > 0 and np.ndim(boxes[0]) != 1


def _fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[:2] == size:
        return image[None]
    return ops.resize(as_tensor(image[None]), size, interpolation="bilinear").numpy()


def _scaled(found: Detections, shape: Sequence[int], size: tuple[int, int]) -> Detections:
    factors = np.asarray([shape[1] / size[1], shape[0] / size[0]] * 2, np.float32)
    return Detections(found.boxes * factors, found.scores, found.labels)


def _selected(
    boxes: np.ndarray,
    scores: np.ndarray,
    score: float,
    overlap: float,
    most: int,
    exclusive: bool,
) -> Detections:
    if exclusive:
        scores = np.where(scores == scores.max(axis=-1, keepdims=True), scores, 0)
    kept: list[tuple[float, int, int]] = []
    for label in range(scores.shape[-1]):
        certain = np.flatnonzero(scores[:, label] >= score)
        order = certain[np.argsort(-scores[certain, label], kind="stable")][:CANDIDATES]
        chosen = order[_suppressed(boxes[order], overlap)] if len(order) else order
        kept += [(float(scores[k, label]), int(k), label) for k in chosen]
    kept = sorted(kept, key=lambda row: -row[0])[:most]
    rows = [k for _, k, _ in kept]
    return Detections(
        boxes[rows].reshape(-1, 4),
        np.asarray([s for s, _, _ in kept], np.float32),
        np.asarray([n for _, _, n in kept], np.int64),
    )


def _suppressed(boxes: np.ndarray, overlap: float) -> list[int]:
    """The rows, of boxes in descending order of scores, that no better box overlaps too far."""
    near = compute_iou(boxes, boxes, "xyxy").numpy() > overlap
    alive = np.ones(len(boxes), bool)
    kept = []
    for k in range(len(boxes)):
        if alive[k]:
            kept.append(k)
            alive &= ~near[k]
    return kept
