"""Stream: a model that takes its sequence one step at a time, and gives each step's output at once.

The model is recorded for one step, its layers each in the way of `layers/_base/streaming.py`, and
compiled once; their state is in Variables that the program updates in place. A step costs the
same at every position in the sequence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import tree
from lamina.engines import Executable
from lamina.errors import DTypeError, ShapeError, StateError, describe
from lamina.ir import kinds
from lamina.ir.graph import Node, topological
from lamina.ir.types import Extent, TensorType, same
from lamina.layers._base import symbolic
from lamina.layers._base.facts import build_shape, label, need_built
from lamina.layers._base.spec import shape_text
from lamina.layers._base.streaming import Streaming, refused, streaming
from lamina.models.trainee import graph_of
from lamina.operations import shaping
from lamina.tensor import Tensor, node_of
from lamina.transforms.compiling import build
from lamina.transforms.tracing import record
from lamina.variables import memory_of, overwrite

STEPS = Extent.symbol("steps")
# operations between layers that treat each step separately
BY_ELEMENT = kinds.ELEMENTWISE | {"constant", "broadcast_in_dim", "identity", "stop_gradient"}
BY_ELEMENT |= {"optimization_barrier"}


class Stream:
    """The result of `Model.stream`: `step` takes the next element of each of `batch_size` sequences
    and returns the model's output for it; `reset` begins new sequences.

    A Stream sees what its model learns: it reads the model's own weights. Each has a state of its
    own, and serves one thread at a time.
    """

    def __init__(self, model: Any, batch_size: int, length: int | None) -> None:
        self.model, self.batch_size = model, batch_size
        types_, self._structure = _inputs(model)
        self._has_steps = _has_steps(model, types_, self._structure)
        self._stream = Streaming(batch_size, length)
        inputs = [TensorType((batch_size, *t.shape[2:]), t.dtype) for t in types_]
        recorded = record(self._one_step, inputs, f"stream {model.name}")
        executable = build(recorded, f"stream {model.name}: one step")
        self._buffers = [np.zeros(t.shape, t.dtype.storage) for t in inputs]
        self._kept = (recorded.state, recorded.captured)  # alive as long as their memory is used
        self._arrays = [*self._buffers, *(memory_of(v) for v in recorded.state), *recorded.captured]
        self._executable = executable
        results, self._run = executable.fixed(self._arrays)
        self._outputs = results[: recorded.outputs]
        self._result_structure = recorded.structure
        first = self._buffers[0]
        self._one_input = self._structure == tree.LEAF
        self._shape, self._dtype = first.shape if self._one_input else None, first.dtype
        self._single = recorded.structure == tree.LEAF
        self._most = self._stream.most
        self._done = 0

    def _one_step(self, *inputs: Tensor) -> Any:
        stream = self._stream
        rows = [shaping.expand_dims(x, 1) for x in inputs]
        with streaming(stream):
            outputs = self.model(tree.unflatten(self._structure, rows), training=False)
        stream.position.assign(stream.position.read() + 1)
        flat, structure = tree.flatten(outputs)
        pairs = zip(flat, self._has_steps, strict=True)
        return tree.unflatten(structure, [shaping.squeeze(y, 1) if s else y for y, s in pairs])

    # ---- using it ------------------------------------------------------------------------------
    def step(self, x: Any) -> Any:
        """The output for the next element: x is (batch_size, ...), the inputs without their axis of
        steps, and so are the outputs. With a batch of one, x may come without the batch, and then
        the outputs do too.

        Raises:
            ShapeError, DTypeError: x is not a step of the model's inputs.
            StateError: there were as many steps as positions or `length` allow.
        """
        if self._done == self._most:
            raise self._full()
        if type(x) is np.ndarray and x.shape == self._shape and x.dtype == self._dtype:
            self._buffers[0][...] = x
            alone = False
        else:
            alone = self._fill(x)
        self._run()
        self._done += 1
        if self._single and not alone:
            return self._outputs[0].copy()
        found = [y[0].copy() if alone else y.copy() for y in self._outputs]
        return tree.unflatten(self._result_structure, found)

    __call__ = step

    def reset(self) -> None:
        """Begin new sequences: the state is that before the first step."""
        for variable, first in self._variables():
            overwrite(variable, first)
        self._done = 0

    @property
    def position(self) -> int:
        """Number of steps so far."""
        return self._done

    @property
    def state(self) -> dict[str, Any]:
        """Copies of all that is kept from step to step, by the layers' paths, and the position;
        assign it to continue from there."""
        kept = tree.map_structure(lambda v: v.numpy(), self._stream.states)
        return {**kept, "position": self._done}

    @state.setter
    def state(self, saved: dict[str, Any]) -> None:
        own = tree.leaves(self._stream.states)
        given = tree.leaves({k: v for k, v in saved.items() if k != "position"})
        fits = len(own) == len(given) and "position" in saved
        if not fits or any(v.shape != np.shape(a) for v, a in zip(own, given, strict=True)):
            raise StateError(
                f"stream of {label(self.model)}: this is not a state of it",
                hint="assign what its own `state` gave",
            )
        for variable, array in zip(own, given, strict=True):
            variable.assign(array)
        self._done = int(saved["position"])
        self._stream.position.assign(self._done)

    def _variables(self) -> list[tuple[Any, Any]]:
        kept = self._stream.states
        first = self._stream.first
        pairs = list(zip(tree.leaves(kept), tree.leaves(first), strict=True))
        return [(self._stream.position, 0), *pairs]

    def inside(self) -> tuple[Executable, list[np.ndarray]]:
        """Return the executable and all its arrays, for `lm.inspect`."""
        return self._executable, list(self._arrays)

    # ---- inputs --------------------------------------------------------------------------------
    def _fill(self, x: Any) -> bool:
        """Put x where the program reads it; True where it came without a batch."""
        given = tree.leaves(x) if not self._one_input else [x]
        if len(given) != len(self._buffers):
            raise ShapeError(
                f"stream of {label(self.model)}: {len(given)} inputs came, expected "
                f"{len(self._buffers)}"
            )
        alone = False
        for each, buffer in zip(given, self._buffers, strict=True):
            array = np.asarray(each)
            alone = self.batch_size == 1 and array.shape == buffer.shape[1:]
            if array.shape != buffer.shape and not alone:
                raise ShapeError(
                    f"stream of {label(self.model)}: a step of shape {array.shape} came, "
                    f"expected {buffer.shape}",
                    hint="one step of each sequence, (batch_size, ...): no axis of steps",
                )
            if not np.can_cast(array.dtype, buffer.dtype, "same_kind"):
                raise DTypeError(
                    f"stream of {label(self.model)}: {describe(array)} came, expected "
                    f"{buffer.dtype}"
                )
            buffer[...] = array
        return alone

    def _full(self) -> StateError:
        return StateError(
            f"stream of {label(self.model)}: {self._done} steps have come, and it has no room "
            "for more",
            hint="reset(), and give the last steps again; attention keeps as many steps as "
            "stream(length=...) sets, and a PositionEmbedding as many as it has positions",
        )


# ---- inputs, and layers that cannot be streamed ------------------------------------------------
def _inputs(model: Any) -> tuple[list[TensorType], Any]:
    """The types of whole inputs, their steps left open, and their nest."""
    graph = graph_of(model)
    if graph is not None:
        found = [n.type for n in graph.input_nodes]
        structure = graph.input_structure
    else:
        need_built(model, "stream")
        shapes, structure = _flat_shapes(build_shape(model))
        found = [symbolic.symbolic_type(s, model.dtype) for s in shapes]
    for each in found:
        if each.ndim < 2 or not isinstance(each.shape[1], Extent):
            raise ShapeError(
                f"{label(model)} cannot be streamed: its inputs are {shape_text(each.shape)}, "
                "and the number of steps must be open",
                hint="Input((None, features)) leaves it open",
            )
    return found, structure


def _flat_shapes(nest: Any) -> tuple[list[Any], Any]:
    """The shapes in a nest of shapes, and the nest's structure."""
    found: list[Any] = []

    def seen(shape: Any) -> int:
        found.append(shape)
        return 0

    return found, tree.flatten(symbolic.map_shapes(seen, nest))[1]


def _has_steps(model: Any, found: list[TensorType], structure: Any) -> list[bool]:
    """For each output of the model, whether it has one for each step."""
    whole = [TensorType((t.shape[0], STEPS, *t.shape[2:]), t.dtype) for t in found]
    with symbolic.inferring():
        inputs = tree.unflatten(structure, [symbolic.traced(t) for t in whole])
        outputs = tree.leaves(model(inputs, training=False))
    return [y.ndim > 1 and same(y.shape[1], STEPS) for y in outputs]


def check_between(model: Any, graph: Any) -> None:
    """Refuses operations between the layers of a functional model that look at several steps."""
    roots = [n for call in graph.calls for t in call.inputs if (n := node_of(t)) is not None]
    for node in topological([*roots, *graph.output_nodes]):
        if node.op != "parameter" and not _keeps_steps_apart(node):
            raise refused(model, f"between its layers is the operation {node.op}")


def _keeps_steps_apart(node: Node) -> bool:
    if node.op == "concatenate":
        return bool(node.params["dimension"] != 1)
    return node.op in BY_ELEMENT
