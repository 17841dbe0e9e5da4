"""Losses as metrics: cross-entropies, divergences and hinges, as means over all samples."""

from __future__ import annotations

from typing import Any

from lamina import losses
from lamina.losses.shapes import reshaped, weights_for
from lamina.metrics.base import Mean, NamedMean, counting
from lamina.tensor import as_tensor


class BinaryCrossentropy(NamedMean):
    """The mean of the binary cross-entropy: see `losses.binary_crossentropy`.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: fraction of each target that is spread over all classes, in [0, 1].
    """

    function = losses.binary_crossentropy

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(NamedMean):
    """The mean of the cross-entropy of one-hot labels: see `losses.categorical_crossentropy`.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: fraction of each target that is spread over all classes, in [0, 1].
        axis: axis of the classes or features.
    """

    function = losses.categorical_crossentropy

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class SparseCategoricalCrossentropy(NamedMean):
    """The mean of the cross-entropy of class indices, without those that are `ignore_class`: see
    `losses.sparse_categorical_crossentropy`.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
        from_logits: the predictions are logits, not probabilities.
        ignore_class: class whose samples count nothing, or None.
        axis: axis of the classes or features.
    """

    function = losses.sparse_categorical_crossentropy

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        values = self.fn(y_true, y_pred, **self.fn_arguments)
        if self.fn_arguments["ignore_class"] is not None:
            labels = reshaped(as_tensor(y_true), values.shape)
            counts = as_tensor(labels != self.fn_arguments["ignore_class"], values.dtype)
            weights = 1.0 if sample_weight is None else weights_for(values, sample_weight)
            sample_weight = counts * weights
        Mean.update_state(self, *counting(y_pred, values, sample_weight))


class KLDivergence(NamedMean):
    """The mean of sum(y log(y / p)): see `losses.kl_divergence`.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
    """

    function = losses.kl_divergence

    def __init__(self, name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class Poisson(NamedMean):
    """The mean of p - y log p: see `losses.poisson`.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
    """

    function = losses.poisson

    def __init__(self, name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class Hinge(NamedMean):
    """The mean of max(1 - y p, 0): see `losses.hinge`.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
    """

    function = losses.hinge

    def __init__(self, name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class SquaredHinge(NamedMean):
    """The mean of max(1 - y p, 0)^2: see `losses.squared_hinge`.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
    """

    function = losses.squared_hinge

    def __init__(self, name: str = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class CategoricalHinge(NamedMean):
    """The mean margin of the right class before the best wrong one: see
    `losses.categorical_hinge`.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
    """

    function = losses.categorical_hinge

    def __init__(self, name: str = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)
