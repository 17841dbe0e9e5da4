"""The one table of primitives: what generic tests run, whatever the engine.

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
from functools import partial
from typing import Any

import numpy as np

from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.primitives import FLOAT_UNARY, PRIMITIVES
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


def _scan(dtype: DType) -> dict[str, Any]:
    """carry' = tanh(carry * const + x), stacks carry * x and counts the turns."""
    const, carry = parameter(_type(dtype, 3), "c"), parameter(_type(dtype, 3), "h")
    turns, x = parameter(_type(DTYPES["int32"]), "n"), parameter(_type(dtype, 3), "x")
    inner = ops.add(ops.multiply(carry, const), x)
    results = [ops.tanh(inner), ops.add(turns, ops.fill(1, turns)), ops.multiply(carry, x)]
    body = Graph([const, carry, turns, x], results, "step")
    return {"body": body, "num_consts": 1, "num_carry": 2, "length": 5}


def _backwards(dtype: DType) -> dict[str, Any]:
    return {**_scan(dtype), "reverse": True}


def _while(dtype: DType) -> dict[str, Any]:
    """Doubles x while the largest of it is below 100."""

    def graph(result: Callable[[Node], Node], name: str) -> Graph:
        x = parameter(_type(dtype, 7), "x")
        return Graph([x], [result(x)], name)

    def below(x: Node) -> Node:
        most = ops.reduce(x, kind="max", dimensions=(0,))
        return ops.compare(most, ops.fill(100, most), direction="LT")

    return {"cond": graph(below, "cond"), "body": graph(lambda x: ops.add(x, x), "body")}


def _if(dtype: DType) -> dict[str, Any]:
    """x * y and y, or tanh(y) and x."""

    def graph(results: Callable[[Node, Node], list[Node]], name: str) -> Graph:
        x, y = parameter(_type(dtype, 7), "x"), parameter(_type(dtype, 7), "y")
        return Graph([x, y], results(x, y), name)

    return {
        "true_branch": graph(lambda x, y: [ops.multiply(x, y), y], "if_true"),
        "false_branch": graph(lambda x, y: [ops.tanh(y), x], "if_false"),
    }


def _choice(x: Node, y: Node, above: float, **branches: Graph) -> Node:
    """`if`, by whether the first element of x is above a limit."""
    first = ops.slice(x, start_indices=(0,), limit_indices=(1,), strides=(1,))
    first = ops.reshape(first, shape=())
    pred = ops.compare(first, ops.fill(above, first), direction="GT")
    return ops.if_(pred, x, y, **branches)


def _size_of(x: Node, extent: Any) -> Node:
    """Of a parameter whose type is made symbolic here: its size is known at run time only."""
    rows = Extent.symbol("rows")
    x.type = TensorType((rows, *x.shape[1:]), x.dtype)
    return PRIMITIVES["size_of"](extent=extent)


def _value(dtype: DType) -> dict[str, Any]:
    return {"value": np.arange(12).reshape(3, 4).astype(dtype.storage), "dtype": dtype}


def _same_width(dtype: DType) -> dict[str, Any]:
    kind = "float" if dtype.is_integer and dtype.bits >= 32 else "int"
    return {"dtype": DTYPES[f"{kind}{dtype.bits}"]}


def _iota(dtype: DType, shape: tuple[int, ...], axis: int) -> dict[str, Any]:
    return {"shape": shape, "dtype": dtype, "iota_dimension": axis}


def _to(name: str) -> dict[str, Any]:
    return {"dtype": DTYPES[name]}


# ---- the table ---------------------------------------------------------------------------------
_UNARY_DOMAINS = {"log": "positive", "sqrt": "positive", "rsqrt": "positive", "cbrt": "positive"}
_UNARY_DOMAINS |= {"log_plus_one": "near zero"}
_JUMPS = ("floor", "ceil", "round_nearest_even", "sign")
_ULPS = {"floor": 0, "ceil": 0, "round_nearest_even": 0, "sqrt": 1}

