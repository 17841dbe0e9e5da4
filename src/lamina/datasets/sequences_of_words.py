"""Steps that `imdb` and `reuters` share: texts as lists of the ranks of their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.errors import RangeError


def shuffled(x: Sequence[Any], y: Any, rng: np.random.RandomState) -> tuple[list[Any], Any]:
    """Both in one random order, drawn as in Keras."""
    order = np.arange(len(x))
    rng.shuffle(order)
    return [x[int(k)] for k in order], np.asarray(y)[order]


def prepared(
    texts: Sequence[Sequence[int]],
    labels: Any,
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Texts as an object array of lists, and labels: moved, limited and cut as Keras does."""
    if start_char is not None:
        rows = [[start_char, *(w + index_from for w in text)] for text in texts]
    else:
        rows = [[w + index_from for w in text] for text in texts]
    labels = np.asarray(labels)
    if maxlen:
        kept = [k for k, row in enumerate(rows) if len(row) < maxlen]
        if not kept:
            raise RangeError(f"maxlen={maxlen} is shorter than every text", hint="a larger maxlen")
        rows, labels = [rows[k] for k in kept], labels[kept]
    most = num_words or max(map(max, rows))
    if oov_char is not None:
        rows = [[w if skip_top <= w < most else oov_char for w in row] for row in rows]
    else:
        rows = [[w for w in row if skip_top <= w < most] for row in rows]
    found = np.empty(len(rows), object)
    found[:] = rows
    return found, labels
