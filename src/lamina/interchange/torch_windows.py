"""Convolutions and pooling of PyTorch as layers: padding is symmetric there, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import layers
from lamina.errors import ShapeError
from lamina.interchange.torch_rows import Walk, arrays_of, dimensions, row, several
from lamina.ir.types import is_static

LOWEST = -3.0e38
"""Padding that no maximum chooses."""


def _layer(kind: str, n: int) -> Any:
    return getattr(layers, f"{kind}{n}D")


def _pad_zeros(walk: Walk, pairs: Sequence[tuple[int, int]]) -> None:
    if any(any(pair) for pair in pairs):
        n = len(pairs)
        walk.add(_layer("ZeroPadding", n)(pairs[0] if n == 1 else tuple(pairs)))


@row("Conv1d", "Conv2d", "Conv3d", images=True)
def convolution(module: Any, walk: Walk) -> None:
    walk.need_images(module)
    n = dimensions(module)
    if module.padding_mode not in ("zeros", "reflect", "replicate"):
        raise walk.refuse(module, f"with padding_mode {module.padding_mode!r}")
    size, dilation = several(module.kernel_size, n), several(module.dilation, n)
    around = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
    if module.padding == "valid":
        pairs = [(0, 0)] * n
    elif module.padding == "same":
        pairs = [(k // 2, k - k // 2) for k in around]
    else:
        pairs = [(p, p) for p in several(module.padding, n)]
    strides = several(module.stride, n)
    is_same = all(pair == (k // 2, k - k // 2) for pair, k in zip(pairs, around, strict=True))
    is_same = is_same and max(strides) == 1 and module.padding_mode == "zeros"
    if module.padding_mode != "zeros":
        walk.pad(pairs, {"reflect": "reflect", "replicate": "edge"}[module.padding_mode])
    elif not is_same:
        _pad_zeros(walk, pairs)
    layer = _layer("Conv", n)(
        module.out_channels,
        size,
        strides=strides,
        padding="same" if is_same else "valid",
        dilation_rate=dilation,
        groups=module.groups,
        use_bias=module.bias is not None,
        name=walk.name(module),
    )
    walk.add(layer, arrays_of(module))


@row("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", images=True)
def transposed_convolution(module: Any, walk: Walk) -> None:
    walk.need_images(module)
    n = dimensions(module)
    sizes = (module.kernel_size, module.stride, module.padding, module.output_padding)
    size, strides, cut, more = (several(each, n) for each in sizes)
    is_plain = module.groups == 1 and max(several(module.dilation, n)) == 1
    is_plain = is_plain and all(k >= s for k, s in zip(size, strides, strict=True))
    if not is_plain or any(o > p for o, p in zip(more, cut, strict=True)):
        raise walk.refuse(
            module, "with groups, dilation, gaps, or more output_padding than padding"
        )
    layer = getattr(layers, f"Conv{n}DTranspose")(
        module.out_channels,
        size,
        strides=strides,
        use_bias=module.bias is not None,
        name=walk.name(module),
    )
    walk.add(layer, arrays_of(module))
    pairs = tuple((p, p - o) for p, o in zip(cut, more, strict=True))
    if any(any(pair) for pair in pairs):
        walk.add(_layer("Cropping", n)(pairs[0] if n == 1 else pairs))


# ---- pooling -----------------------------------------------------------------------------------
def _windows(module: Any, walk: Walk) -> tuple[tuple[int, ...], tuple[int, ...], list[Any]]:
    """Size, strides and padding of the windows; with ceil_mode a last window may end outside of
    the input, if it begins inside."""
    n = dimensions(module)
    size = several(module.kernel_size, n)
    strides = size if module.stride is None else several(module.stride, n)
    pairs = []
    for extent, k, s, p in zip(
        walk.x.shape[1:-1], size, strides, several(module.padding, n), strict=True
    ):
        after = p
        if module.ceil_mode and s > 1:
            if not is_static(extent):
                raise ShapeError(
                    f"from_torch: {type(module).__name__} {walk.path!r} has ceil_mode, and images "
                    "whose size is open",
                    hint="pass input_shape=(height, width, channels)",
                )
            whole = int(extent) + 2 * p - k
            count = -(-whole // s) + 1
            count -= (count - 1) * s >= int(extent) + p
            after = p + max(0, (count - 1) * s - whole)
        pairs.append((p, after))
    return size, strides, pairs


@row("MaxPool1d", "MaxPool2d", "MaxPool3d", images=True)
def maximum(module: Any, walk: Walk) -> None:
    walk.need_images(module)
    n = dimensions(module)
    if max(several(module.dilation, n)) > 1 or module.return_indices:
        raise walk.refuse(module, "with dilation, or that returns indices")
    size, strides, pairs = _windows(module, walk)
    walk.pad(pairs, "constant", LOWEST)
    walk.add(_layer("MaxPooling", n)(size, strides))


@row("AvgPool1d", "AvgPool2d", "AvgPool3d", images=True)
def mean(module: Any, walk: Walk) -> None:
    walk.need_images(module)
    size, strides, pairs = _windows(module, walk)
    is_uneven = any(a != b for a, b in pairs) or (
        any(map(any, pairs)) and not module.count_include_pad
    )
    if is_uneven or getattr(module, "divisor_override", None):
        raise walk.refuse(module, "with means of unequal numbers of values")
    _pad_zeros(walk, pairs)
    walk.add(_layer("AveragePooling", len(pairs))(size, strides))


@row(*(f"Adaptive{kind}Pool{n}d" for kind in ("Avg", "Max") for n in (1, 2, 3)), images=True)
def adaptive(module: Any, walk: Walk) -> None:
    walk.need_images(module)
    n, size = dimensions(module), module.output_size
    if None in (size if isinstance(size, (tuple, list)) else (size,)):
        raise walk.refuse(module, "with an open output_size")
    sizes = several(size, n)
    kind = "Average" if "Avg" in type(module).__name__ else "Max"
    if max(sizes) == 1:
        walk.add(_layer(f"Global{kind}Pooling", n)(keepdims=True))
    else:
        walk.add(_layer(f"Adaptive{kind}Pooling", n)(sizes if n > 1 else sizes[0]))