ROWS: list[Row] = [
    *(
        Row(
            op,
            (shape,),
            _UNARY_DOMAINS.get(op, "any"),
            tolerance=_ULPS.get(op, 4),
            gradient=op not in _JUMPS,
        )
        for op in FLOAT_UNARY
        for shape in SHAPES
    ),
    *(
        Row(op, ((4, 9),), "wide", tolerance=4, gradient=False)
        for op in ("tanh", "logistic", "erf", "exponential")
    ),
    *(
        Row(op, (s,), "any", NUMBERS, gradient=op not in _JUMPS)
        for op in ("negate", "abs", "sign")
        for s in SHAPES
    ),
    *(
        Row(op, (shape,), "bits", INTEGERS)
        for op in ("population_count", "count_leading_zeros")
        for shape in SHAPES
    ),
    *(Row("not", (shape,), "bits", (*INTEGERS, "bool")) for shape in SHAPES),
    *(Row("is_finite", (shape,), "special") for shape in SHAPES),
    *(Row(op, (s, s), "any", NUMBERS) for op in ("add", "subtract", "multiply") for s in SHAPES),
    *(Row("divide", (s, s), "positive", NUMBERS, tolerance=1) for s in SHAPES),
    *(
        Row("remainder", (s, s), ("distinct", "positive"), NUMBERS, gradient=len(s) < 2)
        for s in SHAPES
    ),
    *(Row("power", (s, s), ("positive", "any"), NUMBERS, tolerance=16) for s in SHAPES),
    Row("divide", ((64,), (64,)), "any", INTEGERS),
    *(Row(op, ((99,), (99,)), "bits", INTEGERS) for op in ("divide", "remainder", "power")),
    *(Row(op, (s, s), "any", NUMBERS) for op in ("maximum", "minimum") for s in SHAPES),
    *(Row("atan2", (s, s), "positive", tolerance=4) for s in SHAPES),
    *(Row(op, (s, s), "bits", (*INTEGERS, "bool")) for op in ("and", "or", "xor") for s in SHAPES),
    *(
        Row(f"shift_{how}", (s, s), ("bits", "shift"), INTEGERS)
        for how in ("left", "right_arithmetic", "right_logical")
        for s in SHAPES
    ),
    *(
        Row("compare", ((3, 7), (3, 7)), "any", (*NUMBERS, "bool"), {"direction": direction})
        for direction in ("EQ", "NE", "LT", "LE", "GT", "GE")
    ),
    Row("compare", ((50,), (50,)), "special", FLOATS, {"direction": "LT"}),
    *(Row("select", (s, s, s), "any", EVERY, fixed=("bool",)) for s in SHAPES),
    *(
        Row("clamp", (s, s, s), ("near zero", "any", "positive"), NUMBERS, gradient=len(s) < 2)
        for s in SHAPES
    ),
    *(Row("convert", ((5, 7),), "any", EVERY, _to(to), gradient=to == "float64") for to in EVERY),
    *(Row("convert", ((60,),), "special", FLOATS, _to(to), gradient=False) for to in EVERY),
    Row("bitcast_convert", ((5, 3),), "bits", INTEGERS, _same_width),
    Row("bitcast_convert", ((5, 3),), "any", FLOATS, _same_width),
    *(
        Row(op, (s,), "any", EVERY, gradient=op == "identity")
        for op in ("identity", "stop_gradient")
        for s in ((), (3, 5))
    ),
    Row(
        "custom_gradient", ((3, 5), (3, 5)), params={"rule": lambda g: (ops.negate(g),)},
        gradient=False,
    ),
    # sources
    Row("parameter", ((3, 5),), "any", EVERY, make=lambda x: x),
    Row("constant", (), "any", (*NUMBERS, "bool"), _value),
    *(
        Row("iota", (), "any", NUMBERS, lambda d, s=s, k=k: _iota(d, s, k))
        for s, k in (((7,), 0), ((3, 5), 0), ((3, 5), 1), ((0, 2), 1))
    ),
    Row("size_of", ((5, 2),), params={"extent": Extent.symbol("rows") * 2 + 1}, make=_size_of),
    *(
        Row("rng_bit_generator", ((2,),), "bits", ("uint32",), {"shape": s})
        for s in ((), (0,), (1,), (3, 5), (257,))
    ),
    # shape
    *(
        Row("reshape", (x,), "any", FEW, {"shape": y})
        for x, y in (((), (1, 1)), ((6,), (2, 3)), ((0, 3), (5, 0)), ((3, 5, 2), (2, 15)))
    ),
    *(
        Row("transpose", (x,), "any", FEW, {"permutation": p})
        for x, p in (((), ()), ((3, 5), (1, 0)), ((2, 3, 5), (2, 0, 1)), ((0, 3), (1, 0)))
    ),
    *(
        Row("broadcast_in_dim", (x,), "any", FEW, {"shape": y, "broadcast_dimensions": d})
        for x, y, d in (
            ((), (3, 5), ()), ((5,), (3, 5), (1,)), ((3, 1), (3, 5), (0, 1)), ((1,), (0,), (0,)),
            ((3,), (3, 33, 2), (0,)),
        )
    ),
    *(
        Row("slice", (x,), "any", FEW, {"start_indices": a, "limit_indices": z, "strides": s})
        for x, a, z, s in (
            ((), (), (), ()), ((7,), (2,), (7,), (1,)), ((7, 5), (1, 0), (6, 5), (2, 3)),
            ((7,), (3,), (3,), (1,)), ((7,), (3,), (3,), (2,)),
        )
    ),
    *(
        Row(
            "pad", (x, ()), "any", FEW,
            {"edge_padding_low": a, "edge_padding_high": z, "interior_padding": i},
        )
        for x, a, z, i in (
            ((), (), (), ()), ((4,), (1,), (2,), (0,)), ((4, 3), (-1, 2), (3, -4), (1, 2)),
            ((0, 2), (1, 0), (1, 0), (0, 1)), ((5,), (-2,), (-1,), (0,)), ((3,), (-3,), (1,), (2,)),
        )
    ),
    *(
        Row("concatenate", xs, "any", FEW, {"dimension": d})
        for xs, d in (
            (((3,), (5,)), 0), (((2, 3), (2, 1), (2, 4)), 1), (((3, 2),), 0), (((0, 3), (2, 3)), 0),
        )
    ),
    *(
        Row("reverse", (x,), "any", FEW, {"dimensions": d})
        for x, d in (((), ()), ((7,), (0,)), ((3, 5), (0, 1)), ((3, 5), (1,)), ((0, 3), (0,)))
    ),
]  # fmt: skip

