"""Accuracies: fractions of correct predictions."""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ShapeError
from lamina.ir.types import float32, int32, same
from lamina.losses.shapes import floating, paired, shown
from lamina.losses.sparse_categorical import hits, label_indices, picked
from lamina.metrics.base import NamedMean
from lamina.tensor import Tensor, as_tensor


# ---- formulas: one 0 or 1 per prediction -------------------------------------------------------
def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Return 1 for each prediction that equals its target, otherwise 0.

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.

    Shapes:
        y_true (...), y_pred (...) -> (...)

    Example:
        >>> import lamina as lm
        >>> lm.metrics.accuracy([1, 2, 0], [1, 0, 0]).tolist()
        [1.0, 0.0, 1.0]
    """
    y, p = paired(y_true, y_pred, "accuracy")
    return ops.astype(y == p, float32)


def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> Tensor:
    """Return 1 for each prediction on the correct side of the threshold, otherwise 0.

    Args:
        y_true: targets 0 or 1.
        y_pred: probabilities, or logits with the threshold 0.
        threshold: number that separates the classes; a prediction above it is positive.

    Shapes:
        y_true (...), y_pred (...) -> (...)

    Example:
        >>> import lamina as lm
        >>> lm.metrics.binary_accuracy([1, 0, 1], [0.8, 0.6, 0.3]).tolist()
        [1.0, 0.0, 0.0]
    """
    y, p = paired(y_true, y_pred, "binary_accuracy")
    return ops.astype(y == ops.astype(p > threshold, y.dtype), float32)


def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Return 1 for each row whose largest prediction is that of the target's class, otherwise 0.

    Args:
        y_true: one-hot targets.
        y_pred: probabilities or logits.

    Shapes:
        y_true (..., classes), y_pred (..., classes) -> (...)

    Example:
        >>> import lamina as lm
        >>> y, p = [[0, 1, 0], [0, 0, 1]], [[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]
        >>> lm.metrics.categorical_accuracy(y, p).tolist()
        [1.0, 0.0]
    """
    y, p = _one_hot("categorical_accuracy", y_true, y_pred)
    return ops.astype(ops.argmax(y, axis=-1) == ops.argmax(p, axis=-1), float32)


