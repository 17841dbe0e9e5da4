"""Clipping of gradients: each element, each gradient, or all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina import operations as ops
from lamina.operations.promote import widened
from lamina.tensor import Tensor, as_tensor

if TYPE_CHECKING:
    from lamina.optimizers.base import Optimizer


def clipped(optimizer: Optimizer, gradients: list[Tensor]) -> list[Tensor]:
    """Return the gradients, clipped by the kind that the optimizer was given, if any."""
    if optimizer.clipvalue:
        return [ops.clip(g, -optimizer.clipvalue, optimizer.clipvalue) for g in gradients]
    if optimizer.clipnorm:
        return [g * _shrink(_squares(g), optimizer.clipnorm) for g in gradients]
    if optimizer.global_clipnorm:
        total = as_tensor(0.0)
        for g in gradients:
            total = total + _squares(g)
        factor = _shrink(total, optimizer.global_clipnorm)
        return [g * as_tensor(factor, g.dtype) for g in gradients]
    return gradients


def _squares(g: Tensor) -> Tensor:
    return ops.sum(ops.square(widened(g)))


def _shrink(squares: Tensor, most: float) -> Tensor:
    """The factor that takes a norm, given its square, to `most` at most."""
    return most / ops.maximum(ops.sqrt(squares), most)
