"""Window arithmetic along an axis: dilated extents, and the number of windows."""

from __future__ import annotations

from lamina.ir.types import Dim


def spread(extent: Dim, dilation: int) -> Dim:
    """The extent of an axis with dilation - 1 places between neighbors; 0 stays 0."""
    return extent if dilation == 1 or extent == 0 else (extent - 1) * dilation + 1


def window_count(extent: Dim, window: Dim, stride: int, low: int, high: int, dilation: int) -> Dim:
    """floor((extent + low + high - dilation (window - 1) - 1) / stride) + 1."""
    return (extent + low + high - spread(window, dilation)) // stride + 1
