"""`tf.sets`: the rows of matrices as sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.tf import own as lm
from lamina.tf.ragged import RaggedTensor, SparseTensor, to_dense


def _rows(a: Any) -> list[set[Any]]:
    if isinstance(a, SparseTensor):
        return [set(row) for row in RaggedTensor.from_sparse(a).to_list()]
    return [set(row) for row in np.atleast_2d(np.asarray(a)).tolist()]


def _combined(a: Any, b: Any, how: Callable[[set[Any], set[Any]], set[Any]]) -> SparseTensor:
    pairs = zip(_rows(a), _rows(b), strict=True)
    return RaggedTensor([sorted(how(x, y)) for x, y in pairs]).to_sparse()


def union(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """Return what is in either row."""
    return _combined(a, b, set.union)


def intersection(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """Return what is in both rows."""
    return _combined(a, b, set.intersection)


def difference(a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True) -> SparseTensor:
    """Return what is in the first row only."""
    return _combined(a, b, set.difference if aminusb else lambda x, y: y - x)


def size(a: Any, validate_indices: bool = True) -> Any:
    """Return the number of elements of each row."""
    return lm.asarray([len(row) for row in _rows(a)])


__all__ = ["difference", "intersection", "size", "to_dense", "union"]
