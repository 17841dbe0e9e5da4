"""Statements of opaque nodes: scan, while and if enclose statements, others are library routines.

    carries, stacks <- scan(consts, carries, sequences)
        ->  carry <- start; loop ( body on carries, and on one slice of each sequence and stack )

The carries are updated in place: the body's results are its parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lamina.engines.llvm.loops.buffers import Counter, Slot
from lamina.engines.llvm.loops.kernel import copy, zeros
from lamina.engines.llvm.program.scratch import scratch_types
from lamina.engines.llvm.program.statements import If, Loop, Routine, Statement, While
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Graph, Node

# of a graph, with slots for its parameters and results
Bufferize = Callable[[Graph, Sequence[Slot], Sequence[Slot]], list[Statement]]


def scan(
    node: Node, inputs: Sequence[Slot], outputs: Sequence[Slot], bufferize: Bufferize
) -> list[Statement]:
    p = node.params
    consts, carry = p["num_consts"], p["num_consts"] + p["num_carry"]
    carries, stacked = outputs[: p["num_carry"]], outputs[p["num_carry"] :]
    loop = Loop(p["length"], Counter(p["reverse"]))
    slices = [_slice(s, loop.counter) for s in inputs[carry:]]
    targets = [*carries, *(_slice(s, loop.counter) for s in stacked)]
    loop.statements = bufferize(p["body"], [*inputs[:consts], *carries, *slices], targets)
    return [*_copies(carries, inputs[consts:carry]), loop]


def while_loop(
    node: Node, inputs: Sequence[Slot], carries: Sequence[Slot], bufferize: Bufferize
) -> list[Statement]:
    p = node.params
    consts = p["num_consts"]
    parameters = [*inputs[:consts], *carries]
    loop = While(Slot((), p["cond"].results[0].dtype))
    loop.test = bufferize(p["cond"], parameters, [loop.condition])
    loop.statements = bufferize(p["body"], parameters, carries)
    return [*_copies(carries, inputs[consts:]), loop]


def branch(
    node: Node, inputs: Sequence[Slot], outputs: Sequence[Slot], bufferize: Bufferize
) -> list[Statement]:
    condition, *operands = inputs
    choice = If(condition)
    choice.statements = bufferize(node.params["true_branch"], operands, outputs)
    choice.otherwise = bufferize(node.params["false_branch"], operands, outputs)
    return [choice]


CONTROL_FLOW = {"scan": scan, "while": while_loop, "if": branch}


def routine(
    node: Node, sources: Sequence[Slot], outputs: Sequence[Slot], costs: Costs
) -> list[Statement]:
    """Return a library routine; its operands are contiguous, and copied if they are not."""
    inputs = [s if s.strides is None else Slot(s.shape, s.dtype) for s in sources]
    scratch = [Slot(t.shape, t.dtype) for t in scratch_types(node, costs)]
    before: list[Statement] = [
        copy(x, s) for x, s in zip(inputs, sources, strict=True) if x is not s
    ]
    if node.op == "select_and_scatter":
        before.append(zeros(outputs[0]))
    if node.op == "scatter":  # the result starts as a copy of x; then only the result is accessed
        before.append(copy(outputs[0], inputs[0]))
        inputs = [outputs[0], *inputs[1:]]
    return [*before, Routine(node, inputs, list(outputs), scratch)]


def _copies(carries: Iterable[Slot], starts: Iterable[Slot]) -> list[Statement]:
    return [copy(into, source) for into, source in zip(carries, starts, strict=True)]


def _slice(slot: Slot, counter: Counter) -> Slot:
    """Return the slice of a sequence or stack that an iteration works on."""
    strides = slot.strides and slot.strides[1:]
    return Slot(
        slot.shape[1:], slot.dtype, "element", slice_of=slot, counter=counter, strides=strides
    )
