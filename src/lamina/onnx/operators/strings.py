"""Arrays of strings: joined, split, normalized, matched; counts of n-grams."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.onnx.operators.shapes import array
from lamina.onnx.rows import operator
from lamina.tensor import Tensor, as_tensor


def texts(found: Any) -> np.ndarray:
    """An array of Python strings."""
    return np.asarray(found, dtype=object)


@operator("StringConcat", since=20)
def concat(x: Any, y: Any) -> np.ndarray:
    return texts(np.asarray(x, dtype=object) + np.asarray(y, dtype=object))


@operator("StringSplit", since=20)
def split(
    x: Any, *, delimiter: str | None = None, maxsplit: int | None = None
) -> tuple[np.ndarray, Tensor]:
    """The parts of each string along a new axis, filled with empty ones; and how many there are."""
    strings = np.asarray(x, dtype=object)
    most = -1 if maxsplit is None else maxsplit
    parts = [str(s).split(delimiter or None, most) for s in strings.ravel()]
    width = max(map(len, parts), default=0)
    filled = np.full((len(parts), width), "", dtype=object)
    for k, each in enumerate(parts):
        filled[k, : len(each)] = each
    counts = np.array([len(p) for p in parts], np.int64).reshape(strings.shape)
    return filled.reshape(*strings.shape, width), as_tensor(counts)


@operator("StringNormalizer", since=10)
def normalize(
    x: Any,
    *,
    case_change_action: str = "NONE",
    is_case_sensitive: int = 0,
    locale: str | None = None,
    stopwords: list[str] | None = None,
) -> np.ndarray:
    """Strings without stop words, in lower or upper case; one empty string if none is left."""
    change: Callable[[str], str] = {"LOWER": str.lower, "UPPER": str.upper}.get(
        case_change_action, str
    )
    strings = np.asarray(x, dtype=object)
    rows = strings if strings.ndim == 2 else strings[None]
    compared: Callable[[str], str] = str if is_case_sensitive else str.lower
    stops = {compared(w) for w in stopwords or ()}
    kept = [[change(s) for s in row if compared(s) not in stops] or [""] for row in rows]
    return texts(kept if strings.ndim == 2 else kept[0])


@operator("RegexFullMatch", since=20)
def full_match(x: Any, *, pattern: str) -> Tensor:
    """True for strings that a regular expression matches as a whole."""
    strings = np.asarray(x, dtype=object)
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ArgumentError(f"ONNX: RegexFullMatch: {pattern!r}: {error}") from None
    found = [expression.fullmatch(str(s)) is not None for s in strings.ravel()]
    return as_tensor(np.array(found, bool).reshape(strings.shape))


@operator("TfIdfVectorizer", since=9)
def tf_idf(
    x: Any,
    *,
    max_gram_length: int,
    max_skip_count: int,
    min_gram_length: int,
    mode: str,
    ngram_counts: list[int],
    ngram_indexes: list[int],
    pool_int64s: list[int] | None = None,
    pool_strings: list[str] | None = None,
    weights: list[float] | None = None,
) -> Tensor:
    """Counts of n-grams, up to `max_skip_count` elements between neighbors; or their weights."""
    pool = list(pool_strings if pool_strings is not None else pool_int64s or [])
    grams: dict[tuple[Any, ...], int] = {}
    ends = [*ngram_counts[1:], len(pool)]
    for size, (first, end) in enumerate(zip(ngram_counts, ends, strict=True), start=1):
        for at in range(first, end, size):
            grams[tuple(pool[at : at + size])] = len(grams)
    given = array(x, "the operand of TfIdfVectorizer")
    rows = given if given.ndim == 2 else given[None]
    counts = np.zeros((len(rows), max(ngram_indexes, default=-1) + 1), np.float32)
    scale = np.asarray(weights if weights is not None else np.ones(len(grams)), np.float32)
    for row, elements in zip(counts, rows.tolist(), strict=True):
        for size in range(min_gram_length, max_gram_length + 1):
            for skip in range(max_skip_count + 1 if size > 1 else 1):
                for start in range(len(elements) - (size - 1) * (skip + 1)):
                    gram = tuple(elements[start + k * (skip + 1)] for k in range(size))
                    if gram in grams:
                        row[ngram_indexes[grams[gram]]] += 1
    factor = np.ones(counts.shape[1], np.float32)
    factor[ngram_indexes] = scale
    found = {
        "TF": counts,
        "IDF": (counts > 0) * factor,
        "TFIDF": counts * factor,
    }[mode]
    return as_tensor(found if given.ndim == 2 else found[0])
