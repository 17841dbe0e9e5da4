"""Elements of Python generators, checked against the specification that describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from lamina.data.elements import plain
from lamina.errors import ArgumentError, DTypeError, ShapeError, describe
from lamina.specs import TensorSpec
from lamina.string_tensor import StringTensor, string

OWNER = "Dataset.from_generator"


def signature(output_signature: Any, output_types: Any, output_shapes: Any) -> Any:
    """Return a nest of TensorSpecs, of the new argument or of the two older ones; None if none is
    given."""
    if output_signature is not None:
        if output_types is not None or output_shapes is not None:
            raise ArgumentError(
                f"{OWNER}: give output_signature, or output_types with output_shapes, and not both"
            )
        return output_signature
    return None if output_types is None else _specs(output_types, output_shapes)


def _specs(types: Any, shapes: Any) -> Any:
    if isinstance(types, dict):
        return {k: _specs(each, None if shapes is None else shapes[k]) for k, each in types.items()}
    if isinstance(types, (tuple, list)):
        found = [None] * len(types) if shapes is None else shapes
        return tuple(_specs(each, shape) for each, shape in zip(types, found, strict=True))
    return _AnyShape(types) if shapes is None else TensorSpec(shapes, types)


class _AnyShape:
    """A dtype with a shape that is not known."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = TensorSpec((), dtype).dtype
        self.shape = None


def generated(
    generator: Callable[..., Iterable[Any]], args: tuple[Any, ...], spec: Any
) -> Callable[[int], Iterator[Any]]:
    """Return iterate(epoch), which calls the generator for each pass."""

    def iterate(epoch: int) -> Iterator[Any]:
        for element in generator(*args):
            yield plain(element) if spec is None else conformed(element, spec, "element")

    return iterate


def conformed(element: Any, spec: Any, place: str) -> Any:
    """The element as arrays of the dtypes of a nest of specs; a list is one array."""
    if isinstance(spec, dict):
        return {k: conformed(element[k], each, f"{place}[{k!r}]") for k, each in spec.items()}
    if isinstance(spec, (tuple, list)):
        if not isinstance(element, (tuple, list)) or len(element) != len(spec):
            raise ArgumentError(
                f"{OWNER}: {place} does not have the structure of output_signature (expected "
                f"{len(spec)} parts, got {describe(element)})",
                hint="a generator of pairs has a pair of tf.TensorSpec as its output_signature",
            )
        return tuple(
            conformed(part, each, f"{place}[{k}]")
            for k, (part, each) in enumerate(zip(element, spec, strict=True))
        )
    array = _array(element, spec.dtype, place)
    if spec.shape is not None and not spec.shape.is_compatible_with(array.shape):
        raise ShapeError(
            f"{OWNER}: {place} has another shape than output_signature says (expected "
            f"{spec.shape}, got {array.shape})",
            hint="None in the shape of a TensorSpec is any extent",
        )
    return array


def _array(value: Any, dtype: Any, place: str) -> np.ndarray:
    if dtype == string:
        return np.asarray(StringTensor(value))
    try:
        return np.asarray(plain(value), dtype.storage)
    except (ValueError, TypeError) as error:
        raise DTypeError(
            f"{OWNER}: {place} cannot become an array of {dtype} (got {describe(value)})"
        ) from error
