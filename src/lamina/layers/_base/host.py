"""Layers of strings, which run on the host on NumPy arrays, before compiled programs.

A compiled program computes with numbers and cannot contain such a layer. The layer is called on the
data (lists or arrays of strings, or batches in `Dataset.map`), or is the first layer of a
Sequential model, which calls it on the data of `fit`, `evaluate` and `predict`.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from lamina import tree
from lamina.errors import DataError, DTypeError, StateError, describe
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.tensor import Tensor


class HostLayer(Layer):
    """A layer that computes in Python and NumPy; it has no weights and is never compiled."""

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.built = True

    def __call__(self, inputs: Any, *, training: Any = None, mask: Any = None) -> Any:
        """Return the outputs for strings or numbers, computed immediately; `training` has no
        effect."""
        if any(isinstance(leaf, Tensor) and leaf.is_traced for leaf in tree.leaves(inputs)):
            raise StateError(
                f"{self._label()}: works on strings, before a compiled program; here it was called "
                "inside of one, or on an Input",
                hint=f"call it on the data first: model.fit({self.name}(texts), labels); or make "
                "it the first layer of a Sequential",
            )
        with self._errors_named():
            outputs = self.call(inputs)
        if self._output_shape is None and isinstance(outputs, Tensor) and outputs.ndim:
            self._output_shape = (None, *outputs.shape[1:])
        return outputs


def as_strings(data: Any, encoding: str = "utf-8") -> np.ndarray:
    """Return a string, nested lists or arrays as an object array; bytes are decoded.

    Object arrays do not pad each string to the longest. Raise DTypeError for values that are not
    strings, and DataError for lists of unequal lengths.
    """
    if isinstance(data, (str, bytes)) or not hasattr(data, "__array__"):
        array = _of_lists(data)
    else:
        array = np.asarray(data)
    if array.dtype.kind not in "USTO":
        raise DTypeError(
            f"expected strings, got {describe(array)}",
            hint="IntegerLookup and Discretization are the layers for numbers",
        )
    if array.dtype.kind != "O":
        array = array.astype(object)
    flat = [_string(value, k, encoding) for k, value in enumerate(array.reshape(-1))]
    result = np.empty(len(flat), object)
    result[:] = flat
    return result.reshape(array.shape)


def _of_lists(data: Any) -> np.ndarray:
    try:
        return np.array(data, object)
    except ValueError as error:
        raise DataError(
            "expected rows with equally many strings each, got rows of several lengths",
            hint="join the words of each row: TextVectorization splits them again",
        ) from error


def _string(value: Any, position: int, encoding: str) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode(encoding)
        except UnicodeDecodeError as error:
            raise DataError(
                f"number {position} of the strings is not text in {encoding}: {error.reason} at "
                f"byte {error.start}",
                hint="give the encoding that the text has: encoding='latin-1'",
            ) from error
    what = "rows of several lengths" if isinstance(value, list) else describe(value)
    raise DTypeError(
        f"expected strings, got {what} as number {position}",
        hint="fill in missing texts with '' first" if value is None or value != value else None,
    )
