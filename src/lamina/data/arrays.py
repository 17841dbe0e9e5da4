"""Conversion of the user's data to NumPy arrays, with errors that state the reason.

`fit`, `evaluate` and `predict` send every argument through `data_array`, which is `as_array` (the
form) and `check_finite` (the values), and all of them together through `check_lengths`.
"""

from array import array as numbers_array
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from lamina.arguments import refuse_sparse
from lamina.data import columns
from lamina.errors import DataError, DTypeError, LaminaError, ShapeError, describe
from lamina.tensor import ARRAY_PROTOCOLS

Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.generic]]
"""An array of any shape and element type."""

_ONE_SIZE = (
    "images must be of one size: lamina.layers.Resizing(height, width) brings each to it "
    "(series are padded to one length by lamina.keras.utils.pad_sequences)"
)
_PLAIN = (list, tuple, range, int, float, memoryview, numbers_array)
_REFUSED = {
    "c": ("complex numbers", "give real and imaginary part as two features"),
    "M": ("dates", "convert them to numbers, such as days since the first one"),
    "m": ("time differences", "divide them by a unit, such as numpy.timedelta64(1, 's')"),
    "V": ("records with named fields", "stack the fields into one array, a column each"),
}


def data_array(data: Any, name: str, dtype: DTypeLike | None = np.float32) -> np.ndarray:
    """`data` as an array without NaN or infinity; columns keep their names in messages.

    Args:
        data, name, dtype: as in `as_array`.

    Raises:
        As `as_array` and `check_finite`.
    """
    array = as_array(data, name, dtype)
    check_finite(array, name, columns.names(data))
    return array


def as_array(data: Any, name: str, dtype: DTypeLike | None = np.float32) -> np.ndarray:
    """`data` as a C-contiguous NumPy array of numbers with at least one axis, its rows.

    Floating point numbers are converted to `dtype`, once; integers and booleans keep their type,
    since they may be labels or indices. Nothing is copied that need not be.

    Args:
        data: a NumPy array, nested lists, or anything that has `__array__` (pandas, polars, most
            frameworks' tensors) or speaks DLPack. Object arrays that hold nothing but numbers
            are converted; `None` in them counts as NaN.
        name: what messages call it, such as "x_train".
        dtype: type of floating point data; None keeps what it is.

    Raises:
        DTypeError: strings, objects, dates or complex numbers; columns and examples are named.
        ShapeError: rows of unequal lengths, or a single number.
        DataError: a masked array with masked values.

    >>> as_array([[1.5, 2], [3, 4]], "x_train").dtype
    dtype('float32')
    """
    array = _converted(data, name)
    if array.dtype.kind == "O" and array.ndim == 1:
        _check_no_arrays(array, name)
    if array.dtype.kind in "OUST":
        array = columns.numbers(array, name, columns.names(data))
    if array.dtype.kind in _REFUSED and array.dtype.name != "bfloat16":
        what, hint = _REFUSED[array.dtype.kind]
        raise DTypeError(f"{name}: holds {what} ({array.dtype}), expected numbers", hint=hint)
    if array.ndim == 0:
        raise ShapeError(
            f"{name}: is the single value {describe(array.item())}, expected rows",
            hint=f"wrap one sample as {name}[numpy.newaxis]",
        )
    return _in_type(array, dtype)


def check_finite(array: np.ndarray, name: str, names: Sequence[str] | None = None) -> None:
    """Nothing, or an error that names the columns that hold NaN or infinity, and the first row.

    One pass over the data when all is well: a sum is not finite if any of its terms is not.

    Raises:
        DataError: naming the columns (by `names`, else by number) and the first row of each.
    """
    if array.dtype.kind not in "fV" or not array.size:
        return
    with np.errstate(all="ignore"):
        total = array.sum(dtype=np.float32 if array.itemsize < 4 else None)
    if np.isfinite(total):
        return
    bad = ~np.isfinite(array)
    if bad.any():  # a sum of finite numbers may overflow
        raise DataError(
            columns.report(name, array, bad, _nan_or_infinity, names),
            hint="find out where they come from; fill or drop those rows (numpy.nan_to_num, "
            "pandas fillna or dropna). Numbers beyond 3.4e38 are infinite in float32",
        )


