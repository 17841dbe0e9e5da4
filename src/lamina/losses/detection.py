"""Losses of detectors: boxes and classes of fixed places of an image.

Targets are those that `SSDLite.encode` and `YOLO.encode` of `lamina.zoo` make.
"""

from __future__ import annotations

import math
from typing import ClassVar

from lamina import operations as ops
from lamina.annotations import DTypeLike
from lamina.arguments import Checks, Number
from lamina.losses.base import Loss
from lamina.operations.probabilities import log_sigmoid
from lamina.tensor import Tensor
from lamina.transforms.gradients import stop_gradient

__all__ = ["SSDLoss", "YOLOLoss"]


class SSDLoss(Loss):
    """Loss of SSD: the distance of boxes, and the cross-entropy of classes.

    For each image, the sum over matched default boxes of the smooth L1 distance of their four
    numbers, and the cross-entropy of the classes of matched boxes and of the `negatives` times as
    many background boxes whose cross-entropy is largest; divided by the number of matched boxes.

    Args:
        negatives: background boxes that count, for each matched box.
        reduction: see `Loss`.
        name: name of the loss in logs.
        dtype: dtype of the computation; None is that of the predictions.

    Shapes:
        y_true (batch, boxes, 5), y_pred (batch, boxes, 4 + classes + 1) -> ()

    Example:
        >>> import lamina as lm
        >>> y = lm.asarray([[[0.0, 0.0, 0.0, 0.0, 1.0]]])
        >>> round(lm.losses.SSDLoss()(y, lm.zeros((1, 1, 6))).item(), 4)
        0.6931

    Source: Liu et al. (2016), SSD: single shot multibox detector, equations 1 to 3.
    """

    targets = "any"

    argument_checks: ClassVar[Checks] = {"negatives": Number(least=0)}

    def __init__(
        self,
        negatives: float = 3.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ssd_loss",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.negatives = float(negatives)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each image.

        Args:
            y_true: targets that `SSDLite.encode` made.
            y_pred: predictions of `SSDLite`.
        """
        label = y_true[..., 4]
        is_object = ops.astype(label > 0, y_pred.dtype)
        count = ops.sum(is_object, axis=-1)
        distance = abs(y_pred[..., :4] - y_true[..., :4])
        smooth = ops.where(distance < 1, 0.5 * distance * distance, distance - 0.5)
        place = ops.sum(ops.sum(smooth, axis=-1) * is_object, axis=-1)
        cross = _cross_entropy(y_pred[..., 4:], label)
        hard = stop_gradient(ops.where(label > 0, -1.0, cross))
        rank = ops.argsort(ops.argsort(-hard, axis=-1), axis=-1)
        is_hard = ops.astype(rank, y_pred.dtype) < ops.expand_dims(self.negatives * count, -1)
        counted = ops.where(is_hard & (label <= 0), 1.0, is_object)
        return (place + ops.sum(cross * counted, axis=-1)) / ops.maximum(count, 1.0)


class YOLOLoss(Loss):
    """Loss of YOLO, summed over the cells of an image and divided by its number of objects.

        place (sum of (x - x')^2 + (y - y')^2 + (ln w - ln w')^2 + (ln h - ln h')^2 of objects)
        + cross-entropy of certainty (of empty boxes times `empty`) + cross-entropy of classes

    x and y are parts of a cell; anchors of an object's cell that have nearly its shape do not
    count as empty.

    Args:
        place: weight of the distance of boxes.
        empty: weight of boxes without an object.
        reduction: see `Loss`.
        name: name of the loss in logs.
        dtype: dtype of the computation; None is that of the predictions.

    Shapes:
        y_true (batch, rows, columns, anchors, 6), y_pred (batch, rows, columns, anchors, 5 +
            classes) -> ()

    Example:
        >>> import lamina as lm
        >>> y = lm.asarray([[[[[0.5, 0.5, 0.0, 0.0, 1.0, 0.0]]]]])
        >>> round(lm.losses.YOLOLoss()(y, lm.zeros((1, 1, 1, 1, 6))).item(), 4)
        0.6931

    Source: Redmon et al. (2016), arXiv:1506.02640, equation 3, with logarithms of extents as in
        YOLOv2 and cross-entropies in place of squares.
    """

    targets = "any"

    argument_checks: ClassVar[Checks] = dict.fromkeys(("place", "empty"), Number(least=0))

    def __init__(
        self,
        place: float = 5.0,
        empty: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "yolo_loss",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.place, self.empty = float(place), float(empty)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each image.

        Args:
            y_true: targets that `YOLO.encode` made.
            y_pred: predictions of `YOLO`.
        """
        batch, *places, _ = y_true.shape
        count = math.prod(int(n) for n in places)
        y = ops.reshape(y_true, (batch, count, y_true.shape[-1]))
        p = ops.reshape(y_pred, (batch, count, y_pred.shape[-1]))
        state = y[..., 4]
        is_object = ops.astype(state > 0, p.dtype)
        is_empty = ops.astype(state == 0, p.dtype)
        shift = ops.sigmoid(p[..., :2]) - y[..., :2]
        extent = p[..., 2:4] - y[..., 2:4]
        place = ops.sum(shift * shift, axis=-1) + ops.sum(extent * extent, axis=-1)
        certain = p[..., 4]
        objects = self.place * place - log_sigmoid(certain) + _cross_entropy(p[..., 5:], y[..., 5])
        rows = is_object * objects - self.empty * is_empty * log_sigmoid(-certain)
        return ops.sum(rows, axis=-1) / ops.maximum(ops.sum(is_object, axis=-1), 1.0)


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of classes by number at each place; places without an object, whose
    label is negative, count as class 0.

    Args:
        logits: (batch, places, classes).
        labels: (batch, places), numbers.
    """
    number = ops.astype(ops.maximum(labels, 0.0), "int32")
    likely = ops.log_softmax(logits, axis=-1)
    return -ops.sum(ops.one_hot(number, int(logits.shape[-1])) * likely, axis=-1)
