"""A row of the table of primitives: its operands, its graph, and makers of special ones.

    Row(op, shapes, domain, dtypes, params, tolerance, ...)    build(row, dtype) -> (graph, arrays)

`shapes` has one shape per operand. `domain` says what the operands hold: one name from DOMAINS, or
one per operand. An operand has the dtype under test unless `fixed` names another. `params` may be a
function of the dtype. `tolerance` is the relative error (in units in the last place) that an engine
may make in one such operation; 0 means exactly.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import DTYPES, DType, Extent, TensorType, array_type

FLOATS = ("float32", "float64")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = (*SIGNED, *UNSIGNED)
NUMBERS = (*FLOATS, *INTEGERS)
FEW = ("float32", "float64", "int32", "uint8", "bool")  # for what only moves bytes
EVERY = (*DTYPES,)

SHAPES = ((), (1,), (0, 3), (7,), (3, 33))


# ---- operands ----------------------------------------------------------------------------------
def _between(low: float, high: float) -> Callable[..., np.ndarray]:
    """Uniform floats; integers too, as far as their dtype reaches."""

    def sample(rng: np.random.Generator, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        if dtype.kind == "f":
            return np.asarray(rng.uniform(low, high, shape)).astype(dtype)
        if dtype.kind == "b":
            return np.asarray(rng.integers(0, 2, shape)).astype(bool)
        first = max(int(low), int(np.iinfo(dtype).min))
        return np.asarray(rng.integers(first, max(int(high), first) + 1, shape)).astype(dtype)

    return sample


def _distinct(rng: np.random.Generator, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """No two alike: no ties, and no kink near."""
    size = int(np.prod(shape))
    return np.asarray(rng.permutation(size).reshape(shape) * 0.25 + 0.125).astype(dtype)


def _all_bits(rng: np.random.Generator, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "b":
        return np.asarray(rng.integers(0, 2, shape)).astype(bool)
    data = rng.bytes(int(np.prod(shape)) * dtype.itemsize)
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _special(rng: np.random.Generator, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Infinities, NaN, zeros of both signs and large numbers among others."""
    odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 0.5, -2.5, 127.9, 255.5, 4.0]
    return rng.choice(np.array(odd), shape).astype(dtype)


DOMAINS: dict[str, Callable[..., np.ndarray]] = {
    "any": _between(-3, 3),
    "wide": _between(-80, 80),
    "positive": _between(0.3, 3),
    "near zero": _between(-0.9, 0.9),
    "shift": _between(0, 70),
    "index": _between(-2, 6),  # beyond both ends of the axes below
    "distinct": _distinct,
    "bits": _all_bits,
    "special": _special,
}


@dataclass(frozen=True)
class Row:
    """One row; see the top of this file."""

    op: str
    shapes: tuple[tuple[int, ...], ...]
    domain: str | tuple[str, ...] = "any"
    dtypes: tuple[str, ...] = FLOATS
    params: dict[str, Any] | Callable[[DType], dict[str, Any]] = field(default_factory=dict)
    tolerance: float = 0.0
    fixed: tuple[str | None, ...] = ()
    gradient: bool = True  # central differences make sense here
    make: Callable[..., Node | list[Node]] | None = None  # other than the primitive of the params

    def __str__(self) -> str:
        shapes = " ".join("x".join(map(str, s)) or "scalar" for s in self.shapes)
        words = self.params if isinstance(self.params, dict) else {}
        kind = words.get("kind") or words.get("direction") or ""
        return " ".join(filter(None, (self.op, kind, shapes, self.domain_of(0)))).replace("  ", " ")

    def domain_of(self, operand: int) -> str:
        return self.domain if isinstance(self.domain, str) else self.domain[operand]

    def dtype_of(self, operand: int, dtype: str) -> str:
        return (self.fixed[operand] if operand < len(self.fixed) else None) or dtype

    def params_of(self, dtype: str) -> dict[str, Any]:
        return self.params(DTYPES[dtype]) if callable(self.params) else self.params


