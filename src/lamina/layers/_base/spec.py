"""Requirements of a layer on its inputs, and the errors if they are violated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina import tree
from lamina.annotations import DTypeLike
from lamina.arguments import refuse_sparse
from lamina.errors import DTypeError, ShapeError, describe
from lamina.ir.types import Extent, is_static
from lamina.tensor import Tensor


@dataclass(frozen=True)
class InputSpec:
    """Description of the inputs that a layer accepts, as in Keras.

    Args:
        dtype: required dtype; None accepts any.
        shape: required shape with the batch axis; None accepts any extent.
        ndim: required number of axes; None accepts any.
        max_ndim: maximum number of axes.
        min_ndim: minimum number of axes.
        axes: dictionary from axes to their required extents.
        allow_last_axis_squeeze: also accept inputs with one axis of extent 1 more or less at the
            end than `shape`.
        name: name of the input, for dictionaries of inputs.
        optional: also accept None.
        layout: names of the axes for error messages, for example "(batch, steps, channels)".

    Example:
        >>> import lamina as lm
        >>> spec = lm.layers.InputSpec(ndim=3, axes={-1: 16})
    """

    dtype: DTypeLike = None
    shape: Sequence[int | None] | None = None
    ndim: int | None = None
    max_ndim: int | None = None
    min_ndim: int | None = None
    axes: Mapping[int, int] | None = None
    allow_last_axis_squeeze: bool = False
    name: str | None = None
    optional: bool = False
    layout: str | None = None

    def extents(self) -> dict[int, int]:
        """Return all axes with a required extent."""
        of_shape = {k: n for k, n in enumerate(self.shape or ()) if n is not None}
        return {**of_shape, **{k: n for k, n in (self.axes or {}).items() if n is not None}}

    def rank(self) -> int | None:
        return self.ndim if self.shape is None else len(self.shape)


def known_shape(shape: Sequence[Any]) -> tuple[int | None, ...]:
    """Return a shape with None for symbolic extents."""
    return tuple(None if isinstance(n, Extent) else int(n) for n in shape)


def shape_text(shape: Sequence[Any]) -> str:
    return str(known_shape(shape))


def check(label: str, spec: InputSpec | Sequence[InputSpec] | None, inputs: Any) -> None:
    """Raise ShapeError if an input violates the spec; `label` names the layer."""
    if spec is None:
        return
    tensors = [t for t in tree.leaves(inputs) if isinstance(t, Tensor)]
    specs = [spec] if isinstance(spec, InputSpec) else list(spec)
    specs, tensors = _paired(specs, inputs, tensors)
    if not tensors and specs:
        refuse_sparse(label, inputs)
        raise DTypeError(
            f"{label}: expected a tensor or an array, got {describe(inputs)}",
            hint="numpy.asarray(...) makes an array of nested lists of numbers",
        )
    if len(specs) != len(tensors):
        expected = f"{len(specs)} input" + ("s" if len(specs) > 1 else "")
        raise ShapeError(
            f"{label}: expected {expected}, got {len(tensors)}", hint=_hint_of_number(specs)
        )
    for each, tensor in zip(specs, tensors, strict=True):
        _check_one(label, each, tensor)


def _paired(
    specs: list[InputSpec], inputs: Any, tensors: list[Tensor]
) -> tuple[list[InputSpec], list[Tensor]]:
    """Return specs and tensors side by side: of a dictionary by the names of the specs, without
    optional inputs that are None."""
    names = [each.name for each in specs]
    values = [inputs.get(n) for n in names] if isinstance(inputs, dict) and all(names) else inputs
    if not isinstance(values, (list, tuple)) or len(values) != len(specs):
        values = [values] if len(specs) == 1 and values is None else None
    if values is None or not any(each.optional or each.name for each in specs):
        return specs, tensors
    kept = [(s, v) for s, v in zip(specs, values, strict=True) if v is not None or not s.optional]
    return [s for s, _ in kept], [v for _, v in kept if isinstance(v, Tensor)]


def _check_one(label: str, spec: InputSpec, tensor: Tensor) -> None:
    if spec.dtype is not None and tensor.dtype != spec.dtype:
        raise DTypeError(f"{label}: expected an input of {spec.dtype}, got {tensor.dtype}")
    if spec.allow_last_axis_squeeze and _squeezed(spec.shape) == _squeezed(tensor.shape):
        return
    _check_rank(label, spec, tensor)
    for axis, extent in spec.extents().items():
        _check_extent(label, axis, extent, tensor)


def _squeezed(shape: Sequence[Any] | None) -> list[Any]:
    known = list(known_shape([Extent.symbol("n") if n is None else n for n in shape or ()]))
    return known[1:-1] if known and known[-1] == 1 else known[1:]


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
                f"{label}: expected an input of {expected} axes{_layout(spec)}, got shape "
                f"{shape_text(tensor.shape)}, which has {tensor.ndim}",
                hint=_hint_of_layout(spec, tensor) or _rank_hint(tensor, rank),
            )


def _hint_of_number(specs: Sequence[InputSpec]) -> str | None:
    if len(specs) > 1:
        return None
    return (
        "Concatenate()([a, b]) makes one of several; a recurrent layer with "
        "return_state=True returns its states too, and takes states as initial_state=[...]"
    )


# ---- the axes by layout, with hints for one axis too few and one too many ----------------------
SEQUENCES = "(batch, steps, features)"
_NO_BATCH = "the shape given to an Input is without the batch"
_STEPS = (
    "below another recurrent layer, or one that goes over the steps, return_sequences=True gives "
    "all steps; numbers of words need an Embedding in front; x[..., None] makes a series of "
    "numbers one of single features"
)
HINTS: dict[str, tuple[str, str]] = {
    SEQUENCES: (
        _STEPS,
        f"{_NO_BATCH}; an Embedding takes numbers of words, not one-hot rows; TimeDistributed("
        "Flatten()) makes features of what a step has",
    ),
    "(batch, steps, channels)": (_STEPS, _NO_BATCH),
    "(batch, channels, steps)": (_STEPS, _NO_BATCH),
}


def layout(rank: int, data_format: str = "channels_last") -> str:
    """Return the names of the axes of inputs with this number of spatial axes."""
    spatial = {1: ["steps"], 2: ["rows", "columns"], 3: ["layers", "rows", "columns"]}[rank]
    axes = [*spatial, "channels"] if data_format == "channels_last" else ["channels", *spatial]
    return f"(batch, {', '.join(axes)})"


def _layout(spec: InputSpec) -> str:
    return f", {spec.layout}" if spec.layout else " (the batch included)"


def _hint_of_layout(spec: InputSpec, tensor: Tensor) -> str | None:
    rank = spec.rank() or spec.min_ndim
    if spec.layout is None or rank is None or spec.layout not in HINTS:
        return None
    too_few, too_many = HINTS[spec.layout]
    return {rank - 1: too_few, rank + 1: too_many}.get(tensor.ndim)


def _rank_hint(tensor: Tensor, rank: int | None) -> str:
    if rank is not None and tensor.ndim == rank - 1 >= 2:
        return (
            "x[None] makes a batch of one example, x[..., None] gives each position one channel "
            "(gray images, a single series)"
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
    """Return the hint for images that were not flattened, the most common reason."""
    rest = tensor.shape[1:]
    size = 1
    for n in rest:
        if not is_static(n):
            return ""
        size *= int(n)
    flat = axis == -1 and tensor.ndim > 2 and size == extent
    return f". {shape_text(rest)} has {size} entries: put a Flatten layer in front" if flat else ""