_INDEX = ("any", "index", "any")


def _gather(x: Any, indices: Any, fixed: str = "int32", **params: Any) -> Row:
    return Row("gather", (x, indices), _INDEX, FEW, params, fixed=(None, fixed))


def _scatter(x: Any, indices: Any, updates: Any, kind: str, **params: Any) -> Row:
    dtypes = FEW if kind == "set" else ("float32", "float64", "int32", "uint8")
    domains = ("distinct", "index", "distinct") if kind in ("min", "max") else _INDEX
    shapes, params = (x, indices, updates), {"kind": kind, **params}
    ulps = 8 if kind in ("add", "multiply") else 0
    gradient = kind not in ("min", "max") or indices[0] == 1
    return Row("scatter", shapes, domains, dtypes, params, ulps, (None, "int32"), gradient)


ROWS += [
    *(
        Row("dynamic_slice", (x, *[()] * len(x)), ("any", *["index"] * len(x)), FEW,
            {"slice_sizes": k}, fixed=(None, *["int32"] * len(x)))
        for x, k in (((), ()), ((7,), (3,)), ((7, 5), (2, 5)), ((7,), (7,)), ((7,), (0,)))
    ),
    *(
        Row("dynamic_update_slice", (x, k, *[()] * len(x)), ("any", "any", *["index"] * len(x)),
            FEW, fixed=(None, None, *["int32"] * len(x)))
        for x, k in (((), ()), ((7,), (3,)), ((7, 5), (2, 5)), ((7,), (7,)), ((7,), (0,)))
    ),
    *(
        _gather((5, 3), (4, 1), fixed, offset_dims=(1,), collapsed_slice_dims=(0,),
                start_index_map=(0,), slice_sizes=(1, 3))
        for fixed in ("int32", "int64", "uint8", "int8")
    ),
    _gather((5, 3), (2, 4, 2), offset_dims=(), collapsed_slice_dims=(0, 1), start_index_map=(1, 0),
            slice_sizes=(1, 1)),
    _gather((5, 3), (4, 1), offset_dims=(0, 2), collapsed_slice_dims=(), start_index_map=(0,),
            slice_sizes=(2, 3)),
    _gather((5, 3), (5, 4, 1), offset_dims=(1,), collapsed_slice_dims=(), start_index_map=(1,),
            slice_sizes=(1, 2), operand_batching_dims=(0,), start_indices_batching_dims=(0,)),
    _gather((5,), (0, 1), offset_dims=(), collapsed_slice_dims=(0,), start_index_map=(0,),
            slice_sizes=(1,)),
    _gather((5,), (1,), offset_dims=(0,), collapsed_slice_dims=(), start_index_map=(0,),
            slice_sizes=(3,)),
    *(
        row
        for kind in ("set", "add", "multiply", "min", "max")
        for row in (
            _scatter((5, 3), (4, 1), (4, 3), kind, update_window_dims=(1,),
                     inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)),
            _scatter((5, 3), (1, 2), (1,), kind, update_window_dims=(),
                     inserted_window_dims=(0, 1), scatter_dims_to_operand_dims=(1, 0)),
            _scatter((5, 3), (4, 1), (2, 4, 3), kind, update_window_dims=(0, 2),
                     inserted_window_dims=(), scatter_dims_to_operand_dims=(0,)),
            _scatter((5, 3), (5, 4, 1), (5, 2, 4), kind, update_window_dims=(1,),
                     inserted_window_dims=(), scatter_dims_to_operand_dims=(1,),
                     input_batching_dims=(0,), scatter_indices_batching_dims=(0,)),
            _scatter((5,), (0, 1), (0,), kind, update_window_dims=(), inserted_window_dims=(0,),
                     scatter_dims_to_operand_dims=(0,)),
        )
    ),
    # reductions
    *(
        Row("reduce", (x,), "distinct" if kind in ("max", "min") else "any", dtypes,
            {"kind": kind, "dimensions": d}, ulps)
        for kind, dtypes, ulps in (
            ("sum", NUMBERS, 16), ("product", NUMBERS, 64), ("max", (*NUMBERS, "bool"), 0),
            ("min", (*NUMBERS, "bool"), 0), ("and", (*INTEGERS, "bool"), 0),
            ("or", (*INTEGERS, "bool"), 0),
        )
        for x, d in (
            ((), ()), ((7,), (0,)), ((3, 5), (0,)), ((3, 5), (1,)), ((2, 3, 5), (0, 2)),
            ((3, 5), (0, 1)), ((1, 33), (1,)),
        )
    ),
    *(
        Row("reduce", ((0, 3),), "any", (*dtypes, "bool") if kind in ("max", "or") else dtypes,
            {"kind": kind, "dimensions": (0,)}, gradient=kind in ("sum", "product"))
        for kind, dtypes in (
            ("sum", NUMBERS), ("product", NUMBERS), ("max", NUMBERS), ("min", NUMBERS),
            ("and", INTEGERS), ("or", INTEGERS),
        )
    ),
    *(
        Row("reduce", (x,), "any", (*NUMBERS, "bool"), {"kind": kind, "dimensions": d})
        for kind in ("argmax", "argmin")
        for x, d in (((7,), (0,)), ((3, 5), (0,)), ((2, 9, 3), (1,)))
    ),
    Row("reduce", ((3, 33),), "special", FLOATS, {"kind": "max", "dimensions": (1,)}, 0, (), False),
    # products
    *(
        Row("dot_general", (x, y), "any", ("float32", "float64", "int32", "uint8"), {
            "lhs_batching_dimensions": lb, "rhs_batching_dimensions": rb,
            "lhs_contracting_dimensions": lc, "rhs_contracting_dimensions": rc,
        }, 32)
        for x, y, lb, rb, lc, rc in (
            ((3, 7), (7, 5), (), (), (1,), (0,)), ((7, 3), (7, 5), (), (), (0,), (0,)),
            ((3, 7), (5, 7), (), (), (1,), (1,)), ((7,), (7,), (), (), (0,), (0,)),
            ((3, 0), (0, 5), (), (), (1,), (0,)), ((), (), (), (), (), ()),
            ((3,), (5,), (), (), (), ()), ((2, 3, 7), (2, 7, 5), (0,), (0,), (2,), (1,)),
            ((3, 2, 7, 4), (4, 5, 7, 2), (1,), (3,), (3, 2), (0, 2)),
            ((17, 33), (33, 9), (), (), (1,), (0,)), ((0, 7), (7, 5), (), (), (1,), (0,)),
        )
    ),
    # several results
    *(
        Row("sort", (x,), domain, (*NUMBERS, "bool"), {"dimension": d, "descending": down},
            gradient=domain == "distinct")
        for x, d, domain in (((7,), 0, "distinct"), ((4, 9), 1, "any"), ((5, 3), 0, "any"))
        for down in (False, True)
    ),
    Row("sort", ((6, 9), (6, 9)), ("any", "distinct"), NUMBERS, {"dimension": 1}, fixed=("int32",)),
    Row("sort", ((6, 9), (6, 9), (6, 9)), ("any", "any", "distinct"), NUMBERS,
        {"dimension": 0, "num_keys": 2, "descending": True}, fixed=("int32", "uint8")),
    Row("sort", ((4, 31),), "special", FLOATS, {"dimension": 1, "descending": True},
        gradient=False),
    Row("get_tuple_element", ((5, 3),), "distinct",
        make=lambda x: ops.get_tuple_element(ops.sort(x, dimension=0), index=0)),
    *(
        Row("scan", ((3,), (3,), (), (5, 3)), "any", FLOATS, params, 64, (None, None, "int32"))
        for params in (_scan, _backwards)
    ),
    Row("while", ((7,),), "positive", (*FLOATS, "int32"), _while),
    *(
        Row("if", ((7,), (7,)), ("positive", "any"), FLOATS, _if, 16,
            make=partial(_choice, above=limit))
        for limit in (0.0, 9.0)
    ),
]  # fmt: skip