def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Return 1 for each row whose largest prediction is that of the target's class, otherwise 0.

    Args:
        y_true: class indices.
        y_pred: probabilities or logits.

    Shapes:
        y_true (...) or (..., 1), y_pred (..., classes) -> (...)

    Example:
        >>> import lamina as lm
        >>> y, p = [1, 2], [[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]
        >>> lm.metrics.sparse_categorical_accuracy(y, p).tolist()
        [1.0, 0.0]
    """
    p = floating(y_pred)
    labels = label_indices(y_true, p, -1, "sparse_categorical_accuracy")
    return ops.astype(labels == as_tensor(ops.argmax(p, axis=-1), int32), float32)


def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> Tensor:
    """Return 1 for each row whose k largest predictions include the target's class, otherwise 0.

    Args:
        y_true: one-hot targets.
        y_pred: probabilities or logits.
        k: number of the largest predictions that may contain the class of the target.

    Shapes:
        y_true (..., classes), y_pred (..., classes) -> (...)

    Example:
        >>> import lamina as lm
        >>> y, p = [[0, 1, 0], [0, 0, 1]], [[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]
        >>> lm.metrics.top_k_categorical_accuracy(y, p, k=2).tolist()
        [1.0, 1.0]
    """
    y, p = _one_hot("top_k_categorical_accuracy", y_true, y_pred)
    return _among(ops.argmax(y, axis=-1), p, k)


def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """Return 1 for each row whose k largest predictions include the target's class, otherwise 0.

    Args:
        y_true: class indices.
        y_pred: probabilities or logits.
        k: number of the largest predictions that may contain the class of the target.
        from_sorted_ids: True if predictions are class indices, the most likely first, instead of
            scores.

    Shapes:
        y_true (...) or (..., 1), y_pred (..., classes) -> (...)

    Example:
        >>> import lamina as lm
        >>> y, p = [1, 2], [[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]
        >>> lm.metrics.sparse_top_k_categorical_accuracy(y, p, k=2).tolist()
        [1.0, 1.0]
    """
    p = floating(y_pred)
    labels = label_indices(y_true, p, -1, "sparse_top_k_categorical_accuracy")
    if from_sorted_ids:
        first = as_tensor(p, int32)[..., :k]
        return ops.astype(ops.any(ops.expand_dims(labels, axis=-1) == first, axis=-1), float32)
    return _among(labels, p, k)


def _among(labels: Tensor, p: Tensor, k: int) -> Tensor:
    """Return 1 if fewer than k predictions exceed that of the label; no sorting is needed."""
    own = picked(hits(labels, p, -1), p, -1)
    above = ops.astype(p > ops.expand_dims(own, axis=-1), int32)
    return ops.astype(ops.sum(above, axis=-1) < k, float32)


def _one_hot(name: str, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    y, p = as_tensor(y_true), floating(y_pred)
    if not same(y.shape, p.shape) or p.ndim == 0:
        raise ShapeError(
            f"{name}: targets have shape {shown(y.shape)}, predictions {shown(p.shape)}",
            hint=f"this metric takes one-hot labels; for class indices use sparse_{name}",
        )
    return y, p


# ---- classes -----------------------------------------------------------------------------------
class Accuracy(NamedMean):
    """Fraction of predictions that equal their targets.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.Accuracy()([0, 1, 2, 3], [0, 1, 2, 0]).item()
        0.75
    """

    function = accuracy

    def __init__(self, name: str = "accuracy", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)


class BinaryAccuracy(NamedMean):
    """Fraction of predictions on the correct side of the threshold.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        threshold: a prediction above it is positive; 0.5 suits probabilities, 0 suits logits.

    Shapes:
        y_true (...), y_pred (...) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.BinaryAccuracy()([0, 1, 1, 1], [0.3, 0.6, 0.4, 0.9]).item()
        0.75
    """

    function = binary_accuracy

    def __init__(
        self, name: str = "binary_accuracy", dtype: DTypeLike = None, threshold: float = 0.5
    ) -> None:
        super().__init__(name, dtype, threshold=threshold)


class CategoricalAccuracy(NamedMean):
    """Fraction of rows whose largest prediction is that of the target's class; one-hot targets.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (..., classes), y_pred (..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]).item()
        0.5
    """

    function = categorical_accuracy

    def __init__(self, name: str = "categorical_accuracy", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)


class SparseCategoricalAccuracy(NamedMean):
    """Fraction of rows whose largest prediction is that of the target's class; class indices.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...) or (..., 1), y_pred (..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.SparseCategoricalAccuracy()
        >>> m.update_state([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]])
        >>> m.result().item()
        0.5
    """

    function = sparse_categorical_accuracy

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)


class TopKCategoricalAccuracy(NamedMean):
    """Fraction of rows whose k largest predictions include the target's class; one-hot targets.

    Args:
        k: number of the largest predictions that may contain the class of the target.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (..., classes), y_pred (..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.TopKCategoricalAccuracy(k=2)([[0, 0, 1]], [[0.1, 0.6, 0.3]]).item()
        1.0
    """

    function = top_k_categorical_accuracy

    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, dtype, k=k)


class SparseTopKCategoricalAccuracy(NamedMean):
    """Fraction of rows whose k largest predictions include the target's class; class indices.

    Args:
        k: number of the largest predictions that may contain the class of the target.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        from_sorted_ids: True if predictions are class indices, the most likely first, instead of
            scores.

    Shapes:
        y_true (...) or (..., 1), y_pred (..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.SparseTopKCategoricalAccuracy(k=2)([2, 0], [[0.1, 0.6, 0.3]] * 2).item()
        0.5
    """

    function = sparse_top_k_categorical_accuracy

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: DTypeLike = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype, k=k, from_sorted_ids=from_sorted_ids)
