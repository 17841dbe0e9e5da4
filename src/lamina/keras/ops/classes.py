"""`keras.ops`: classes, cross-entropies, and labels without positions."""

from __future__ import annotations

import math
from typing import Any

from lamina import losses, nn
from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ArgumentError
from lamina.keras.ops.arguments import operation, tensor
from lamina.losses import binary
from lamina.losses.ctc import ctc_loss as loss_of_rows
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "binary_crossentropy", "categorical_crossentropy", "ctc_decode", "ctc_loss", "in_top_k",
    "multi_hot", "one_hot", "sparse_categorical_crossentropy",
]
# fmt: on


# ---- classes -------------------------------------------------------------------------------------
@operation
def one_hot(
    x: ArrayLike, num_classes: int, axis: int = -1, dtype: DTypeLike = None, sparse: bool = False
) -> Tensor:
    """1 at each index along a new axis of `num_classes`, 0 elsewhere; all 0 for indices outside."""
    _need_dense("one_hot", sparse)
    return ops.one_hot(x, num_classes, axis=axis, dtype=dtype)


@operation
def multi_hot(
    inputs: ArrayLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Tensor:
    """1 at each class that occurs along the inputs' second axis (of a vector its only one)."""
    _need_dense("multi_hot", sparse)
    num_classes = kwargs.pop("num_tokens", num_classes)  # the name that older programs use
    if kwargs or num_classes is None:
        raise ArgumentError(f"multi_hot: needs num_classes; got also {sorted(kwargs)}")
    x = tensor(inputs)
    hot = ops.one_hot(x, num_classes, axis=axis, dtype=dtype)
    return ops.max(hot, 1 if x.ndim > 1 else 0)


def _need_dense(function: str, sparse: bool) -> None:
    if sparse:
        raise ArgumentError(
            f"{function}: sparse tensors are not supported", hint="leave sparse=True out"
        )


@operation
def in_top_k(targets: ArrayLike, predictions: ArrayLike, k: int) -> Tensor:
    """True if fewer than k predictions of a row are larger than that of its target; a prediction of
    NaN counts as the smallest."""
    predictions = tensor(predictions)
    own = ops.take_along_axis(predictions, ops.expand_dims(targets, axis=-1), axis=-1)
    own = ops.where(ops.isnan(own), -math.inf, own)
    return ops.sum(ops.cast(predictions > own, "int32"), axis=-1) < k


# ---- cross-entropies -----------------------------------------------------------------------------
@operation
def binary_crossentropy(target: ArrayLike, output: ArrayLike, from_logits: bool = False) -> Tensor:
    """-y log p - (1 - y) log(1 - p), elementwise."""
    return binary.crossentropy_of_elements(target, output, from_logits)


@operation
def categorical_crossentropy(
    target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-sum(y log p) over the classes; the target is one-hot or a distribution."""
    return losses.categorical_crossentropy(target, output, from_logits, axis=axis)


@operation
def sparse_categorical_crossentropy(
    target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-log p[y]; the target holds indices of classes."""
    return losses.sparse_categorical_crossentropy(target, output, from_logits, axis=axis)


# ---- labels without positions --------------------------------------------------------------------
@operation
def ctc_loss(
    target: ArrayLike,
    output: ArrayLike,
    target_length: ArrayLike,
    output_length: ArrayLike,
    mask_index: int = 0,
) -> Tensor:
    """The connectionist temporal classification loss of each row (Graves et al. 2006)."""
    return loss_of_rows(target, output, target_length, output_length, mask_index)


@operation
def ctc_decode(
    inputs: ArrayLike,
    sequence_lengths: ArrayLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """Read labels from logits, as `lm.nn.ctc_decode`."""
    return nn.ctc_decode(
        inputs, sequence_lengths, strategy, beam_width, top_paths, merge_repeated, mask_index
    )
