"""Sources and primitives that move elements, in `jax.lax`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.engines.xla.elementwise import Params, jax_dtype
from lamina.engines.xla.threefry import random_bits
from lamina.ir.graph import Node


def _constant(node: Node, xs: list[Any], p: Params) -> Any:
    return jnp.asarray(np.asarray(p["value"]).view(jax_dtype(p["dtype"])))


def _iota(node: Node, xs: list[Any], p: Params) -> Any:
    return lax.broadcasted_iota(p["dtype"].storage, p["shape"], p["iota_dimension"])


def _random(node: Node, xs: list[Any], p: Params) -> Any:
    return random_bits(xs[0], p["shape"])


def _slice(node: Node, xs: list[Any], p: Params) -> Any:
    return lax.slice(xs[0], p["start_indices"], p["limit_indices"], p["strides"])


def _pad(node: Node, xs: list[Any], p: Params) -> Any:
    keys = ("edge_padding_low", "edge_padding_high", "interior_padding")
    return lax.pad(xs[0], xs[1], list(zip(*(p[key] for key in keys), strict=True)))


def _broadcast(node: Node, xs: list[Any], p: Params) -> Any:
    return lax.broadcast_in_dim(xs[0], p["shape"], tuple(p["broadcast_dimensions"]))


ROWS = {
    "constant": _constant,
    "iota": _iota,
    "size_of": lambda node, xs, p: jnp.asarray(np.int32(p["extent"])),
    "rng_bit_generator": _random,
    "reshape": lambda node, xs, p: lax.reshape(xs[0], p["shape"]),
    "transpose": lambda node, xs, p: lax.transpose(xs[0], tuple(p["permutation"])),
    "broadcast_in_dim": _broadcast,
    "slice": _slice,
    "pad": _pad,
    "concatenate": lambda node, xs, p: lax.concatenate(xs, p["dimension"]),
    "reverse": lambda node, xs, p: lax.rev(xs[0], tuple(p["dimensions"])),
    "get_tuple_element": lambda node, xs, p: xs[0][p["index"]],
}
