"""Sequences, which are lists, and optional values, which may be None."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.errors import ArgumentError, OutOfBoundsError
from lamina.onnx.operators.shapes import as_value, concat, split, squeeze, unsqueeze
from lamina.onnx.rows import operator
from lamina.onnx.values import axis_in, integers, known
from lamina.tensor import Tensor, as_tensor


def _place(position: Any, count: int, most: int) -> int:
    (at,) = integers(position, "the position in a sequence")
    if not -count <= at <= most:
        raise OutOfBoundsError(f"ONNX: position {at} of a sequence of {count}")
    return int(at) + count if at < 0 else int(at)


@operator("SequenceConstruct", since=11)
def construct(*xs: Any) -> list[Any]:
    return list(xs)


@operator("SequenceEmpty", since=11)
def empty(*, dtype: int = 1) -> list[Any]:
    return []


@operator("SequenceAt", since=11)
def at(sequence: list[Any], position: Any) -> Any:
    return sequence[_place(position, len(sequence), len(sequence) - 1)]


@operator("SequenceInsert", since=11)
def insert(sequence: list[Any], value: Any, position: Any = None) -> list[Any]:
    found = list(sequence)
    end = len(found) if position is None else _place(position, len(found), len(found))
    found.insert(end, value)
    return found


@operator("SequenceErase", since=11)
def erase(sequence: list[Any], position: Any = None) -> list[Any]:
    found = list(sequence)
    del found[-1 if position is None else _place(position, len(found), len(found) - 1)]
    return found


@operator("SequenceLength", since=11)
def length(sequence: list[Any]) -> Tensor:
    return as_tensor(np.asarray(len(sequence), np.int64))


@operator("ConcatFromSequence", since=11)
def joined(sequence: list[Any], *, axis: int, new_axis: int = 0) -> Any:
    if new_axis:
        where = np.array([axis])
        return concat(*[unsqueeze(x, where) for x in sequence], axis=axis)
    return concat(*sequence, axis=axis)


@operator("SplitToSequence", since=11)
def split_to_sequence(x: Any, sizes: Any = None, *, axis: int = 0, keepdims: int = 1) -> list[Any]:
    """Parts along an axis: of one element, of one size, or of given sizes."""
    x = as_value(x)
    axis = axis_in(axis, x.ndim)
    extent = int(x.shape[axis])
    if sizes is None:
        parts = [1] * extent
    elif as_tensor(sizes).ndim == 0:
        (size,) = integers(sizes, "the size of SplitToSequence")
        parts = [min(size, extent - k) for k in range(0, extent, size)]
    else:
        parts = integers(sizes, "the sizes of SplitToSequence")
    found = list(split(x, np.array(parts), axis=axis))
    if sizes is None and not keepdims:
        found = [squeeze(each, np.array([axis])) for each in found]
    return found


@operator("SequenceMap", since=17)
def sequence_map(first: Any, *others: Any, body: Any) -> tuple[list[Any], ...]:
    """A body applied to the elements of sequences; tensors are given to each call."""
    results = [
        body(x, *[o[k] if isinstance(o, list) else o for o in others]) for k, x in enumerate(first)
    ]
    outputs = len(body.graph.outputs)
    return tuple([result[k] for result in results] for k in range(outputs))


# ---- optional values ---------------------------------------------------------------------------
@operator("Optional", since=15)
def optional(value: Any = None, *, type: Any = None) -> Any:
    return value


@operator("OptionalHasElement", since=15)
def has_element(value: Any = None) -> Tensor:
    return as_tensor(np.asarray(value is not None))


@operator("OptionalGetElement", since=15)
def get_element(value: Any) -> Any:
    if value is None:
        raise ArgumentError("ONNX: OptionalGetElement of an absent value")
    return value


# ---- boxes -------------------------------------------------------------------------------------
@operator("NonMaxSuppression", since=10)
def non_max_suppression(
    boxes: Any,
    scores: Any,
    most: Any = None,
    iou_threshold: Any = None,
    score_threshold: Any = None,
    *,
    center_point_box: int = 0,
) -> Tensor:
    """(batch, class, box) of the boxes with the best scores that overlap no better one."""

    places, points = known(boxes, "boxes"), known(scores, "the scores of boxes")
    count = 0 if most is None else int(known(most, "the number of boxes").ravel()[0])
    overlap = 0.0 if iou_threshold is None else float(known(iou_threshold, "a limit").ravel()[0])
    least = -np.inf
    if score_threshold is not None:
        least = float(known(score_threshold, "a limit").ravel()[0])
    if center_point_box:
        middle, half = places[..., :2], places[..., 2:] / 2
        places = np.concatenate([middle - half, middle + half], -1)
    else:
        places = np.concatenate(
            [
                np.minimum(places[..., :2], places[..., 2:]),
                np.maximum(places[..., :2], places[..., 2:]),
            ],
            -1,
        )
    found = []
    for batch in range(points.shape[0]):
        for kind in range(points.shape[1]):
            kept = _best(places[batch], points[batch, kind], count, overlap, least)
            found += [(batch, kind, k) for k in kept]
    return as_tensor(np.array(found, np.int64).reshape(-1, 3))


def _best(
    boxes: np.ndarray, scores: np.ndarray, count: int, overlap: float, least: float
) -> list[int]:
    kept: list[int] = []
    for k in np.argsort(-scores, kind="stable"):
        if len(kept) >= count:
            break
        if scores[k] > least and all(_iou(boxes[k], boxes[j]) <= overlap for j in kept):
            kept.append(int(k))
    return kept


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    inner = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner
    return float(inner / union) if union > 0 else 0.0
