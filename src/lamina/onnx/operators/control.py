"""Control flow: branches, loops with a condition, scans along axes.

A condition and a count that are known run as Python; others become branches and loops of the
compiled program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import ShapeError, TracedValueError
from lamina.ir import types
from lamina.onnx.rows import operator
from lamina.onnx.values import Extents, axis_in, known, truth
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import cond as branch
from lamina.transforms import scan as scan_steps
from lamina.transforms import while_loop


@operator("If", since=1)
def either(condition: Any, *, then_branch: Any, else_branch: Any) -> tuple[Any, ...]:
    """The outputs of one of two branches."""
    chosen = truth(condition)
    if not chosen.is_traced:
        return tuple((then_branch if chosen.item() else else_branch)())

    def run(graph: Any) -> Any:
        return lambda: tuple(as_tensor(y) for y in graph())

    found: tuple[Any, ...] = branch(chosen, run(then_branch), run(else_branch))
    return found


def _is_known(value: Any) -> bool:
    return value is None or not as_tensor(value).is_traced


@operator("Loop", since=1)
def loop(count: Any = None, condition: Any = None, *states: Any, body: Any) -> tuple[Any, ...]:
    """The last states, and what each iteration gave, stacked.

    The body takes the number of the iteration, the condition and the states, and returns the
    condition for the next iteration, the states and what is stacked.
    """
    carried = list(states)
    if isinstance(count, Extents) or not _is_known(count) or not _is_known(condition):
        return _traced_loop(count, condition, carried, body)
    most = None if count is None else int(known(count, "the count of Loop").reshape(()))
    alive = condition is None or bool(truth(condition).item())
    stacked: list[list[Any]] = [[] for _ in body.graph.outputs[1 + len(carried) :]]
    step = 0
    while alive and (most is None or step < most):
        number = as_tensor(np.asarray(step, np.int64))
        again, *results = body(number, as_tensor(np.asarray(True)), *carried)
        carried = results[: len(states)]
        for found, value in zip(stacked, results[len(states) :], strict=True):
            found.append(value)
        step += 1
        again = truth(again)
        if again.is_traced:
            raise TracedValueError(
                "ONNX: the condition of a Loop that stacks results depends on data",
                hint="call the model itself, model(x), instead of `predict`",
            )
        alive = bool(again.item())
    if step == 0 and stacked:
        raise ShapeError(
            "ONNX: a Loop without iterations stacks results of unknown shape (expected one "
            "iteration or more)"
        )
    return (*carried, *[ops.stack([as_tensor(v) for v in each]) for each in stacked])


def _traced_loop(count: Any, condition: Any, states: list[Any], body: Any) -> tuple[Any, ...]:
    """A loop of the program: with a condition and no stacked results, or with a count alone."""
    start = [as_tensor(s) for s in states]
    number = len(states)
    is_stacking = len(body.graph.outputs) > 1 + number
    if not is_stacking:
        most = as_tensor(2**62 if count is None else count, types.int64)
        first = truth(True if condition is None else condition)

        def alive(state: Any) -> Tensor:
            step, again, *_ = state
            return ops.logical_and(step < ops.reshape(most, ()), again)

        def run(state: Any) -> Any:
            step, again, *rest = state
            again, *new = body(step, again, *rest)
            return (step + 1, truth(again), *[as_tensor(v) for v in new])

        zero = as_tensor(np.asarray(0, np.int64))
        _, _, *last = while_loop(alive, run, (zero, first, *start))
        return tuple(last)
    if not isinstance(count, Extents):
        raise TracedValueError(
            "ONNX: the number of iterations of a Loop that stacks results depends on data",
            hint="call the model itself, model(x), instead of `predict`",
        )

    def step(state: Any, at: Any) -> Any:
        _, *new = body(at, as_tensor(np.asarray(True)), *state)
        values = [as_tensor(v) for v in new]
        return tuple(values[:number]), tuple(values[number:])

    steps = ops.arange(count.array.ravel()[0], dtype=types.int64)
    carried, stacked = scan_steps(step, tuple(start), steps)
    return (*carried, *stacked)


@operator("Scan", since=9)
def scan(
    *inputs: Any,
    body: Any,
    num_scan_inputs: int,
    scan_input_axes: list[int] | None = None,
    scan_input_directions: list[int] | None = None,
    scan_output_axes: list[int] | None = None,
    scan_output_directions: list[int] | None = None,
) -> tuple[Any, ...]:
    """The last states, and what each step gave, stacked; one step for each slice of the inputs."""
    count = len(inputs) - num_scan_inputs
    states = tuple(as_tensor(s) for s in inputs[:count])
    slices = []
    for k, given in enumerate(inputs[count:]):
        x = as_tensor(given)
        x = ops.moveaxis(x, axis_in(scan_input_axes[k], x.ndim) if scan_input_axes else 0, 0)
        backward = scan_input_directions is not None and scan_input_directions[k]
        slices.append(ops.flip(x, axis=0) if backward else x)

    def step(state: Any, given: Any) -> Any:
        results = [as_tensor(v) for v in body(*state, *given)]
        return tuple(results[:count]), tuple(results[count:])

    carried, stacked = scan_steps(step, states, tuple(slices))
    found = []
    for k, y in enumerate(stacked):
        if scan_output_directions is not None and scan_output_directions[k]:
            y = ops.flip(y, axis=0)
        axis = scan_output_axes[k] if scan_output_axes else 0
        found.append(ops.moveaxis(y, 0, axis_in(axis, y.ndim)))
    return (*carried, *found)


@operator("Scan", since=8)
def batched_scan(
    lengths: Any,
    *inputs: Any,
    body: Any,
    num_scan_inputs: int,
    directions: list[int] | None = None,
) -> tuple[Any, ...]:
    """Version 8: the first axis of everything is a batch, each sample a scan."""
    rows = int(as_tensor(inputs[0]).shape[0])
    results = [
        scan(
            *[as_tensor(x)[k] for x in inputs],
            body=body,
            num_scan_inputs=num_scan_inputs,
            scan_input_directions=directions,
        )
        for k in range(rows)
    ]
    return tuple(ops.stack(list(each)) for each in zip(*results, strict=True))
