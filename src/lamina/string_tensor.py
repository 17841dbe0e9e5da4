"""Arrays of strings: the elements of text data sets, which no compiled program holds.

A StringTensor holds str or bytes as they came, and converts them when they are asked for: `numpy()`
gives UTF-8 bytes as in TensorFlow, `tolist()` gives str.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lamina.tensor import Tensor, as_tensor


class StringType:
    """The dtype of a `StringTensor`; it equals its name, "string"."""

    name = "string"
    is_float = is_integer = is_floating = is_bool = False
    as_numpy_dtype = np.dtype(object)

    def __repr__(self) -> str:
        return "lamina.string"

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StringType) or (isinstance(other, str) and other == self.name)

    def __hash__(self) -> int:
        return hash(self.name)


string = StringType()


def is_text_array(value: Any) -> bool:
    """True for a NumPy array or scalar of strings or bytes; an object array holds nothing else."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind != "O":
        return kind in ("U", "S", "T")
    return all(isinstance(each, (str, bytes)) for each in np.asarray(value).flat)


class StringTensor:
    """An immutable array of strings, with the methods of a tensor that make sense for them.

    Args:
        values: string, bytes, nested list or array of them, or another StringTensor.

    Example:
        >>> from lamina.string_tensor import StringTensor
        >>> words = StringTensor(["deep", "learning"])
        >>> words[0].numpy(), words.tolist(), words.shape
        (b'deep', ['deep', 'learning'], (2,))
    """

    __slots__ = ("_array",)
    __array_priority__ = 1000
    _array: np.ndarray

    def __init__(self, values: Any) -> None:
        if isinstance(values, StringTensor):
            self._array = values._array
            return
        if isinstance(values, (str, bytes)):
            array = np.empty((), object)
            array[()] = values
        else:
            array = np.asarray(values, object)
        self._array = array

    # ---- shape and dtype -----------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self._array.shape

    @property
    def dtype(self) -> StringType:
        """The dtype `string`."""
        return string

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """Number of strings."""
        return self._array.size

    # ---- values --------------------------------------------------------------------------------
    def numpy(self) -> Any:
        """Return UTF-8 bytes: one object for a single string, else an object array."""
        found = self.map(_bytes)
        return found.item() if found.ndim == 0 else found

    def tolist(self) -> Any:
        """Return str, or nested lists of str; bytes are decoded as UTF-8."""
        return self.map(text_of).tolist()

    def item(self) -> str:
        """Return the string of a tensor of one element."""
        return text_of(self._array.item())

    def map(self, function: Callable[[Any], Any]) -> np.ndarray:
        """Return an object array of a function applied to each string, as it is held.

        Args:
            function: function of a str or bytes.
        """
        found = np.empty(self._array.size, object)
        found[:] = [function(each) for each in self._array.reshape(-1)]
        return found.reshape(self._array.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._array if dtype in (None, object) else self.map(text_of).astype(dtype)
        return array.copy() if copy else array

    def __getitem__(self, index: Any) -> StringTensor:
        return StringTensor(self._array[_plain_index(index)])

    def __iter__(self) -> Iterator[StringTensor]:
        if not self.shape:
            raise TypeError("iteration over a string tensor without axes")
        return (StringTensor(each) for each in self._array)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a string tensor without axes")
        return len(self._array)

    # ---- operators -----------------------------------------------------------------------------
    def __eq__(self, other: Any) -> Any:
        return as_tensor(np.asarray(self.map(text_of) == _texts(other)))

    def __ne__(self, other: Any) -> Any:
        return as_tensor(np.asarray(self.map(text_of) != _texts(other)))

    def __add__(self, other: Any) -> StringTensor:
        return StringTensor(np.asarray(self.map(text_of) + _texts(other), object))

    def __radd__(self, other: Any) -> StringTensor:
        return StringTensor(np.asarray(_texts(other) + self.map(text_of), object))

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"StringTensor({self.tolist()!r})"

    def _repr_html_(self) -> str:
        """The strings as notebooks show them."""
        from lamina import notebook

        extents = ", ".join(map(str, self.shape))
        return notebook.array("StringTensor", self._array, f"string[{extents}]")

    def __str__(self) -> str:
        return str(self.numpy())


def text_of(value: Any) -> str:
    """Return a str or bytes as str; bytes that are not UTF-8 keep their values as escapes."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def _texts(other: Any) -> np.ndarray:
    return StringTensor(other).map(text_of)


def _plain_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(map(_plain_index, index))
    return index.numpy() if isinstance(index, Tensor) else index
