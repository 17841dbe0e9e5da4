"""Regions of images as COCO writes them: polygons, and lengths of runs of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

MOST_PIXELS = 1 << 28


def filled(region: Any, size: tuple[int, int]) -> np.ndarray:
    """Return which pixels belong to a region, bool (rows, columns).

    Args:
        region: list of polygons [x1, y1, x2, y2, ...], or {"counts": ..., "size": [rows, columns]}
            with the lengths of runs outside and inside, by columns: a list, or text in the
            compressed form.
        size: rows and columns of the image.

    Raises:
        ValueError: for something else.
    """
    if region is None or region == []:
        return np.zeros(size, bool)
    if isinstance(region, list):
        return _polygons(region, size)
    if not isinstance(region, dict) or list(region.get("size", ())) != list(size):
        raise ValueError(f"expected a segmentation of {size[0]} by {size[1]} pixels")
    counts = region.get("counts")
    runs = _decompressed(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or any(not isinstance(n, int) or n < 0 for n in runs):
        raise ValueError("expected counts that are lengths of runs")
    if sum(runs) != size[0] * size[1]:
        raise ValueError(f"its runs have {sum(runs):,} pixels, the image {size[0] * size[1]:,}")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(size[1], size[0]).T


def _polygons(region: list[Any], size: tuple[int, int]) -> np.ndarray:
    """Return the pixels whose centers are in one of the polygons."""
    inside = np.zeros(size, bool)
    for polygon in region:
        points = np.asarray(polygon, float)
        if points.ndim != 1 or len(points) % 2 or len(points) < 6 or not np.isfinite(points).all():
            raise ValueError("expected polygons of three or more points, [x1, y1, x2, y2, ...]")
        inside |= _polygon(points.reshape(-1, 2) - 0.5, size)
    return inside


def _polygon(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels (x, y) to the left of which an odd number of edges crosses the row y."""
    rows, columns = size
    changes = np.zeros((rows, columns + 1), np.int32)
    for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
        low, high = sorted((y1, y2))
        y = np.arange(max(int(np.ceil(low)), 0), min(int(np.ceil(high)), rows))
        if len(y):
            x = np.ceil(x1 + (y - y1) * ((x2 - x1) / (y2 - y1)))
            changes[y, np.clip(x, 0, columns).astype(int)] += 1
    return changes.cumsum(axis=1)[:, :columns] % 2 == 1


def _decompressed(text: str) -> list[int]:
    """Return the lengths that a text stands for: five bits a character, the lowest first, with a
    bit for whether more follow; each from the fourth on is the difference from that two before."""
    runs: list[int] = []
    value = shift = 0
    for code in text.encode("ascii", "replace"):
        bits = code - 48
        if not 0 <= bits < 64 or shift > 40:
            raise ValueError("expected counts in the compressed form of COCO")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("expected counts in the compressed form of COCO, got the beginning of one")
    return runs
