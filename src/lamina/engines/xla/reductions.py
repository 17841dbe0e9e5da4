"""Reductions, products and sorting in `jax.lax`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jax import lax

from lamina.engines.xla.elementwise import Params
from lamina.ir.graph import Node


def neutral(kind: str, dtype: np.dtype) -> Any:
    """The neutral element of a reduction of this kind."""
    if kind in ("sum", "or"):
        return dtype.type(0)
    if kind == "product":
        return dtype.type(1)
    if dtype.kind == "b":
        return np.bool_(kind in ("min", "and"))
    if kind == "and":
        return np.invert(dtype.type(0))
    if dtype.kind == "f":
        return dtype.type(-np.inf if kind == "max" else np.inf)
    limits = np.iinfo(dtype)
    return dtype.type(limits.min if kind == "max" else limits.max)


COMBINE = {
    "sum": lax.add, "product": lax.mul, "max": lax.max, "min": lax.min,
    "and": lax.bitwise_and, "or": lax.bitwise_or,
}  # fmt: skip


def _reduce(node: Node, xs: list[Any], p: Params) -> Any:
    (x,), kind, axes = xs, p["kind"], tuple(p["dimensions"])
    if kind.startswith("arg"):
        return _position(x, kind, axes[0])
    value = lax.reduce(x, neutral(kind, x.dtype), COMBINE[kind], axes)
    return with_nan(x, value, lambda bad: lax.reduce(bad, np.False_, lax.bitwise_or, axes), kind)


def with_nan(x: Any, value: Any, any_of: Callable[[Any], Any], kind: str) -> Any:
    """The extremes of floats, NaN where `any_of` finds one: XLA's own lose it on CPUs."""
    if kind not in ("max", "min") or x.dtype.kind != "f":
        return value
    return lax.select(any_of(lax.ne(x, x)), lax.full_like(value, np.nan), value)


def _position(x: Any, kind: str, axis: int) -> Any:
    """The first position of the extreme, or of the first NaN; 0 if the axis is empty."""
    if x.shape[axis] == 0:
        return lax.full([n for d, n in enumerate(x.shape) if d != axis], 0, np.int32)
    if x.dtype.kind == "b":
        x = lax.convert_element_type(x, np.uint8)
    return (lax.argmax if kind == "argmax" else lax.argmin)(x, axis, np.int32)


def _dot(node: Node, xs: list[Any], p: Params) -> Any:
    contracted = tuple(p["lhs_contracting_dimensions"]), tuple(p["rhs_contracting_dimensions"])
    batch = tuple(p["lhs_batching_dimensions"]), tuple(p["rhs_batching_dimensions"])
    lhs, rhs = xs
    return lax.dot_general(
        lhs,
        rhs,
        (contracted, batch),
        precision=lax.Precision.HIGHEST,
        preferred_element_type=xs[0].dtype,
    )


def _sort(node: Node, xs: list[Any], p: Params) -> Any:
    """Stable; NaN last. Descending keys are sorted by their negatives, which come first."""
    count, dimension = p["num_keys"], p["dimension"]
    if not p["descending"]:
        return tuple(lax.sort(tuple(xs), dimension=dimension, num_keys=count))
    keys = [lax.neg(k) if k.dtype.kind == "f" else lax.bitwise_not(k) for k in xs[:count]]
    found = lax.sort((*keys, *xs), dimension=dimension, num_keys=count)
    return tuple(found[count:])


ROWS = {"reduce": _reduce, "dot_general": _dot, "sort": _sort}
