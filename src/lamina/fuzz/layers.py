"""Ways to grow a program by what a layer computes, at the sizes of real networks."""

from __future__ import annotations

from collections.abc import Callable

from lamina import operations
from lamina.activations import mish
from lamina.fuzz.grower import Grower, Refused
from lamina.fuzz.maps import real
from lamina.ir import ops
from lamina.ir.closing import closed_over
from lamina.ir.graph import Node, parameter
from lamina.ir.primitives import constant_of
from lamina.ir.types import TensorType, float32
from lamina.tensor import Tensor, as_node, from_node

UNITS = (16, 64, 64, 65, 96)
FEATURES = (32, 32, 40, 64)


def _log_of_sigmoid(x: Tensor) -> Tensor:
    return operations.log(operations.sigmoid(x))


def _cross_entropy(x: Tensor) -> Tensor:
    return operations.subtract(operations.softplus(x), operations.multiply(x, 0.25))


RULED: list[Callable[[Tensor], Tensor]] = [
    operations.softplus,
    operations.log_sigmoid,
    mish,
    _log_of_sigmoid,
    _cross_entropy,
]


def _applied(g: Grower, x: Node) -> Node:
    """x under an activation, most of which have a custom gradient."""
    if g.rng.random() < 0.3:
        return ops.tanh(x)
    return as_node(g.rng.choice(RULED)(from_node(x)))


def ruled(g: Grower) -> None:
    """A function with a custom gradient."""
    if g.lane != "smooth":
        raise Refused
    x = g.pick(real)
    g.put(as_node(g.rng.choice(RULED)(from_node(x))))


def recurrent(g: Grower) -> None:
    """A recurrent layer, simple or with one gate: (length, batch, features) to all its states."""
    if g.lane != "smooth" or g.depth:
        raise Refused
    length, batch, units = g.rng.randint(2, 5), g.extent(), g.rng.choice(UNITS)
    if g.concrete((batch,))[0] > 33:
        raise Refused
    x = g.parameter((length, batch, g.rng.choice((3, 16, 33))), float32)
    w = g.parameter((x.shape[2], units), float32)
    u = g.parameter((units, units), float32)
    u = g.put(ops.multiply(u, ops.fill(1.0 / units, u)))  # no error grows from step to step
    start = g.put(ops.broadcast(constant_of(0.0, float32), (batch, units), ()))
    carry = parameter(start.type, "carry")
    step = parameter(TensorType(x.shape[1:], float32), "x")
    total = ops.add(_times(step, w), _times(carry, u))
    new = _applied(g, total)
    if g.rng.random() < 0.5:
        gate = ops.logistic(_times(carry, u))
        new = ops.add(carry, ops.multiply(gate, ops.subtract(ops.tanh(new), carry)))
    node = ops.scan(
        *(w, u, start, x),
        body=closed_over([w, u], [carry, step], [new, new], "body"),
        num_consts=2,
        num_carry=1,
        length=length,
        reverse=g.rng.random() < 0.2,
    )
    for part in ops.elements(node):
        g.put(part)


def _times(x: Node, w: Node) -> Node:
    return ops.dot_general(
        x, w, lhs_contracting_dimensions=(x.ndim - 1,), rhs_contracting_dimensions=(0,)
    )


def image_block(g: Grower) -> None:
    """A convolution of many features, as in a network on images, with what follows it."""
    if g.lane == "special" or g.depth:
        raise Refused
    images = g.rng.randint(1, 3)
    height, width = g.rng.randint(3, 9), g.rng.randint(3, 9)
    x = g.parameter((images, height, width, g.rng.choice(FEATURES)), float32)
    window = g.rng.choice((1, 3, 3, 3))
    kernel = g.parameter((window, window, x.shape[3], g.rng.choice(FEATURES)), float32)
    border = ((window // 2,) * 2,) * 2 if g.rng.random() < 0.7 else ((0, 0),) * 2
    y = ops.convolution(
        x,
        kernel,
        window_strides=(g.rng.choice((1, 1, 2)),) * 2,
        padding=border,
        lhs_dilation=(1, 1),
        rhs_dilation=(1, 1),
        lhs_spec=(0, 3, 1, 2),
        rhs_spec=(3, 2, 0, 1),
        out_spec=(0, 3, 1, 2),
    )
    y = g.put(y)
    if g.lane == "smooth" and g.rng.random() < 0.5:
        bias = g.parameter((kernel.shape[3],), float32)
        y = g.put(_applied(g, ops.add(y, ops.broadcast(bias, y.shape, (3,)))))
    else:
        y = g.put(ops.maximum(y, ops.fill(0, y)))
    if min(g.concrete(y.shape[1:3])) >= 2 and g.rng.random() < 0.5:
        g.put(
            ops.reduce_window(
                y,
                kind="max",
                window_dimensions=(1, 2, 2, 1),
                window_strides=(1, 2, 2, 1),
                padding=((0, 0),) * 4,
                window_dilations=(1,) * 4,
            )
        )