def check_lengths(**arrays: np.ndarray | None) -> int:
    """The number of rows that all arrays have; arguments that are None do not count.

    Raises:
        DataError: the lengths differ, or the arrays have no rows.

    >>> check_lengths(x=x_train, y=y_train, sample_weight=None)
    60000
    """
    given = {name: array for name, array in arrays.items() if array is not None}
    lengths = {name: len(array) for name, array in given.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length:,}" for name, length in lengths.items())
        are_images = any(name.endswith("x[0]") and a.ndim == 3 for name, a in given.items())
        raise DataError(
            f"unequal numbers of rows: {found}",
            hint="a list of arrays is a list of inputs; if these are the images of one input, "
            f"numpy.stack(list) makes one array of them; {_ONE_SIZE}"
            if are_images
            else "each row of one belongs to the same row of the others; was one of them "
            "filtered, or transposed?",
        )
    rows = next(iter(lengths.values()), 0)
    if rows == 0:
        empty = " and ".join(lengths) or "the data"
        raise DataError(
            f"no rows: {empty} {'is' if len(lengths) < 2 else 'are'} empty",
            hint="look at the shape just before this call; a filter may have kept nothing",
        )
    return rows


def is_data(value: Any) -> bool:
    """True for an object that holds numbers itself, whether or not `as_array` accepts it: an array,
    a buffer, a sparse matrix; such an object is not an iterable of batches."""
    if isinstance(value, (str, bytes, bytearray, memoryview, numbers_array, range)):
        return True
    return _is_column(value) or any(
        hasattr(value, name) for name in (*ARRAY_PROTOCOLS, "__dlpack__", "toarray")
    )


def _is_column(value: Any) -> bool:
    """True for a column of a Hugging Face Dataset."""
    cls = type(value)
    return cls.__name__ == "Column" and cls.__module__.startswith("datasets.")


def _converted(data: Any, name: str) -> np.ndarray:
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise DataError(
            f"{name}: {int(np.ma.count_masked(data)):,} of {data.size:,} values are masked",
            hint="fill them with data.filled(value), or drop those rows",
        )
    if isinstance(data, np.ndarray):
        return np.asarray(data)
    if _is_column(data):
        data = data[:]  # a list
    known = isinstance(data, _PLAIN) or any(hasattr(data, name) for name in ARRAY_PROTOCOLS)
    try:
        if known:
            return np.asarray(data)
        if hasattr(data, "__dlpack__"):
            return np.from_dlpack(data)
    except LaminaError:
        raise
    except (ValueError, TypeError, RuntimeError, BufferError) as error:
        raise _not_an_array(data, name, error) from error
    refuse_sparse(name, data)
    raise DTypeError(
        f"{name}: is {describe(data)} ({type(data).__name__}), expected an array",
        hint="give a NumPy array, lists of numbers, a data frame, or a tensor",
    )


def _not_an_array(data: Any, name: str, error: Exception) -> LaminaError:
    """Mostly rows of unequal lengths; else what the other library said."""
    if isinstance(data, list | tuple):
        lengths = [len(row) if hasattr(row, "__len__") else 0 for row in data]
        odd = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
        if odd is not None:
            return ShapeError(
                f"{name}: rows of unequal lengths: row 0 has {lengths[0]} values, "
                f"row {odd} has {lengths[odd]}",
                hint="pad_sequences makes them equally long: it pads the short, and cuts the long",
            )
    return DTypeError(f"{name}: {type(data).__name__} cannot become an array: {error}")


def _check_no_arrays(array: np.ndarray, name: str) -> None:
    """Nothing, or an error for rows that are arrays, which is how NumPy holds unequal ones."""
    shapes = [each.shape for each in array if isinstance(each, np.ndarray)]
    if not shapes or len(shapes) < len(array):
        return
    odd = next((row for row, shape in enumerate(shapes) if shape != shapes[0]), None)
    if odd is None:
        raise ShapeError(
            f"{name}: each row is a separate array, of shape {shapes[0]}",
            hint=f"numpy.stack(list({name})) makes one array of them",
        )
    raise ShapeError(
        f"{name}: rows of differing shapes: row 0 has {shapes[0]}, row {odd} has {shapes[odd]}",
        hint=_ONE_SIZE,
    )


def _in_type(array: np.ndarray, dtype: DTypeLike | None) -> np.ndarray:
    target = array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")
    if array.dtype.kind in "fV" and dtype is not None:
        target = np.dtype(dtype)
    with np.errstate(over="ignore"):  # beyond the range becomes infinite, and is found later
        return np.ascontiguousarray(array, dtype=target)


def _nan_or_infinity(value: Any) -> str:
    return "NaN" if np.isnan(value) else "infinite value"
