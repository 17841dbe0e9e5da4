"""Steps of optimizers, of the operator set for training; each for any number of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import operations as ops
from lamina.ir import types
from lamina.onnx.rows import operator
from lamina.tensor import Tensor, as_tensor

TRAINING = "ai.onnx.preview.training"


def _each(
    rate: Any, count: Any, tensors: tuple[Any, ...], states: int, step: Callable[..., Any]
) -> tuple[Tensor, ...]:
    """The step applied to each tensor with its gradient and states; new tensors, then states."""
    number = len(tensors) // (2 + states)
    rate, count = as_tensor(rate), as_tensor(count, types.float32)
    rows = [step(rate, count, *[as_tensor(v) for v in tensors[k::number]]) for k in range(number)]
    return tuple(row[part] for part in range(1 + states) for row in rows)


@operator("Adagrad", since=1, domain=TRAINING)
def adagrad(
    rate: Any,
    count: Any,
    *tensors: Any,
    decay_factor: float = 0.0,
    epsilon: float = 0.0,
    norm_coefficient: float = 0.0,
) -> tuple[Tensor, ...]:
    def step(r: Any, t: Any, x: Any, g: Any, h: Any) -> tuple[Any, ...]:
        gradient = norm_coefficient * x + g
        squares = h + gradient * gradient
        scaled = r / (1 + t * decay_factor)
        return x - scaled * gradient / (ops.sqrt(squares) + epsilon), squares

    return _each(rate, count, tensors, 1, step)


@operator("Adam", since=1, domain=TRAINING)
def adam(
    rate: Any,
    count: Any,
    *tensors: Any,
    alpha: float = 0.9,
    beta: float = 0.999,
    epsilon: float = 0.0,
    norm_coefficient: float = 0.0,
    norm_coefficient_post: float = 0.0,
) -> tuple[Tensor, ...]:
    def step(r: Any, t: Any, x: Any, g: Any, v: Any, h: Any) -> tuple[Any, ...]:
        gradient = norm_coefficient * x + g
        mean = alpha * v + (1 - alpha) * gradient
        square = beta * h + (1 - beta) * gradient * gradient
        bias = ops.sqrt(1 - ops.pow(as_tensor(beta, types.float32), t)) / (
            1 - ops.pow(as_tensor(alpha, types.float32), t)
        )
        scaled = r * ops.where(t > 0, bias, 1.0)
        new = x - scaled * mean / (ops.sqrt(square) + epsilon)
        return (1 - norm_coefficient_post) * new, mean, square

    return _each(rate, count, tensors, 2, step)


@operator("Momentum", since=1, domain=TRAINING)
def momentum(
    rate: Any,
    count: Any,
    *tensors: Any,
    alpha: float,
    beta: float,
    mode: str,
    norm_coefficient: float,
) -> tuple[Tensor, ...]:
    def step(r: Any, t: Any, x: Any, g: Any, v: Any) -> tuple[Any, ...]:
        gradient = norm_coefficient * x + g
        velocity = alpha * v + ops.where(t > 0, beta, 1.0) * gradient
        move = gradient + alpha * velocity if mode == "nesterov" else velocity
        return x - r * move, velocity

    return _each(rate, count, tensors, 1, step)
