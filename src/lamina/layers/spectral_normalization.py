"""SpectralNormalization: a layer whose kernel has the largest singular value 1."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from lamina import initializers
from lamina import operations as ops
from lamina.arguments import Checks, Integer
from lamina.errors import ArgumentError
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers.wrappers import Wrapper
from lamina.tensor import Tensor
from lamina.transforms import stop_gradient

__all__ = ["SpectralNormalization"]


class SpectralNormalization(Wrapper):
    """Wrapper that divides the kernel of a layer by its largest singular value, in training.

        v = u W^T / |u W^T|, u = v W / |v W| (power_iterations times), W = W / (v W u^T)

    The vector u is kept from step to step, so that one iteration per step is enough.

    Args:
        layer: layer with a `kernel` or `embeddings`.
        power_iterations: iterations per step, a positive integer.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        those of `layer`

    Raises:
        ArgumentError: the layer has neither `kernel` nor `embeddings`.

    Example:
        >>> import lamina as lm
        >>> layer = lm.layers.SpectralNormalization(lm.layers.Dense(4))
        >>> layer(lm.Input((3,))).shape
        (batch, 4)

    Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks,
        algorithm 1.
    """

    streams = "no"
    argument_checks: ClassVar[Checks] = {"power_iterations": Integer(1)}

    def __init__(
        self,
        layer: Layer,
        power_iterations: int = 1,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(layer, **kwargs)
        self.power_iterations = power_iterations

    def build(self, input_shape: Any) -> None:
        self.layer.build(input_shape)
        kernel = self._kernel()
        self.vector_u = self.add_weight(
            shape=(1, kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
        )

    def _kernel(self) -> Any:
        for name in ("kernel", "embeddings"):
            found = getattr(self.layer, name, None)
            if found is not None:
                return found
        raise ArgumentError(
            f"{self._label()}: {type(self.layer).__name__} has no weight to normalize (expected "
            "a layer with `kernel` or `embeddings`)"
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training:
            self._normalize()
        return self.layer(inputs, training=training)

    def _normalize(self) -> None:
        kernel = self._kernel()
        weights = kernel.read()
        flat = ops.reshape(weights, (-1, weights.shape[-1]))
        u: Any = self.vector_u.read()
        v: Any = None
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.matrix_transpose(flat)))
            u = _unit(ops.matmul(v, flat))
        u, v = stop_gradient(u), stop_gradient(v)
        sigma = ops.matmul(ops.matmul(v, flat), ops.matrix_transpose(u))
        some = ops.any(weights != 0)
        self.vector_u.assign(ops.where(some, u, self.vector_u.read()))
        kernel.assign(weights / ops.where(some, sigma[0, 0], 1.0))


def _unit(x: Tensor) -> Tensor:
    return x / ops.sqrt(ops.maximum(ops.sum(x * x), 1e-12))
