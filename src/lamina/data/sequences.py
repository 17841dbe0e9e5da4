"""Sequences as arrays: those of several lengths made equally long, and windows of one long series.

`pad_sequences` returns an array, `timeseries_dataset_from_array` a Dataset of batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from lamina.annotations import ArrayLike
from lamina.arguments import integer, one_of
from lamina.data.arrays import as_array
from lamina.data.dataset import FORMATS, Dataset, order_seed
from lamina.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    ShapeError,
    unknown_name,
)

SIDES = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float | str = 0.0,
) -> np.ndarray:
    """Return sequences of several lengths as one array.

    Args:
        sequences: sequences of numbers, or of arrays of equal shape.
        maxlen: length of the result; None is the longest length.
        dtype: NumPy dtype of the result.
        padding: "pre" puts `value` before a shorter sequence, "post" after it.
        truncating: "pre" removes the start of a longer sequence, "post" its end.
        value: filler.

    Shapes:
        (sequences, maxlen, ...)

    Raises:
        ShapeError: if the elements of two sequences differ in shape.
        DTypeError: for strings that should be numbers.

    Example:
        >>> import lamina as lm
        >>> lm.data.pad_sequences([[1, 2, 3], [4]], padding="post").tolist()
        [[1, 2, 3], [4, 0, 0]]
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in SIDES:
            raise unknown_name(name, side, SIDES)
    arrays = [_as_sequence(k, each, dtype) for k, each in enumerate(sequences)]
    length = integer("pad_sequences", "maxlen", maxlen, 0, optional=True)
    length = max((len(a) for a in arrays), default=0) if length is None else length
    filled = np.full((len(arrays), length, *_element_shape(arrays)), value, np.dtype(dtype))
    for row, array in zip(filled, arrays, strict=True):
        kept = array[max(0, len(array) - length) :] if truncating == "pre" else array[:length]
        if len(kept):
            row[slice(length - len(kept), None) if padding == "pre" else slice(len(kept))] = kept
    return filled


def _as_sequence(position: int, sequence: Any, dtype: DTypeLike) -> np.ndarray:
    if not hasattr(sequence, "__len__"):
        raise DataError(
            f"pad_sequences: number {position} of the sequences is {sequence!r}, which has no "
            "length",
            hint="give a list of sequences: [[1, 2], [3]]",
        )
    array = np.asarray(sequence)
    if array.dtype.kind in "US" and np.dtype(dtype).kind in "biuf":
        raise DTypeError(
            f"pad_sequences: number {position} of the sequences holds strings, such as "
            f"{str(array.reshape(-1)[0])!r}, and dtype is {np.dtype(dtype)}",
            hint="lm.layers.StringLookup or TextVectorization makes numbers of words; dtype=object "
            "keeps strings",
        )
    return array


def _element_shape(arrays: Sequence[np.ndarray]) -> tuple[int, ...]:
    shapes = {array.shape[1:]: k for k, array in enumerate(arrays) if len(array)}
    if len(shapes) > 1:
        (one, k), (other, j) = list(shapes.items())[:2]
        raise ShapeError(
            f"pad_sequences: the elements of sequence {k} have shape {one}, those of sequence {j} "
            f"{other}"
        )
    return next(iter(shapes), ())


# ---- windows of a series -----------------------------------------------------------------------
def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Return a Dataset of windows of a series, with targets.

    The window that starts at step t holds t, t + sampling_rate, ..., and has the target targets[t]:
    to predict the step after a window, pass data[:-sequence_length] and targets
    data[sequence_length:].

    Args:
        data: series (steps, ...).
        targets: target of the window that starts at each step, or None.
        sequence_length: steps in a window.
        sequence_stride: steps between the starts of two windows.
        sampling_rate: steps between two elements of a window.
        batch_size: windows in a batch; None gives single windows.
        shuffle: use another order in each pass.
        seed: integer that fixes the order; None draws one from the state that `set_seed` sets.
        start_index: first step to use; None starts at 0.
        end_index: end of the steps to use; None uses all.
        format: "tf" or "grain", accepted for Keras; the result is a Dataset in both cases.

    Shapes:
        (steps, ...) -> (batch, sequence_length, ...)

    Example:
        >>> import numpy as np
        >>> import lamina as lm
        >>> windows = lm.data.timeseries_dataset_from_array(np.arange(6), None, sequence_length=3)
        >>> windows.arrays().tolist()
        [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    """
    owner = "timeseries_dataset_from_array"
    series = as_array(data, f"{owner}: data", None)
    steps = len(series)
    sequence_length = integer(owner, "sequence_length", sequence_length, 1)
    sequence_stride = integer(owner, "sequence_stride", sequence_stride, 1)
    sampling_rate = integer(owner, "sampling_rate", sampling_rate, 1)
    start = integer(owner, "start_index", start_index, 0, steps - 1, optional=True) or 0
    end = integer(owner, "end_index", end_index, start + 1, steps, optional=True)
    one_of(owner, "shuffle", shuffle, (True, False))
    one_of(owner, "format", format, FORMATS)
    series = series[start:end]
    answers = None if targets is None else as_array(targets, f"{owner}: targets", None)[start:]
    span = (sequence_length - 1) * sampling_rate
    count = len(series) - span
    count = count if answers is None else min(count, len(answers))
    if count < 1:
        raise ArgumentError(
            f"{owner}: a window spans {span + 1} steps, and there are "
            f"{len(series)}" + ("" if answers is None else f" and {len(answers)} targets"),
            hint="a shorter sequence_length, or a longer series",
        )
    offsets = np.arange(sequence_length) * sampling_rate
    starts = np.arange(0, count, sequence_stride)

    def rows(chosen: Any) -> Any:
        first = starts[chosen]
        x = series[first[..., None] + offsets]
        return x if answers is None else (x, answers[first])

    order = order_seed(seed) if shuffle else None
    return Dataset.of_rows(rows, len(starts), batch_size, order)
