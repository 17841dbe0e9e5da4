"""Grow one random program, well typed by construction and computed as it grows.

A `Grower` holds the nodes made so far, each with its Shadow (bounds.py): what would overflow, or
hangs on rounding, is refused as soon as it is made. `grow` makes one move; moves.py lists them.

    lane     operands                                   compared
    smooth   normal numbers                             within the shadow's bound
    exact    small whole numbers                        exactly: no sum of them rounds
    special  NaN, infinities, zeros of both signs       by their bits, in primitives that round at
                                                        most once; in loops, that do not
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from lamina.errors import LaminaError
from lamina.fuzz.bounds import Shadow, exact
from lamina.fuzz.shadow import Refused, claimed, step
from lamina.ir import ops
from lamina.ir.graph import Node, parameter, topological
from lamina.ir.primitives import constant_of
from lamina.ir.types import (
    Dim,
    DType,
    Shape,
    TensorType,
    bool_,
    evaluate,
    float32,
    float64,
    int32,
    is_static,
    uint8,
)

MOST_ELEMENTS, MOST_PRODUCTS = 20_000, 300_000
MOST_PARAMETERS = 9
LARGEST = {"smooth": 1e5, "exact": 2.0**15, "special": np.inf}


@dataclass
class Grower:
    """A graph that grows; inside a loop's body (`closed`) no parameter can be added."""

    rng: random.Random
    lane: str
    extents: list[Dim]
    sizes: dict[str, int]
    closed: bool = False
    depth: int = 0
    turns: int = 1  # of the loops around: what is inside must be as much smaller
    scale: int = 1  # how many times as large as usual arrays may be
    nodes: list[Node] = field(default_factory=list)
    shadows: dict[Node, Any] = field(default_factory=dict)
    parameters: list[Node] = field(default_factory=list)
    arrays: list[np.ndarray] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    inner_moves: Sequence[tuple[Callable[[Grower], Any], float]] = ()  # of loop bodies
    roots: Sequence[Node] = ()  # what the skeleton computes: results of the program
    updated: dict[int, Node] = field(default_factory=dict)  # the next values of some parameters

    # ---- making nodes --------------------------------------------------------------------------
    def parameter(self, shape: Shape, dtype: DType, domain: str = "") -> Node:
        """A new input, with an array for it."""
        large = prod(self.concrete(shape)) > MOST_ELEMENTS * self.scale
        if self.closed or len(self.parameters) >= MOST_PARAMETERS or large:
            raise Refused
        node = parameter(TensorType(shape, dtype), f"x{len(self.parameters)}")
        array = sample(self.rng, self.concrete(shape), dtype, domain or self.lane)
        self.parameters.append(node)
        self.arrays.append(array)
        self.domains.append(domain or self.lane)
        self.given(node, exact(array, dtype))
        return node

    def given(self, node: Node, shadow: Shadow) -> None:
        self.nodes.append(node)
        self.shadows[node] = shadow

    def put(self, node: Node) -> Node:
        """The node, if something can be claimed about its value; its operands are put first."""
        missing = topological([node], self.shadows)
        added: dict[Node, Any] = {}
        for n in missing:
            self._afford(n)
            added[n] = self._shadow(n, [added.get(a, self.shadows.get(a)) for a in n.args])
        self.shadows |= added
        self.nodes += [n for n in missing if isinstance(n.type, TensorType) and n.op != "constant"]
        return node

    def _afford(self, node: Node) -> None:
        """Refuse what would be large, before it is computed."""
        types = node.type if isinstance(node.type, tuple) else (node.type,)
        sizes = [prod(self.concrete(t.shape)) for t in types]
        if max(sizes, default=0) * self.turns > MOST_ELEMENTS * self.scale or any(
            t.ndim > 6 for t in types
        ):
            raise Refused
        if node.op == "dot_general":
            x = node.args[0].shape
            turns = prod(self.concrete([x[d] for d in node.params["lhs_contracting_dimensions"]]))
        elif node.op == "convolution":
            turns = prod(self.concrete(node.args[1].shape))
        else:
            return
        if sizes[0] * turns * self.turns > MOST_PRODUCTS * self.scale:
            raise Refused

    def _shadow(self, node: Node, args: Sequence[Any]) -> Any:
        shadow = step(node, args, self.sizes)
        parts = shadow if isinstance(shadow, tuple) else (shadow,)
        types = node.type if isinstance(shadow, tuple) else (node.type,)
        for part, type_ in zip(parts, types, strict=True):
            self._accept(part, type_)
        return claimed(node, shadow, self.lane)

    def _accept(self, shadow: Shadow, type_: TensorType) -> None:
        if self.lane == "special" or not shadow.value.size:
            return
        if shadow.known < 0.8:
            raise Refused
        if type_.dtype.is_float:
            largest = float(np.abs(np.nan_to_num(shadow.value)).max())
            if largest > LARGEST[self.lane]:
                raise Refused

    # ---- choosing ------------------------------------------------------------------------------
    def pick(self, test: Callable[[Node], bool] = lambda n: True) -> Node:
        """A node that passes the test, rather a new one."""
        fitting = [n for n in self.nodes if test(n)]
        if not fitting:
            raise Refused
        return self.rng.choice(fitting[-4:] if self.rng.random() < 0.5 else fitting)

    def like(self, x: Node) -> Node:
        """An operand of x's type: any there is, one broadcast to it, a number, or a new input."""
        ways = [self._another, self._another, self._spread, self._spread, self._number, self._new]
        self.rng.shuffle(ways)
        for way in ways:
            try:
                return way(x)
            except Refused:
                continue
        return self.put(self.constant(x.type))

    def _another(self, x: Node) -> Node:
        return self.pick(lambda n: n.type == x.type)

    def _spread(self, x: Node) -> Node:
        """A node whose extents are some of x's, in order, or 1."""
        y = self.pick(lambda n: n.dtype == x.dtype and n.ndim <= x.ndim and n.type != x.type)
        axes: list[int] = []
        for extent in y.shape:
            start = axes[-1] + 1 if axes else 0
            fits = [d for d in range(start, x.ndim) if extent in (1, x.shape[d])]
            if not fits:
                raise Refused
            axes.append(self.rng.choice(fits))
        return self.put(ops.broadcast_in_dim(y, shape=x.shape, broadcast_dimensions=tuple(axes)))

    def _number(self, x: Node) -> Node:
        return self.put(ops.broadcast(self.constant(TensorType((), x.dtype)), x.shape, ()))

    def _new(self, x: Node) -> Node:
        return self.parameter(x.shape, x.dtype)

    def constant(self, type_: TensorType) -> Node:
        if not is_static(type_.shape) or (type_.size > 200 and type_.ndim):  # type: ignore[operator]
            scalar = self.constant(TensorType((), type_.dtype))
            return ops.broadcast(scalar, type_.shape, ())
        array = sample(self.rng, self.concrete(type_.shape), type_.dtype, self.lane)
        return constant_of(array, type_.dtype)

    def concrete(self, shape: Sequence[Dim]) -> tuple[int, ...]:
        return tuple(evaluate(d, self.sizes) for d in shape)

    def extent(self) -> Dim:
        return self.rng.choice(self.extents)

    def shape(self, most: int = 3) -> Shape:
        return tuple(self.extent() for _ in range(self.rng.choice((1, 1, 2, 2, 2, 3, most, 0))))

    def dtype(self) -> DType:
        usual = [float32] * 10 + [int32, int32, bool_, uint8]
        return self.rng.choice(usual if self.lane != "smooth" else [*usual, float64, float64])


