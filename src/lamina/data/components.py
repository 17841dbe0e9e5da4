"""Arrays of equal length in tuples and dicts: what `Dataset.from_tensor_slices` takes rows from.

nest = array | (nest, ...) | {key: nest}        a list is an array, as in tf.data
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina import tree
from lamina.arguments import refuse_sparse
from lamina.errors import DataError, DTypeError, LaminaError, ShapeError, describe
from lamina.tensor import default_dtype


def components(owner: str, nest: Any) -> tuple[Any, int]:
    """The nest with an array in each place, and the number of rows that all of them have.

    Python's floats become float32 and its integers int32 (int64 if they do not fit), as in
    `lamina.asarray`; arrays keep their dtype, and strings stay strings.

    Raises:
        DataError: no arrays are given, they have no rows, or the lengths differ.
        ShapeError: a component has no axis, or its rows differ in shape.
        DTypeError: a component is neither numbers nor strings.
    """
    arrays = _converted(owner, nest, "")
    lengths = {path: len(array) for path, array in _paths(arrays, "")}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{path or 'the array'} has {n:,}" for path, n in lengths.items())
        raise DataError(
            f"{owner}: unequal numbers of rows (expected one for all, got {found})",
            hint="each row of one component belongs to the same row of the others",
        )
    count = next(iter(lengths.values()), 0)
    if not count:
        raise DataError(
            f"{owner}: no rows (expected arrays of at least one row, got {describe(nest)})",
            hint="look at the shapes just before this call; a filter may have kept nothing",
        )
    return arrays, count


def row_of(arrays: Any, number: Any) -> Any:
    """One row of each array, or the rows of several numbers, in the same nest."""
    return tree.map_structure(lambda array: array[number], arrays)


def _converted(owner: str, nest: Any, path: str) -> Any:
    if isinstance(nest, Mapping):
        return {key: _converted(owner, each, f"{path}[{key!r}]") for key, each in nest.items()}
    if isinstance(nest, tuple):
        parts = [_converted(owner, each, f"{path}[{k}]") for k, each in enumerate(nest)]
        return type(nest)(*parts) if hasattr(nest, "_fields") else tuple(parts)
    return _array(f"{owner}: component {path}" if path else owner, nest)


def _array(place: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except LaminaError:
        raise
    except (ValueError, TypeError) as error:
        raise ShapeError(
            f"{place}: rows of differing shapes (expected one shape for all rows, got "
            f"{describe(value)})",
            hint="a list is one array; give several arrays as a tuple, and pad sequences to one "
            "length",
        ) from error
    if array.dtype.kind not in "biufSUT" and not _all_strings(array):
        refuse_sparse(place, value)
        raise DTypeError(
            f"{place}: neither numbers nor strings (expected an array, got {describe(value)})",
            hint="convert the data to numbers, strings or arrays first",
        )
    if array.ndim == 0:
        raise ShapeError(
            f"{place}: a single value has no rows (expected an array, got {describe(value)})",
            hint="put it into a list to make one row of it",
        )
    return array if hasattr(value, "__array__") else array.astype(default_dtype(array), copy=False)


def _all_strings(array: np.ndarray) -> bool:
    return array.dtype.kind == "O" and all(isinstance(v, (str, bytes)) for v in array.flat)


def _paths(nest: Any, path: str) -> list[tuple[str, np.ndarray]]:
    if isinstance(nest, dict):
        parts = [(f"{path}[{key!r}]", each) for key, each in nest.items()]
    elif isinstance(nest, tuple):
        parts = [(f"{path}[{k}]", each) for k, each in enumerate(nest)]
    else:
        return [(path, nest)]
    return [found for inner, each in parts for found in _paths(each, inner)]