# windows: strides, padding, dilations (of both operands), groups (of features, or of the batch)
_NHWC = {"lhs_spec": (0, 3, 1, 2), "rhs_spec": (3, 2, 0, 1), "out_spec": (0, 3, 1, 2)}
_NCHW = {"lhs_spec": (0, 1, 2, 3), "rhs_spec": (0, 1, 2, 3), "out_spec": (0, 1, 2, 3)}
_NWC = {"lhs_spec": (0, 2, 1), "rhs_spec": (2, 1, 0), "out_spec": (0, 2, 1)}
_NDHWC = {"lhs_spec": (0, 4, 1, 2, 3), "rhs_spec": (4, 3, 0, 1, 2), "out_spec": (0, 4, 1, 2, 3)}


def _convolution(
    x: Any, y: Any, specs: Any, s: int = 1, p: Any = (0, 0), d: Any = (1, 1), groups: Any = (1, 1)
) -> Row:
    """Spatial axes alike, but for strides, which are s, s + 1, ...; d and groups: of lhs, rhs."""
    n = len(x) - 2
    params = {
        "window_strides": tuple(s + k if s > 1 else 1 for k in range(n)), "padding": (p,) * n,
        "lhs_dilation": (d[0],) * n, "rhs_dilation": (d[1],) * n, **specs,
        "feature_group_count": groups[0], "batch_group_count": groups[1],
    }  # fmt: skip
    return Row("convolution", (x, y), "any", ("float32", "float64", "int32"), params, 32)


