"""What a layer expects of its inputs, and the errors where something else comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina import tree
from lamina.errors import DTypeError, ShapeError, describe
from lamina.ir.types import Extent, is_static
from lamina.tensor import Tensor


@dataclass(frozen=True)
class InputSpec:
    """What one input must be like; arguments as in Keras.

    `shape` is the whole shape with None for any extent; `axes` maps an axis to its extent.
    """

    dtype: Any = None
    shape: Sequence[int | None] | None = None
    ndim: int | None = None
    max_ndim: int | None = None
    min_ndim: int | None = None
    axes: Mapping[int, int] | None = None

    def extents(self) -> dict[int, int]:
        """Every axis whose extent is prescribed."""
        of_shape = {k: n for k, n in enumerate(self.shape or ()) if n is not None}
        return {**of_shape, **{k: n for k, n in (self.axes or {}).items() if n is not None}}

    def rank(self) -> int | None:
        return self.ndim if self.shape is None else len(self.shape)


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
    if not tensors:
        raise DTypeError(
            f"{label}: expected a tensor or an array, got {describe(inputs)}",
            hint="numpy.asarray(...) makes an array of nested lists of numbers",
        )
    if len(specs) != len(tensors):
        raise ShapeError(
            f"{label}: expected {len(specs)} input{'s' if len(specs) > 1 else ''}, got "
            f"{len(tensors)}",
            hint=None
            if len(specs) > 1
            else "does the layer in front give several outputs (return_state=True)? A functional "
            "model, Model(inputs, outputs), says which one goes where",
        )
    for each, tensor in zip(specs, tensors, strict=True):
        _check_one(label, each, tensor)


def _check_one(label: str, spec: InputSpec, tensor: Tensor) -> None:
    if spec.dtype is not None and tensor.dtype != spec.dtype:
        raise DTypeError(f"{label}: expected an input of {spec.dtype}, got {tensor.dtype}")
    _check_rank(label, spec, tensor)
    for axis, extent in spec.extents().items():
        _check_extent(label, axis, extent, tensor)


def _check_rank(label: str, spec: InputSpec, tensor: Tensor) -> None:
    rank, least, most = spec.rank(), spec.min_ndim, spec.max_ndim
    wrong = (
        (rank is not None and tensor.ndim != rank, f"{rank}"),
        (least is not None and tensor.ndim < least, f"at least {least}"),
        (most is not None and tensor.ndim > most, f"at most {most}"),
    )
    for is_wrong, expected in wrong:
        if is_wrong:
            raise ShapeError(
                f"{label}: expected an input of {expected} axes (the batch included), got shape "
                f"{shape_text(tensor.shape)}, which has {tensor.ndim}",
                hint=_rank_hint(tensor, rank),
            )


def _rank_hint(tensor: Tensor, rank: int | None) -> str:
    if rank is not None and tensor.ndim == rank - 1 >= 2:
        return (
            "x[None] makes a batch of one example, x[..., None] gives each place one channel "
            "(grey pictures, a single series)"
        )
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
