"""The confusion matrix, a table of targets and predictions."""

from __future__ import annotations

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.ir.types import float32, same
from lamina.losses.base import safe_divide
from lamina.losses.shapes import paired, weights_for
from lamina.metrics.base import Metric, accumulate, counting
from lamina.tensor import Tensor, as_tensor


class ConfusionMatrix(Metric):
    """Confusion matrix: element (i, j) counts the samples of class i predicted as class j.

    Args:
        num_classes: number of classes, the extents of the confusion matrix.
        normalize: divide each row by its sum.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (n,) or (n, 1) class indices, y_pred (n,) class indices or (n, classes) scores ->
            (classes, classes)

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.ConfusionMatrix(2)
        >>> m.update_state([0, 1, 1], [0, 1, 0])
        >>> m.result().tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """

    def __init__(
        self,
        num_classes: int,
        normalize: bool = False,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(dtype, name)
        self.num_classes, self.normalize = num_classes, normalize
        self.table = self.add_variable((num_classes, num_classes), name="table")

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        y, p = as_tensor(y_true), as_tensor(y_pred)
        if p.ndim > 1 and same(p.shape[-1], self.num_classes) and self.num_classes > 1:
            p = ops.argmax(p, axis=-1)
        if y.ndim > p.ndim and same(y.shape[-1], self.num_classes):
            y = ops.argmax(y, axis=-1)
        y, p = paired(y, p, self.name)
        p, sample_weight = counting(y_pred, p, sample_weight)
        weights = None
        if sample_weight is not None:
            weights = ops.broadcast_to(weights_for(p, sample_weight), p.shape)
        accumulate(self.table, table_of(y, p, weights, self.num_classes))

    def result(self) -> Tensor:
        table = self.table.read()
        if self.normalize:
            table = safe_divide(table, ops.broadcast_to(_row_sums(table), table.shape))
        return as_tensor(table, self.dtype)


def _row_sums(table: Tensor) -> Tensor:
    return ops.sum(table, axis=1, keepdims=True)


def table_of(y: Tensor, p: Tensor, weights: Tensor | None, classes: int) -> Tensor:
    """Return weighted counts of (target, prediction) pairs as a product of one-hot matrices (no
    scatter); pairs outside of the classes are not counted."""
    index = ops.arange(classes, dtype=float32)
    y, p = ops.ravel(y), ops.ravel(p)
    of_y = ops.astype(ops.expand_dims(y, axis=0) == ops.expand_dims(index, axis=1), float32)
    of_p = ops.astype(ops.expand_dims(p, axis=1) == ops.expand_dims(index, axis=0), float32)
    if weights is not None:
        flat = ops.ravel(as_tensor(weights, float32))
        of_y = of_y * ops.expand_dims(flat, axis=0)
    return ops.matmul(of_y, of_p)
