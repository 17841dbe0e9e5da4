"""JAX's side: a jitted step with donated buffers in a loop, and a scan over all the batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.contestants import Prepare, Turn
from benchmarks.data import classes, weights

Parameters = list[jax.Array]
Network = Callable[[Parameters, jax.Array], jax.Array]
"""`parameters, inputs -> logits`."""


def mlp(p: Parameters, x: jax.Array) -> jax.Array:
    """The lecture's network, 784-512-10."""
    return jax.nn.relu(x @ p[0] + p[1]) @ p[2] + p[3]


def vgg(p: Parameters, x: jax.Array) -> jax.Array:
    """ShallowVGGNet in NHWC, the layout that XLA's CPU convolutions are made for."""
    x = _pool(_convolution(_convolution(x, *p[0:2]), *p[2:4]))
    x = _pool(_convolution(_convolution(x, *p[4:6]), *p[6:8]))
    return jax.nn.relu(x.reshape(x.shape[0], -1) @ p[8] + p[9]) @ p[10] + p[11]


def _convolution(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    out = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return jax.nn.relu(out + bias)


def _pool(x: jax.Array) -> jax.Array:
    window = (1, 2, 2, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")


def lstm(p: Parameters, x: jax.Array) -> jax.Array:
    """A picture read row by row; the inputs' product is done for all rows at once."""
    projected = jnp.swapaxes(x @ p[0] + p[2], 0, 1)

    def step(carry: tuple[jax.Array, jax.Array], row: jax.Array) -> tuple[Any, None]:
        h, c = carry
        i, f, g, o = jnp.split(row + h @ p[1], 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((x.shape[0], 128), x.dtype)
    (h, _), _ = jax.lax.scan(step, (zeros, zeros), projected)
    return h @ p[3] + p[4]


SHAPES: dict[Network, tuple[tuple[int, ...], ...]] = {
    mlp: ((784, 512), (512,), (512, 10), (10,)),
    vgg: (
        *((3, 3, 3, 32), (32,), (3, 3, 32, 32), (32,)),
        *((3, 3, 32, 64), (64,), (3, 3, 64, 64), (64,)),
        *((4096, 512), (512,), (512, 10), (10,)),
    ),
    lstm: ((28, 512), (128, 512), (512,), (128, 10), (10,)),
}
INPUTS: dict[Network, tuple[int, ...]] = {mlp: (784,), vgg: (32, 32, 3), lstm: (28, 28)}

UNROLL: dict[tuple[Network, int], int] = {(mlp, 128): 4}
"""Where unrolling the scan over batches was measured to help: 0.93 against 1.05 ms."""


def initial(network: Network) -> tuple:
    """Parameters (Glorot's uniform; biases zero), Adam's two moments, the count of steps."""
    keys = jax.random.split(jax.random.key(3), len(SHAPES[network]))
    start = jax.nn.initializers.glorot_uniform()
    parameters = [
        start(key, shape) if len(shape) > 1 else jnp.zeros(shape)
        for key, shape in zip(keys, SHAPES[network], strict=True)
    ]
    moments = [[jnp.zeros_like(p) for p in parameters] for _ in range(2)]
    return parameters, *moments, jnp.zeros(())


def training_step(network: Network) -> Callable:
    """`state, x, labels -> state, loss`: forward, backward and Adam."""

    def loss_of(parameters: Parameters, x: jax.Array, y: jax.Array) -> jax.Array:
        log_probabilities = jax.nn.log_softmax(network(parameters, x))
        return -jnp.take_along_axis(log_probabilities, y[:, None], axis=1).mean()

    def step(state: tuple, x: jax.Array, y: jax.Array) -> tuple[tuple, jax.Array]:
        parameters, means, squares, count = state
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        count = count + 1
        rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
        squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, gradients, strict=True)]
        moved = zip(parameters, means, squares, strict=True)
        parameters = [p - rate * m / (jnp.sqrt(s) + 1e-7) for p, m, s in moved]
        return (parameters, means, squares, count), loss

    return step


def stepping(network: Network, batch: int, steps: int) -> Turn:
    """The jitted step, its state donated, called once a batch on arrays that are already JAX's."""
    step = jax.jit(training_step(network), donate_argnums=0)
    x, y = classes(batch * steps, INPUTS[network])
    data = list(zip(jnp.split(x, steps), jnp.split(y, steps), strict=True))
    state = initial(network)

    def turn() -> float:
        nonlocal state
        for inputs, labels in data:
            state, loss = step(state, inputs, labels)
        jax.block_until_ready(state)
        return float(loss)

    return turn


def scanning(network: Network, batch: int, steps: int) -> Turn:
    """All the batches of a turn in one program."""
    step, unroll = training_step(network), UNROLL.get((network, batch), 1)

    @partial(jax.jit, donate_argnums=0)
    def epoch(state: tuple, x: jax.Array, y: jax.Array) -> tuple[tuple, jax.Array]:
        return jax.lax.scan(lambda s, b: step(s, *b), state, (x, y), unroll=unroll)

    x, y = classes(batch * steps, INPUTS[network])
    inputs = jnp.asarray(x.reshape(steps, batch, *INPUTS[network]))
    labels = jnp.asarray(y.reshape(steps, batch))
    state = initial(network)

    def turn() -> float:
        nonlocal state
        state, losses = epoch(state, inputs, labels)
        jax.block_until_ready(state)
        return float(losses[-1])

    return turn


def predict(batch: int, steps: int) -> Turn:
    """The jitted forward pass; each answer is waited for, as a caller who needs it would."""
    parameters = [jnp.asarray(w) for w in weights()]
    forward = jax.jit(lambda p, x: jax.nn.softmax(mlp(p, x)))
    rows = jnp.split(jnp.asarray(classes(batch * steps, (784,))[0]), steps)

    def turn() -> float:
        for row in rows:
            result = forward(parameters, row).block_until_ready()
        return float(result.sum()) / batch

    return turn


STEPS: dict[str, Prepare] = {
    **{network.__name__: partial(stepping, network) for network in SHAPES},
    "predict": predict,
}
SCAN: dict[str, Prepare] = {network.__name__: partial(scanning, network) for network in SHAPES}
