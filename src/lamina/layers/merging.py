"""Merging layers: Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate, Dot.

Masks follow Keras. A step of the output is unmasked if it is unmasked in any input; an input
without a mask makes all steps count. Multiply, Maximum and Minimum ignore masked entries; Add,
Subtract and Average include their values.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.errors import ArgumentError, ShapeError, describe
from lamina.ir.types import bool_, broadcast_shapes, is_static, plain, same
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import shape_text
from lamina.operations import joining, linear_algebra, masks, neural
from lamina.tensor import Tensor, as_tensor

__all__ = ["Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average", "Concatenate", "Dot"]


class Merge(Layer):
    """Base class of merging layers: takes a list of tensors and checks their shapes."""

    streams = "each_step"
    fewest = 2
    most: int | None = None
    supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
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
        return self.merge(list(inputs), self._masks(inputs, mask))

    def _masks(self, inputs: Sequence[Any], mask: Any) -> list[Tensor | None]:
        """Return the mask of each input, or None."""
        if not isinstance(inputs, (list, tuple)):
            raise ArgumentError(
                f"{self._label()}: inputs: expected a list of tensors, got {describe(inputs)}"
            )
        if mask is None:
            return [None] * len(inputs)
        if not isinstance(mask, (list, tuple)) or len(mask) != len(inputs):
            got = f"{len(mask)}" if isinstance(mask, (list, tuple)) else describe(mask)
            raise ArgumentError(
                f"{self._label()}: mask: expected a list of {len(inputs)} masks, got {got}",
                hint="give one mask for each input, None for an input without one",
            )
        return [None if m is None else as_tensor(as_tensor(m), bool_) for m in mask]

    def merge(self, inputs: list[Tensor], there: list[Tensor | None]) -> Tensor:
        """Return the output for a list of tensors and their masks.

        Args:
            inputs: list of tensors.
            there: mask of each input, or None.
        """
        raise TypeError(f"{type(self).__name__} must define merge(inputs, there)")

    def _misfit(self, inputs: Sequence[Tensor], why: str, hint: str) -> ShapeError:
        shapes = ", ".join(shape_text(t.shape) for t in inputs)
        return ShapeError(f"{self._label()}: inputs of shapes {shapes} {why}", hint=hint)


class _Elementwise(Merge):
    """Base class of elementwise layers; inputs with fewer axes broadcast after the batch axis."""

    pairwise: ClassVar[Any]  # a function of two tensors

    def aligned(self, inputs: list[Tensor]) -> list[Tensor]:
        """Return the inputs with axes of extent 1 after the batch, so that all have as many axes.

        Args:
            inputs: list of tensors.
        """
        ndim = max(t.ndim for t in inputs)
        spread = [_spread(t, ndim) for t in inputs]
        try:
            broadcast_shapes(*(plain(t.shape) for t in spread))
        except ShapeError as error:
            hint = "all inputs need the same shape, or extents of 1 where they differ"
            if not all(is_static(t.shape[1:]) for t in inputs):
                hint = f"{hint}; {joining.OPEN_EXTENTS}"
            raise self._misfit(inputs, "do not fit together", hint) from error
        return spread

    def merge(self, inputs: list[Tensor], there: list[Tensor | None]) -> Tensor:
        return functools.reduce(type(self).pairwise, self.aligned(inputs))

    def compute_mask(self, inputs: Sequence[Tensor], mask: Any = None) -> Tensor | None:
        """Return a mask, True if a step is unmasked in any input; None if an input has no mask.

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """
        return _anywhere(_fitted(inputs, self._masks(inputs, mask)))


def _fitted(inputs: Sequence[Tensor], there: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return the masks with as many axes as `aligned` gives their inputs."""
    ndim = max(x.ndim for x in inputs)
    spread = [
        None if m is None else _spread(m, m.ndim + ndim - x.ndim)
        for x, m in zip(inputs, there, strict=True)
    ]
    most = max((m.ndim for m in spread if m is not None), default=0)
    return [None if m is None else masks.fitted(m, most) for m in spread]


def _anywhere(there: Sequence[Tensor | None]) -> Tensor | None:
    """Return a mask, True if any mask is; None (all True) if one of the masks is None."""
    known = [m for m in there if m is not None]
    return functools.reduce(ops.logical_or, known) if len(known) == len(there) else None


def _where(there: Tensor | None, x: Tensor, otherwise: Any) -> Tensor:
    """Return x if the mask is True, otherwise `otherwise`."""
    if there is None:
        return x
    return ops.where(masks.fitted(there, x.ndim), x, otherwise)


