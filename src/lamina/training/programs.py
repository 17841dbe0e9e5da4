"""Programs: training, evaluation and prediction, each recorded and compiled once for all sizes.

    train     (order, inputs, targets, weights) -> logs      scan over the rows of `order`
    evaluate  (order, inputs, targets, weights) -> logs      the same, and only metrics change
    predict   (inputs) -> outputs

`order` is int32 (steps, batch): numbers of rows, which the program gathers from the data itself.
Steps, batch and rows are symbols: one compilation serves the last short batch and every data set.
They flush denormals: the running means of an optimizer decay into them wherever gradients are zero
for long, and a step of the lecture's network was a quarter slower for it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from lamina import tree
from lamina.data.arrays import Array
from lamina.engines import Executable
from lamina.errors import StateError
from lamina.ir import types
from lamina.ir.types import Extent, TensorType
from lamina.operations import limits
from lamina.tensor import Tensor, as_numpy, as_tensor, bind
from lamina.training.kept import Kept
from lamina.training.protocol import Nest, Outputs
from lamina.transforms.compiling import build
from lamina.transforms.loops import scan
from lamina.transforms.tracing import record
from lamina.variables import Variable, bound, memory_of

ORDER = TensorType((Extent.symbol("steps"), Extent.symbol("batch")), types.int32)


class Recordable(Protocol):
    """A function that programs are made of."""

    def __call__(self, *inputs: Tensor) -> Nest: ...


Step: TypeAlias = Callable[[Sequence[Tensor]], "Mapping[str, Tensor] | None"]
Results: TypeAlias = Callable[[], Mapping[str, Tensor]]
ROUNDS = 3  # recordings until all that a step changes is known


class Program:
    """A recorded function and its executable. Arrays of state are bound once: they never move."""

    __slots__ = (
        "_bound", "_captured", "_changed", "_dtypes", "_executable", "_leaf", "_limits", "_outputs",
        "_state", "_structure", "_types",
    )  # fmt: skip

    def __init__(self, f: Recordable, inputs: Sequence[TensorType], name: str, why: str):
        with limits.collected() as self._limits:
            recorded = record(f, inputs, name)
        self._types = list(inputs)
        self._executable: Executable = build(recorded, f"{name}: {why}", flush_denormals=True)
        self._state = recorded.state  # keeps the variables alive as long as their arrays are used
        self._changed = recorded.changed
        self._captured = recorded.captured
        self._bound = [*(memory_of(v) for v in self._state), *self._captured]
        self._outputs, self._structure = recorded.outputs, recorded.structure
        self._leaf = recorded.structure == tree.LEAF
        dtypes = [node.dtype for node in recorded.graph.results[: recorded.outputs]]
        self._dtypes = dtypes if types.bfloat16 in dtypes else None

    def __call__(self, *arrays: Array) -> Outputs:
        """Return what the function returned, as NumPy arrays; state has changed in place. Raises
        ShapeError where an extent is beyond the limit of a layer."""
        if self._limits:
            sizes = _sizes(self._types, arrays)
            for limit in self._limits:
                limit.check(sizes)
        results = self._executable([*arrays, *self._bound])
        if self._dtypes is not None:  # bfloat16, which NumPy lacks
            results = [as_numpy(y, d) for y, d in zip(results, self._dtypes, strict=False)]
        if self._leaf:
            return results[0]
        return tree.unflatten(self._structure, results[: self._outputs])

    def place(self, arrays: Sequence[Array]) -> None:
        """Begin the transfer of a batch to where the program reads it; `order` comes before it. An
        engine that runs on the host does nothing."""
        place = getattr(self._executable, "place", None)
        if place is not None:
            place(1, arrays)

    def keeping(self, kept: Kept) -> Program:
        """This program, after `kept` has noted the state that it changes."""
        kept.keep(self._changed)
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Program:
        """The same program on copies of the state: what a copied model runs."""
        twin = copy.copy(self)
        twin._state = copy.deepcopy(self._state, memo)
        twin._changed = copy.deepcopy(self._changed, memo)
        twin._bound = [*(memory_of(v) for v in twin._state), *self._captured]
        return twin

    def inside(self, *arrays: Array) -> tuple[Executable, list[Array]]:
        """The executable and all arrays that it takes, for inspection."""
        return self._executable, [*arrays, *self._bound]


def _sizes(types_: Sequence[TensorType], arrays: Sequence[Array]) -> dict[str, int]:
    """The values of the symbols that are an extent by themselves."""
    pairs = zip(types_, arrays, strict=False)
    return {
        str(extent): size
        for type_, array in pairs
        for extent, size in zip(type_.shape, array.shape, strict=True)
        if isinstance(extent, Extent)
    }


class WholeBatch(Program):
    """A program of one step on whole columns: `order` has the numbers of all rows, and is not
    read. The rows of joined columns are in several processes, where no gather reaches them."""

    def __call__(self, *arrays: Array) -> Outputs:
        _order, *columns = arrays
        return super().__call__(*columns)


class EagerLoop:
    """The loop of a program, run as Python code, batch by batch."""

    def __init__(self, step: Step, results: Results) -> None:
        self.step, self.results = step, results

    def __call__(self, order: Array, *arrays: Array) -> Outputs:
        """The logs after steps on these rows, as a Program gives them."""
        extra: Mapping[str, Tensor] = {}
        for picked in order:
            extra = self.step([as_tensor(a[picked]) for a in arrays]) or {}
        return {name: np.asarray(v) for name, v in {**self.results(), **extra}.items()}

    def place(self, arrays: Sequence[Array]) -> None:
        """Do nothing: eager code runs on the host."""

    def keeping(self, kept: Kept) -> EagerLoop:
        """The same loop, which has `kept` note state before it changes."""

        def noting(leaves: Sequence[Tensor]) -> Mapping[str, Tensor] | None:
            with bound({}, propagate=False) as trace:
                extra = self.step(leaves)
            assigned = trace.assigned()
            kept.keep(assigned)
            for variable, value in assigned.items():
                variable.assign(value)
            return extra

        return EagerLoop(noting, self.results)


Runner: TypeAlias = Program | EagerLoop


# ---- loops over batches ------------------------------------------------------------------------
def loop_program(
    step: Step,
    results: Results,
    carried: Sequence[Variable],
    columns: Sequence[TensorType],
    name: str,
    why: str,
) -> Program:
    """The program of (order, *columns) that does `step` on each batch of rows.

    `carried` are the Variables that a step is known to change; others that it changes
    (an optimizer or a counter of the user's) are found by recording once more. What `step` returns,
    a dict of tensors or nothing, counts from the last batch; `results` gives logs over all.
    """
    carried = list(dict.fromkeys(carried))
    for _ in range(ROUNDS):
        try:
            return Program(loop(step, results, carried), [ORDER, *columns], name, why)
        except _ChangesMore as more:
            carried += more.variables
    raise StateError(
        f"{name}: each recording of the step makes new Variables: {carried[-1]!r} is one",
        hint="make Variables once, in __init__ or build, and change them with assign",
    )


class _ChangesMore(Exception):
    """A step changes Variables that the loop does not carry."""

    def __init__(self, variables: list[Variable]) -> None:
        self.variables = variables


def loop(step: Step, results: Results, carried: Sequence[Variable]) -> Recordable:
    """The function that `loop_program` records."""

    def run(*inputs: Tensor) -> dict[str, Tensor]:
        order, *columns = inputs
        changed: set[Variable] = set()
        own = frozenset(carried)

        def body(
            carry: list[Tensor], picked: Tensor
        ) -> tuple[list[Tensor], Mapping[str, Tensor] | None]:
            batch = [rows_of(column, picked) for column in columns]
            with bound(dict(zip(carried, carry, strict=True)), propagate=False) as trace:
                extra = step(batch)
                changed.update(trace.assigned())
                if not changed <= own:
                    raise _ChangesMore([v for v in trace.assigned() if v not in own])
                return [trace.read(v) for v in carried], extra

        last, extra = scan(body, [v.read() for v in carried], order)
        for variable, value in zip(carried, last, strict=True):
            if variable in changed:
                variable.assign(value)
        return {**results(), **{name: each[-1] for name, each in (extra or {}).items()}}

    return run


def one_step(step: Step, results: Results) -> Recordable:
    """The function of whole columns that `WholeBatch` records."""

    def run(*columns: Tensor) -> dict[str, Tensor]:
        extra = step(columns) or {}
        return {**results(), **extra}

    return run


def rows_of(column: Tensor, picked: Tensor) -> Tensor:
    """column[picked] for numbers of rows that are known to exist: one gather, nothing else."""
    indices = bind("reshape", picked, shape=(*picked.shape, 1))
    return bind(
        "gather",
        column,
        indices,
        offset_dims=tuple(range(1, column.ndim)),
        collapsed_slice_dims=(0,),
        start_index_map=(0,),
        slice_sizes=(1, *column.shape[1:]),
    )
