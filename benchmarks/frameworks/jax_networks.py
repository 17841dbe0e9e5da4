"""The networks as JAX functions of their weights, which are those of `networks`, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import networks

Parameters = list[jax.Array]


@dataclass
class Run:
    """One forward pass: weights to be taken one after another, moving statistics, random bits."""

    weights: Iterator[jax.Array]
    key: jax.Array | None = None
    """Of dropout; None when predicting."""
    statistics: Iterator[tuple[jax.Array, jax.Array]] = field(default_factory=lambda: iter(()))
    moved: list[tuple[jax.Array, jax.Array]] = field(default_factory=list)
    """The moving statistics after this pass."""

    def dense(self, x: jax.Array) -> jax.Array:
        return x @ next(self.weights) + next(self.weights)

    def convolution(self, x: jax.Array, stride: int = 1, bias: bool = True) -> jax.Array:
        """In NHWC, the layout that XLA's CPU convolutions are made for."""
        kernel = next(self.weights)
        pad = kernel.shape[0] // 2
        layout = ("NHWC", "HWIO", "NHWC")
        out = jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), ((pad, pad), (pad, pad)), dimension_numbers=layout
        )
        return out + next(self.weights) if bias else out

    def batch_norm(self, x: jax.Array, momentum: float = 0.99, epsilon: float = 1e-3) -> jax.Array:
        """Over all axes but the last: by the batch in training, by moving statistics otherwise."""
        gamma, beta = next(self.weights), next(self.weights)
        mean, variance = next(self.statistics)
        if self.key is not None:
            axes = tuple(range(x.ndim - 1))
            old, (mean, variance) = (mean, variance), (x.mean(axes), x.var(axes))
            pairs = zip(old, (mean, variance), strict=True)
            self.moved.append(tuple(momentum * was + (1 - momentum) * now for was, now in pairs))
        scale = gamma * jax.lax.rsqrt(variance + epsilon)
        return x * scale + (beta - mean * scale)

    def layer_norm(self, x: jax.Array) -> jax.Array:
        gamma, beta = next(self.weights), next(self.weights)
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * gamma + beta

    def dropout(self, x: jax.Array, rate: float) -> jax.Array:
        rate = networks.dropout(rate)
        if self.key is None or not rate:
            return x
        self.key, key = jax.random.split(self.key)
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


Network = Callable[[Run, jax.Array], jax.Array]
"""`run, inputs -> logits`."""


# ---- images ------------------------------------------------------------------------------------
def mlp(run: Run, x: jax.Array) -> jax.Array:
    """The lecture's network, 784-512-10."""
    return run.dense(jax.nn.relu(run.dense(x)))


def dense(run: Run, x: jax.Array) -> jax.Array:
    """Wide dense layers, 4096-4096-4096-1000."""
    return run.dense(jax.nn.relu(run.dense(jax.nn.relu(run.dense(x)))))


def vgg_plain(run: Run, x: jax.Array) -> jax.Array:
    """ShallowVGGNet's convolutions, pooling and dense layers alone."""
    for _ in range(2):
        for _ in range(2):
            x = jax.nn.relu(run.convolution(x))
        x = _pool(x)
    return run.dense(jax.nn.relu(run.dense(x.reshape(x.shape[0], -1))))


def vgg(run: Run, x: jax.Array) -> jax.Array:
    """ShallowVGGNet as the lecture prints it, with batch normalization and dropout."""
    for _ in range(2):
        for _ in range(2):
            x = run.batch_norm(jax.nn.relu(run.convolution(x)))
        x = run.dropout(_pool(x), 0.25)
    x = run.batch_norm(jax.nn.relu(run.dense(x.reshape(x.shape[0], -1))))
    return run.dense(run.dropout(x, 0.5))


