"""Losses with the names, arguments, defaults and formulas of Keras 3.

`get("mse")` returns the function, `get("MeanSquaredError")` a Loss, as in Keras; `as_loss(...)`
returns a Loss for both, and for any function of (y_true, y_pred).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import namespaces
from lamina.losses.base import Loss, LossFunctionWrapper
from lamina.losses.binary import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
)
from lamina.losses.categorical import (
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    SparseCategoricalCrossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    kl_divergence,
    sparse_categorical_crossentropy,
)
from lamina.losses.checks import check_activation, check_predictions, check_targets
from lamina.losses.checks import looks_like_logits as looks_like_logits
from lamina.losses.ctc import CTC, ctc
from lamina.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from lamina.losses.overlap import Dice, Tversky, dice, tversky
from lamina.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
)
from lamina.losses.similarity import Circle, circle
from lamina.registry import Registry

REGISTRY = Registry("loss", Loss.family)

# class, its formula, short names of both
_ROWS: tuple[tuple[Any, ...], ...] = (
    (MeanSquaredError, mean_squared_error, "mse", "MSE"),
    (MeanAbsoluteError, mean_absolute_error, "mae", "MAE"),
    (MeanAbsolutePercentageError, mean_absolute_percentage_error, "mape", "MAPE"),
    (MeanSquaredLogarithmicError, mean_squared_logarithmic_error, "msle", "MSLE"),
    (Huber, huber, "huber_loss"),
    (LogCosh, log_cosh, "logcosh"),
    (CosineSimilarity, cosine_similarity),
    (Poisson, poisson),
    (KLDivergence, kl_divergence, "kld", "KLD", "kullback_leibler_divergence"),
    (BinaryCrossentropy, binary_crossentropy, "bce", "BCE"),
    (BinaryFocalCrossentropy, binary_focal_crossentropy),
    (CategoricalCrossentropy, categorical_crossentropy),
    (CategoricalFocalCrossentropy, categorical_focal_crossentropy),
    (SparseCategoricalCrossentropy, sparse_categorical_crossentropy),
    (CategoricalGeneralizedCrossEntropy, categorical_generalized_cross_entropy),
    (Hinge, hinge),
    (SquaredHinge, squared_hinge),
    (CategoricalHinge, categorical_hinge),
    (Dice, dice),
    (Tversky, tversky),
    (Circle, circle),
    (CTC, ctc),
)
for _class, _function, *_short in _ROWS:
    REGISTRY.add_class(_class, *_short)
    REGISTRY.add_function(_function, *_short)

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence
bce = BCE = binary_crossentropy
logcosh = log_cosh


def get(identifier: Any) -> Any:
    """Return the loss with a name or configuration; return a Loss or function unchanged.

    Args:
        identifier: name, configuration, `Loss`, or function of (y_true, y_pred).

    Raises:
        UnknownNameError: no loss has this name; the error lists similar names.

    Example:
        >>> import lamina as lm
        >>> lm.losses.get("MeanSquaredError")
        <MeanSquaredError 'mean_squared_error'>
    """
    return REGISTRY.get(identifier)


def as_loss(identifier: Any) -> Loss:
    """Return a Loss for a name, configuration, Loss or function of (y_true, y_pred).

    Args:
        identifier: name, configuration, `Loss`, or function of (y_true, y_pred).

    Raises:
        UnknownNameError: no loss has this name; the error lists similar names.

    Example:
        >>> import lamina as lm
        >>> lm.losses.as_loss("mse")
        <MeanSquaredError 'mean_squared_error'>
    """
    if isinstance(identifier, str):
        found = REGISTRY.named(identifier)
        if isinstance(found, type):
            return found()
        identifier = found
    loss = get(identifier)
    if isinstance(loss, Loss):
        return loss
    for cls, function, *_ in _ROWS:
        if loss is function:
            return cls()
    return LossFunctionWrapper(loss)


def serialize(loss: Any) -> Any:
    """Return the configuration of a Loss, or the name of a function, for `deserialize`.

    Args:
        loss: a `Loss` object or a loss function.

    Example:
        >>> import lamina as lm
        >>> lm.losses.serialize(lm.losses.mean_squared_error)
        'mean_squared_error'
    """
    return REGISTRY.serialize(loss)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the loss that `serialize` described.

    Args:
        config: what `serialize` returned.
        custom_objects: dictionary from names to the caller's own classes or functions.

    Raises:
        UnknownNameError: the class or function is not known.

    Example:
        >>> import lamina as lm
        >>> written = lm.losses.serialize(lm.losses.Huber(delta=2.0))
        >>> lm.losses.deserialize(written).delta
        2.0
    """
    return REGISTRY.deserialize(config, custom_objects)


__all__ = [
    "Loss",
    "MeanSquaredError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError",
    "Huber",
    "LogCosh",
    "CosineSimilarity",
    "Poisson",
    "KLDivergence",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "SparseCategoricalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "Hinge",
    "SquaredHinge",
    "CategoricalHinge",
    "Dice",
    "Tversky",
    "Circle",
    "CTC",
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "cosine_similarity",
    "poisson",
    "kl_divergence",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_generalized_cross_entropy",
    "hinge",
    "squared_hinge",
    "categorical_hinge",
    "dice",
    "tversky",
    "circle",
    "ctc",
    "as_loss",
    "check_activation",
    "check_predictions",
    "check_targets",
    "get",
    "serialize",
    "deserialize",
]

namespaces.declare(__name__)
