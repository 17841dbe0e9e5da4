"""The base classes of losses: one value per sample, weighted, then reduced to one number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from lamina import dtype_policies, tree
from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.arguments import FLAG, Checks, Integers, Number, Text
from lamina.configuration import Configurable, snake_case
from lamina.errors import unknown_name
from lamina.floatx import in_floatx
from lamina.ir import types
from lamina.losses import targets
from lamina.losses.shapes import floating, weights_for
from lamina.operations import masks
from lamina.tensor import Tensor, as_tensor

PREDICTIONS = ("any", "probabilities", "logits")
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


def _known(what: str, owner: Any, kind: Any, kinds: Iterable[str]) -> str:
    """Return the kind of targets or predictions that a class or function of users declares."""
    if kind not in kinds:
        raise unknown_name(f"{what} of {owner.__name__}", kind, kinds)
    return str(kind)


class Loss(Configurable):
    """Base class of losses: a function of targets and predictions, reduced over the samples.

    A subclass defines `call(y_true, y_pred)`, which returns one value per sample. A call computes
    those values l_i, weights them by `sample_weight` w_i, ignores entries that a mask of the
    predictions excludes, and reduces them:

    - "sum_over_batch_size", "mean": sum(w_i l_i) / n
    - "mean_with_sample_weight": sum(w_i l_i) / sum(w_i)
    - "sum": sum(w_i l_i)
    - "none" or None: w_i l_i, one value per sample

    Before training, `fit` checks the targets and the last activation by what the class declares:

    - `targets`: "undeclared" (the default: as "same_shape", or class indices, or shapes that
      could not be broadcast by accident), "same_shape", "indices", "distributions", "binary",
      "signs", "sequences" or "any"
    - `predictions`: "any" (the default), "probabilities" or "logits"; with `from_logits=True`,
      probabilities are logits

    Args:
        name: name of the loss in logs; None uses a name made from that of the class.
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true and y_pred (batch, ...) -> (), or (batch, ...) without the last axis if the reduction
            is "none"

    Raises:
        ShapeError: targets do not fit the predictions, or weights do not fit the samples.

    Example:
        >>> import lamina as lm
        >>> class Absolute(lm.losses.Loss):
        ...     def call(self, y_true, y_pred):
        ...         return lm.mean(abs(y_true - y_pred), axis=-1)
        >>> Absolute()([[1.0, 2.0]], [[2.0, 4.0]]).item()
        1.5
    """

    family = "lamina.losses"
    targets: str = "undeclared"
    predictions: str = "any"
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
        dtype: DTypeLike = None,
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.reduction = _known_reduction(reduction)
        self.dtype = None if dtype is None else types.dtype(dtype_policies.get(dtype).compute_dtype)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _known("targets", cls, cls.targets, targets.KINDS)
        _known("predictions", cls, cls.predictions, PREDICTIONS)

    def takes(self) -> str:
        """Return what the predictions must be: "probabilities", "logits", or "any"."""
        is_logits = self.predictions == "probabilities" and getattr(self, "from_logits", False)
        return "logits" if is_logits else self.predictions

    def check_targets(self, y: ArrayLike, output_shape: Sequence[Any]) -> None:
        """Raise unless targets are of the kind `targets` and fit the predictions.

        Args:
            y: targets, an array with the samples first.
            output_shape: shape of the predictions; the batch axis is not checked, and None means
                for any extent.

        Raises:
            ShapeError: the shapes do not fit.
            RangeError: a target is not an index of a class, or not from 0 to 1.
            DataError: the targets are not labels.
        """
        array = np.asarray(y)
        outputs = tuple(
            array.shape[axis] if n is None and axis < array.ndim else n
            for axis, n in enumerate(output_shape)
        )[1:]
        if array.size:
            targets.KINDS[self.targets](self, array, outputs)

    def __call__(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Tensor:
        """Return the reduced loss, or one value per sample if the reduction is "none".

        Args:
            y_true: targets.
            y_pred: predictions; entries that their mask excludes do not count.
            sample_weight: weights, one per sample or one per value of `call`; None is 1.

        Raises:
            ShapeError: targets do not fit the predictions, or weights do not fit the samples.
        """
        if isinstance(y_pred, (list, tuple, dict)) and any(map(_is_tensor, tree.leaves(y_pred))):
            return self._of_nests(y_true, y_pred, sample_weight)
        there = masks.mask_of(y_pred)
        y_true, y_pred = as_tensor(in_floatx(y_true)), floating(y_pred, self.dtype)
        if there is not None:
            masks.attach(y_pred, there)
        values = self.call(y_true, y_pred)
        mask = masks.both(self.mask(y_true, values), masks.counted(there, values))
        loss = reduced(values, sample_weight, mask, self.reduction)
        return loss if self.dtype is None else as_tensor(loss, self.dtype)

    def _of_nests(self, y_true: Any, y_pred: Any, sample_weight: ArrayLike | None) -> Tensor:
        """Return the loss of a `call` that takes nests of targets and predictions."""
        targets = tree.map_structure(as_tensor, y_true)
        predictions = tree.map_structure(lambda each: floating(each, self.dtype), y_pred)
        values = as_tensor(self.call(targets, predictions))
        return reduced(values, sample_weight, None, self.reduction)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return one value per sample: the axes of the predictions without the last.

        Args:
            y_true: targets, a tensor.
            y_pred: predictions, a floating tensor.
        """
        raise TypeError(f"{type(self).__name__} must define call(y_true, y_pred)")

    def mask(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        """Return a Boolean mask of the values that count, of their shape; None if all do.

        Args:
            y_true: targets, a tensor.
            values: result of `call`.
        """
        return None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


LossLike: TypeAlias = str | Loss | Callable[..., Any] | Mapping[str, Any] | None
"""A loss, a function of (y_true, y_pred), a name or a configuration; None for no loss."""


class LossFunctionWrapper(Loss):
    """A Loss that calls fn(y_true, y_pred, **arguments), which returns one value per sample.

    The function may have attributes `targets` and `predictions`, as a class of losses has.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: DTypeLike = None,
        **arguments: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", "loss"), reduction, dtype)
        self.fn = fn
        self.arguments = arguments
        if hasattr(fn, "targets"):
            self.targets = _known("targets", fn, fn.targets, targets.KINDS)
        if hasattr(fn, "predictions"):
            self.predictions = _known("predictions", fn, fn.predictions, PREDICTIONS)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return as_tensor(self.fn(y_true, y_pred, **self.arguments))


class NamedLoss(LossFunctionWrapper):
    """A Loss that calls the function `function` of its class with the given arguments.

    short_names: further names of the class and of the function.
    """

    function: ClassVar[Callable[..., Any]]
    short_names: ClassVar[tuple[str, ...]] = ()
    default_name: ClassVar[str | None] = None
    targets = "same_shape"

    def __init__(
        self, name: str | None, reduction: str | None, dtype: DTypeLike, **arguments: Any
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
    values: Tensor, sample_weight: ArrayLike | None, mask: Tensor | None, reduction: str | None
) -> Tensor:
    """Return `values`, weighted, masked and reduced as `Loss` describes.

    Masked values count neither in the numerator nor in the denominator of a mean.
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
    """Return x / y, or 0 if y is 0 (also in the gradient)."""
    zero = y == 0
    one = ops.ones_like(y)
    return ops.where(zero, ops.zeros_like(x), x / ops.where(zero, one, y))
