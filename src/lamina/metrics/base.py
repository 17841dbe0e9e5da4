"""The base classes of metrics: state in Variables that batches update, and a result.

`update_state` is tensor code that assigns Variables; a trace makes it part of the training step.
Sums are accumulated in float64, so that means over many samples stay accurate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from lamina import dtype_policies, initializers, restoring
from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike, InitializerLike
from lamina.arguments import FLAG, Checks, Integer, Integers, Number, Numbers
from lamina.configuration import Configurable, snake_case
from lamina.defaults import DEFAULTS
from lamina.errors import ShapeError
from lamina.ir import types
from lamina.ir.types import float64, same
from lamina.losses.base import safe_divide
from lamina.losses.shapes import floating, shown, weights_for
from lamina.operations import masks
from lamina.operations.reductions import as_number
from lamina.stateless import StatelessScope, paired
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable


class Metric(Configurable):
    """Base class of metrics: state that batches update and a result computed from that state.

    A subclass creates its state with `add_variable` in `__init__` and defines `update_state` and
    `result`. `reset_state` restores the initial state, also of metrics that attributes hold. A call
    updates the state and returns the result.

    Args:
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        name: name of the metric in logs and history.

    Example:
        >>> import lamina as lm
        >>> class Largest(lm.metrics.Metric):
        ...     def __init__(self, name="largest", **kwargs):
        ...         super().__init__(name=name, **kwargs)
        ...         self.value = self.add_weight(initializer=lm.initializers.Constant(-1e9))
        ...
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.value.assign(lm.maximum(self.value, lm.max(y_pred)))
        ...
        ...     def result(self):
        ...         return self.value
        >>> largest = Largest()
        >>> largest.update_state([0, 0], [2.0, 3.0])
        >>> float(largest.result())
        3.0
    """

    family = "lamina.metrics"
    argument_checks: ClassVar[Checks] = {
        **dict.fromkeys(("from_logits", "multi_label", "sparse_y_pred", "sparse_y_true"), FLAG),
        **dict.fromkeys(("class_id", "top_k"), Integer(optional=True)),
        **dict.fromkeys(("beta", "precision", "recall", "sensitivity", "specificity"), Number()),
        "num_classes": Integer(1, 30_000),  # whose square is a table of counts
        "num_regressors": Integer(),
        "target_class_ids": Integers(),
        "threshold": Number(optional=True),
        "num_thresholds": Integer(most=100_000),
        "thresholds": Numbers(alone=True, optional=True),
    }

    def __init__(self, dtype: DTypeLike = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = types.dtype(
            DEFAULTS.floatx if dtype is None else dtype_policies.get(dtype).compute_dtype
        )
        self._state: list[tuple[Variable, np.ndarray]] = []  # with the values to begin with

    def add_variable(
        self,
        shape: Sequence[int] | int = (),
        initializer: InitializerLike = None,
        dtype: DTypeLike = None,
        aggregation: str | None = None,
        name: str | None = None,
    ) -> Variable:
        """Create a Variable of the metric's state; `reset_state` restores its initial values.

        Args:
            shape: shape of the Variable; () for a scalar.
            initializer: name or Initializer of the initial values; None is zeros.
            dtype: dtype of the Variable; None is float64, so that long sums stay accurate.
            aggregation: accepted for compatibility with Keras; has no effect on one device.
            name: name of the Variable; None is "variable".
        """
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        dtype = types.dtype(dtype or float64)
        make = initializers.get("zeros" if initializer is None else initializer)
        name = name or "variable"
        restoring.claim(self.name, f"the state {name!r} of shape {shape}", 2, *shape)
        variable = Variable(make(shape, dtype=dtype), trainable=False, dtype=dtype, name=name)
        self._state.append((variable, variable.numpy()))
        return variable

    def add_weight(
        self,
        shape: Sequence[int] | int = (),
        initializer: InitializerLike = None,
        dtype: DTypeLike = None,
        name: str | None = None,
    ) -> Variable:
        """Create a Variable of the metric's state (`add_variable` under its name in Keras).

        Args:
            shape: shape of the Variable; () for a scalar.
            initializer: name or Initializer of the initial values; None is zeros.
            dtype: dtype of the Variable; None is float64.
            name: name of the Variable; None is "variable".
        """
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The Variables of the state: those of `add_variable` and those that attributes hold, also
        of other metrics."""
        found: list[Any] = []
        for name, value in list(vars(self).items()):
            if name != "_arguments":
                _collect(value, found)
        held = [v for each in found for v in getattr(each, "variables", [each])]
        return list(dict.fromkeys([*(variable for variable, _ in self._state), *held]))

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Update the state with a batch; weights, one per sample, default to 1.

        Args:
            y_true: targets.
            y_pred: predictions.
            sample_weight: weights of the samples; None is 1.
        """
        raise TypeError(f"{type(self).__name__} must define update_state")

    def result(self) -> Any:
        """Return the metric over all batches since the last reset."""
        raise TypeError(f"{type(self).__name__} must define result")

    def reset_state(self) -> None:
        """Reset the state: Variables of `add_variable` to their initial values, others to zeros."""
        first = dict(self._state)
        for variable in self.variables:
            zeros = np.zeros(variable.shape, variable.dtype.storage)
            variable.assign(first.get(variable, zeros))

    # ---- state as arguments --------------------------------------------------------------------
    def stateless_update_state(
        self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any
    ) -> list[Tensor]:
        """Return the state after an update; the metric itself does not change.

        Args:
            metric_variables: values in the order of `variables`.
            *args: arguments of `update_state`.
            **kwargs: keyword arguments of `update_state`.

        Example:
            >>> import lamina as lm
            >>> m = lm.metrics.Sum()
            >>> [v.item() for v in m.stateless_update_state([lm.asarray(2.0)], [1.0, 3.0])]
            [6.0]
        """
        with self._with_state("stateless_update_state", metric_variables) as scope:
            self.update_state(*args, **kwargs)
        return scope.values(self.variables)

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Return the result for a state.

        Args:
            metric_variables: values in the order of `variables`.
        """
        with self._with_state("stateless_result", metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[Tensor]:
        """Return the state to begin with."""
        with StatelessScope() as scope:
            self.reset_state()
        return scope.values(self.variables)

    def _with_state(self, method: str, values: Sequence[Any]) -> StatelessScope:
        return StatelessScope(paired(f"{self.name}: {method}", self.variables, values))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def _collect(value: Any, found: list[Any]) -> None:
    """Append the Variables and metrics of a nest to `found`."""
    if isinstance(value, (Variable, Metric)):
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _collect(each, found)
    elif isinstance(value, Mapping):
        for each in value.values():
            _collect(each, found)


def accumulate(variable: Variable, amount: Any) -> None:
    """Add the amount to the variable in the (wide) dtype of the variable."""
    variable.assign(variable.read() + as_tensor(as_tensor(amount), variable.dtype))


MetricLike: TypeAlias = str | Metric | Callable[..., Any] | Mapping[str, Any] | None
"""A metric, a function of (y_true, y_pred), a name or a configuration; None for no metric."""


# ---- sums and means ----------------------------------------------------------------------------
class Sum(Metric):
    """Weighted sum of all values, sum(w v).

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        values (batch, ...) -> ()

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.Sum()
        >>> m.update_state([1, 3, 5, 7])
        >>> m.result().item()
        16.0
    """

    def __init__(self, name: str = "sum", dtype: DTypeLike = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:  # type: ignore[override]
        values, _ = weighted(floating(values), sample_weight)
        accumulate(self.total, ops.sum(values))

    def result(self) -> Tensor:
        return as_tensor(self.total.read(), self.dtype)


class Mean(Metric):
    """Weighted mean of all values, sum(w v) / sum(w); 0 before the first value.

    The values of a sample are averaged first unless the weights have the shape of the values.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        values (batch, ...) -> ()

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.Mean()
        >>> m.update_state([1, 3, 5, 7])
        >>> m.result().item()
        4.0
    """

    def __init__(self, name: str = "mean", dtype: DTypeLike = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:  # type: ignore[override]
        values, weights = weighted(floating(values), sample_weight)
        self._add(values, weights)

    def _add(self, values: Tensor, weights: Tensor | None) -> None:
        accumulate(self.total, ops.sum(values))
        accumulate(self.count, as_number(values.size) if weights is None else ops.sum(weights))

    def result(self) -> Tensor:
        return as_tensor(safe_divide(self.total.read(), self.count.read()), self.dtype)


def weighted(values: Tensor, sample_weight: ArrayLike | None) -> tuple[Tensor, Tensor | None]:
    """Return values times weights, and the weights in the shape of the values (None is 1)."""
    if sample_weight is None:
        return values, None
    weights = ops.broadcast_to(weights_for(values, sample_weight), values.shape)
    return values * weights, weights


class MeanMetricWrapper(Mean):
    """Mean over all samples of a function of targets and predictions.

    Args:
        fn: function of (y_true, y_pred) that returns one value per sample.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        **arguments: further arguments of `fn`.

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.MeanMetricWrapper(lm.losses.mean_squared_error)
        >>> m.update_state([[0.0], [1.0]], [[1.0], [1.0]])
        >>> m.result().item()
        0.5
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: DTypeLike = None,
        **arguments: Any,
    ) -> None:
        super().__init__(name or str(getattr(fn, "__name__", "metric")), dtype)
        self.fn, self.fn_arguments = fn, arguments

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        values = floating(self.fn(y_true, y_pred, **self.fn_arguments))
        super().update_state(*counting(y_pred, values, sample_weight))


class NamedMean(MeanMetricWrapper):
    """The mean of the function `function` of the class, called with the given arguments."""

    function: ClassVar[Callable[..., Any]]

    def __init__(self, name: str | None, dtype: DTypeLike, **arguments: Any) -> None:
        function = type(self).function
        super().__init__(function, name or function.__name__, dtype, **arguments)
        for key, value in arguments.items():
            setattr(self, key, value)


# ---- helpers for families ----------------------------------------------------------------------
def counting(
    y_pred: ArrayLike, values: Tensor, sample_weight: ArrayLike | None
) -> tuple[Tensor, Any]:
    """Return values and weights (None is 1), both set to 0 at entries that the mask of the
    predictions excludes."""
    there = masks.counted(masks.mask_of(y_pred), values)
    if there is None:
        return values, sample_weight
    weights = as_tensor(there, values.dtype)
    given = None if sample_weight is None else weights_for(values, sample_weight)
    return ops.where(there, values, 0), weights if given is None else weights * given


def need_matrix(owner: str, y_true: Tensor, y_pred: Tensor) -> int:
    """Return the number of columns of targets and predictions, both (samples, columns)."""
    if not same(y_true.shape, y_pred.shape) or y_pred.ndim != 2:
        raise ShapeError(
            f"{owner}: needs targets and predictions of one shape (samples, outputs); got "
            f"{shown(y_true.shape)} and {shown(y_pred.shape)}"
        )
    return int(y_pred.shape[1])
