"""`keras.metrics`: the names of `lamina.metrics`, and the losses that are functions."""

from lamina import metrics, namespaces
from lamina.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from lamina.metrics import *  # noqa: F403

_FUNCTIONS = (
    *(binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy),
    *(categorical_focal_crossentropy, categorical_hinge, hinge, huber, kl_divergence, log_cosh),
    *(mean_absolute_error, mean_absolute_percentage_error, mean_squared_error),
    *(mean_squared_logarithmic_error, poisson, sparse_categorical_crossentropy, squared_hinge),
)

__all__ = sorted({*metrics.__all__, *(function.__name__ for function in _FUNCTIONS)})

namespaces.declare(__name__)
