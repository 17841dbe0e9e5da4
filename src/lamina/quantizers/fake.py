"""Quantization that is only simulated, for training with it."""

from __future__ import annotations

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.ir import types
from lamina.tensor import Tensor, as_tensor
from lamina.transforms.gradients import custom_gradient

__all__ = ["fake_quant_with_min_max_vars"]


def fake_quant_with_min_max_vars(
    inputs: ArrayLike,
    min_vals: ArrayLike,
    max_vals: ArrayLike,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Tensor:
    """Return the inputs, limited to a range and rounded to its 2^num_bits steps.

    The range is moved so that 0 is one of its steps. The gradient passes where an input is in the
    range; of those outside, it goes to the bound that limits them.

    Args:
        inputs: tensor of floats.
        min_vals: lower bound, or one for each index of `axis`.
        max_vals: upper bound, or one for each index of `axis`.
        num_bits: number of bits.
        narrow_range: leave out the lowest step, for a symmetric range.
        axis: axis of the bounds; None for one range.

    Example:
        >>> import lamina as lm
        >>> x = lm.asarray([-1.0, 0.3, 2.0])
        >>> lm.quantizers.fake_quant_with_min_max_vars(x, 0.0, 1.0, num_bits=2).numpy().round(4)
        array([0.    , 0.3333, 1.    ], dtype=float32)

    Source: Jacob et al. (2018), Quantization and training of neural networks for efficient
    integer-arithmetic-only inference.
    """
    x = as_tensor(inputs)
    dtype = types.promote(x.dtype, types.float32)
    place = None if axis is None else axis % x.ndim
    others = tuple(k for k in range(x.ndim) if k != place)
    shape = tuple(-1 if k == place else 1 for k in range(x.ndim))
    high, low = 2 ** int(num_bits) - 1, 1 if narrow_range else 0

    @custom_gradient
    def quantized(x: Tensor, least: Tensor, most: Tensor) -> tuple[Tensor, object]:
        a, b = (
            ops.reshape(as_tensor(bound, dtype), shape if place is not None else ())
            for bound in (least, most)
        )
        step = (b - a) / (high - low)
        zero = ops.round(ops.clip(low - a / step, low, high))
        bottom, top = (low - zero) * step, (high - zero) * step
        wide = as_tensor(x, dtype)
        steps = (ops.clip(wide, bottom, top) - bottom) * ((high - low) / (b - a))
        from_zero = ops.floor(-bottom * ((high - low) / (b - a)) + 0.5)
        values = ops.floor(steps - from_zero + 0.5) * step

        def rule(g: Tensor) -> tuple[Tensor, ...]:
            inside = ops.logical_and(wide >= bottom, wide <= top)
            below, above = (ops.where(out, g, 0.0) for out in (wide <= bottom, wide >= top))
            of_bounds = (
                ops.reshape(ops.sum(each, axis=others), bound.shape)
                for each, bound in ((below, least), (above, most))
            )
            return (ops.where(inside, g, 0.0), *of_bounds)

        return as_tensor(values, x.dtype), rule

    return quantized(x, as_tensor(min_vals), as_tensor(max_vals))  # type: ignore[no-any-return]
