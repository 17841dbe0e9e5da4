"""JAX's side: a jitted step with donated buffers in a loop, and a scan over all the batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from benchmarks.contestants import Prepare, Trial
from benchmarks.data import examples, witness
from benchmarks.frameworks.jax_networks import NETWORKS, Parameters, Run, lstm_step, statistics
from benchmarks.networks import BY_NAME

UNROLL: dict[tuple[str, int], int] = {("mlp", 128): 4}
"""Where unrolling the scan over batches was measured to help: 0.93 against 1.05 ms."""


def initial(name: str) -> tuple:
    """Parameters, Adam's two moments, moving statistics, random key, the count of steps."""
    parameters = [jnp.asarray(each) for each in BY_NAME[name].weights()]
    moments = [[jnp.zeros_like(p) for p in parameters] for _ in range(2)]
    return parameters, *moments, statistics(name), jax.random.key(3), jnp.zeros(())


def training_step(name: str) -> Callable:
    """`state, x, labels -> state, loss`: forward, backward and Adam."""

    def loss_of(
        parameters: Parameters, moving: list, key: jax.Array, x: jax.Array, y: jax.Array
    ) -> tuple[jax.Array, list]:
        run = Run(iter(parameters), key, iter(moving))
        log_probabilities = jax.nn.log_softmax(NETWORKS[name](run, x))
        chosen = jnp.take_along_axis(log_probabilities, y[..., None], axis=-1)
        return -chosen.mean(), run.moved

    def step(state: tuple, x: jax.Array, y: jax.Array) -> tuple[tuple, jax.Array]:
        parameters, means, squares, moving, key, count = state
        key, once = jax.random.split(key)
        gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, moving), gradients = gradient(parameters, moving, once, x, y)
        count = count + 1
        rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
        squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, gradients, strict=True)]
        moved = zip(parameters, means, squares, strict=True)
        parameters = [p - rate * m / (jnp.sqrt(s) + 1e-7) for p, m, s in moved]
        return (parameters, means, squares, moving, key, count), loss

    return step


def stepping(name: str, batch: int, steps: int) -> Trial:
    """The jitted step, its state donated, called once a batch on arrays that are already JAX's."""
    step = jax.jit(training_step(name), donate_argnums=0)
    x, y = examples(BY_NAME[name], batch * steps)
    data = list(zip(jnp.split(x, steps), jnp.split(y, steps), strict=True))
    state = initial(name)

    def trial() -> float:
        nonlocal state
        for inputs, labels in data:
            state, loss = step(state, inputs, labels)
        jax.block_until_ready(state)
        return float(loss)

    return trial


def scanning(name: str, batch: int, steps: int) -> Trial:
    """All the batches of a trial in one program."""
    step, unroll = training_step(name), UNROLL.get((name, batch), 1)

    @partial(jax.jit, donate_argnums=0)
    def epoch(state: tuple, x: jax.Array, y: jax.Array) -> tuple[tuple, jax.Array]:
        return jax.lax.scan(lambda s, b: step(s, *b), state, (x, y), unroll=unroll)

    x, y = examples(BY_NAME[name], batch * steps)
    inputs, labels = (jnp.asarray(each.reshape(steps, batch, *each.shape[1:])) for each in (x, y))
    state = initial(name)

    def trial() -> float:
        nonlocal state
        state, losses = epoch(state, inputs, labels)
        jax.block_until_ready(state)
        return float(losses[-1])

    return trial


def predict(name: str, batch: int, steps: int) -> Trial:
    """The jitted forward pass; each answer is waited for, as a caller who needs it would."""
    parameters, moving = [jnp.asarray(w) for w in BY_NAME[name].weights()], statistics(name)
    rows = jnp.split(jnp.asarray(examples(BY_NAME[name], batch * steps)[0]), steps)

    @jax.jit
    def forward(parameters: Parameters, x: jax.Array) -> jax.Array:
        return jax.nn.softmax(NETWORKS[name](Run(iter(parameters), None, iter(moving)), x))

    def trial() -> float:
        for row in rows:
            result = forward(parameters, row).block_until_ready()
        return witness(result)

    return trial


def stream(batch: int, steps: int) -> Trial:
    """One time step of an LSTM a call, the state kept and donated from call to call."""
    weights = [jnp.asarray(w) for w in BY_NAME["stream"].weights()]
    rows = [jnp.asarray(row[:, 0]) for row in _rows(batch, steps)]

    @partial(jax.jit, donate_argnums=1)
    def step(weights: Parameters, carry: tuple, x: jax.Array) -> tuple:
        kernel, state, bias = weights
        return lstm_step(carry, x @ kernel + carry[0] @ state + bias)

    def trial() -> float:
        carry = jnp.zeros((batch, 256)), jnp.zeros((batch, 256))
        for row in rows:
            carry = jax.block_until_ready(step(weights, carry, row))
        return witness(carry[0])

    return trial


def _rows(batch: int, steps: int) -> list:
    """One row of the batch for each call."""
    return jnp.split(examples(BY_NAME["stream"], batch * steps)[0], steps)


STEPS: dict[str, Prepare] = {
    **{name: partial(stepping, name) for name in NETWORKS},
    **{f"predict-{name}": partial(predict, name) for name in ("mlp", "vgg")},
    "stream": stream,
}
SCAN: dict[str, Prepare] = {name: partial(scanning, name) for name in NETWORKS}
