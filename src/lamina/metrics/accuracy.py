"""Accuracies: the share of predictions that are right, by what "right" means."""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.errors import ShapeError
from lamina.ir.types import float32, int32
from lamina.losses.categorical import hits, label_indices, picked
from lamina.losses.shapes import floating, paired, shown
from lamina.metrics.base import NamedMean
from lamina.tensor import Tensor, as_tensor


# ---- formulas: one 0 or 1 per prediction -------------------------------------------------------
def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where prediction and target are equal, for predictions that are labels themselves.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    y, p = paired(y_true, y_pred, "accuracy")
    return ops.astype(y == p, float32)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where the prediction is above the threshold exactly if the target is 1.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        threshold: probability from which on a prediction is positive.
    """
    y, p = paired(y_true, y_pred, "binary_accuracy")
    return ops.astype(y == ops.astype(p > threshold, y.dtype), float32)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest prediction is at the place of the largest target (one-hot labels).

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    y, p = _one_hot("categorical_accuracy", y_true, y_pred)
    return ops.astype(ops.argmax(y, axis=-1) == ops.argmax(p, axis=-1), float32)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest prediction is at the class index that the target is.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    p = floating(y_pred)
    labels = label_indices(y_true, p, -1, "sparse_categorical_accuracy")
    return ops.astype(labels == as_tensor(ops.argmax(p, axis=-1), int32), float32)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the class of the one-hot label is among the k largest predictions.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        k: number of largest predictions that are looked at.
    """
    y, p = _one_hot("top_k_categorical_accuracy", y_true, y_pred)
    return _among(ops.argmax(y, axis=-1), p, k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """1 where the class index that the target is is among the k largest predictions.

    With `from_sorted_ids` predictions are class indices themselves, the likeliest first.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        k: number of largest predictions that are looked at.
    """
    p = floating(y_pred)
    labels = label_indices(y_true, p, -1, "sparse_top_k_categorical_accuracy")
    if from_sorted_ids:
        first = as_tensor(p, int32)[..., :k]
        return ops.astype(ops.any(ops.expand_dims(labels, axis=-1) == first, axis=-1), float32)
    return _among(labels, p, k)


def _among(labels: Tensor, p: Tensor, k: int) -> Tensor:
    """1 where fewer than k predictions are above the one at the label; no sorting is needed."""
    own = picked(hits(labels, p, -1), p, -1)
    above = ops.astype(p > ops.expand_dims(own, axis=-1), int32)
    return ops.astype(ops.sum(above, axis=-1) < k, float32)


def _one_hot(name: str, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    y, p = as_tensor(y_true), floating(y_pred)
    if y.shape != p.shape or p.ndim == 0:
        raise ShapeError(
            f"{name}: targets have shape {shown(y.shape)}, predictions {shown(p.shape)}",
            hint=f"this metric takes one-hot labels; for class indices use sparse_{name}",
        )
    return y, p


# ---- classes -----------------------------------------------------------------------------------
class Accuracy(NamedMean):
    """The share of predictions that are equal to their targets: see `accuracy`.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
    """

    function = accuracy

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class BinaryAccuracy(NamedMean):
    """The share of predictions on the right side of the threshold: see `binary_accuracy`.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
        threshold: probability from which on a prediction is positive.
    """

    function = binary_accuracy

    def __init__(
        self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(name, dtype, threshold=threshold)


class CategoricalAccuracy(NamedMean):
    """The share of rows whose largest prediction is right, for one-hot labels.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
    """

    function = categorical_accuracy

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class SparseCategoricalAccuracy(NamedMean):
    """The share of rows whose largest prediction is right, for class indices.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.SparseCategoricalAccuracy()
        >>> m.update_state([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]])
        >>> m.result().item()
        0.5
    """

    function = sparse_categorical_accuracy

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class TopKCategoricalAccuracy(NamedMean):
    """The share of rows with the right class among the k largest predictions; one-hot labels.

    Args:
        k: number of largest predictions that are looked at.
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
    """

    function = top_k_categorical_accuracy

    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype, k=k)


class SparseTopKCategoricalAccuracy(NamedMean):
    """The share of rows with the right class among the k largest predictions; class indices.

    Args:
        k: number of largest predictions that are looked at.
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
    """

    function = sparse_top_k_categorical_accuracy

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype, k=k, from_sorted_ids=from_sorted_ids)
