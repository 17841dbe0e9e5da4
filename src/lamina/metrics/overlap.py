"""Intersection over union of predicted and true regions of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import RangeError
from lamina.losses.shapes import floating, paired, weights_for
from lamina.metrics.base import Metric, accumulate, counting
from lamina.metrics.confusion_matrix import table_of
from lamina.operations import masks
from lamina.tensor import Tensor, as_tensor

EPSILON = 1e-7


class IoU(Metric):
    """Intersection over union, averaged over `target_class_ids`.

        tp / (tp + fp + fn)

    Classes without targets and predictions are not counted, nor are values outside of the classes.

    Args:
        num_classes: number of classes.
        target_class_ids: class indices whose IoU is averaged.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        ignore_class: class index of targets that do not count; None counts all targets.
        sparse_y_true: True if targets are class indices, False if they are one-hot.
        sparse_y_pred: True if predictions are class indices, False if they are one score per class.
        axis: axis of the classes.

    Shapes:
        y_true (...), y_pred (...) class indices -> (); (..., classes) for one that is not sparse

    Raises:
        RangeError: a target class id is not an index of a class.

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.IoU(num_classes=2, target_class_ids=[0])
        >>> round(m([0, 0, 1, 1], [0, 1, 0, 1]).item(), 4)
        0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype, name)
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        wrong = [each for each in self.target_class_ids if not 0 <= each < num_classes]
        if wrong or not self.target_class_ids:
            raise RangeError(
                f"{self.name}: invalid target_class_ids (expected classes from 0 to "
                f"{num_classes - 1}, got {wrong or 'none'})"
            )
        self.table = self.add_variable((num_classes, num_classes), name="table")

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        y, p = as_tensor(y_true), as_tensor(y_pred)
        y = y if self.sparse_y_true else ops.argmax(y, axis=self.axis)
        p = p if self.sparse_y_pred else ops.argmax(p, axis=self.axis)
        y, p = (ops.trunc(each) for each in paired(y, floating(p), self.name))
        p, sample_weight = counting(y_pred, p, sample_weight)
        weights = ops.ones_like(p)
        if sample_weight is not None:
            weights = weights * weights_for(p, sample_weight)
        if self.ignore_class is not None:
            weights = ops.where(y == float(self.ignore_class), ops.zeros_like(weights), weights)
        accumulate(self.table, table_of(y, p, weights, self.num_classes))

    def per_class(self) -> Tensor:
        """Return the intersection over union of each class, (classes,); NaN for classes without
        targets and predictions.

        Example:
            >>> import lamina as lm
            >>> m = lm.metrics.MeanIoU(num_classes=3)
            >>> m.update_state([0, 0, 1, 1], [0, 1, 1, 1])
            >>> [round(v, 3) for v in m.per_class().tolist()]
            [0.5, 0.667, nan]
        """
        right, union = self._counts()
        some = union > 1e-9
        share = ops.where(some, right / ops.where(some, union, ops.ones_like(union)), np.nan)
        return as_tensor(share, self.dtype)

    def _counts(self) -> tuple[Tensor, Tensor]:
        """Return intersection and union of each class."""
        table = self.table.read()
        right = ops.diagonal(table)
        return right, ops.sum(table, axis=0) + ops.sum(table, axis=1) - right

    def result(self) -> Tensor:
        right, union = self._counts()
        chosen = np.isin(np.arange(self.num_classes), self.target_class_ids)
        some = (union > 1e-9) & as_tensor(chosen)
        share = ops.where(some, right / (union + EPSILON), ops.zeros_like(union))
        count = ops.sum(ops.astype(some, share.dtype))
        return as_tensor(ops.sum(share) / (count + EPSILON), self.dtype)


class BinaryIoU(IoU):
    """Intersection over union of two classes, separated by a threshold.

    Args:
        target_class_ids: classes whose IoU is averaged, [0], [1] or both.
        threshold: a prediction of at least this value is class 1, a smaller one class 0.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.BinaryIoU()([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]).item(), 4)
        0.5833
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        p = floating(y_pred)
        yes = ops.astype(p >= self.threshold, p.dtype)
        mask = masks.mask_of(y_pred)
        super().update_state(
            y_true, yes if mask is None else masks.attach(yes, mask), sample_weight
        )


class MeanIoU(IoU):
    """Intersection over union, averaged over all classes (see `IoU`).

    Args:
        num_classes: number of classes.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        ignore_class: class index of targets that do not count; None counts all targets.
        sparse_y_true: True if targets are class indices, False if they are one-hot.
        sparse_y_pred: True if predictions are class indices, False if they are one score per class.
        axis: axis of the classes.

    Shapes:
        y_true (...), y_pred (...) class indices -> (); (..., classes) for one that is not sparse

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1]).item(), 4)
        0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        classes = range(num_classes)
        super().__init__(
            num_classes, classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )


class OneHotIoU(IoU):
    """Intersection over union of one-hot targets, averaged over `target_class_ids` (see `IoU`).

    Args:
        num_classes: number of classes.
        target_class_ids: class indices whose IoU is averaged.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        ignore_class: class index of targets that do not count; None counts all targets.
        sparse_y_pred: True if predictions are class indices, False if they are one score per class.
        axis: axis of the classes.

    Shapes:
        y_true (..., classes), y_pred (..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.OneHotIoU(num_classes=2, target_class_ids=[0])
        >>> round(m([[1, 0], [0, 1]], [[0.8, 0.2], [0.6, 0.4]]).item(), 4)
        0.5
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )


class OneHotMeanIoU(MeanIoU):
    """Intersection over union of one-hot targets, averaged over all classes (see `IoU`).

    Args:
        num_classes: number of classes.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        ignore_class: class index of targets that do not count; None counts all targets.
        sparse_y_pred: True if predictions are class indices, False if they are one score per class.
        axis: axis of the classes.

    Shapes:
        y_true (..., classes), y_pred (..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.OneHotMeanIoU(2)([[1, 0], [0, 1]], [[0.8, 0.2], [0.6, 0.4]]).item(), 4)
        0.25
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