def build(row: Row, dtype: str, seed: int = 0) -> tuple[Graph, list[np.ndarray]]:
    """The graph of one application of the row's primitive, and arrays to call it with."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{row} {dtype}".encode())])
    parameters, arrays = [], []
    for k, shape in enumerate(row.shapes):
        spec = DTYPES[row.dtype_of(k, dtype)]
        if spec.name == "bfloat16":
            array = _all_bits(rng, shape, np.dtype(np.uint16)) & np.uint16(0xBFFF)  # no NaN
        else:
            array = DOMAINS[row.domain_of(k)](rng, shape, spec.storage)
        arrays.append(array)
        parameters.append(parameter(array_type(array, spec), f"x{k}"))
    make = row.make or PRIMITIVES[row.op]
    made = make(*parameters, **row.params_of(dtype))
    nodes = made if isinstance(made, list) else [made]
    results = [e for n in nodes for e in (ops.elements(n) if isinstance(n.type, tuple) else [n])]
    return Graph(parameters, results, row.op), arrays


# ---- special makers ----------------------------------------------------------------------------
def _type(dtype: DType, *shape: int) -> TensorType:
    return TensorType(shape, dtype)


def scan_of(dtype: DType) -> dict[str, Any]:
    """carry' = tanh(carry * const + x), stacks carry * x and counts the iterations."""
    const, carry = parameter(_type(dtype, 3), "c"), parameter(_type(dtype, 3), "h")
    turns, x = parameter(_type(DTYPES["int32"]), "n"), parameter(_type(dtype, 3), "x")
    inner = ops.add(ops.multiply(carry, const), x)
    results = [ops.tanh(inner), ops.add(turns, ops.fill(1, turns)), ops.multiply(carry, x)]
    body = Graph([const, carry, turns, x], results, "step")
    return {"body": body, "num_consts": 1, "num_carry": 2, "length": 5}


def backwards_of(dtype: DType) -> dict[str, Any]:
    return {**scan_of(dtype), "reverse": True}


def while_of(dtype: DType) -> dict[str, Any]:
    """Doubles x while the largest of it is below 100."""

    def graph(result: Callable[[Node], Node], name: str) -> Graph:
        x = parameter(_type(dtype, 7), "x")
        return Graph([x], [result(x)], name)

    def below(x: Node) -> Node:
        most = ops.reduce(x, kind="max", dimensions=(0,))
        return ops.compare(most, ops.fill(100, most), direction="LT")

    return {"cond": graph(below, "cond"), "body": graph(lambda x: ops.add(x, x), "body")}


def if_of(dtype: DType) -> dict[str, Any]:
    """x * y and y, or tanh(y) and x."""

    def graph(results: Callable[[Node, Node], list[Node]], name: str) -> Graph:
        x, y = parameter(_type(dtype, 7), "x"), parameter(_type(dtype, 7), "y")
        return Graph([x, y], results(x, y), name)

    return {
        "true_branch": graph(lambda x, y: [ops.multiply(x, y), y], "if_true"),
        "false_branch": graph(lambda x, y: [ops.tanh(y), x], "if_false"),
    }


def choice(x: Node, y: Node, above: float, **branches: Graph) -> Node:
    """`if`, by whether the first element of x is above a limit."""
    first = ops.slice(x, start_indices=(0,), limit_indices=(1,), strides=(1,))
    first = ops.reshape(first, shape=())
    pred = ops.compare(first, ops.fill(above, first), direction="GT")
    return ops.if_(pred, x, y, **branches)


def size_of(x: Node, extent: Any) -> Node:
    """Of a parameter whose type is made symbolic here: its size is known at run time only."""
    rows = Extent.symbol("rows")
    x.type = TensorType((rows, *x.shape[1:]), x.dtype)
    return PRIMITIVES["size_of"](extent=extent)


def value_of(dtype: DType) -> dict[str, Any]:
    return {"value": np.arange(12).reshape(3, 4).astype(dtype.storage), "dtype": dtype}


def same_width(dtype: DType) -> dict[str, Any]:
    kind = "float" if dtype.is_integer and dtype.bits >= 32 else "int"
    return {"dtype": DTYPES[f"{kind}{dtype.bits}"]}


def iota_of(dtype: DType, shape: tuple[int, ...], axis: int) -> dict[str, Any]:
    return {"shape": shape, "dtype": dtype, "iota_dimension": axis}


def to_dtype(name: str) -> dict[str, Any]:
    return {"dtype": DTYPES[name]}
