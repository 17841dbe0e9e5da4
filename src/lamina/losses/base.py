"""What every loss is: one value per sample, weighted, then reduced to one number to minimise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from lamina import operations as ops
from lamina.arguments import FLAG, Checks, Integers, Number, Text
from lamina.configuration import Configurable, snake_case
from lamina.errors import unknown_name
from lamina.ir import types
from lamina.losses.shapes import floating, weights_for
from lamina.operations import masks
from lamina.tensor import Tensor, as_tensor

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


class Loss(Configurable):
    """A loss: call it with targets and predictions; subclasses define `call`.

    `reduction` says how the values of the samples become one number:

    - "sum_over_batch_size" and "mean": their mean, sum(w_i l_i) / n;
    - "mean_with_sample_weight": the weighted mean, sum(w_i l_i) / sum(w_i);
    - "sum": their sum; "none" or None: the values themselves, one per sample.

    `dtype`: what is computed in; by default the predictions' own.

    Args:
        name: name of the loss in logs.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        dtype: dtype of the loss; float32 by default.
    """

    family = "lamina.losses"
    argument_checks: ClassVar[Checks] = {
        **dict.fromkeys(("alpha", "beta", "delta", "gamma", "q"), Number()),
        **dict.fromkeys(("apply_class_balancing", "from_logits"), FLAG),
        "axis": Integers(alone=True, optional=True),
        "label_smoothing": Number(0, 1),
        "reduction": Text(optional=True),
    }

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.reduction = _known_reduction(reduction)
        self.dtype = types.dtype(dtype) if dtype is not None else None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss: a scalar, or one value per sample with reduction "none".

        Steps that a mask of the predictions says are not there do not count.
        Raises ShapeError where targets don't fit the predictions, or weights the samples.
        """
        there = masks.mask_of(y_pred)
        y_true, y_pred = as_tensor(y_true), floating(y_pred, self.dtype)
        if there is not None:
            masks.attach(y_pred, there)
        values = self.call(y_true, y_pred)
        mask = masks.both(self.mask(y_true, values), masks.counted(there, values))
        return reduced(values, sample_weight, mask, self.reduction)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One value per sample (the axes of the predictions without the last)."""
        raise TypeError(f"{type(self).__name__} must define call(y_true, y_pred)")

    def mask(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        """Which of the values count, as bools of their shape; None where all do."""
        return None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


class LossFunctionWrapper(Loss):
    """A function fn(y_true, y_pred, **arguments), of one value per sample, as a Loss."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **arguments: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", "loss"), reduction, dtype)
        self.fn = fn
        self.arguments = arguments

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return as_tensor(self.fn(y_true, y_pred, **self.arguments))


class NamedLoss(LossFunctionWrapper):
    """A loss whose formula is the function `function`; the arguments are those of the function."""

    function: ClassVar[Callable[..., Any]]
    default_name: ClassVar[str | None] = None

    def __init__(
        self, name: str | None, reduction: str | None, dtype: Any, **arguments: Any
    ) -> None:
        function = type(self).function
        name = name or self.default_name or function.__name__
        super().__init__(function, reduction, name, dtype, **arguments)
        for key, value in arguments.items():
            setattr(self, key, value)


# ---- reduction ---------------------------------------------------------------------------------
def _known_reduction(reduction: str | None) -> str:
    if reduction is None:
        return "none"
    if reduction not in REDUCTIONS:
        raise unknown_name("reduction", reduction, REDUCTIONS)
    return reduction


def reduced(
    values: Tensor, sample_weight: Any, mask: Tensor | None, reduction: str | None
) -> Tensor:
    """`values` weighted, without those masked out, reduced as `Loss` says.

    Values that are masked out count neither above nor below the fraction line of a mean.
    """
    weights = None if sample_weight is None else weights_for(values, sample_weight)
    if mask is not None:
        counted = as_tensor(mask, values.dtype)
        values = ops.where(mask, values, ops.zeros_like(values))
    if weights is not None:
        values = values * weights
    if reduction == "none" or values.ndim == 0:
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        shares = ops.broadcast_to(weights, values.shape)
        return safe_divide(ops.sum(values), ops.sum(shares if mask is None else shares * counted))
    if mask is not None:
        return safe_divide(ops.sum(values), ops.sum(counted))
    return ops.mean(values)


def safe_divide(x: Tensor, y: Tensor) -> Tensor:
    """x / y, and 0 where y is 0 (also in the gradient)."""
    zero = y == 0
    one = ops.ones_like(y)
    return ops.where(zero, ops.zeros_like(x), x / ops.where(zero, one, y))
