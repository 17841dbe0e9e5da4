"""The sweep: cotangents of results carried back to inputs, through one rule at each node."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from lamina import context
from lamina.autodiff.dependence import dependents
from lamina.autodiff.rules import NO_VJP, VJP
from lamina.errors import DTypeError, GradientError, ShapeError
from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.loop_primitives import WITH_REGIONS
from lamina.ir.spans import Spans
from lamina.ir.types import TensorType, float32


def gradients(
    outputs: Sequence[Node], cotangents: Sequence[Node], inputs: Sequence[Node]
) -> list[Node]:
    """Nodes for the sum over outputs of cotangent times d output / d input, one per input.

    Inputs may be any nodes, not only parameters; one that no output depends on gets zeros. The
    nodes are ordinary ones: taking gradients of them gives higher orders.

    Raises:
        DTypeError: an input or output is not of a floating-point dtype.
        ShapeError: a cotangent has not the type of its output.
        GradientError: the way leads through a primitive that has no gradient, such as `while`.
    """
    _check(outputs, cotangents, inputs)
    spans = context.current().spans
    with nullcontext() if spans is None else spans.of_gradient():
        return _swept(outputs, cotangents, inputs, spans)


def _swept(
    outputs: Sequence[Node],
    cotangents: Sequence[Node],
    inputs: Sequence[Node],
    spans: Spans | None,
) -> list[Node]:
    """The sweep of `gradients`; `spans` note which node each new node is for."""
    order = dependents(outputs, inputs)
    on_the_way, kept = set(order), set(inputs)
    found: dict[Node, Any] = {}
    for output, cotangent in zip(outputs, cotangents):
        _accumulate(found, output, cotangent)
    for node in reversed(order):
        g = found.get(node) if node in kept else found.pop(node, None)
        if g is None:
            continue
        needed = [arg in on_the_way for arg in node.args]
        if not any(needed):
            continue
        with nullcontext() if spans is None else spans.of_gradient(node):
            back = _back(node, g, needed)
        for arg, cotangent, wanted in zip(node.args, back, needed):
            if wanted and cotangent is not None:
                _accumulate(found, arg, cotangent)
    return [found[x] if x in found else ops.fill(0.0, x) for x in inputs]


def _back(node: Node, g: Any, needed: list[bool]) -> Sequence[Any]:
    """The cotangents of a node's operands."""
    if node.op == "get_tuple_element":
        return [{node.params["index"]: g}]
    if node.op in NO_VJP:
        raise GradientError(f"{node.op} has no gradient: {NO_VJP[node.op]}")
    if isinstance(node.type, TensorType):
        found = VJP[node.op](g, node, *node.args, **node.params)
        return _checked(node, found) if node.op == "custom_gradient" else found
    parts = [g.get(k) for k in range(len(node.type))]
    if node.op in WITH_REGIONS:  # rows that are long enough to be told what is needed
        return VJP[node.op](
            parts, node, *node.args, needed=needed, gradients=gradients, **node.params
        )
    return VJP[node.op](parts, node, *node.args, **node.params)


def _checked(node: Node, found: Sequence[Node | None]) -> Sequence[Node | None]:
    """Return the cotangents of a custom rule, if there is one per input, of the input's type."""
    if len(found) != len(node.args):
        given, wanted = len(found) - 1, len(node.args) - 1
        raise GradientError(f"custom gradient: the rule gave {given} gradients for {wanted} inputs")
    for k, (arg, g) in enumerate(zip(node.args, found)):
        if g is not None and g.type != arg.type:
            raise ShapeError(
                f"custom gradient: the gradient of input {k - 1} is {g.type}, expected {arg.type}"
            )
    return found


def _accumulate(found: dict[Node, Any], node: Node, g: Any) -> None:
    """Adds a cotangent; of a node with several results, {index: cotangent} to those it has."""
    before = found.get(node)
    if isinstance(g, dict):
        merged = dict(before or {})
        for index, part in g.items():
            merged[index] = _sum(merged[index], part) if index in merged else part
        found[node] = merged
    else:
        found[node] = g if before is None else _sum(before, g)


def _sum(x: Node, y: Node) -> Node:
    """x + y; 16-bit floats, which do not compute, by way of float32."""
    if not x.dtype.is_storage_only:
        return ops.add(x, y)
    wide = [ops.convert(each, dtype=float32) for each in (x, y)]
    return ops.convert(ops.add(*wide), dtype=x.dtype)


def _check(outputs: Sequence[Node], cotangents: Sequence[Node], inputs: Sequence[Node]) -> None:
    for what, nodes in (("input", inputs), ("output", outputs)):
        for k, node in enumerate(nodes):
            if not isinstance(node.type, TensorType) or not node.dtype.is_float:
                raise DTypeError(
                    f"gradient: {what} {k} is {node.type}, expected a floating point dtype",
                    hint="convert it first, for example with astype('float32')",
                )
    for k, (output, cotangent) in enumerate(zip(outputs, cotangents, strict=True)):
        if output.type != cotangent.type:
            raise ShapeError(
                f"gradient: the cotangent of output {k} is {cotangent.type}, expected {output.type}"
            )
