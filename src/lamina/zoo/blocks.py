"""Parts that several networks of the zoo have."""

from __future__ import annotations

from lamina.ir.types import is_static
from lamina.layers import ZeroPadding2D
from lamina.tensor import Tensor


def before_stride(x: Tensor, kernel: int, name: str, symmetric: bool = False) -> Tensor:
    """Pad images for a convolution with stride 2.

    Args:
        x: images.
        kernel: size of the window.
        name: name of the layer.
        symmetric: pad all sides alike, as PyTorch does; False centers the windows as TensorFlow
            does: of an even or open size one row and column less before than behind.
    """
    half = kernel // 2
    if symmetric:
        return ZeroPadding2D(half, name=name)(x)
    pairs = []
    for n in x.shape[1:3]:
        odd = int(n) % 2 if is_static(n) else 0
        pairs.append((half - 1 + odd, half))
    return ZeroPadding2D(tuple(pairs), name=name)(x)
