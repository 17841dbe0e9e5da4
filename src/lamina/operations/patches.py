"""Patches of images and volumes, and images made of patches."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.ir.types import Dim, same
from lamina.operations.extending import pad
from lamina.operations.joining import concat
from lamina.operations.promote import scalar
from lamina.operations.shaping import moveaxis, permute_dims, reshape
from lamina.tensor import Tensor, as_tensor, bind

__all__ = ["fold", "patches", "unfold"]


def patches(
    x: ArrayLike,
    size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: str = "valid",
) -> Tensor:
    """Return the patches of images or volumes as rows.

    Args:
        x: tensor (batch, *extents, channels).
        size: extents of a patch.
        strides: distance between patches along each axis.
        dilation: distance between the elements of a patch along each axis.
        padding: "valid", or "same" to put zeros around x.

    Shapes:
        (batch, *extents, channels) -> (batch, *places, prod(size) * channels)

    Example:
        >>> import lamina as lm
        >>> patches(lm.ones((1, 4, 4, 3)), (2, 2), (2, 2), (1, 1)).shape
        (1, 2, 2, 12)
    """
    tensor = as_tensor(x)
    reach = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    if padding == "same":
        tensor = pad(tensor, [(0, 0), *_same(tensor, reach, strides), (0, 0)])
    extents = tensor._type.shape[1:-1]
    counts = [(n - r) // s + 1 for n, r, s in zip(extents, reach, strides, strict=True)]
    if tuple(size) == tuple(strides) and all(d == 1 for d in dilation):
        return _tiles(tensor, size, counts)
    parts = []
    for place in itertools.product(*map(range, size)):
        starts = [p * d for p, d in zip(place, dilation, strict=True)]
        limits = [a + (n - 1) * s + 1 for a, n, s in zip(starts, counts, strides, strict=True)]
        key = [slice(a, z, s) for a, z, s in zip(starts, limits, strides, strict=True)]
        parts.append(tensor[(slice(None), *key)])
    return concat(parts, axis=-1)


def _same(x: Tensor, reach: Sequence[int], strides: Sequence[int]) -> list[tuple[Dim, Dim]]:
    room: list[tuple[Dim, Dim]] = []
    for n, r, s in zip(x.shape[1:-1], reach, strides, strict=True):
        if not isinstance(n, int):
            raise ShapeError(f"patches: padding 'same' needs known extents, got {x.shape}")
        total = max((-(-n // s) - 1) * s + r - n, 0)
        room.append((total // 2, total - total // 2))
    return room


def _tiles(x: Tensor, size: Sequence[int], counts: Sequence[Dim]) -> Tensor:
    """Patches that neither overlap nor leave gaps, by moving axes."""
    batch, channels = x._type.shape[0], x._type.shape[-1]
    cut = x[(slice(None), *(slice(0, n * k) for n, k in zip(counts, size, strict=True)))]
    apart: list[Dim] = [batch]
    for n, k in zip(counts, size, strict=True):
        apart += [n, k]
    split = reshape(cut, (*apart, channels))
    rank = len(size)
    order = [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1]
    length = channels
    for k in size:
        length = length * k
    return reshape(permute_dims(split, order), (batch, *counts, length))


def unfold(
    x: ArrayLike,
    size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    strides: Sequence[int],
) -> Tensor:
    """Return the patches of images as columns.

    Args:
        x: images (batch, channels, height, width).
        size: height and width of a patch.
        dilation: distance between the elements of a patch.
        padding: number of zeros put around the images.
        strides: distance between patches.

    Shapes:
        (batch, channels, height, width) -> (batch, channels * prod(size), patches)

    Example:
        >>> import lamina as lm
        >>> unfold(lm.ones((1, 3, 4, 4)), (2, 2), (1, 1), (0, 0), (2, 2)).shape
        (1, 12, 4)
    """
    tensor = as_tensor(x)
    if tensor.ndim != 4:
        raise ShapeError(
            f"unfold: expected images (batch, channels, height, width), got {tensor.shape}"
        )
    tensor = pad(tensor, [(0, 0), (0, 0), *((p, p) for p in padding)])
    rows = patches(moveaxis(tensor, 1, -1), size, strides, dilation)
    batch, high, wide, length = rows._type.shape
    count = size[0] * size[1]
    apart = reshape(rows, (batch, high * wide, count, length // count))
    columns = permute_dims(apart, (0, 3, 2, 1))
    return reshape(columns, (batch, length, high * wide))


def fold(
    x: ArrayLike,
    output_size: Sequence[int],
    size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    strides: Sequence[int],
) -> Tensor:
    """Return images of patches: the sum of all that cover a pixel.

    Args:
        x: patches (batch, channels * prod(size), patches), as from `unfold`.
        output_size: height and width of the images.
        size: height and width of a patch.
        dilation: distance between the elements of a patch.
        padding: number of pixels around the images, which are cut off.
        strides: distance between patches.

    Shapes:
        (batch, channels * prod(size), patches) -> (batch, channels, *output_size)

    Example:
        >>> import lamina as lm
        >>> fold(lm.ones((1, 4, 9)), (4, 4), (2, 2), (1, 1), (0, 0), (1, 1))[0, 0, 1].tolist()
        [2.0, 4.0, 4.0, 2.0]
    """
    tensor = as_tensor(x)
    whole = [n + 2 * p for n, p in zip(output_size, padding, strict=True)]
    reach = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    counts = [(n - r) // s + 1 for n, r, s in zip(whole, reach, strides, strict=True)]
    count = size[0] * size[1]
    if tensor.ndim != 3 or not same(tensor.shape[-1], counts[0] * counts[1]):
        raise ShapeError(
            f"fold: expected patches (batch, channels * {count}, {counts[0] * counts[1]}), got "
            f"shape {tensor.shape}"
        )
    batch, length = tensor._type.shape[:2]
    parts = reshape(tensor, (batch, length // count, count, *counts))
    zero = scalar(0, tensor.dtype)
    total = None
    for k, place in enumerate(itertools.product(*map(range, size))):
        low = [p * d for p, d in zip(place, dilation, strict=True)]
        spread = [(n - 1) * s + 1 for n, s in zip(counts, strides, strict=True)]
        high = [n - a - m for n, a, m in zip(whole, low, spread, strict=True)]
        added = bind(
            "pad",
            parts[:, :, k],
            zero,
            edge_padding_low=(0, 0, *low),
            edge_padding_high=(0, 0, *high),
            interior_padding=(0, 0, *(s - 1 for s in strides)),
        )
        total = added if total is None else total + added
    assert total is not None
    (top, left), (height, width) = padding, output_size
    return total[:, :, top : top + height, left : left + width]
