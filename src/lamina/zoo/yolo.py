"""YOLO: a detector that looks once, Tiny YOLOv2.

The network divides the image into cells of 32 x 32 pixels. Each cell says for a few boxes of given
extents (anchors) how the object's box differs, how certain it is of an object, and of which class
the object is.

Sources: Redmon et al. (2016), You only look once: unified, real-time object detection,
arXiv:1506.02640; Redmon and Farhadi (2017), YOLO9000: better, faster, stronger, arXiv:1612.08242.
mAP on the test images of VOC 2007, trained on VOC 2007 and 2012: YOLOv2 76.8 (images of 416 x 416),
Tiny YOLO 57.1 (the authors' page).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina import operations as ops
from lamina.annotations import PathLike
from lamina.errors import ShapeError
from lamina.layers import (
    BatchNormalization,
    Conv2D,
    Input,
    LeakyReLU,
    MaxPooling2D,
    Rescaling,
    Reshape,
)
from lamina.losses import Loss, YOLOLoss
from lamina.tensor import Tensor, as_tensor
from lamina.zoo.detection import Detector, checked_classes, checked_size
from lamina.zoo.parts import Shape

CELL = 32
"""Pixels of a cell's side."""
ANCHORS = ((1.08, 1.19), (3.42, 4.41), (6.63, 11.38), (9.42, 5.11), (16.62, 10.52))
"""Width and height of the boxes of VOC, in cells."""
WIDTHS = (16, 32, 64, 128, 256, 512)
"""Filters of the convolutions; a pooling follows each."""
SHAPED_ALIKE = 0.6
"""Overlap with an anchor from which another anchor of the same cell is not told to be empty."""


class YOLO(Detector):
    """Tiny YOLOv2.

    `encode` makes the targets of `fit`, `YOLOLoss` is the loss, and `detect` returns boxes, scores
    and labels.

    Args:
        classes: number of classes.
        input_shape: shape of the images (height, width, 3), multiples of 32, with values from 0 to
            255.
        anchors: width and height of the boxes that each cell has, in cells of 32 pixels; None is
            those of VOC.
        filters: filters of the first convolution, 16 in the paper's network; the others grow with
            it.
        weights: path of a file with weights, or None for random ones.
        name: name of the model.

    Shapes:
        (batch, height, width, 3) -> (batch, height / 32, width / 32, anchors, 5 + classes)

    Example:
        >>> import lamina as lm
        >>> lm.zoo.YOLO(classes=20).count_params()
        15867885

    Source: Redmon and Farhadi (2017), arXiv:1612.08242.
    """

    family = "lamina.zoo"

    def __init__(
        self,
        classes: int = 20,
        input_shape: Shape = (416, 416, 3),
        anchors: Sequence[Sequence[float]] | None = None,
        filters: int = 16,
        weights: PathLike | None = None,
        name: str = "yolo",
    ) -> None:
        checked_classes(name, classes)
        height, width, channels = checked_size(name, input_shape, CELL)
        if height % CELL or width % CELL:
            raise ShapeError(
                f"{name}: images of {height} x {width} (expected multiples of {CELL})",
                hint=f"input_shape=({-(-height // CELL) * CELL}, {-(-width // CELL) * CELL}, 3)",
            )
        self.anchors = np.asarray(ANCHORS if anchors is None else anchors, np.float32)
        if self.anchors.ndim != 2 or self.anchors.shape[1] != 2:
            raise ShapeError(f"{name}: anchors of shape {self.anchors.shape} (expected (n, 2))")
        self.grid = (height // CELL, width // CELL)
        images = Input((height, width, channels))
        x = _features(Rescaling(1 / 255)(images), filters)
        count = len(self.anchors)
        x = Conv2D(count * (5 + classes), 1, name="conv9")(x)
        x = Reshape((*self.grid, count, 5 + classes), name="cells")(x)
        super().__init__(images, x, classes, weights, name)

    def default_loss(self) -> Loss:
        return YOLOLoss()

    def encode_image(self, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        targets = np.zeros((*self.grid, len(self.anchors), 6), np.float32)
        cells = boxes / CELL
        center, extent = (cells[:, :2] + cells[:, 2:]) / 2, cells[:, 2:] - cells[:, :2]
        corner = np.clip(np.floor(center), 0, np.asarray(self.grid[::-1]) - 1).astype(int)
        for k in range(len(boxes)):
            column, row = corner[k]
            place = targets[row, column]
            alike = _overlaps(extent[k], self.anchors)
            place[(alike > SHAPED_ALIKE) & (place[:, 4] == 0), 4] = -1
            free = np.where(place[:, 4] > 0, -1.0, alike)
            n = int(free.argmax()) if free.max() >= 0 else int(alike.argmax())
            shift = np.clip(center[k] - corner[k], 0, 1)
            place[n] = [*shift, *np.log(extent[k] / self.anchors[n]), 1, labels[k]]
        return targets

    def boxes_and_scores(self, predictions: Tensor) -> tuple[Tensor, Tensor]:
        x = as_tensor(predictions)
        rows, columns = self.grid
        corner = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
        corner = corner[:, :, None].astype(np.float32)
        center = (ops.sigmoid(x[..., :2]) + corner) * CELL
        extent = ops.exp(ops.minimum(x[..., 2:4], 10.0)) * self.anchors * CELL
        boxes = ops.concat([center - extent / 2, center + extent / 2], axis=-1)
        scores = ops.sigmoid(x[..., 4:5]) * ops.softmax(x[..., 5:], axis=-1)
        places = rows * columns * len(self.anchors)
        batch = x.shape[0]
        return (
            ops.reshape(boxes, (batch, places, 4)),
            ops.reshape(scores, (batch, places, self.classes)),
        )


def _overlaps(extent: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Intersection over union of a box and anchors with the same center."""
    common = np.minimum(extent, anchors).prod(axis=-1)
    return np.asarray(common / (extent.prod() + anchors.prod(axis=-1) - common))


def _convolved(x: Tensor, filters: int, number: int) -> Tensor:
    x = Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
    return LeakyReLU(0.1, name=f"conv{number}_leaky")(
        BatchNormalization(name=f"conv{number}_bn")(x)
    )


def _features(x: Tensor, filters: int) -> Tensor:
    for number, width in enumerate(WIDTHS, start=1):
        x = _convolved(x, width * filters // 16, number)
        stride = 2 if number < len(WIDTHS) else 1
        x = MaxPooling2D(2, strides=stride, padding="same", name=f"pool{number}")(x)
    for number in (7, 8):
        x = _convolved(x, 1024 * filters // 16, number)
    return x
