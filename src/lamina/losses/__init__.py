"""Losses with the names, arguments, defaults and formulas of Keras 3.

`get("mse")` returns the function, `get("MeanSquaredError")` a Loss, as in Keras; `as_loss(...)`
returns a Loss for both, and for any function of (y_true, y_pred).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lamina import namespaces
from lamina.losses import (
    binary,
    categorical,
    detection,
    overlap,
    regression,
    robust,
    similarity,
    sparse_categorical,
)
from lamina.losses import ctc as _ctc
from lamina.losses import hinge as _hinge
from lamina.losses.base import Loss as Loss
from lamina.losses.base import LossFunctionWrapper, LossLike, NamedLoss
from lamina.losses.binary import *  # noqa: F403
from lamina.losses.binary import binary_crossentropy
from lamina.losses.categorical import *  # noqa: F403
from lamina.losses.categorical import kl_divergence
from lamina.losses.checks import check_activation as check_activation
from lamina.losses.checks import check_predictions as check_predictions
from lamina.losses.checks import check_targets as check_targets
from lamina.losses.checks import looks_like_logits as looks_like_logits
from lamina.losses.ctc import *  # noqa: F403
from lamina.losses.detection import *  # noqa: F403
from lamina.losses.hinge import *  # noqa: F403
from lamina.losses.overlap import *  # noqa: F403
from lamina.losses.regression import *  # noqa: F403
from lamina.losses.regression import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from lamina.losses.robust import *  # noqa: F403
from lamina.losses.robust import log_cosh
from lamina.losses.similarity import *  # noqa: F403
from lamina.losses.sparse_categorical import *  # noqa: F403
from lamina.registry import Registry

REGISTRY = Registry("loss", Loss.family)
_CLASSES: dict[Any, Callable[[], Loss]] = {}  # of the functions
# fmt: off
_FAMILIES = (
    regression, robust, categorical, sparse_categorical, binary, _hinge, overlap, similarity, _ctc,
    detection,
)
# fmt: on


def _register(family: ModuleType) -> None:
    """Make the classes and functions that a module lists in `__all__` known by their names."""
    for name in family.__all__:
        cls = vars(family)[name]
        if isinstance(cls, type) and issubclass(cls, NamedLoss):
            REGISTRY.add_class(cls, *cls.short_names)
            REGISTRY.add_function(cls.function, *cls.short_names)
            _CLASSES[cls.function] = cls


for _family in _FAMILIES:
    _register(_family)

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence
bce = BCE = binary_crossentropy
logcosh = log_cosh


def get(identifier: LossLike) -> Any:
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


def as_loss(identifier: LossLike) -> Loss:
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
    cls = _CLASSES.get(loss) if callable(loss) else None
    return LossFunctionWrapper(loss) if cls is None else cls()


def serialize(loss: LossLike) -> Any:
    """Return the configuration of a Loss, or the name of a function, for `deserialize`.

    Args:
        loss: a `Loss` object or a loss function.

    Example:
        >>> import lamina as lm
        >>> lm.losses.serialize(lm.losses.mean_squared_error)
        'mean_squared_error'
    """
    return REGISTRY.serialize(loss)


def deserialize(
    name: Mapping[str, Any] | str, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return the loss that `serialize` described.

    Args:
        name: what `serialize` returned.
        custom_objects: dictionary from names to the caller's own classes or functions.

    Raises:
        UnknownNameError: the class or function is not known.

    Example:
        >>> import lamina as lm
        >>> written = lm.losses.serialize(lm.losses.Huber(delta=2.0))
        >>> lm.losses.deserialize(written).delta
        2.0
    """
    return REGISTRY.deserialize(name, custom_objects)


if not TYPE_CHECKING:  # mypy cannot follow these sums, and would export the first list only
    # fmt: off
    __all__ = [
        "Loss", "as_loss", "check_activation", "check_predictions", "check_targets", "deserialize",
        "get", "serialize",
    ]
    # fmt: on
    __all__ += [name for family in _FAMILIES for name in family.__all__]

namespaces.declare(__name__)
