"""Shapes of targets and predictions, which must be equal: losses do not broadcast.

The only accepted difference is a trailing axis of extent 1, which a reshape removes or adds: (n,)
and (n, 1) are the same n numbers.
"""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.floatx import in_floatx
from lamina.ir import types
from lamina.ir.types import DType, Shape, plain, same
from lamina.tensor import Tensor, as_tensor


def floating(value: Any, dtype: DType | None = None) -> Tensor:
    """Return a tensor of `dtype`; None keeps the dtype of a floating tensor and takes float32 for
    all other values."""
    tensor = as_tensor(in_floatx(value))
    if dtype is None:
        computes = tensor.dtype.is_float and not tensor.dtype.is_storage_only
        dtype = tensor.dtype if computes else types.float32
    return as_tensor(tensor, dtype)


def paired(y_true: ArrayLike, y_pred: ArrayLike, name: str) -> tuple[Tensor, Tensor]:
    """Return both as floating tensors of one dtype and shape, for the loss or metric `name`.

    (n,) and (n, 1) become (n, 1); with more axes the trailing 1 is removed, as in Keras. Raise
    ShapeError for any other difference.
    """
    y_pred = floating(y_pred)
    y_true = as_tensor(as_tensor(y_true), y_pred.dtype)
    shape = paired_shape(y_true.shape, y_pred.shape, name)
    return reshaped(y_true, shape), reshaped(y_pred, shape)


def paired_shape(true: Shape, pred: Shape, name: str) -> Shape:
    """Return the common shape of targets and predictions, or raise ShapeError."""
    true, pred = plain(true), plain(pred)
    if true == pred and pred:
        return pred
    short, long = sorted((true, pred), key=len)
    if long == (*short, 1):
        return long if len(short) <= 1 else short
    raise ShapeError(
        f"{name}: targets have shape {shown(true)}, predictions {shown(pred)}",
        hint=_hint(true, pred, name),
    )


def _hint(true: Shape, pred: Shape, name: str) -> str:
    never = f"{name} never broadcasts targets onto predictions"
    if not pred:
        return "the first axis of both is that of the samples: reshape them to (1,)"
    labels = true if len(true) < len(pred) or not true else true[:-1]
    if labels == pred[:-1] and len(pred) > 1 and (true == labels or true[-1] == 1):
        return (
            f"{never}. If the targets are class indices, give one_hot(y, {pred[-1]}), or take a "
            "loss or metric whose name begins with sparse_categorical; if they are numbers, the "
            f"last layer should have 1 output, not {pred[-1]}"
        )
    if true[:1] == pred[:1] and len(true) == len(pred) == 2:
        return f"{never}. The last layer has {pred[-1]} outputs and the targets {true[-1]} columns"
    return f"{never}: reshape the one or the other so that the shapes are equal"


def shown(shape: Shape) -> str:
    """Return a shape as Python prints it, with symbolic extents by name."""
    return str(tuple(shape))


def reshaped(x: Tensor, shape: Shape) -> Tensor:
    return x if same(x.shape, shape) else ops.reshape(x, shape)


def weights_for(values: Tensor, sample_weight: ArrayLike) -> Tensor:
    """Return `sample_weight` with the axes of `values`, so that both can be multiplied.

    Weights are a scalar or have the leading axes of the values (one weight per sample, per time
    step, ...), with or without trailing axes of extent 1.
    """
    weights = as_tensor(as_tensor(sample_weight), values.dtype)
    shape, wanted = plain(weights.shape), plain(values.shape)
    while len(shape) > values.ndim and shape[-1] == 1:
        shape = shape[:-1]
    fits = len(shape) <= values.ndim and all(
        w in (1, v) for w, v in zip(shape, wanted, strict=False)
    )
    if not fits:
        raise ShapeError(
            f"sample_weight has shape {shown(weights.shape)}; there is one loss value for each of "
            f"{shown(values.shape)}",
            hint="give one weight a sample: sample_weight of shape (n,), and targets of shape "
            "(n, ...) with the samples on the first axis",
        )
    return reshaped(weights, (*shape, *[1] * (values.ndim - len(shape))))