def _spread(tensor: Tensor, ndim: int) -> Tensor:
    while tensor.ndim < ndim:
        tensor = ops.expand_dims(tensor, 1)
    return tensor


class Add(_Elementwise):
    """Elementwise sum of the inputs.

    Args:
        name: name of the object; by default its class in snake case, with a number if needed.
        trainable: False excludes the weights from training and runs the layer in inference mode.
        dtype: dtype of the weights and of the computation, or a policy such as "mixed_bfloat16",
            which computes in bfloat16 and keeps weights in float32; None is the global policy.
        autocast: convert floating inputs to the dtype of the computation.
        input_shape: shape of one sample, without the batch axis, for the first layer of a
            Sequential model.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        list of (batch, ...), broadcast against each other -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Add()([lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])]).tolist()
        [[4.0, 7.0]]
    """

    pairwise = staticmethod(ops.add)


class Subtract(_Elementwise):
    """Elementwise difference, the first input minus the second.

    Args:
        name: name of the object; by default its class in snake case, with a number if needed.
        trainable: False excludes the weights from training and runs the layer in inference mode.
        dtype: dtype of the weights and of the computation, or a policy such as "mixed_bfloat16",
            which computes in bfloat16 and keeps weights in float32; None is the global policy.
        autocast: convert floating inputs to the dtype of the computation.
        input_shape: shape of one sample, without the batch axis, for the first layer of a
            Sequential model.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        list of 2 (batch, ...), broadcast against each other -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Subtract()([lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])]).tolist()
        [[-2.0, -3.0]]
    """

    most = 2
    pairwise = staticmethod(ops.subtract)


class Multiply(_Elementwise):
    """Elementwise product of the inputs.

    Masked entries of an input count as 1; the result is 0 if all inputs are masked.

    Args:
        name: name of the object; by default its class in snake case, with a number if needed.
        trainable: False excludes the weights from training and runs the layer in inference mode.
        dtype: dtype of the weights and of the computation, or a policy such as "mixed_bfloat16",
            which computes in bfloat16 and keeps weights in float32; None is the global policy.
        autocast: convert floating inputs to the dtype of the computation.
        input_shape: shape of one sample, without the batch axis, for the first layer of a
            Sequential model.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        list of (batch, ...), broadcast against each other -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Multiply()([lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])]).tolist()
        [[3.0, 10.0]]
    """

    pairwise = staticmethod(ops.multiply)

    def merge(self, inputs: list[Tensor], there: list[Tensor | None]) -> Tensor:
        there = _fitted(inputs, there)
        factors = [_where(m, x, 1) for x, m in zip(self.aligned(inputs), there, strict=True)]
        product = functools.reduce(ops.multiply, factors)
        return _where(_anywhere(there), product, 0)


class _Extremum(_Elementwise):
    """Base class of Maximum and Minimum; masked entries do not count."""

    def merge(self, inputs: list[Tensor], there: list[Tensor | None]) -> Tensor:
        pairs = zip(self.aligned(inputs), _fitted(inputs, there), strict=True)
        best, known = next(pairs)
        for x, mask in pairs:
            x = _where(mask, x, best)
            best = type(self).pairwise(_where(known, best, x), x)
            known = _anywhere([known, mask])
        return best


class Maximum(_Extremum):
    """Elementwise maximum of the inputs; masked entries do not count.

    Args:
        name: name of the object; by default its class in snake case, with a number if needed.
        trainable: False excludes the weights from training and runs the layer in inference mode.
        dtype: dtype of the weights and of the computation, or a policy such as "mixed_bfloat16",
            which computes in bfloat16 and keeps weights in float32; None is the global policy.
        autocast: convert floating inputs to the dtype of the computation.
        input_shape: shape of one sample, without the batch axis, for the first layer of a
            Sequential model.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        list of (batch, ...), broadcast against each other -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Maximum()([lm.asarray([[1.0, 6.0]]), lm.asarray([[3.0, 5.0]])]).tolist()
        [[3.0, 6.0]]
    """

    pairwise = staticmethod(ops.maximum)


class Minimum(_Extremum):
    """Elementwise minimum of the inputs; masked entries do not count.

    Args:
        name: name of the object; by default its class in snake case, with a number if needed.
        trainable: False excludes the weights from training and runs the layer in inference mode.
        dtype: dtype of the weights and of the computation, or a policy such as "mixed_bfloat16",
            which computes in bfloat16 and keeps weights in float32; None is the global policy.
        autocast: convert floating inputs to the dtype of the computation.
        input_shape: shape of one sample, without the batch axis, for the first layer of a
            Sequential model.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        list of (batch, ...), broadcast against each other -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Minimum()([lm.asarray([[1.0, 6.0]]), lm.asarray([[3.0, 5.0]])]).tolist()
        [[1.0, 5.0]]
    """

    pairwise = staticmethod(ops.minimum)


