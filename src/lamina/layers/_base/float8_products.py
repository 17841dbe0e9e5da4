"""Products whose factors and gradients are rounded to floats of 8 bits.

Each of the inputs, the kernel and the gradient of the outputs has a scale and the largest absolute
values of the last steps, from which the next scale follows. They are weights whose "gradient" is
their next value.

Source: Micikevicius et al. (2022), FP8 formats for deep learning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import operations as ops
from lamina.layers._base.low_rank import LowRank
from lamina.quantizers.float8 import (
    compute_float8_amax_history,
    compute_float8_scale,
    format_of,
    quantize_and_dequantize,
)
from lamina.tensor import Tensor, as_tensor
from lamina.transforms.gradients import custom_gradient

FORWARD, BACKWARD = "float8_e4m3fn", "float8_e5m2"
SCALED = ("inputs", "kernel", "outputs_grad")


def build(layer: LowRank, length: int) -> None:
    """Make the scales and histories of a layer."""
    for name in SCALED:
        for what, shape, initializer in (("scale", (), "ones"), ("amax_history", (length,), 0)):
            variable = layer.add_weight(
                shape,
                "zeros" if initializer == 0 else "ones",
                "float32",
                autocast=False,
                overwrite_with_gradient=True,
                name=f"{name}_{what}",
            )
            setattr(layer, f"{name}_{what}", variable)


def product(layer: Any, inputs: Tensor, kernel: Any, contract: Callable[..., Tensor]) -> Tensor:
    """Return the product of rounded factors, whose gradient is rounded too."""
    dtype = layer._compute_dtype

    @custom_gradient
    def rounded_factor(x: Tensor, scale: Tensor, history: Tensor) -> Any:
        return (
            quantize_and_dequantize(x, scale, FORWARD, dtype),
            lambda g: (as_tensor(g, x.dtype), *_next(x, scale, history, FORWARD)),
        )

    @custom_gradient
    def with_rounded_gradient(y: Tensor, scale: Tensor, history: Tensor) -> Any:
        return y, lambda g: (
            quantize_and_dequantize(g, scale, BACKWARD, dtype),
            *_next(g, scale, history, BACKWARD),
        )

    def state(name: str) -> tuple[Tensor, Tensor]:
        scale, history = (getattr(layer, f"{name}_{what}") for what in ("scale", "amax_history"))
        return scale.read(), history.read()

    y = contract(
        rounded_factor(inputs, *state("inputs")), rounded_factor(kernel.read(), *state("kernel"))
    )
    return with_rounded_gradient(y, *state("outputs_grad"))  # type: ignore[no-any-return]


def _next(x: Tensor, scale: Tensor, history: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Return scale and history after a step."""
    largest = format_of(name).largest
    return (
        compute_float8_scale(ops.max(history), scale, largest),
        compute_float8_amax_history(x, history),
    )
