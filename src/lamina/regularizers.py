"""Penalties on weights (or outputs) that are added to the loss; equations as in Keras 3."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lamina import namespaces
from lamina.annotations import RegularizerLike
from lamina.configuration import Configurable
from lamina.errors import RangeError, ShapeError
from lamina.operations import elementwise, linear_algebra, matrices, reductions, shaping
from lamina.registry import Registry
from lamina.tensor import Tensor, as_tensor


class Regularizer(Configurable):
    """The base class of all regularizers: a subclass defines `__call__(x)`, a scalar penalty.

    Example:
        >>> import lamina as lm
        >>> class Mean(lm.regularizers.Regularizer):
        ...     def __call__(self, x):
        ...         return lm.mean(lm.abs(x))
        >>> Mean()([1.0, -3.0]).item()
        2.0
    """

    family = "lamina.regularizers"

    def __call__(self, x: Any) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define __call__(x)")


class L1L2(Regularizer):
    """Sum of both penalties, l1 * sum(|x|) + l2 * sum(x^2).

    By name ("l1_l2") both factors are 0.01.

    Args:
        l1: factor of the L1 penalty, at least 0.
        l2: factor of the L2 penalty, at least 0.

    Example:
        >>> import lamina as lm
        >>> lm.regularizers.L1L2(l1=0.5, l2=0.5)(lm.asarray([1.0, -2.0])).item()
        4.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("L1L2", "l1", l1 or 0.0)
        self.l2 = _factor("L1L2", "l2", l2 or 0.0)

    def __call__(self, x: Any) -> Tensor:
        x = as_tensor(x)
        total = as_tensor(0.0, x.dtype)
        if self.l1:
            total = total + reductions.sum(elementwise.abs(x)) * self.l1
        if self.l2:
            total = total + reductions.sum(elementwise.square(x)) * self.l2
        return total


class L1(Regularizer):
    """L1 penalty, l1 * sum(|x|), which makes single weights zero.

    Args:
        l1: factor of the penalty, at least 0.

    Example:
        >>> import lamina as lm
        >>> lm.regularizers.L1(0.5)(lm.asarray([1.0, -2.0])).item()
        1.5
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("L1", "l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Tensor:
        return reductions.sum(elementwise.abs(as_tensor(x))) * self.l1


class L2(Regularizer):
    """L2 penalty, l2 * sum(x^2), which keeps weights small.

    Args:
        l2: factor of the penalty, at least 0.

    Example:
        >>> import lamina as lm
        >>> lm.regularizers.L2(0.5)(lm.asarray([1.0, -2.0])).item()
        2.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("L2", "l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Tensor:
        return reductions.sum(elementwise.square(as_tensor(x))) * self.l2


class OrthogonalRegularizer(Regularizer):
    """Penalty on rows that are not orthogonal: factor * mean |cosine| of different rows.

    Args:
        factor: factor of the penalty, at least 0.
        mode: "rows" or "columns".

    Raises:
        ShapeError: for a weight that has not two axes.

    Example:
        >>> import lamina as lm
        >>> lm.regularizers.OrthogonalRegularizer(1.0)(lm.eye(3)).item()
        0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("OrthogonalRegularizer", "factor", factor)
        if mode not in ("rows", "columns"):
            raise RangeError(
                f"OrthogonalRegularizer: mode must be 'rows' or 'columns', not {mode!r}"
            )
        self.mode = mode

    def __call__(self, x: Any) -> Tensor:
        x = as_tensor(x)
        if x.ndim != 2:
            raise ShapeError(f"OrthogonalRegularizer needs a matrix; got shape {x.shape}")
        rows = x if self.mode == "rows" else shaping.transpose(x)
        norms = elementwise.sqrt(reductions.sum(elementwise.square(rows), axis=1, keepdims=True))
        rows = rows / elementwise.maximum(norms, 1e-12)
        count = int(rows.shape[0])
        others = 1.0 - matrices.eye(count, dtype=x.dtype)
        cosines = linear_algebra.matmul(rows, shaping.transpose(rows)) * others
        pairs = count * (count - 1.0) / 2.0
        return reductions.sum(elementwise.abs(cosines)) * (self.factor * 0.5 / pairs)


def _factor(owner: str, name: str, value: Any) -> float:
    ok = isinstance(value, (int, float)) and math.isfinite(value) and value >= 0
    if not ok:
        raise RangeError(f"{owner}: {name} must be a number of at least 0, not {value!r}")
    return float(value)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_REGISTRY = Registry("regularizer", Regularizer.family, [L1, L2, L1L2, OrthogonalRegularizer])


def get(identifier: RegularizerLike) -> Any:
    """Return the regularizer of a name or configuration.

    Args:
        identifier: None, a name ("l1", "l2", "l1_l2", "orthogonal_regularizer"), a configuration, a
            Regularizer, or a function of a weight.

    Raises:
        UnknownNameError: for an unknown name, with the nearest known names.

    Example:
        >>> import lamina as lm
        >>> lm.regularizers.get("l2").l2
        0.01
    """
    if isinstance(identifier, str) and identifier in ("l1_l2", "L1L2"):
        return L1L2(l1=0.01, l2=0.01)
    return _REGISTRY.get(identifier)


def serialize(regularizer: RegularizerLike) -> Any:
    """Return a regularizer as JSON data, for `deserialize`.

    Args:
        regularizer: regularizer to describe.

    Example:
        >>> import lamina as lm
        >>> lm.regularizers.serialize(lm.regularizers.L2(0.5))["class_name"]
        'L2'
    """
    return _REGISTRY.serialize(regularizer)


def deserialize(
    config: Mapping[str, Any] | str | None, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return the regularizer that `serialize` described.

    Args:
        config: dictionary that `serialize` returned.
        custom_objects: dictionary from name to class or function of the caller's own.

    Example:
        >>> import lamina as lm
        >>> config = lm.regularizers.serialize(lm.regularizers.L2(0.5))
        >>> lm.regularizers.deserialize(config).l2
        0.5
    """
    return _REGISTRY.deserialize(config, custom_objects) if config is not None else None


__all__ = [
    "L1",
    "L2",
    "L1L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]

namespaces.declare(__name__)
