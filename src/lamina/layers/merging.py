"""Merging layers: Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate, Dot."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import broadcast_shapes, is_static
from lamina.layers.base import Layer
from lamina.layers.spec import shape_text
from lamina.operations import creation, elementwise, linear_algebra, neural, shaping
from lamina.tensor import Tensor


class Merge(Layer):
    """What merging layers share: they take a list of tensors, and say which shapes do not fit."""

    fewest = 2
    most: int | None = None
    supports_masking = True

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, (list, tuple)):
            raise ArgumentError(
                f"{self._label()}: expected a list of tensors, got one tensor of shape "
                f"{shape_text(inputs.shape)}",
                hint=f"{type(self).__name__}()([a, b])",
            )
        few, most = self.fewest, self.most
        if len(inputs) < few or (most is not None and len(inputs) > most):
            wanted = f"{few}" if few == most else f"at least {few}"
            raise ArgumentError(f"{self._label()}: expected {wanted} inputs, got {len(inputs)}")
        return self.merge(list(inputs))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """A step of the output is there if it is in any input that has a mask, as in Keras."""
        found = [m for m in mask or () if m is not None]
        return functools.reduce(elementwise.logical_or, found) if found else None

    def merge(self, inputs: list[Tensor]) -> Tensor:
        """The output for a list of tensors."""
        raise TypeError(f"{type(self).__name__} must define merge(inputs)")

    def _misfit(self, inputs: Sequence[Tensor], why: str, hint: str) -> ShapeError:
        shapes = ", ".join(shape_text(t.shape) for t in inputs)
        return ShapeError(f"{self._label()}: inputs of shapes {shapes} {why}", hint=hint)


class _Elementwise(Merge):
    """Element by element; inputs of fewer axes are spread along the axes after the batch."""

    pairwise: ClassVar[Any]  # a function of two tensors

    def aligned(self, inputs: list[Tensor]) -> list[Tensor]:
        ndim = max(t.ndim for t in inputs)
        spread = [_spread(t, ndim) for t in inputs]
        try:
            broadcast_shapes(*(t.shape for t in spread))
        except ShapeError as error:
            hint = "all inputs need the same shape, or extents of 1 where they differ"
            if not all(is_static(t.shape[1:]) for t in inputs):
                hint = f"{hint}; {shaping.OPEN_EXTENTS}"
            raise self._misfit(inputs, "do not fit together", hint) from error
        return spread

    def merge(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(type(self).pairwise, self.aligned(inputs))


def _spread(tensor: Tensor, ndim: int) -> Tensor:
    while tensor.ndim < ndim:
        tensor = shaping.expand_dims(tensor, 1)
    return tensor


class Add(_Elementwise):
    """The sum of the inputs."""

    pairwise = staticmethod(elementwise.add)


class Subtract(_Elementwise):
    """The first input minus the second."""

    most = 2
    pairwise = staticmethod(elementwise.subtract)


class Multiply(_Elementwise):
    """The product of the inputs."""

    pairwise = staticmethod(elementwise.multiply)


class Maximum(_Elementwise):
    """The largest of the inputs."""

    pairwise = staticmethod(elementwise.maximum)


class Minimum(_Elementwise):
    """The smallest of the inputs."""

    pairwise = staticmethod(elementwise.minimum)


class Average(_Elementwise):
    """The mean of the inputs."""

    pairwise = staticmethod(elementwise.add)

    def merge(self, inputs: list[Tensor]) -> Tensor:
        return super().merge(inputs) / len(inputs)


class Concatenate(Merge):
    """The inputs one after the other along `axis`; all other extents must be equal."""

    fewest = 1

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Side by side, a step is there if it is in all inputs; one after the other, so are the
        masks; an input without one is there as a whole. None along other axes."""
        if mask is None or all(m is None for m in mask):
            return None
        each = [
            creation.ones(x.shape[:2], dtype="bool") if m is None else m
            for x, m in zip(inputs, mask, strict=True)
        ]
        axis = self.axis % inputs[0].ndim
        if axis > 1:
            return functools.reduce(elementwise.logical_and, each)
        return shaping.concat(each, axis=axis)

    def merge(self, inputs: list[Tensor]) -> Tensor:
        first = inputs[0]
        same_rank = all(t.ndim == first.ndim for t in inputs)
        if not same_rank or not -first.ndim <= self.axis < first.ndim:
            hint = "all inputs need the same number of axes"
            raise self._misfit(inputs, f"cannot be joined along axis {self.axis}", hint)
        axis = self.axis % first.ndim
        for k in range(first.ndim):
            extents = {t.shape[k] for t in inputs if is_static(t.shape[k])}
            if k != axis and len(extents) > 1:
                hint = f"they may differ along axis {self.axis} only; reshape or crop one of them"
                raise self._misfit(inputs, f"differ along axis {k}", hint)
        return shaping.concat(inputs, axis=axis)


class Dot(Merge):
    """Sums of products along one axis of each of two inputs, example by example.

    axes: an axis of both, or a pair of axes; the batch, 0, is not among them. (batch, n) and
    (batch, n) give (batch, 1). normalize: divide by the lengths first, for the cosine.
    """

    most = 2
    supports_masking = False
    streams = False

    def __init__(self, axes: int | tuple[int, int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
        if len(pair) != 2 or not all(isinstance(a, int) for a in pair):
            raise ArgumentError(f"Dot: axes must be an integer or two, not {axes!r}")
        self.axes, self.normalize = pair, bool(normalize)

    def merge(self, inputs: list[Tensor]) -> Tensor:
        x, y = inputs
        a, b = (axis % t.ndim for axis, t in zip(self.axes, inputs, strict=True))
        if 0 in (a, b) or x.shape[a] != y.shape[b]:
            why = f"cannot be multiplied along the axes {self.axes}"
            raise self._misfit(inputs, why, "the two extents must be equal; the batch is axis 0")
        if self.normalize:
            x, y = neural.normalize(x, axis=a), neural.normalize(y, axis=b)
        result = linear_algebra.contract(x, y, ((a,), (b,)), ((0,), (0,)))
        return shaping.expand_dims(result, 1) if result.ndim == 1 else result


# ---- as functions ------------------------------------------------------------------------------
def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The sum of tensors, as an Add layer."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The difference of two tensors, as a Subtract layer."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The product of tensors, as a Multiply layer."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The mean of tensors, as an Average layer."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The largest of tensors, as a Maximum layer."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The smallest of tensors, as a Minimum layer."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Tensors one after the other, as a Concatenate layer."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | tuple[int, int] = -1, **kwargs: Any) -> Any:
    """Sums of products, as a Dot layer."""
    return Dot(axes=axes, **kwargs)(inputs)
