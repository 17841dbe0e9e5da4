"""Loops and branches as operators of ONNX, and the writing of graphs, which they repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.ir import types
from lamina.ir.graph import Graph, Node, topological
from lamina.ir.types import TensorType, is_static
from lamina.onnx.exporting.builder import ROWS, Builder, graph_of, row
from lamina.onnx.exporting.ports import port
from lamina.onnx.exporting.values import Value
from lamina.reference import interpreter

FOLDED = 1 << 22
"""Elements of a result that is computed when the file is written."""


def write_nodes(b: Builder, graph: Graph, known: dict[Node, Any]) -> list[Value]:
    """Write the nodes of a graph whose parameters are known; return the values of the results."""
    return write_results(b, graph.results, dict(known))


def write_results(b: Builder, results: Sequence[Node], values: dict[Node, Any]) -> list[Value]:
    """Write the nodes that results need and that are not among the values; add them there."""
    for node in topological(results, values):
        values[node] = _written(b, node, [values[arg] for arg in node.args])
    return [values[r] for r in results]


def _written(b: Builder, node: Node, operands: list[Any]) -> Any:
    if node.op == "get_tuple_element":
        return operands[0][node.params["index"]]
    if node.op not in ROWS:
        what = "random numbers" if node.op == "rng_bit_generator" else node.op
        raise ArgumentError(
            f"export: ONNX has no operator for {what}",
            hint="export a model that does not use it in inference",
        )
    folded = _folded(b, node, operands)
    return folded if folded is not None else ROWS[node.op](b, node, *operands)


def _folded(b: Builder, node: Node, operands: list[Any]) -> Value | None:
    """The result of a node whose operands are constants, computed now."""
    if not operands or not isinstance(node.type, TensorType) or node.op in _KEPT:
        return None
    if not all(isinstance(v, Value) and v.is_constant for v in operands):
        return None
    if not all(map(is_static, node.shape)) or np.prod([float(n) for n in node.shape]) > FOLDED:
        return None
    arrays = [
        np.broadcast_to(v.array, tuple(map(int, arg.shape)))
        for v, arg in zip(operands, node.args, strict=True)
    ]
    found = interpreter.apply(node.op, arrays, node.params, node.args[0].dtype)
    hint = next((v.hint for v in operands if v.hint), "")
    return b.constant(np.ascontiguousarray(found), node.dtype, hint)


_KEPT = {"broadcast_in_dim", "reshape", "transpose", "scan", "while", "if"}
"""Primitives whose rows need no node for constants, or hold graphs."""


def _finished(b: Builder, results: Sequence[Value], types_: Sequence[TensorType]) -> list[Any]:
    """The outputs of a branch or body, each computed within it."""
    ports = []
    for value, want in zip(results, types_, strict=True):
        full = b.full(value, want.shape)
        if full.builder is not b or full.is_constant or full.name in b.taken:
            full = b.op("Identity", [full], full.shape, full.dtype)
        name = b.name(full)
        b.taken.add(name)
        ports.append(port(name, want))
    return ports


@row("scan")
def scan(b: Builder, node: Node, *operands: Value) -> list[Value]:
    """Scan, whose body sees the constants of the loop in the graph around it."""
    p = node.params
    body, consts, carries = p["body"], p["num_consts"], p["num_carry"]
    full = [b.full(v, arg.shape) for v, arg in zip(operands, node.args, strict=True)]
    sequences = full[consts + carries :]
    inner = b.child()
    known: dict[Node, Any] = dict(zip(body.parameters[:consts], full[:consts], strict=True))
    inputs = []
    for parameter in body.parameters[consts:]:
        value = inner.given(b.shared.name("state"), parameter.shape, parameter.dtype)
        known[parameter] = value
        inputs.append(port(value.name, parameter.type))
    if not sequences:  # Scan counts its steps by a sequence
        steps = b.op(
            "Range",
            [
                b.constant(np.array(0, np.int64)),
                b.reshape(b.extent(p["length"]), ()),
                b.constant(np.array(1, np.int64)),
            ],
            (p["length"],),
            types.int64,
        )
        sequences = [steps]
        inputs.append(port(b.shared.name("step"), TensorType((), types.int64)))
    results = write_nodes(inner, body, known)
    outputs = _finished(inner, results, [r.type for r in body.results])
    backward = int(p["reverse"])
    stacked = len(body.results) - carries
    return b.ops(
        "Scan",
        [*full[consts : consts + carries], *sequences],
        [(t.shape, t.dtype) for t in node.type],
        body=graph_of(inner, "body", inputs, outputs),
        num_scan_inputs=len(sequences),
        scan_input_directions=[backward] * len(sequences),
        scan_output_directions=[backward] * stacked if stacked else None,
    )


@row("while")
def while_(b: Builder, node: Node, *operands: Value) -> list[Value]:
    """Loop, whose condition is computed before the loop and at the end of each iteration."""
    p = node.params
    body, cond, consts = p["body"], p["cond"], p["num_consts"]
    full = [b.full(v, arg.shape) for v, arg in zip(operands, node.args, strict=True)]
    (first,) = write_nodes(b, cond, dict(zip(cond.parameters, full, strict=True)))
    inner = b.child()
    inputs = [
        port(b.shared.name("iteration"), TensorType((), types.int64)),
        port(b.shared.name("condition"), TensorType((), types.bool_)),
    ]
    known: dict[Node, Any] = dict(zip(body.parameters[:consts], full[:consts], strict=True))
    for parameter in body.parameters[consts:]:
        value = inner.given(b.shared.name("state"), parameter.shape, parameter.dtype)
        known[parameter] = value
        inputs.append(port(value.name, parameter.type))
    results = write_nodes(inner, body, known)
    whole = [inner.full(v, r.shape) for v, r in zip(results, body.results, strict=True)]
    again = write_nodes(
        inner, cond, dict(zip(cond.parameters, [*full[:consts], *whole], strict=True))
    )
    kinds = [TensorType((), types.bool_), *(r.type for r in body.results)]
    outputs = _finished(inner, [*again, *whole], kinds)
    return b.ops(
        "Loop",
        [None, first, *full[consts:]],
        [(t.shape, t.dtype) for t in node.type],
        body=graph_of(inner, "body", inputs, outputs),
    )


@row("if")
def if_(b: Builder, node: Node, condition: Value, *operands: Value) -> list[Value]:
    """If, whose branches see the operands in the graph around them."""
    full = [b.full(v, arg.shape) for v, arg in zip(operands, node.args[1:], strict=True)]
    for value in full:
        b.name(value)
    graphs = {}
    for name in ("true_branch", "false_branch"):
        branch = node.params[name]
        inner = b.child()
        results = write_nodes(inner, branch, dict(zip(branch.parameters, full, strict=True)))
        outputs = _finished(inner, results, [r.type for r in branch.results])
        graphs[name] = graph_of(inner, name, [], outputs)
    return b.ops(
        "If",
        [condition],
        [(t.shape, t.dtype) for t in node.type],
        then_branch=graphs["true_branch"],
        else_branch=graphs["false_branch"],
    )
