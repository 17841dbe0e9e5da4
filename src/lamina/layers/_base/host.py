"""Layers of strings, which run on the host on NumPy arrays, before compiled programs.

A compiled program computes with numbers and cannot contain such a layer. The layer is called on the
data (lists or arrays of strings, or batches in `Dataset.map`), or is among the first layers of a
model, which calls it on the data of `fit`, `evaluate` and `predict`.
"""

from __future__ import annotations

import math
from typing import Any, Unpack

import numpy as np

from lamina import tree
from lamina.errors import DataError, DTypeError, StateError, describe
from lamina.layers._base import symbolic
from lamina.layers._base.facts import label
from lamina.layers._base.frames import Scope
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import known_shape
from lamina.restoring import count_operation
from lamina.tensor import Tensor, as_tensor, node_of


class HostLayer(Layer):
    """A layer that computes in Python and NumPy; it has no weights and is never compiled."""

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.built = True

    def __call__(self, inputs: Any, *, training: Any = None, mask: Any = None) -> Any:
        """Return the outputs for strings or numbers, computed immediately; `training` has no
        effect."""
        traced = [t for t in tree.leaves(inputs) if isinstance(t, Tensor) and t.is_traced]
        if traced:
            scope = symbolic.functional_scope(inputs)
            if scope is None or not all(_is_data(tensor) for tensor in traced):
                raise StateError(
                    f"{self._label()}: works on data, before a compiled program; here it was "
                    "called inside of one",
                    hint=f"call it on the data first: model.fit({self.name}(texts), labels); or on "
                    "an Input, or make it the first layer of a Sequential",
                )
            return self._on_inputs(scope, inputs)
        with self._errors_named():
            outputs = self.call(inputs)
        if self._output_shape is None and isinstance(outputs, Tensor) and outputs.ndim:
            self._output_shape = (None, *outputs.shape[1:])
        return outputs

    # ---- in functional models ------------------------------------------------------------------
    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the shape of the output (or a nest of shapes) for strings of this shape (or nest),
        with None for variable extents.

        Args:
            input_shape: shape of the inputs with the batch axis, or a nest of shapes.
            *args: not used.
            **kwargs: not used.
        """
        inputs = symbolic.map_shapes(
            lambda shape: Tensor(symbolic.symbolic_type(shape, symbolic.TEXT)), input_shape
        )
        return symbolic.shapes_of(self._types_of(inputs))

    def _on_inputs(self, scope: Scope, inputs: Any) -> Any:
        """Record the call on Inputs; the shapes of the outputs are those for two samples of data,
        open where these differ."""
        if self._parent is None and not self._is_named:
            self._take_name(scope.root.names)
        outputs = self._types_of(inputs)
        call = symbolic.Call(self, (inputs,), {}, scope)
        made = call.finish(outputs)
        self._output_shape = symbolic.shapes_of(outputs)
        self._calls.add(call)
        return made

    def _types_of(self, inputs: Any) -> Any:
        few, many = (self._outputs_of(inputs, count) for count in (2, 5))
        return tree.map_structure(_in_common, few, many)

    def _outputs_of(self, inputs: Any, count: int) -> Any:
        """Return the outputs for `count` rows of data like the Inputs."""

        def sample(tensor: Any) -> np.ndarray:
            extents = zip(range(tensor.ndim), known_shape(tensor.shape), strict=True)
            shape = [(count + bool(k) if n is None else n) for k, n in extents]
            count_operation(label(self), math.prod(shape))
            if tensor.dtype == symbolic.TEXT:
                return np.full(shape, self._sample_text(count), object)
            return np.zeros(shape, tensor.dtype.storage)

        with self._errors_named():
            return tree.map_structure(as_tensor, self.call(tree.map_structure(sample, inputs)))

    def _sample_text(self, count: int) -> str:
        """Return a text of `count` words that the layer takes."""
        return " ".join("x" * count)


def _is_data(tensor: Tensor) -> bool:
    """Whether a symbolic tensor is an Input, or the output of a layer that runs on data."""
    node = node_of(tensor)
    source = None if node is None else symbolic.source_of(node)
    return source is not None and (not source[0].inputs or isinstance(source[0].layer, HostLayer))


def _in_common(few: Tensor, many: Tensor) -> Tensor:
    """A tensor without a value whose extents are open where the two differ."""
    pairs = zip(few.shape, many.shape, strict=True)
    shape = [a if a == b else None for a, b in pairs]
    return Tensor(symbolic.symbolic_type(shape, few.dtype))


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
