"""RaggedTensor and SparseTensor, as far as text pipelines need them: made, read, made dense."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lamina.errors import ShapeError, describe
from lamina.specs import TensorShape
from lamina.string_tensor import StringTensor, is_text_array
from lamina.tf import own as lm


def _value(row: Any) -> Any:
    """A row as an array; strings stay strings."""
    if isinstance(row, RaggedTensor):
        return row
    if isinstance(row, StringTensor):
        return np.asarray(row)
    if isinstance(row, (list, tuple)) and row and isinstance(row[0], (list, tuple)):
        return RaggedTensor(row)
    array = np.asarray(row)
    if array.dtype.kind in "US":
        return array.astype(object)
    is_list = isinstance(row, (list, tuple))
    return array.astype(lm.tensor.default_dtype(array)) if is_list and array.size else array


class RaggedTensor:
    """Rows of unequal lengths, of numbers or strings.

    Args:
        rows: the rows, lists or arrays.

    Example:
        >>> import lamina.tf as tf
        >>> rows = tf.ragged.constant([[1, 2], [3]])
        >>> rows.to_tensor().tolist(), rows.row_lengths().tolist()
        ([[1, 2], [3, 0]], [2, 1])
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = [_value(row) for row in rows]
        filled = [row for row in self.rows if isinstance(row, RaggedTensor) or row.size]
        if filled and not isinstance(filled[0], RaggedTensor):
            dtype = filled[0].dtype
            self.rows = [row if row.size else row.astype(dtype) for row in self.rows]

    # ---- made from -----------------------------------------------------------------------------
    @classmethod
    def from_row_lengths(cls, values: Any, row_lengths: Any, **_: Any) -> RaggedTensor:
        """Return the rows of these lengths of an array of values."""
        ends = np.cumsum(np.asarray(row_lengths))
        return cls(np.split(np.asarray(values), ends[:-1]) if len(ends) else [])

    @classmethod
    def from_row_splits(cls, values: Any, row_splits: Any, **_: Any) -> RaggedTensor:
        """Return the rows between these positions of an array of values."""
        return cls.from_row_lengths(values, np.diff(np.asarray(row_splits)))

    @classmethod
    def from_tensor(cls, tensor: Any, padding: Any = None, **_: Any) -> RaggedTensor:
        """Return the rows of a tensor, without trailing values of `padding`."""
        found = []
        for row in np.asarray(tensor):
            kept = np.flatnonzero(row != padding) if padding is not None else np.arange(len(row))
            found.append(row[: kept[-1] + 1 if len(kept) else 0])
        return cls(found)

    @classmethod
    def from_sparse(cls, sparse: SparseTensor, **_: Any) -> RaggedTensor:
        """Return the values of each row of a sparse matrix."""
        rows = np.asarray(sparse.indices)[:, 0]
        values = np.asarray(sparse.values)
        return cls([values[rows == k] for k in range(int(sparse.dense_shape[0]))])

    @classmethod
    def concatenated(cls, parts: Sequence[Any], axis: int) -> RaggedTensor:
        """Return ragged tensors joined along the first axis or along their rows."""
        lists = [list(each.rows if isinstance(each, cls) else np.asarray(each)) for each in parts]
        if axis == 0:
            return cls([row for rows in lists for row in rows])
        return cls([np.concatenate(rows) for rows in zip(*lists, strict=True)])

    # ---- shape and dtype -----------------------------------------------------------------------
    @property
    def shape(self) -> TensorShape:
        """The extents; None for those that differ between rows."""
        inner = self.rows[0].shape if self.rows else ()
        return TensorShape((len(self.rows), None, *inner[1:]))

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(self.flat_values.size)

    @property
    def values(self) -> Any:
        """All rows, one after another."""
        if any(isinstance(row, RaggedTensor) for row in self.rows):
            return RaggedTensor([inner for row in self.rows for inner in row.rows])
        joined = np.concatenate(self.rows) if self.rows else np.zeros(0, np.float32)
        return StringTensor(joined) if _is_text(joined) else lm.asarray(joined)

    @property
    def flat_values(self) -> Any:
        """All values along one axis."""
        found = self.values
        return found.flat_values if isinstance(found, RaggedTensor) else found

    @property
    def row_splits(self) -> Any:
        """The positions at which rows begin, and the end, int64."""
        return lm.asarray(np.concatenate([[0], np.cumsum(self._lengths())]).astype(np.int64))

    def _lengths(self) -> np.ndarray:
        return np.asarray([len(row) for row in self.rows], np.int64)

    def row_lengths(self, axis: int = 1, name: Any = None) -> Any:
        """Return the length of each row, int64."""
        return lm.asarray(self._lengths())

    def nrows(self, out_type: Any = None, name: Any = None) -> Any:
        """Return the number of rows."""
        return lm.asarray(np.int64(len(self.rows)))

    def value_rowids(self, name: Any = None) -> Any:
        """Return the number of the row of each value."""
        return lm.asarray(np.repeat(np.arange(len(self.rows)), self._lengths()))

    def bounding_shape(self, axis: Any = None, **_: Any) -> Any:
        """Return the smallest shape that holds all rows."""
        return lm.asarray(np.asarray(self.to_tensor().shape, np.int64))

    # ---- values --------------------------------------------------------------------------------
    def to_tensor(self, default_value: Any = None, name: Any = None, shape: Any = None) -> Any:
        """Return a tensor with each row padded to the longest."""
        rows = [np.asarray(r.to_tensor()) if isinstance(r, RaggedTensor) else r for r in self.rows]
        width = (
            [max((row.shape[k] for row in rows), default=0) for k in range(rows[0].ndim)]
            if rows
            else [0]
        )
        if shape is not None:
            given = [None if n in (None, -1) else int(n) for n in list(shape)[1:]]
            width = [w if n is None else n for w, n in zip(width, given, strict=False)]
        text = bool(rows) and any(_is_text(row) for row in rows)
        fill = default_value if default_value is not None else "" if text else 0
        dtype = object if text else rows[0].dtype if rows else np.float32
        table = np.full((len(rows), *width), fill, dtype)
        for place, row in zip(table, rows, strict=True):
            cut = tuple(slice(min(n, w)) for n, w in zip(row.shape, width, strict=True))
            place[cut] = row[cut]
        return StringTensor(table) if text else lm.asarray(table)

    def to_list(self) -> list[Any]:
        """Return nested lists; strings are bytes."""
        return [
            row.to_list()
            if isinstance(row, RaggedTensor)
            else StringTensor(row).numpy().tolist()
            if _is_text(row)
            else row.tolist()
            for row in self.rows
        ]

    def to_sparse(self, name: Any = None) -> SparseTensor:
        """Return a sparse matrix with the values of each row."""
        lengths = self._lengths()
        columns: Any = np.concatenate([np.arange(n) for n in lengths]) if len(lengths) else []
        rows = np.repeat(np.arange(len(lengths)), lengths)
        indices = np.stack([rows, np.asarray(columns, np.int64)], axis=-1)
        return SparseTensor(indices, self.flat_values, (len(lengths), int(lengths.max(initial=0))))

    def numpy(self) -> np.ndarray:
        """Return an object array of the rows."""
        found = np.empty(len(self.rows), object)
        found[:] = [StringTensor(r).numpy() if _is_text(r) else r for r in self.rows]
        return found

    def map_values(self, function: Callable[..., Any], *args: Any) -> RaggedTensor:
        """Return the rows of a function of all values."""
        return RaggedTensor.from_row_lengths(function(self.flat_values, *args), self._lengths())

    def with_values(self, new_values: Any) -> RaggedTensor:
        """Return other values in rows of these lengths."""
        return RaggedTensor.from_row_lengths(new_values, self._lengths())

    def __getitem__(self, index: Any) -> Any:
        first, *rest = index if isinstance(index, tuple) else (index,)
        if isinstance(first, slice):
            rows = self.rows[first]
            return RaggedTensor([row[tuple(rest)] for row in rows]) if rest else RaggedTensor(rows)
        row = self.rows[int(first)]
        found = row[tuple(rest)] if rest else row
        if isinstance(found, RaggedTensor):
            return found
        return StringTensor(found) if _is_text(found) else lm.asarray(found)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self.rows)))

    def __lamina_rows__(self) -> list[Any]:
        return self.rows

    def _elementwise(self, other: Any, name: str) -> RaggedTensor:
        value = other.flat_values if isinstance(other, RaggedTensor) else other
        return self.with_values(getattr(self.flat_values, name)(value))

    def __add__(self, other: Any) -> RaggedTensor:
        return self._elementwise(other, "__add__")

    def __sub__(self, other: Any) -> RaggedTensor:
        return self._elementwise(other, "__sub__")

    def __mul__(self, other: Any) -> RaggedTensor:
        return self._elementwise(other, "__mul__")

    def __truediv__(self, other: Any) -> RaggedTensor:
        return self._elementwise(other, "__truediv__")

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, bytes)) or is_text_array(value)