def _pool(x: jax.Array) -> jax.Array:
    window = (1, 2, 2, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")


def resnet18(run: Run, x: jax.Array) -> jax.Array:
    """ResNet-18 in its form for small images."""

    def unit(x: jax.Array, stride: int = 1) -> jax.Array:
        return run.batch_norm(run.convolution(x, stride, bias=False), 0.9, 1e-5)

    def block(x: jax.Array, stride: int = 1) -> jax.Array:
        y = unit(jax.nn.relu(unit(x, stride)))
        return jax.nn.relu(y + (unit(x, stride) if stride > 1 else x))

    x = jax.nn.relu(unit(x))
    for stage in range(len(networks.RESNET_STAGES)):
        x = block(block(x, 2 if stage else 1))
    return run.dense(x.mean((1, 2)))


# ---- sequences ---------------------------------------------------------------------------------
def lstm_step(carry: tuple, gates: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The new state, from the old one and all that goes into the gates i, f, g, o."""
    i, f, g, o = jnp.split(gates, 4, axis=1)
    c = jax.nn.sigmoid(f) * carry[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def lstm(run: Run, x: jax.Array) -> jax.Array:
    """An LSTM over rows; the inputs' product is done for all rows at once."""
    kernel, state, bias = (next(run.weights) for _ in range(3))
    projected = jnp.swapaxes(x @ kernel + bias, 0, 1)

    def step(carry: tuple[jax.Array, jax.Array], row: jax.Array) -> tuple[Any, None]:
        return lstm_step(carry, row + carry[0] @ state), None

    zeros = jnp.zeros((x.shape[0], state.shape[0]), x.dtype)
    (h, _), _ = jax.lax.scan(step, (zeros, zeros), projected)
    return run.dense(h)


def gru(run: Run, x: jax.Array) -> jax.Array:
    """A GRU over rows, gates in the order z, r, h."""
    kernel, state, (bias, state_bias) = (next(run.weights) for _ in range(3))
    projected = jnp.swapaxes(x @ kernel + bias, 0, 1)

    def step(h: jax.Array, row: jax.Array) -> tuple[jax.Array, None]:
        z, r, n = jnp.split(row, 3, axis=1)
        hz, hr, hn = jnp.split(h @ state + state_bias, 3, axis=1)
        z = jax.nn.sigmoid(z + hz)
        n = jnp.tanh(n + jax.nn.sigmoid(r + hr) * hn)
        return z * h + (1 - z) * n, None

    h, _ = jax.lax.scan(step, jnp.zeros((x.shape[0], state.shape[0]), x.dtype), projected)
    return run.dense(h)


def _decoder(name: str) -> Network:
    """A language model; queries, keys and values are one product."""
    sizes = networks.DECODERS[name]

    def logits(run: Run, tokens: jax.Array) -> jax.Array:
        x = next(run.weights)[tokens] + next(run.weights)
        for _ in range(sizes.layers):
            x = _decoder_block(run, x, sizes.heads)
        return run.dense(run.layer_norm(x))

    return logits


def _joined(run: Run) -> tuple[jax.Array, jax.Array]:
    """Kernel and bias of queries, keys and values in one product."""
    joined = [next(run.weights) for _ in range(6)]
    return jnp.concatenate(joined[0::2], 1), jnp.concatenate(joined[1::2])


def _decoder_block(run: Run, x: jax.Array, count: int) -> jax.Array:
    kernel, bias = _joined(run)
    out, out_bias = next(run.weights), next(run.weights)
    heads = (*x.shape[:2], 3, count, -1)
    q, k, v = jnp.moveaxis((run.layer_norm(x) @ kernel + bias).reshape(heads), 2, 0)
    seen = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    x = x + seen.reshape(x.shape) @ out + out_bias
    return x + _feedforward(run, run.layer_norm(x))


def _feedforward(run: Run, x: jax.Array) -> jax.Array:
    return run.dense(jax.nn.gelu(run.dense(x), approximate=False))


def vit(run: Run, x: jax.Array) -> jax.Array:
    """The vision Transformer."""
    kernel, bias = next(run.weights), next(run.weights)
    patch = (networks.VIT_PATCH, networks.VIT_PATCH)
    x = jax.lax.conv_general_dilated(
        x, kernel, patch, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    x = (x + bias).reshape(len(x), -1, networks.VIT_WIDTH) + next(run.weights)
    for _ in range(networks.VIT_LAYERS):
        x = _encoder_block(run, x)
    x = run.dropout(run.layer_norm(x).reshape(len(x), -1), 0.5)
    for _ in networks.VIT_HEAD:
        x = run.dropout(jax.nn.gelu(run.dense(x), approximate=False), 0.5)
    return run.dense(x)


def _encoder_block(run: Run, x: jax.Array) -> jax.Array:
    normalized = run.layer_norm(x)
    kernel, bias = _joined(run)
    heads = (*x.shape[:2], 3, networks.VIT_HEADS, -1)
    q, k, v = jnp.moveaxis((normalized @ kernel + bias).reshape(heads), 2, 0)
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1]).astype(np.float32)
    seen = jnp.einsum("bhqk,bkhd->bqhd", run.dropout(jax.nn.softmax(scores), 0.1), v)
    x = x + run.dense(seen.reshape(*x.shape[:2], -1))
    y = run.layer_norm(x)
    for _ in range(2):
        y = run.dropout(jax.nn.gelu(run.dense(y), approximate=False), 0.1)
    return x + y


NETWORKS: dict[str, Network] = {
    "mlp": mlp,
    "dense": dense,
    "vgg": vgg,
    "vgg_plain": vgg_plain,
    "resnet18": resnet18,
    "lstm": lstm,
    "lstm_1000": lstm,
    "gru": gru,
    **{name: _decoder(name) for name in networks.DECODERS},
    "vit": vit,
}


def statistics(name: str) -> list[tuple[jax.Array, jax.Array]]:
    """First values of moving means and variances: a pair for each batch normalization."""
    if name not in ("vgg", "resnet18"):
        return []
    parts = [part.weights for part in networks.BY_NAME[name].parts]
    sizes = [weights[0][0] for weights in parts if weights and weights[0][1] == "ones"]
    return [(jnp.zeros(size), jnp.ones(size)) for size in sizes]