# ---- data --------------------------------------------------------------------------------------
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1e-40, -2.5, 1.0, 255.5, 3.0]


def sample(rng: random.Random, shape: tuple[int, ...], dtype: DType, domain: str) -> np.ndarray:
    """An array of the dtype: what the lane, or "index", "key", "positive", asks for."""
    data = np.random.default_rng(rng.getrandbits(64))
    if domain == "key":
        return data.integers(0, 2**32, shape, np.uint32)
    if dtype.kind == "b":
        return data.integers(0, 2, shape).astype(bool)
    if dtype.is_integer:
        low = 0 if dtype.kind == "u" else -3
        return np.asarray(data.integers(low, 9, shape)).astype(dtype.storage)
    if domain == "special":
        odd = data.choice(np.array(ODD), shape)
        plain = data.normal(0, 2, shape)
        return np.asarray(np.where(data.random(shape) < 0.5, odd, plain)).astype(dtype.storage)
    if domain == "exact":
        return np.asarray(data.integers(-3, 4, shape)).astype(dtype.storage)
    if domain == "positive":
        return np.asarray(data.uniform(0.25, 2, shape)).astype(dtype.storage)
    return np.asarray(data.normal(0, 1, shape)).astype(dtype.storage)


# ---- moves -------------------------------------------------------------------------------------
Move = Callable[[Grower], Any]


def grow(grower: Grower, rows: Sequence[tuple[Move, float]]) -> None:
    """One move that succeeds, if a few tries find one."""
    functions, weights = zip(*rows, strict=True)
    for _ in range(8):
        move = grower.rng.choices(functions, weights)[0]
        try:
            move(grower)
            return
        except (Refused, LaminaError, RecursionError):
            continue
