"""Losses as metrics: means of cross-entropies, divergences and hinge losses."""

from __future__ import annotations

from lamina import losses
from lamina.annotations import ArrayLike, DTypeLike
from lamina.losses.shapes import reshaped, weights_for
from lamina.metrics.base import Mean, NamedMean, counting
from lamina.tensor import as_tensor


class BinaryCrossentropy(NamedMean):
    """Mean of the binary cross-entropy (see `losses.binary_crossentropy`).

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        from_logits: True if the predictions are logits, False if they are probabilities.
        label_smoothing: fraction of each target, in [0, 1], that is replaced by 1/2.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]]).item(), 4)
        0.6931
    """

    function = losses.binary_crossentropy

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: DTypeLike = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(NamedMean):
    """Mean of the cross-entropy of one-hot targets (see `losses.categorical_crossentropy`).

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        from_logits: True if the predictions are logits, False if they are probabilities.
        label_smoothing: fraction of each target, in [0, 1], that is replaced by a uniform
            distribution over the classes.
        axis: axis of the classes.

    Shapes:
        y_true (batch, ..., classes), y_pred (batch, ..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.CategoricalCrossentropy()([[0.0, 1.0]], [[0.2, 0.8]]).item(), 4)
        0.2231
    """

    function = losses.categorical_crossentropy

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: DTypeLike = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class SparseCategoricalCrossentropy(NamedMean):
    """Mean of the cross-entropy of class indices (see `losses.sparse_categorical_crossentropy`).

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        from_logits: True if the predictions are logits, False if they are probabilities.
        ignore_class: class index of targets that do not count; None counts all targets.
        axis: axis of the classes.

    Shapes:
        y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.SparseCategoricalCrossentropy()([1], [[0.2, 0.8]]).item(), 4)
        0.2231
    """

    function = losses.sparse_categorical_crossentropy

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: DTypeLike = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        values = self.fn(y_true, y_pred, **self.fn_arguments)
        if self.fn_arguments["ignore_class"] is not None:
            labels = reshaped(as_tensor(y_true), values.shape)
            counts = as_tensor(labels != self.fn_arguments["ignore_class"], values.dtype)
            weights = 1.0 if sample_weight is None else weights_for(values, sample_weight)
            sample_weight = counts * weights
        Mean.update_state(self, *counting(y_pred, values, sample_weight))


class KLDivergence(NamedMean):
    """Mean of the Kullback-Leibler divergence (see `losses.kl_divergence`).

        sum(y log(y / p))

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (batch, ..., classes), y_pred (batch, ..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.KLDivergence()([[0.5, 0.5]], [[0.2, 0.8]]).item(), 4)
        0.2231
    """

    function = losses.kl_divergence

    def __init__(self, name: str = "kl_divergence", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)


class Poisson(NamedMean):
    """Mean of the Poisson loss (see `losses.poisson`).

        p - y log(p + 1e-7)

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.Poisson()([[0.0, 2.0]], [[1.0, 2.0]]).item(), 4)
        0.8069
    """

    function = losses.poisson

    def __init__(self, name: str = "poisson", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)


class Hinge(NamedMean):
    """Mean of the hinge loss (see `losses.hinge`).

        max(1 - y p, 0)

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.Hinge()([[-1.0, 1.0]], [[0.5, 2.0]]).item()
        0.75
    """

    function = losses.hinge

    def __init__(self, name: str = "hinge", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)


class SquaredHinge(NamedMean):
    """Mean of the squared hinge loss (see `losses.squared_hinge`).

        max(1 - y p, 0)^2

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.SquaredHinge()([[-1.0, 1.0]], [[0.5, 2.0]]).item()
        1.125
    """

    function = losses.squared_hinge

    def __init__(self, name: str = "squared_hinge", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)


class CategoricalHinge(NamedMean):
    """Mean of the categorical hinge loss (see `losses.categorical_hinge`).

        max(max((1 - y) p) - sum(y p) + 1, 0)

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (batch, ..., classes), y_pred (batch, ..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.CategoricalHinge()([[0.0, 1.0]], [[0.75, 0.5]]).item()
        1.25
    """

    function = losses.categorical_hinge

    def __init__(self, name: str = "categorical_hinge", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)
