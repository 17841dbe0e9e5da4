"""BatchNormalization: statistics of the batch in training, and moving averages in inference.

Arguments, defaults, weights and moving statistics are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from lamina import arguments, initializers
from lamina import operations as ops
from lamina.annotations import ConstraintLike, InitializerLike, RegularizerLike
from lamina.errors import ArgumentError, RangeError, ShapeError, unknown_name
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec
from lamina.layers.normalization import Affine
from lamina.operations.normalization import along_axis, normalize, normalize_by_batch
from lamina.operations.promote import axis_of
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import stop_gradient
from lamina.variables import Variable

__all__ = ["BatchNormalization"]


class BatchNormalization(Affine):
    """Normalization of each channel to mean 0 and variance 1 over the batch.

        gamma (x - mean) / sqrt(variance + epsilon) + beta

    Training uses the statistics of the batch (variance over n) and updates the moving averages;
    inference, and a layer with `trainable = False`, uses the moving averages. A mask, of one axis
    less than the inputs, excludes entries from the statistics. Weights: gamma, beta, moving_mean,
    moving_variance, all (channels,).

    Args:
        axis: axis of the channels.
        momentum: factor m of the moving averages, m * old + (1 - m) * new.
        epsilon: small positive number that keeps the denominator away from 0.
        center: add the learned offset `beta`.
        scale: multiply by the learned scale `gamma`.
        beta_initializer: initializer of the offset.
        gamma_initializer: initializer of the scale.
        moving_mean_initializer: initializer of the moving mean.
        moving_variance_initializer: initializer of the moving variance.
        beta_regularizer: regularizer of the offset.
        gamma_regularizer: regularizer of the scale.
        beta_constraint: constraint applied to the offset after each update.
        gamma_constraint: constraint applied to the scale after each update.
        renorm: batch renormalization: in training, correct the statistics of the batch to
            r (x - mean) / deviation + d, which approaches the result of inference.
        renorm_clipping: dictionary with bounds of the correction, "rmin", "rmax" and "dmax".
        renorm_momentum: factor of the moving averages that the correction is computed from.
        synchronized: accepted for compatibility with Keras: the statistics are always those of the
            whole batch, of all devices.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ..., channels) -> (batch, ..., channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.BatchNormalization()(lm.Input((10, 3))).shape
        (batch, 10, 3)

    Source: Ioffe and Szegedy (2015), Batch normalization, algorithm 1.
    """

    streams = "each_step"
    moving_stddev: Variable  # these three only with `renorm`
    renorm_mean: Variable
    renorm_stddev: Variable

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            (axis,) = axis
        if not hasattr(axis, "__index__"):
            raise ArgumentError(f"BatchNormalization: axis must be an integer, not {axis!r}")
        self.axis = int(axis)
        self.momentum, self.epsilon = float(momentum), float(epsilon)
        rest = (beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint)
        self._settle(center, scale, beta_initializer, gamma_initializer, *rest)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = bool(renorm)
        self.renorm_momentum = arguments.number(
            type(self).__name__, "renorm_momentum", renorm_momentum, 0
        )
        self.renorm_clipping = _bounds(renorm_clipping or {}) if renorm else None

    def build(self, input_shape: Any) -> None:
        axis = axis_of(self._label(), self.axis, len(input_shape))
        channels = input_shape[axis]
        self._add_affine((channels,))
        self.moving_mean = self.add_weight(
            name="moving_mean",
            shape=(channels,),
            initializer=self.moving_mean_initializer,
            trainable=False,
            autocast=False,
        )
        self.moving_variance = self.add_weight(
            name="moving_variance",
            shape=(channels,),
            initializer=self.moving_variance_initializer,
            trainable=False,
            autocast=False,
        )
        if self.renorm:
            self._add_renorm(channels)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def _add_renorm(self, channels: Any) -> None:
        """Make the further averages of renormalization."""
        deviation = self.moving_variance.numpy() ** 0.5
        for name, initial in (
            ("moving_stddev", deviation),
            ("renorm_mean", self.moving_mean.numpy()),
            ("renorm_stddev", deviation),
        ):
            weight = self.add_weight(
                (channels,), "zeros", name=name, trainable=False, autocast=False
            )
            weight.assign(initial)
            setattr(self, name, weight)

    def call(self, inputs: Tensor, training: bool = False, mask: Any = None) -> Tensor:
        x = self._wide(inputs)
        axis = self.axis % x.ndim
        if training and self.renorm:
            return as_tensor(self._renormalized(x, axis, mask), self._compute_dtype)
        if training:
            mean, variance = self._moments(x, tuple(d for d in range(x.ndim) if d != axis), mask)
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance)
            if mask is None:
                gamma, beta = (
                    None if w is None else self._wide(w) for w in (self.gamma, self.beta)
                )
                y = normalize_by_batch(x, mean, variance, axis, gamma, beta, self.epsilon)
                return as_tensor(y, self._compute_dtype)
        else:
            mean, variance = (
                along_axis(self._wide(w), axis, x) for w in (self.moving_mean, self.moving_variance)
            )
        y = normalize(x, mean, variance, *self._weights_along((axis,), x), self.epsilon)
        return as_tensor(y, self._compute_dtype)

    def _moments(self, x: Tensor, axes: tuple[int, ...], mask: Any) -> Any:
        if mask is None:
            mean = ops.mean(x, axes, keepdims=True)
            return mean, ops.mean(ops.square(x - mean), axes, keepdims=True)
        if mask.ndim != x.ndim - 1:
            raise ShapeError(
                f"{self._label()}: the mask, {mask.shape}, must have one axis less than the "
                f"inputs, {x.shape}"
            )
        kept = ops.astype(ops.reshape(mask, (*mask.shape, 1)), x.dtype)
        kept = kept + ops.zeros_like(x)
        count = ops.sum(kept, axes, keepdims=True) + 1e-7
        mean = ops.sum(x * kept, axes, keepdims=True) / count
        centred = ops.square(x - mean) * kept
        return mean, ops.sum(centred, axes, keepdims=True) / count

    def _move(self, moving: Variable, batch: Tensor, momentum: float | None = None) -> None:
        momentum = self.momentum if momentum is None else momentum
        flat = ops.reshape(batch, moving.shape)
        moving.assign(self._wide(moving) * momentum + flat * (1.0 - momentum))

    def _renormalized(self, x: Tensor, axis: int, mask: Any) -> Tensor:
        """Return the batch renormalization of x, and move all averages.

        Source: Ioffe (2017), Batch renormalization, algorithm 1.
        """
        mean, variance = self._moments(x, tuple(d for d in range(x.ndim) if d != axis), mask)
        deviation = ops.sqrt(variance + self.epsilon)
        known = along_axis(self._wide(self.renorm_mean), axis, x)
        spread = ops.maximum(along_axis(self._wide(self.renorm_stddev), axis, x), self.epsilon**0.5)
        bounds = self.renorm_clipping or {}
        r = ops.clip(deviation / spread, bounds.get("rmin"), bounds.get("rmax"))
        most = bounds.get("dmax")
        d = (mean - known) / spread
        d = d if most is None else ops.clip(d, -most, most)
        r, d = stop_gradient(r), stop_gradient(d)
        gamma, beta = self._weights_along((axis,), x)
        found = (x - mean) / deviation * r + d
        found = found if gamma is None else found * gamma
        self._move(self.renorm_mean, mean, self.renorm_momentum)
        self._move(self.renorm_stddev, deviation, self.renorm_momentum)
        self._move(self.moving_mean, mean)
        self._move(self.moving_stddev, deviation)
        power = ops.square(self._wide(self.moving_stddev)) - self.epsilon
        self.moving_variance.assign(ops.maximum(power, 0.0))
        return found if beta is None else found + beta


def _bounds(given: Mapping[str, float]) -> dict[str, float]:
    """Return the checked bounds of the correction."""
    unknown = set(given) - {"rmin", "rmax", "dmax"}
    if unknown:
        raise unknown_name("bound of renorm_clipping", min(unknown), {"rmin", "rmax", "dmax"})
    if given.get("rmin", 0) > given.get("rmax", given.get("rmin", 0)) or given.get("dmax", 0) < 0:
        raise RangeError(
            "BatchNormalization: invalid renorm_clipping (expected rmin <= rmax and dmax >= 0, got "
            f"{dict(given)})"
        )
    return dict(given)
