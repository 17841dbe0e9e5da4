"""What every metric is: state in Variables, changed by each batch, read as one number at the end.

`update_state` is tensor code that assigns Variables: within a trace it becomes part of the step.
Sums are kept in float64, so that a mean over very many samples stays right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from lamina import operations as ops
from lamina.configuration import Configurable, snake_case
from lamina.errors import ShapeError
from lamina.ir import types
from lamina.ir.types import float32, float64
from lamina.losses.base import safe_divide
from lamina.losses.shapes import floating, shown, weights_for
from lamina.operations import masks
from lamina.operations.reductions import as_number
from lamina.tensor import Tensor, Variable, as_tensor


class Metric(Configurable):
    """Base of all metrics: `update_state` for each batch, `result`, `reset_state` for a new start.

    Subclasses make their state with `add_variable`. Calling a metric updates it and gives the
    result so far. `dtype` is that of the result, float32 by default.
    """

    family = "lamina.metrics"

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = types.dtype(dtype) if dtype is not None else float32
        self.variables: list[Variable] = []

    def add_variable(
        self, shape: tuple[int, ...] = (), name: str = "state", dtype: Any = None
    ) -> Variable:
        """A Variable of zeros that belongs to this metric's state."""
        storage = types.dtype(dtype or float64).storage
        variable = Variable(np.zeros(shape, storage), trainable=False, name=f"{self.name}_{name}")
        self.variables.append(variable)
        return variable

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account; weights say how much each sample counts."""
        raise TypeError(f"{type(self).__name__} must define update_state")

    def result(self) -> Any:
        """The metric over all that was taken into account since the last reset."""
        raise TypeError(f"{type(self).__name__} must define result")

    def reset_state(self) -> None:
        """Forget everything."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype.storage))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def accumulate(variable: Variable, amount: Any) -> None:
    """variable += amount, in the variable's own (wide) dtype."""
    variable.assign(variable.read() + as_tensor(as_tensor(amount), variable.dtype))


# ---- sums and means ----------------------------------------------------------------------------
class Sum(Metric):
    """The sum of all values, each times its weight.

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.Sum()
        >>> m.update_state([1, 3, 5, 7])
        >>> m.result().item()
        16.0
    """

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        values, _ = weighted(floating(values), sample_weight)
        accumulate(self.total, ops.sum(values))

    def result(self) -> Tensor:
        return as_tensor(self.total.read(), self.dtype)


class Mean(Metric):
    """The weighted mean of all values: sum(w v) / sum(w); 0 before there are any.

    Values with several axes count with the mean of each sample's, unless weights have those axes.

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.Mean()
        >>> m.update_state([1, 3, 5, 7])
        >>> m.result().item()
        4.0
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        values, weights = weighted(floating(values), sample_weight)
        self._add(values, weights)

    def _add(self, values: Tensor, weights: Tensor | None) -> None:
        accumulate(self.total, ops.sum(values))
        accumulate(self.count, as_number(values.size) if weights is None else ops.sum(weights))

    def result(self) -> Tensor:
        return as_tensor(safe_divide(self.total.read(), self.count.read()), self.dtype)


def weighted(values: Tensor, sample_weight: Any) -> tuple[Tensor, Tensor | None]:
    """The values times their weights, and the weights in the values' shape (None: all count 1)."""
    if sample_weight is None:
        return values, None
    weights = ops.broadcast_to(weights_for(values, sample_weight), values.shape)
    return values * weights, weights


class MeanMetricWrapper(Mean):
    """The mean of a function fn(y_true, y_pred, **arguments) that gives one value per sample.

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.MeanMetricWrapper(lm.losses.mean_squared_error)
        >>> m.update_state([[0.0], [1.0]], [[1.0], [1.0]])
        >>> m.result().item()
        0.5
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **arguments: Any
    ) -> None:
        super().__init__(name or str(getattr(fn, "__name__", "metric")), dtype)
        self.fn, self.fn_arguments = fn, arguments

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        values = floating(self.fn(y_true, y_pred, **self.fn_arguments))
        super().update_state(*counting(y_pred, values, sample_weight))


class NamedMean(MeanMetricWrapper):
    """A mean whose formula is the function `function`; the arguments are those of the function."""

    function: ClassVar[Callable[..., Any]]

    def __init__(self, name: str | None, dtype: Any, **arguments: Any) -> None:
        function = type(self).function
        super().__init__(function, name or function.__name__, dtype, **arguments)
        for key, value in arguments.items():
            setattr(self, key, value)


# ---- helpers for families ----------------------------------------------------------------------
def counting(y_pred: Any, values: Tensor, sample_weight: Any) -> tuple[Tensor, Any]:
    """Values and their weights (None: all count 1), both 0 where the mask of the predictions says
    that there is nothing."""
    there = masks.counted(masks.mask_of(y_pred), values)
    if there is None:
        return values, sample_weight
    weights = as_tensor(there, values.dtype)
    given = None if sample_weight is None else weights_for(values, sample_weight)
    return ops.where(there, values, 0), weights if given is None else weights * given


def need_matrix(owner: str, y_true: Tensor, y_pred: Tensor) -> int:
    """The number of columns of targets and predictions, both (samples, columns)."""
    if y_true.shape != y_pred.shape or y_pred.ndim != 2:
        raise ShapeError(
            f"{owner}: needs targets and predictions of one shape (samples, outputs); got "
            f"{shown(y_true.shape)} and {shown(y_pred.shape)}"
        )
    return int(y_pred.shape[1])
