"""Arguments of operations over windows: one number or one per axis, padding, data format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.defaults import DEFAULTS
from lamina.errors import ArgumentTypeError, RangeError, ShapeError, UnknownNameError
from lamina.ir.types import Dim, is_static
from lamina.ir.windows import spread
from lamina.operations.elementwise import maximum
from lamina.operations.extending import pad
from lamina.operations.gathering import dynamic_slice
from lamina.operations.reductions import as_number
from lamina.operations.shaping import moveaxis
from lamina.tensor import Tensor, as_tensor

Pairs = tuple[tuple[int, int], ...]
FORMATS = ("channels_last", "channels_first")


def per_axis(function: str, name: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """One integer for each spatial axis; a single one counts for all."""
    found = value if isinstance(value, (tuple, list)) else (value,) * rank
    integers = all(hasattr(n, "__index__") and not isinstance(n, bool) for n in found)
    if len(found) != rank or not integers or any(n < least for n in found):
        kind = RangeError if integers else ArgumentTypeError
        raise kind(
            f"{function}: {name} must be an integer of at least {least}, or {rank} of them, "
            f"one for each spatial axis; got {value!r}"
        )
    return tuple(int(n) for n in found)


def checked_format(function: str, data_format: str | None) -> str:
    """The data format; None is the default of `keras.config`, "channels_last" at first."""
    if data_format is not None and data_format not in FORMATS:
        raise UnknownNameError(
            f"{function}: data_format must be one of {FORMATS}; got {data_format!r}"
        )
    return data_format or DEFAULTS.image_data_format


def channels_last(function: str, x: Tensor, data_format: str | None) -> Tensor:
    """x with its channels in the last axis."""
    is_first = checked_format(function, data_format) == "channels_first"
    return moveaxis(x, 1, -1) if is_first else x


def channels_back(x: Tensor, data_format: str | None) -> Tensor:
    """A result of `channels_last`, with its channels where the data format has them."""
    is_first = (data_format or DEFAULTS.image_data_format) == "channels_first"
    return moveaxis(x, -1, 1) if is_first else x


def need_rank(function: str, x: Tensor) -> int:
    """The number of spatial axes, 1 to 3, of x (batch, spatial..., channels)."""
    if not 3 <= x.ndim <= 5:
        raise ShapeError(
            f"{function}: needs a batch, 1 to 3 spatial axes and channels; got shape {x.shape}",
            hint="x[None] makes a batch of one example, x[..., None] one channel of an image",
        )
    return x.ndim - 2


def padding_of(
    function: str,
    padding: Any,
    extents: Sequence[Dim],
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Pairs:
    """(low, high) for each spatial axis; raises ShapeError where a window does not fit.

    padding: "valid" (none), "same" (ceil(extent / stride) windows, an odd one of the places added
    at the end), "causal" (all in front), an integer, or a pair per axis.
    """
    reach = [int(spread(w, d)) for w, d in zip(window, dilations, strict=True)]
    pairs = tuple(_pairs(function, padding, extents, reach, strides))
    for n, r, (low, high) in zip(extents, reach, pairs, strict=True):
        if is_static(n) and n + low + high < r:
            how = ", dilation included," if any(d > 1 for d in dilations) else ""
            how += f" does not fit an input of spatial shape {tuple(extents)}"
            how += f" with padding {pairs}" if any(map(any, pairs)) else ""
            raise ShapeError(
                f"{function}: a window of {tuple(reach)}{how}",
                hint="take a smaller window, larger inputs, or padding='same'",
            )
    return pairs


def with_room(
    x: Tensor,
    padding: Any,
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    fill: float = 0.0,
) -> tuple[Tensor, Any]:
    """x (batch, spatial..., channels) and its padding; where "same" padding depends on an extent
    that is only known at run time, x with that border of `fill` around it.

    How wide the border is depends on the extent's remainder by the stride: as much as there may be
    is put around, and the part that counts cut out.
    """
    open_axes = [k for k, s in enumerate(strides) if s > 1 and not is_static(x.shape[k + 1])]
    if not open_axes or not isinstance(padding, str) or padding.lower() != "same":
        return x, padding
    pairs = [(0, 0)] * len(strides)
    widths, starts, sizes = [(0, 0)] * x.ndim, [as_tensor(0)] * x.ndim, list(x.shape)
    for k, (w, s, d) in enumerate(zip(window, strides, dilations, strict=True)):
        n, reach = x.shape[k + 1], (w - 1) * d + 1
        if k not in open_axes:
            pairs[k] = _same(n, reach, s)
            continue
        widths[k + 1] = ((reach - 1) // 2, reach // 2)
        size = ((n + s - 1) // s - 1) * s + reach
        total = maximum(as_number(size) - as_number(n), 0)
        starts[k + 1], sizes[k + 1] = (reach - 1) // 2 - total // 2, size
    return dynamic_slice(pad(x, widths, constant_values=fill), starts, sizes), pairs


def _pairs(
    function: str, padding: Any, extents: Sequence[Dim], reach: Sequence[int], strides: Any
) -> list[tuple[int, int]]:
    name = padding.lower() if isinstance(padding, str) else None
    if name == "valid":
        return [(0, 0)] * len(reach)
    if name == "same":
        return [_same(*each) for each in zip(extents, reach, strides, strict=True)]
    if name == "causal" and len(reach) == 1:
        return [(reach[0] - 1, 0)]
    if isinstance(padding, int) and padding >= 0:
        return [(padding, padding)] * len(reach)
    pairs = isinstance(padding, (tuple, list)) and len(padding) == len(reach)
    if pairs and all(isinstance(p, (tuple, list)) and len(p) == 2 for p in padding):
        return [(int(low), int(high)) for low, high in padding]
    more = ", 'causal'" if len(reach) == 1 else ""
    raise UnknownNameError(
        f"{function}: padding must be 'valid', 'same'{more}, an integer, or (low, high) for each "
        f"of {len(reach)} spatial axes; got {padding!r}"
    )


def _same(extent: Dim, reach: int, stride: int) -> tuple[int, int]:
    """(low, high) for an extent that is known; where the stride is 1, for any."""
    total = reach - 1
    if stride > 1:
        n = int(extent)
        total = max((-(-n // stride) - 1) * stride + reach - n, 0)
    return total // 2, total - total // 2