class Average(_Elementwise):
    """Elementwise mean of the inputs.

    Args:
        name: name of the object; by default its class in snake case, with a number if needed.
        trainable: False excludes the weights from training and runs the layer in inference mode.
        dtype: dtype of the weights and of the computation, or a policy such as "mixed_bfloat16",
            which computes in bfloat16 and keeps weights in float32; None is the global policy.
        autocast: convert floating inputs to the dtype of the computation.
        input_shape: shape of one sample, without the batch axis, for the first layer of a
            Sequential model.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        list of (batch, ...), broadcast against each other -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Average()([lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])]).tolist()
        [[2.0, 3.5]]
    """

    pairwise = staticmethod(ops.add)

    def merge(self, inputs: list[Tensor], there: list[Tensor | None]) -> Tensor:
        return super().merge(inputs, there) / len(inputs)


class Concatenate(Merge):
    """Concatenation of the inputs along an axis.

    Args:
        axis: axis of the concatenation, not the batch; all other extents must be equal.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        list of (batch, ..., n_i) -> (batch, ..., sum of n_i), for `axis=-1`

    Example:
        >>> import lamina as lm
        >>> lm.layers.Concatenate()([lm.Input((4, 2)), lm.Input((4, 3))]).shape
        (batch, 4, 5)
    """

    fewest = 1

    def __init__(self, axis: int = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def compute_mask(self, inputs: Sequence[Tensor], mask: Any = None) -> Tensor | None:
        """Concatenate the masks along their axes, with True for inputs without a mask; along other
        axes, a step is unmasked if it is unmasked in any input.

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """
        each = self._masks(inputs, mask)
        known = [m for m in each if m is not None]
        if not known:
            return None
        ndim = max(m.ndim for m in known)
        axis = self.axis % inputs[0].ndim
        if axis >= ndim:
            return _anywhere(_fitted(inputs, each))
        whole = [
            ops.ones(x.shape[:ndim], dtype="bool")
            if m is None
            else ops.broadcast_to(masks.fitted(m, ndim), x.shape[:ndim])
            for x, m in zip(inputs, each, strict=True)
        ]
        return ops.concat(whole, axis=axis)

    def merge(self, inputs: list[Tensor], there: list[Tensor | None]) -> Tensor:
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
        return ops.concat(inputs, axis=axis)


class Dot(Merge):
    """Dot products of two inputs along one axis of each, sample by sample.

    Args:
        axes: axis of both inputs, or a pair of axes; not the batch axis 0.
        normalize: divide both inputs by their Euclidean norm first (cosine similarity).
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        list of (batch, n) and (batch, n) -> (batch, 1)
        list of (batch, a, n) and (batch, b, n) -> (batch, a, b), for `axes=2`

    Example:
        >>> import lamina as lm
        >>> lm.layers.Dot(axes=1)([lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])]).tolist()
        [[13.0]]
    """

    most = 2
    streams = "no"

    def __init__(
        self, axes: int | tuple[int, int], normalize: bool = False, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
        if len(pair) != 2 or not all(isinstance(a, int) for a in pair):
            raise ArgumentError(f"Dot: axes must be an integer or two, not {axes!r}")
        self.axes, self.normalize = pair, bool(normalize)

    def compute_mask(self, inputs: Sequence[Tensor], mask: Any = None) -> None:
        """Return None: the products sum over all steps, or are of pairs of steps.

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """

    def merge(self, inputs: list[Tensor], there: list[Tensor | None]) -> Tensor:
        x, y = inputs
        a, b = (axis % t.ndim for axis, t in zip(self.axes, inputs, strict=True))
        if 0 in (a, b) or not same(x.shape[a], y.shape[b]):
            why = f"cannot be multiplied along the axes {self.axes}"
            raise self._misfit(inputs, why, "the two extents must be equal; the batch is axis 0")
        if self.normalize:
            x, y = neural.l2_normalize(x, axis=a), neural.l2_normalize(y, axis=b)
        result = linear_algebra.contract(x, y, ((a,), (b,)), ((0,), (0,)))
        return ops.expand_dims(result, 1) if result.ndim == 1 else result