class SparseTensor:
    """The values of a tensor that are not zero, and their index vectors.

    Args:
        indices: index vectors (count, rank).
        values: value at each.
        dense_shape: shape of the tensor.
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        self.indices = lm.asarray(np.asarray(indices, np.int64).reshape(-1, len(dense_shape)))
        array = np.asarray(values)
        self.values = StringTensor(array) if _is_text(array) else lm.asarray(values)
        self.dense_shape = lm.asarray(np.asarray(dense_shape, np.int64))
        if len(self.indices) != array.size:
            raise ShapeError(
                f"SparseTensor: {len(self.indices)} index vectors for {array.size} values"
            )

    @property
    def shape(self) -> TensorShape:
        """The shape of the tensor."""
        return TensorShape(self.dense_shape.tolist())

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.values.dtype

    def __mul__(self, other: Any) -> SparseTensor:
        return SparseTensor(self.indices, self.values * other, self.dense_shape.tolist())

    def __repr__(self) -> str:
        places, values = self.indices.tolist(), self.values.tolist()
        return f"SparseTensor(indices={places}, values={values}, shape={self.shape})"


# ---- tf.sparse ---------------------------------------------------------------------------------
def to_dense(sp_input: SparseTensor, default_value: Any = None, **_: Any) -> Any:
    """Return the tensor with zeros (or a default) where it has no value."""
    text = isinstance(sp_input.values, StringTensor)
    fill = default_value if default_value is not None else "" if text else 0
    values = np.asarray(sp_input.values)
    table = np.full(tuple(sp_input.shape), fill, object if text else values.dtype)
    table[tuple(np.asarray(sp_input.indices).T)] = values
    return StringTensor(table) if text else lm.asarray(table)


def from_dense(tensor: Any, name: Any = None) -> SparseTensor:
    """Return the values of a tensor that are not zero."""
    array = np.asarray(tensor)
    places = np.argwhere(array != ("" if _is_text(array) else 0))
    return SparseTensor(places, array[tuple(places.T)], array.shape)


def reorder(sp_input: SparseTensor, name: Any = None) -> SparseTensor:
    """Return the values in the order of their index vectors."""
    places = np.asarray(sp_input.indices)
    order = np.lexsort(places.T[::-1])
    values = np.asarray(sp_input.values)[order]
    return SparseTensor(places[order], values, sp_input.dense_shape.tolist())


def sparse_dense_matmul(sp_a: Any, b: Any, **_: Any) -> Any:
    """Return the product of a sparse and a dense matrix."""
    if not isinstance(sp_a, SparseTensor):
        raise ShapeError(f"sparse_dense_matmul: expected a SparseTensor, got {describe(sp_a)}")
    return lm.matmul(to_dense(sp_a), b)


def constant(pylist: Any, dtype: Any = None, **_: Any) -> RaggedTensor:
    """Return a ragged tensor of nested lists."""
    found = RaggedTensor(pylist)
    if dtype is None or dtype == "string":
        return found
    return found.map_values(lambda values: lm.cast(values, dtype))


def stack(values: Any, axis: int = 0, name: Any = None) -> RaggedTensor:
    """Return tensors of several lengths as the rows of a ragged tensor."""
    return RaggedTensor(list(values))


def ragged_range(starts: Any, limits: Any = None, deltas: Any = 1, **_: Any) -> RaggedTensor:
    """Return a range of numbers for each row."""
    first, last = (np.zeros_like(starts), starts) if limits is None else (starts, limits)
    pairs = zip(np.atleast_1d(first), np.atleast_1d(last), strict=True)
    return RaggedTensor([np.arange(a, b, deltas) for a, b in pairs])
