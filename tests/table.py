"""The one table of primitives: what generic tests run, whatever the engine; see `table_rows`."""

from __future__ import annotations

from functools import partial
from typing import Any

from lamina.ir import ops
from lamina.ir.primitives import FLOAT_UNARY
from lamina.ir.types import Extent
from table_rows import (
    DOMAINS,
    EVERY,
    FEW,
    FLOATS,
    INTEGERS,
    NUMBERS,
    SHAPES,
    Row,
    backwards_of,
    build,
    choice,
    if_of,
    iota_of,
    same_width,
    scan_of,
    size_of,
    to_dtype,
    value_of,
    while_of,
)

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
    *(
        Row("convert", ((5, 7),), "any", EVERY, to_dtype(to), gradient=to == "float64")
        for to in EVERY
    ),
    *(Row("convert", ((60,),), "special", FLOATS, to_dtype(to), gradient=False) for to in EVERY),
    Row("bitcast_convert", ((5, 3),), "bits", INTEGERS, same_width),
    Row("bitcast_convert", ((5, 3),), "any", FLOATS, same_width),
    *(
        Row(op, (s,), "any", EVERY, gradient=op != "stop_gradient")
        for op in ("identity", "optimization_barrier", "stop_gradient")
        for s in ((), (3, 5))
    ),
    Row(
        "custom_gradient", ((3, 5), (3, 5)), params={"rule": lambda g: (ops.negate(g),)},
        gradient=False,
    ),
    # sources
    Row("parameter", ((3, 5),), "any", EVERY, make=lambda x: x),
    Row("constant", (), "any", (*NUMBERS, "bool"), value_of),
    *(
        Row("iota", (), "any", NUMBERS, lambda d, s=s, k=k: iota_of(d, s, k))
        for s, k in (((7,), 0), ((3, 5), 0), ((3, 5), 1), ((0, 2), 1))
    ),
    Row("size_of", ((5, 2),), params={"extent": Extent.symbol("rows") * 2 + 1}, make=size_of),
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
        for params in (scan_of, backwards_of)
    ),
    Row("while", ((7,),), "positive", (*FLOATS, "int32"), while_of),
    *(
        Row("if", ((7,), (7,)), ("positive", "any"), FLOATS, if_of, 16,
            make=partial(choice, above=limit))
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
