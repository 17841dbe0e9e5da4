"""Metrics with the names, arguments, defaults and definitions of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamina import namespaces
from lamina.errors import ArgumentError
from lamina.ir.types import Dim
from lamina.losses.base import Loss
from lamina.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from lamina.metrics.area import AUC
from lamina.metrics.average_precision import MeanAveragePrecision
from lamina.metrics.base import Mean, MeanMetricWrapper, Metric, MetricLike, Sum
from lamina.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from lamina.metrics.confusion_matrix import (
    ConfusionMatrix,
)
from lamina.metrics.f_score import F1Score, FBetaScore
from lamina.metrics.operating_points import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from lamina.metrics.overlap import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from lamina.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from lamina.metrics.regression import (
    ConcordanceCorrelation,
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    R2Score,
    RootMeanSquaredError,
    concordance_correlation,
    cosine_similarity,
    pearson_correlation,
)
from lamina.metrics.resolve import (
    ACCURACY,
    CROSSENTROPY,
    resolve_accuracy,
    resolve_crossentropy,
)
from lamina.registry import Registry

REGISTRY = Registry("metric", Metric.family)

# class, short names
_ROWS: tuple[tuple[Any, ...], ...] = (
    (Accuracy,),
    (BinaryAccuracy,),
    (CategoricalAccuracy,),
    (SparseCategoricalAccuracy,),
    (TopKCategoricalAccuracy, "top_k_categorical_accuracy", "top_k_accuracy"),
    (SparseTopKCategoricalAccuracy, "sparse_top_k_categorical_accuracy"),
    (Mean,),
    (Sum,),
    (AUC,),
    (Precision,),
    (Recall,),
    (TruePositives,),
    (FalsePositives,),
    (TrueNegatives,),
    (FalseNegatives,),
    (PrecisionAtRecall,),
    (RecallAtPrecision,),
    (SensitivityAtSpecificity,),
    (SpecificityAtSensitivity,),
    (ConfusionMatrix,),
    (F1Score,),
    (FBetaScore, "fbeta_score"),
    (IoU, "iou"),
    (BinaryIoU, "binary_iou"),
    (MeanIoU, "mean_iou"),
    (OneHotIoU, "one_hot_iou"),
    (OneHotMeanIoU, "one_hot_mean_iou"),
    (MeanSquaredError, "mse", "MSE"),
    (RootMeanSquaredError, "rmse", "RMSE"),
    (MeanAbsoluteError, "mae", "MAE"),
    (MeanAbsolutePercentageError, "mape", "MAPE"),
    (MeanSquaredLogarithmicError, "msle", "MSLE"),
    (LogCoshError, "logcosh", "log_cosh"),
    (CosineSimilarity, "cosine"),
    (PearsonCorrelation,),
    (ConcordanceCorrelation,),
    (R2Score, "r2_score"),
    (BinaryCrossentropy, "bce", "BCE"),
    (CategoricalCrossentropy,),
    (SparseCategoricalCrossentropy,),
    (KLDivergence, "kld", "KLD"),
    (Poisson,),
    (Hinge,),
    (SquaredHinge,),
    (CategoricalHinge,),
)
for _class, *_short in _ROWS:
    REGISTRY.add_class(_class, *_short)


def get(identifier: MetricLike) -> Any:
    """Return the metric with a name or configuration; return a Metric or function unchanged.

    "accuracy" gives `Accuracy`, for predictions that are labels; `as_metric` selects an accuracy by
    the loss.

    Args:
        identifier: name, configuration, `Metric`, or function of (y_true, y_pred).

    Raises:
        UnknownNameError: no metric has this name; the error lists similar names.

    Example:
        >>> import lamina as lm
        >>> lm.metrics.get("mse")
        <MeanSquaredError 'mean_squared_error'>
    """
    return REGISTRY.get(identifier)


def as_metric(
    identifier: MetricLike,
    loss: Loss | None = None,
    y_shape: Sequence[Dim | None] | None = None,
    output_shape: Sequence[Dim | None] | None = None,
) -> Metric:
    """Return a Metric for a name, configuration, Metric or function of (y_true, y_pred).

    "accuracy" and "crossentropy" are resolved with the loss and the shapes (see
    `resolve_accuracy`).

    Args:
        identifier: name, configuration, `Metric`, or function of (y_true, y_pred).
        loss: a `Loss` object; needed for "accuracy" and "crossentropy".
        y_shape: shape of the targets with the batch axis first; None if unknown.
        output_shape: shape of the predictions with the batch axis first.

    Raises:
        ArgumentError: the metric cannot be resolved, or the object is not a metric.
        UnknownNameError: no metric has this name; the error lists similar names.

    Example:
        >>> import lamina as lm
        >>> lm.metrics.as_metric("accuracy", lm.losses.BinaryCrossentropy(), (8, 1), (8, 1))
        <BinaryAccuracy 'binary_accuracy'>
    """
    name = identifier.lower() if isinstance(identifier, str) else None
    if name in ACCURACY + CROSSENTROPY:
        if output_shape is None:
            raise ArgumentError(
                f"metric {identifier!r} depends on the loss and the shapes, which are not known",
                hint="name the one that is meant, for example 'sparse_categorical_accuracy'",
            )
        resolve = resolve_accuracy if name in ACCURACY else resolve_crossentropy
        return resolve(loss, y_shape, output_shape)
    metric = get(identifier)
    if isinstance(metric, Metric):
        return metric
    if not callable(metric):
        raise ArgumentError(f"{identifier!r} is not a metric")
    return MeanMetricWrapper(metric)


def serialize(metric: MetricLike) -> Any:
    """Return the configuration of a metric, without its state, for `deserialize`.

    Args:
        metric: a `Metric` object or a function.

    Example:
        >>> import lamina as lm
        >>> lm.metrics.serialize(lm.metrics.binary_accuracy)["config"]
        'binary_accuracy'
    """
    return REGISTRY.serialize(metric)


def deserialize(
    config: Mapping[str, Any] | str, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return the metric that `serialize` described.

    Args:
        config: what `serialize` returned.
        custom_objects: dictionary from names to the caller's own classes or functions.

    Raises:
        UnknownNameError: the class or function is not known.

    Example:
        >>> import lamina as lm
        >>> written = lm.metrics.serialize(lm.metrics.MeanSquaredError(name="mse"))
        >>> lm.metrics.deserialize(written).name
        'mse'
    """
    return REGISTRY.deserialize(config, custom_objects)


__all__ = [
    "Metric",
    "Mean",
    "Sum",
    "MeanAveragePrecision",
    "MeanMetricWrapper",
    *sorted({row[0].__name__ for row in _ROWS} - {"Mean", "Sum"}),
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "top_k_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "concordance_correlation",
    "cosine_similarity",
    "pearson_correlation",
    "as_metric",
    "resolve_accuracy",
    "resolve_crossentropy",
    "get",
    "serialize",
    "deserialize",
]

namespaces.declare(__name__)
