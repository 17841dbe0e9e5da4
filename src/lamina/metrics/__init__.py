"""Metrics: Keras 3's names, arguments, defaults and meanings, by object, function or name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.errors import ArgumentError
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
from lamina.metrics.base import Mean, MeanMetricWrapper, Metric, Sum
from lamina.metrics.confusion import (
    ConfusionMatrix,
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from lamina.metrics.f_score import F1Score, FBetaScore
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


def get(identifier: Any) -> Any:
    """The metric of that name or configuration; a Metric or function is given back as it is.

    Raises UnknownNameError, with the nearest known names, for an unknown one. 'accuracy' gives the
    metric for predictions that are labels; `as_metric` finds the one that is meant.

    Args:
        identifier: name, configuration, object of the class, or function.
    """
    return REGISTRY.get(identifier)


def as_metric(
    identifier: Any,
    loss: Any = None,
    y_shape: Any = None,
    output_shape: Any = None,
) -> Metric:
    """A Metric for a name, configuration, Metric, or function of (y_true, y_pred).

    'accuracy' and 'crossentropy' are found out from the loss and the shapes of targets and
    predictions: see `resolve_accuracy`.

    Args:
        identifier: name, configuration, object of the class, or function.
        loss: loss to wrap, or its name.
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
        raise ArgumentError(f"{identifier!r} is no metric")
    return MeanMetricWrapper(metric)


def serialize(metric: Any) -> Any:
    """A configuration of a metric, without its state, for `deserialize`."""
    return REGISTRY.serialize(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The metric that `serialize` wrote down.

    Args:
        config: dictionary that `get_config` returned.
        custom_objects: dictionary from name to class or function of the caller's own.
    """
    return REGISTRY.deserialize(config, custom_objects)


__all__ = [
    "Metric",
    "Mean",
    "Sum",
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
