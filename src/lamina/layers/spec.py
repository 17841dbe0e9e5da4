"""What a layer expects of its inputs, and the errors where something else comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lamina import tree
from lamina.errors import ShapeError
from lamina.ir.types import Extent, is_static
from lamina.tensor import Tensor


@dataclass(frozen=True)
class InputSpec:
    """The rank and extents of one input. `axes` maps an axis to the extent that it must have."""

    ndim: int | None = None
    min_ndim: int | None = None
    max_ndim: int | None = None
    axes: Mapping[int, int] = field(default_factory=dict)


def known_shape(shape: Sequence[Any]) -> tuple[int | None, ...]:
    """A shape with None where an extent is symbolic."""
    return tuple(None if isinstance(n, Extent) else int(n) for n in shape)


def shape_text(shape: Sequence[Any]) -> str:
    return str(known_shape(shape))


def check(label: str, spec: InputSpec | Sequence[InputSpec] | None, inputs: Any) -> None:
    """Raise ShapeError where an input is not as the spec says; `label` names the layer."""
    if spec is None:
        return
    tensors = [t for t in tree.leaves(inputs) if isinstance(t, Tensor)]
    specs = [spec] if isinstance(spec, InputSpec) else list(spec)
    if len(specs) != len(tensors):
        raise ShapeError(f"{label}: expected {len(specs)} inputs, got {len(tensors)}")
    for each, tensor in zip(specs, tensors, strict=True):
        _check_rank(label, each, tensor)
        for axis, extent in each.axes.items():
            _check_extent(label, axis, extent, tensor)


def _check_rank(label: str, spec: InputSpec, tensor: Tensor) -> None:
    wrong = (
        (spec.ndim is not None and tensor.ndim != spec.ndim, f"{spec.ndim}"),
        (spec.min_ndim is not None and tensor.ndim < spec.min_ndim, f"at least {spec.min_ndim}"),
        (spec.max_ndim is not None and tensor.ndim > spec.max_ndim, f"at most {spec.max_ndim}"),
    )
    for is_wrong, expected in wrong:  # type: ignore[assignment]
        if is_wrong:
            raise ShapeError(
                f"{label}: expected an input of {expected} axes (the batch included), got shape "
                f"{shape_text(tensor.shape)}, which has {tensor.ndim}",
                hint=_rank_hint(tensor),
            )


def _rank_hint(tensor: Tensor) -> str:
    if tensor.ndim == 0:
        return "layers take batches: x.reshape(1, -1) makes a batch of one example"
    if tensor.ndim == 1:
        return (
            "layers take batches: x[None] makes a batch of one example, x[:, None] a batch of "
            "examples of one feature each"
        )
    return "reshape the data, or put a Reshape or Flatten layer in front"


def _check_extent(label: str, axis: int, extent: int, tensor: Tensor) -> None:
    found = tensor.shape[axis]
    if is_static(found) and found != extent:
        what = "features in the last axis" if axis == -1 else f"entries in axis {axis}"
        raise ShapeError(
            f"{label}: expected inputs with {extent} {what}, got shape {shape_text(tensor.shape)}",
            hint=f"the layer was built for {extent} {what}; give it such data, or make a new layer"
            + _flatten_hint(axis, extent, tensor),
        )


def _flatten_hint(axis: int, extent: int, tensor: Tensor) -> str:
    """Pictures that were not flattened are the commonest reason."""
    rest = tensor.shape[1:]
    size = 1
    for n in rest:
        if not is_static(n):
            return ""
        size *= int(n)  # type: ignore[arg-type]
    flat = axis == -1 and tensor.ndim > 2 and size == extent
    return f". {shape_text(rest)} has {size} entries: put a Flatten layer in front" if flat else ""
