"""Programs: training, evaluation and prediction, each recorded and compiled once for all sizes.

    train     (order, inputs, targets, weights) -> logs      scan over the rows of `order`
    evaluate  (order, inputs, targets, weights) -> logs      the same, and only metrics change
    predict   (inputs) -> outputs

`order` is int32 (steps, batch): numbers of rows, which the program gathers from the data itself.
Steps, batch and rows are symbols: one compilation serves the last short batch and every data set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina import tree
from lamina.engines import Executable
from lamina.errors import StateError
from lamina.ir import types
from lamina.ir.types import Extent, TensorType
from lamina.tensor import Tensor, Variable, bind, bound
from lamina.transforms.compiling import build
from lamina.transforms.loops import scan
from lamina.transforms.tracing import record

ORDER = TensorType((Extent.symbol("steps"), Extent.symbol("batch")), types.int32)

Step = Callable[[Sequence[Tensor]], Any]


class Program:
    """A recorded function and its executable. Arrays of state are bound once: they never move."""

    __slots__ = ("_bound", "_executable", "_leaf", "_outputs", "_state", "_structure")

    def __init__(self, f: Callable[..., Any], inputs: Sequence[TensorType], name: str, why: str):
        recorded = record(f, inputs, name)
        self._executable: Executable = build(recorded, f"{name}: {why}")
        self._state = recorded.state  # keeps the variables alive as long as their arrays are used
        self._bound = [*(v._array for v in recorded.state), *recorded.captured]
        self._outputs, self._structure = recorded.outputs, recorded.structure
        self._leaf = recorded.structure == tree.LEAF

    def __call__(self, *arrays: np.ndarray) -> Any:
        """What the function returned, as NumPy arrays; state has changed in place."""
        results = self._executable([*arrays, *self._bound])
        if self._leaf:
            return results[0]
        return tree.unflatten(self._structure, results[: self._outputs])

    def inside(self, *arrays: np.ndarray) -> tuple[Executable, list[np.ndarray]]:
        """What runs, and all arrays that it takes: for those who want to look."""
        return self._executable, [*arrays, *self._bound]


# ---- loops over batches ------------------------------------------------------------------------
def loop(
    step: Step,
    results: Callable[[], Mapping[str, Tensor]],
    carried: Sequence[Variable],
    label: str,
) -> Callable[..., Any]:
    """The function of (order, *columns) that does `step` on each batch of rows.

    `carried` are the Variables that a step may change. What `step` returns, a dict of tensors of
    extra logs or nothing, counts from the last batch; `results` gives the logs of all.
    """

    def run(order: Tensor, *columns: Tensor) -> dict[str, Tensor]:
        changed: set[Variable] = set()
        own = frozenset(carried)

        def body(carry: list[Tensor], picked: Tensor) -> tuple[list[Tensor], Any]:
            batch = [rows_of(column, picked) for column in columns]
            with bound(dict(zip(carried, carry, strict=True)), propagate=False) as trace:
                extra = step(batch)
                changed.update(_known(trace.assigned(), own, label))
                return [trace.read(v) for v in carried], extra

        last, extra = scan(body, [v.read() for v in carried], order)
        for variable, value in zip(carried, last, strict=True):
            if variable in changed:
                variable.assign(value)
        return {**results(), **{name: each[-1] for name, each in (extra or {}).items()}}

    return run


def rows_of(column: Tensor, picked: Tensor) -> Tensor:
    """column[picked] for numbers of rows that are known to exist: one gather, nothing else."""
    indices = bind("reshape", picked, shape=(*picked.shape, 1))
    return bind(  # type: ignore[no-any-return]
        "gather",
        column,
        indices,
        offset_dims=tuple(range(1, column.ndim)),
        collapsed_slice_dims=(0,),
        start_index_map=(0,),
        slice_sizes=(1, *column.shape[1:]),
    )


def _known(
    assigned: Mapping[Variable, Tensor], carried: frozenset[Variable], label: str
) -> list[Variable]:
    for variable in assigned:
        if variable not in carried:
            raise StateError(
                f"{label}: a step changes Variable {variable.name!r}, which is neither a weight of "
                "the model nor part of its optimizer or metrics",
                hint="hang the variable on a layer of the model (self.counter = ...), or make it "
                "with add_weight(..., trainable=False)",
            )
    return list(assigned)
