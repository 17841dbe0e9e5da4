"""The first NaN or infinity of a step: the step is recorded, and computed node by node.

    bad result <- node <- ... <- origin        all on the way hold NaN or infinity

Infinities that reach no result, such as those of masks, are ignored. Of the nodes from which one
reaches the loss or a weight, the origin is the first, in the order of recording, that has finite
operands. If there is none, because an infinity is a constant of the model, it is the first that
makes NaN of infinities.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from lamina import context, tree
from lamina.data.arrays import Array
from lamina.engines import residence
from lamina.ir.graph import Graph, Node
from lamina.ir.spans import Direction, Spans
from lamina.ir.types import DType, TensorType, bfloat16
from lamina.reference import interpreter
from lamina.training.columns import Columns
from lamina.training.programs import one_step
from lamina.training.protocol import Trainable
from lamina.training.runners import step_of
from lamina.training.step import Steps
from lamina.transforms.tracing import Recorded, record
from lamina.variables import Variable, contents_of, memory_of

Kind: TypeAlias = Literal["nan", "inf", "-inf"]


@dataclass(frozen=True)
class Origin:
    """The operation that made the first value of a step that is not finite.

    operation: primitive, such as "log" or "dot_general"; "parameter" for a value that was there
        before the step, named by `layer`.
    direction: "forward", "backward" or "update" (of the weights, by the optimizer).
    layer: path of the layer below the model; empty for loss and optimizer.
    value: "nan", "inf" or "-inf".
    result: dtype and shape of the result.
    operands: dtype, shape and range of each operand.
    iteration: iteration of the loop that the operation is in, from 0; None outside of loops.
    """

    operation: str
    direction: Direction
    layer: str
    value: Kind
    result: str
    operands: tuple[str, ...]
    iteration: int | None = None

    def __str__(self) -> str:
        if self.operation == "parameter":
            return f"{self.layer!r} holds {self.value} before the step"
        outside = "the optimizer" if self.direction == "update" else "the loss"
        where = f"layer {self.layer!r}" if self.layer else outside
        turn = "" if self.iteration is None else f", iteration {self.iteration} of a loop"
        given = f", from {' and '.join(self.operands)}" if self.operands else ""
        return (
            f"{self.operation} made {self.value} in {where} ({self.direction}{turn}; "
            f"{self.result}){given}"
        )


# ---- arrays ------------------------------------------------------------------------------------
def is_finite(array: Array, dtype: DType) -> bool:
    """True if no element is NaN or infinite; bfloat16 comes as its bits."""
    if dtype == bfloat16:
        return bool((np.bitwise_and(array, 0x7F80) != 0x7F80).all())
    if array.dtype.kind not in "fc":
        return True
    with np.errstate(all="ignore"):
        total = array.sum()  # one fast pass; it overflows only where values are huge
    return bool(np.isfinite(total)) or bool(np.isfinite(array).all())


def are_finite(variables: Collection[Variable]) -> bool:
    """True if all Variables hold finite numbers."""
    return all(is_finite(residence.settled(memory_of(v)), v.dtype) for v in variables)


def _floats(array: Array, dtype: DType) -> Array:
    if dtype == bfloat16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


def _kind(array: Array, dtype: DType) -> Kind:
    values = _floats(array, dtype)
    if np.isnan(values).any():
        return "nan"
    return "inf" if (values == np.inf).any() else "-inf"


def _described(array: Array, type_: TensorType) -> str:
    shape = ", ".join(map(str, array.shape))
    text = f"{type_.dtype} ({shape})"
    values = _floats(array, type_.dtype)
    values = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    if not values.size or values.dtype.kind in "bc":
        return text
    low, high = values.min(), values.max()
    return f"{text} = {low:.4g}" if low == high else f"{text} in [{low:.4g}, {high:.4g}]"


# ---- the step ----------------------------------------------------------------------------------
def origin_of(
    model: Trainable, steps: Steps, data: Columns, batch: Sequence[Array], watched: set[Variable]
) -> Origin | None:
    """Compute the next training step on a batch, without changing anything; return the origin of
    the first NaN or infinity that reaches the loss or a watched Variable, None if there is none.

    Args:
        model: model in training.
        steps: state of the training.
        data: columns from which the batch was taken.
        batch: an array of each column.
        watched: weights and state of the optimizer.
    """
    spans = Spans()
    types = [TensorType(a.shape, column.dtype) for a, column in zip(batch, data.types, strict=True)]
    step = one_step(*step_of(model, steps, "train", data))
    with context.entered(spans=spans):
        recorded = record(step, types, f"train {model.name}")
    graph = recorded.graph
    arrays = [*batch, *(contents_of(v) for v in recorded.state), *recorded.captured]
    names = dict(enumerate([*_column_names(data), *(v.path for v in recorded.state)]))
    search = _Search(graph, arrays, {graph.parameters[k]: n for k, n in names.items()})
    interpreter.run(graph, arrays, watch=search.see)
    return search.origin(_results(recorded, watched), spans)


def _column_names(data: Columns) -> list[str]:
    roles = ((data.inputs, "x"), (data.targets, "y"), (data.weights, "sample_weight"))
    names = [name for columns, name in roles for _ in columns]
    return names + ["row numbers"] * (len(data.arrays) - len(names))


def _results(recorded: Recorded, watched: set[Variable]) -> list[Node]:
    """The results that have to be finite: the loss, or all logs of a custom step, and the watched
    Variables."""
    results = recorded.graph.results
    logs = tree.unflatten(recorded.structure, results[: recorded.outputs])
    wanted = [logs["loss"]] if "loss" in logs else list(logs.values())
    changed = zip(recorded.changed, results[recorded.outputs :], strict=True)
    return [*wanted, *(node for variable, node in changed if variable in watched)]


@dataclass
class _Seen:
    """A value that is not finite; `rank` 0 if all operands of its node are finite, 1 if it holds
    NaN and they hold infinities alone, else 2."""

    rank: int
    value: Kind
    result: str
    operands: tuple[str, ...]
    operation: str
    number: int
    iteration: int | None = None


class _Search:
    """The nodes of a running graph whose values are not finite."""

    def __init__(
        self, graph: Graph, arrays: Sequence[Array], names: Mapping[Node, str] | None = None
    ) -> None:
        self.seen: dict[Node, _Seen] = {}
        self._names = names or {}
        for node, array in zip(graph.parameters, arrays, strict=True):
            if not is_finite(array, node.dtype):
                kind = _kind(array, node.dtype)
                shown = _described(array, node.type)
                self.seen[node] = _Seen(2, kind, shown, (), "parameter", node.number)

    def see(
        self, node: Node, arrays: Sequence[Array], value: object, sizes: Mapping[str, int]
    ) -> None:
        """Note a node whose value is not finite."""
        pairs = _pairs(node, value)
        bad = next(((a, t) for a, t in pairs if not is_finite(a, t.dtype)), None)
        if bad is None:
            return
        array, type_ = bad
        kind = _kind(array, type_.dtype)
        operands = [
            (a, n.type)
            for n, a in zip(node.args, arrays, strict=True)
            if isinstance(n.type, TensorType)
        ]
        kinds = [_kind(a, t.dtype) for a, t in operands if not is_finite(a, t.dtype)]
        nested = any(n in self.seen for n in node.args if isinstance(n.type, tuple))
        if nested or node.op == "constant":
            rank = 2
        elif not kinds:
            rank = 0
        else:
            rank = 1 if kind == "nan" and "nan" not in kinds else 2
        seen = _Seen(rank, kind, "", (), node.op, node.number)
        if rank < 2:
            seen.result = _described(array, type_)
            seen.operands = tuple(_described(a, t) for a, t in operands)
            if node.op == "scan":
                seen = _inside(node, arrays, sizes) or seen
        self.seen[node] = seen

    def origin(self, results: Sequence[Node], spans: Spans) -> Origin | None:
        """The origin of what is not finite in the results."""
        found = self.first(results)
        if found is None:
            return None
        node, seen = found
        if seen.operation == "parameter":
            return Origin(
                "parameter", "forward", self._names.get(node, ""), seen.value, seen.result, ()
            )
        direction, layer = spans.place(node.number)
        return Origin(
            seen.operation, direction, layer, seen.value, seen.result, seen.operands, seen.iteration
        )

    def first(self, results: Sequence[Node]) -> tuple[Node, _Seen] | None:
        """The first node of the lowest rank from which a bad value reaches a result."""
        reached: set[Node] = set()
        stack = list(results)
        while stack:
            node = stack.pop()
            if node in self.seen and node not in reached:
                reached.add(node)
                stack.extend(node.args)
        named = [n for n in reached if n in self._names]
        candidates = named or [n for n in reached if self.seen[n].rank < 2] or list(reached)
        if not candidates:
            return None
        node = min(candidates, key=lambda n: (self.seen[n].rank, n.number))
        return node, self.seen[node]


def _pairs(node: Node, value: object) -> list[tuple[Array, TensorType]]:
    """The arrays of a node's value and their types."""
    if isinstance(node.type, TensorType):
        return [(np.asarray(value), node.type)]
    assert isinstance(value, tuple)
    return list(zip(value, node.type, strict=True))


def _inside(node: Node, arrays: Sequence[Array], sizes: Mapping[str, int]) -> _Seen | None:
    """The origin inside the body of a scan whose operands are finite, with its iteration."""
    body, carried = node.params["body"], node.params["num_carry"]
    first = node.params["num_consts"]
    consts, carries = list(arrays[:first]), list(arrays[first : first + carried])
    sequences = arrays[first + carried :]
    length = interpreter.resolve({"length": node.params["length"]}, sizes)["length"]
    order = range(length)
    for k in reversed(order) if node.params["reverse"] else order:
        given = [*consts, *carries, *(np.ascontiguousarray(s[k]) for s in sequences)]
        search = _Search(body, given)
        results = interpreter.run(body, given, sizes, search.see)
        found = search.first(body.results)
        if found is not None:
            seen = found[1]
            seen.iteration = k if seen.iteration is None else seen.iteration
            return seen
        carries = results[:carried]
    return None
