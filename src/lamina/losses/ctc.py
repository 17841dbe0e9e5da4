"""Connectionist temporal classification: label sequences without alignment to the steps.

A path assigns a class to each step; class 0 is the blank. Merging repeated classes and removing
blanks turns a path into a label sequence. The loss is -log of the total probability of all paths
of the target (Graves et al. 2006, equations 3 to 8).

The forward algorithm is a scan over the steps. It carries the log probabilities (alpha in the
paper) of the states "blank, label, blank, ..., label, blank".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import int32, is_static
from lamina.losses.base import NamedLoss
from lamina.losses.shapes import floating, shown
from lamina.losses.targets import check_labels
from lamina.operations import masks
from lamina.operations.logits import logits_of
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import scan

__all__ = ["CTC", "ctc"]

NEVER = -1e30  # the logarithm of 0: no infinity, whose differences would be NaN
BLANK = 0


def ctc(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Connectionist temporal classification: -log of the probability of the label sequence.

    The probability is summed over all alignments of labels and steps. Class 0 is the blank. Steps
    that a mask of the predictions excludes are skipped. The loss is infinite, with gradient 0, if a
    row has fewer steps than its labels need.

    Args:
        y_true: class indices from 1, padded with zeros at the end of shorter rows.
        y_pred: logits; class 0 is the blank.

    Shapes:
        y_true (batch, labels), y_pred (batch, steps, classes) -> (batch,)

    Raises:
        ShapeError: another number of axes.
        RangeError: a label is not an index of a class.
        DataError: a label follows a 0, or a row has more labels than its steps can hold.

    Example:
        >>> import lamina as lm
        >>> logits = lm.zeros((1, 2, 3))  # the paths "1 1", "1 -" and "- 1" of nine
        >>> round(lm.losses.ctc([[1]], logits).item(), 4)
        1.0986

    Source: Graves et al. (2006), Connectionist temporal classification, equations 3 to 8.
    """
    _refuse_probabilities(y_pred)
    mask, scores = masks.mask_of(y_pred), floating(y_pred)
    labels = as_tensor(y_true)
    _need_shapes("ctc", labels, scores)
    if not labels.is_traced:
        steps = scores.shape[1] if mask is None and is_static(scores.shape[1]) else None
        check_labels("ctc", labels.numpy(), steps, scores.shape[2])
    labels = as_tensor(labels, int32)
    count = ops.sum(as_tensor(labels != BLANK, int32), axis=-1)
    return _surprise(labels, scores, count, mask, BLANK)


def ctc_loss(
    target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0
) -> Tensor:
    """Return `ctc` for given numbers of labels and steps, (batch,), and any class as the blank
    (`keras.ops.ctc_loss`)."""
    labels, scores = as_tensor(target), floating(output)
    _need_shapes("ctc_loss", labels, scores)
    counts = as_tensor(as_tensor(target_length), int32)
    is_label = ops.arange(labels.shape[1], dtype=int32) < ops.expand_dims(counts, axis=-1)
    labels = ops.where(is_label, as_tensor(labels, int32), mask_index)
    last = ops.expand_dims(as_tensor(output_length), axis=-1)
    is_there = ops.arange(scores.shape[1], dtype=int32) < last
    return _surprise(labels, scores, counts, is_there, mask_index)


def _surprise(
    labels: Tensor, scores: Tensor, count: Tensor, is_there: Tensor | None, blank: int
) -> Tensor:
    """Return the loss of the first `count` labels of each row, over the unmasked steps."""
    states = _with_blanks(labels, blank)
    emitted = ops.moveaxis(_log_probabilities_of(states, scores), 1, 0)
    before = ops.pad(states, ((0, 0), (2, 0)), constant_values=blank)[:, :-2]
    skips = ops.logical_and(states != blank, states != before)
    place = ops.expand_dims(ops.arange(states.shape[1], dtype=int32), axis=0)
    start = ops.zeros_like(emitted[0]) + ops.where(place == 0, 0.0, NEVER)

    def step(alpha: Tensor, now: Any) -> tuple[Tensor, None]:
        log_p, there = now
        wide = ops.pad(alpha, ((0, 0), (2, 0)), constant_values=NEVER)
        skipped = ops.where(skips, wide[:, :-2], NEVER)
        reached = ops.logsumexp(ops.stack([alpha, wide[:, 1:-1], skipped]), axis=0) + log_p
        return (reached if there is None else ops.where(there, reached, alpha)), None

    there = None if is_there is None else ops.expand_dims(ops.moveaxis(is_there, 1, 0), axis=-1)
    alpha, _ = scan(step, start, (emitted, there))
    end = 2 * ops.expand_dims(count, axis=-1)
    is_end = ops.logical_or(place == end, place == end - 1)
    total = ops.logsumexp(ops.where(is_end, alpha, NEVER), axis=-1)
    return ops.where(total > NEVER / 2, -total, np.inf)


def _with_blanks(labels: Tensor, blank: int) -> Tensor:
    """blank, label, blank, ..., label, blank: (batch, 2 labels + 1)."""
    rows, length = labels.shape
    pairs = ops.stack([ops.full_like(labels, blank), labels], axis=-1)
    return ops.pad(ops.reshape(pairs, (rows, 2 * length)), ((0, 0), (0, 1)), constant_values=blank)


def _log_probabilities_of(states: Tensor, scores: Tensor) -> Tensor:
    """Return the log probability of each state's class at each step, (batch, steps, states)."""
    log_p = ops.log_softmax(scores, axis=-1)
    return ops.take_along_axis(log_p, ops.expand_dims(states, axis=1), axis=-1)


# ---- checks ------------------------------------------------------------------------------------
def _need_shapes(name: str, labels: Tensor, scores: Tensor) -> None:
    if labels.ndim != 2 or scores.ndim != 3:
        raise ShapeError(
            f"{name}: labels have shape {shown(labels.shape)}, predictions {shown(scores.shape)}; "
            "expected (batch, labels) and (batch, steps, classes)",
            hint="labels are class indices from 1, with zeros behind where a row has fewer; the "
            "predictions are logits for each step",
        )


def _refuse_probabilities(y_pred: Any) -> None:
    if logits_of(y_pred, "softmax") is not None:
        raise ArgumentError(
            "ctc takes logits, but the predictions went through a softmax already, and would go "
            "through a second one",
            hint="leave the softmax out of the last layer",
        )


class CTC(NamedLoss):
    """Connectionist temporal classification: -log of the probability of the label sequence (see
    `ctc`).

    Targets are class indices from 1, padded with zeros; predictions are logits, and class 0 is the
    blank.

    Args:
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, labels), y_pred (batch, steps, classes) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.CTC()([[1]], lm.zeros((1, 2, 3))).item(), 4)
        1.0986

    Source: Graves et al. (2006), Connectionist temporal classification, equations 3 to 8.
    """

    function = ctc
    targets = "sequences"
    predictions = "logits"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ctc",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