def _windows(
    op: str, kind: str, x: Any, window: Any, strides: Any, padding: Any, **more: Any
) -> Row:
    words = {"window_dimensions": window, "window_strides": strides, "padding": padding}
    dilations = more.get("dilations", (1,) * len(x))
    words |= {"window_dilations": dilations} if op == "reduce_window" else {}
    shapes, domains = (x,), ("any" if kind == "sum" else "distinct",)
    if op == "select_and_scatter":
        shapes, domains = (x, more["source"]), ("distinct", "any")
    dtypes = ("float32", "float64", "int32", "uint8")
    ulps = 16 if kind == "sum" or op == "select_and_scatter" else 0
    return Row(op, shapes, domains, dtypes, {"kind": kind, **words}, ulps)


_EDGE, _NONE = (1, 1), (0, 0)

ROWS += [
    _convolution((2, 5, 6, 3), (3, 3, 3, 5), _NHWC, 1, (1, 1)),
    _convolution((2, 5, 6, 3), (3, 2, 3, 5), _NHWC, 2, (0, 2)),
    _convolution((1, 1, 1, 1), (1, 1, 1, 1), _NHWC),
    _convolution((1, 1, 1, 3), (3, 3, 3, 2), _NHWC, 1, (1, 1)),
    _convolution((0, 5, 5, 2), (3, 3, 2, 3), _NHWC),
    _convolution((2, 7, 7, 2), (2, 3, 2, 3), _NHWC, 1, (2, 1), (1, 2)),
    _convolution((2, 4, 3, 2), (3, 3, 2, 3), _NHWC, 1, (2, 1), (2, 1)),
    _convolution((2, 4, 4, 2), (3, 2, 2, 3), _NHWC, 2, (3, 2), (3, 2)),
    _convolution((2, 6, 6, 2), (2, 2, 2, 3), _NHWC, 1, (-1, -1)),
    _convolution((2, 5, 5, 4), (3, 3, 2, 6), _NHWC, 2, (1, 1), (1, 1), (2, 1)),
    _convolution((2, 5, 5, 3), (3, 3, 1, 6), _NHWC, 1, (1, 1), (1, 1), (3, 1)),
    _convolution((6, 5, 5, 2), (3, 3, 2, 9), _NHWC, 1, (1, 0), (1, 2), (1, 3)),
    _convolution((2, 3, 5, 4), (4, 3, 2, 3), _NCHW, 1, (1, 1)),
    _convolution((3, 4, 5, 4), (6, 2, 2, 3), _NCHW, 2, (0, 1), (1, 1), (2, 1)),
    _convolution((2, 9, 3), (3, 3, 2), _NWC, 2, (1, 1)),
    _convolution((2, 3, 4, 3, 2), (2, 2, 2, 2, 3), _NDHWC, 1, (1, 0)),
    *(
        row
        for kind in ("sum", "max", "min")
        for row in (
            _windows("reduce_window", kind, (2, 4, 6, 3), (1, 2, 2, 1), (1, 2, 2, 1), (_NONE,) * 4),
            _windows("reduce_window", kind, (2, 5, 7, 3), (1, 2, 3, 1), (1, 2, 3, 1), (_NONE,) * 4),
            _windows("reduce_window", kind, (2, 5, 6, 2), (1, 3, 2, 1), (1, 2, 1, 1),
                     (_NONE, _EDGE, (0, 1), _NONE)),
            _windows("reduce_window", kind, (9,), (3,), (2,), ((2, 1),), dilations=(2,)),
            _windows("reduce_window", kind, (7, 6), (2, 2), (1, 2), ((1, 0), _NONE),
                     dilations=(3, 1)),
            _windows("reduce_window", kind, (0, 4, 2), (1, 2, 1), (1, 2, 1), (_NONE,) * 3),
            _windows("reduce_window", kind, (8,), (2,), (2,), ((-1, -1),)),
        )
    ),
    *(
        row
        for kind in ("max", "min")
        for row in (
            _windows("select_and_scatter", kind, (2, 4, 6, 3), (1, 2, 2, 1), (1, 2, 2, 1),
                     (_NONE,) * 4, source=(2, 2, 3, 3)),
            _windows("select_and_scatter", kind, (2, 5, 6, 2), (1, 3, 2, 1), (1, 2, 1, 1),
                     (_NONE, _EDGE, (0, 1), _NONE), source=(2, 3, 6, 2)),
            _windows("select_and_scatter", kind, (9,), (3,), (1,), (_EDGE,), source=(9,)),
            _windows("select_and_scatter", kind, (0, 4, 2), (1, 2, 1), (1, 2, 1), (_NONE,) * 3,
                     source=(0, 2, 2)),
        )
    ),
]  # fmt: skip


def cases() -> list[tuple[Row, str]]:
    """Every row with each of its dtypes."""
    return [(row, dtype) for row in ROWS for dtype in row.dtypes]


def label(value: object) -> str:
    return str(value)


__all__ = ["DOMAINS", "ROWS", "Row", "build", "cases", "label"]
