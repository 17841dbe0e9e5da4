"""Which extents of data a program leaves open, so that one compilation serves every length.

Rows are always open. So is what an Input says to be None, and with it what outputs, and so targets
and weights, have of it: a model with Input((None, 28)) has one program for all numbers of steps. A
model without Inputs shows what may differ when data of another shape come: one more compilation,
and then no further one. Where something in a model needs the size (it is recorded as
Python code, and Python may ask), each size has its own program.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from lamina import tree
from lamina.errors import ArgumentError, LaminaError
from lamina.ir import types
from lamina.ir.types import Dim, Extent, Shape, TensorType, evaluate, is_static
from lamina.locks import MAKING
from lamina.training.columns import Columns
from lamina.training.outputs import aligned
from lamina.training.protocol import Nest, Structure, Trainable

P = TypeVar("P")
Axis = tuple[int, int]  # an array, counted inputs first, and one of its axes
FIRST, OTHER = "first call", "other element types, shapes of a row, or frozen layers"


class Programs(Generic[P]):
    """The programs of one purpose, each with all that its types leave open."""

    def __init__(self) -> None:
        self._exact: dict[Hashable, P] = {}
        self._programs: dict[tuple[Hashable, ...], P] = {}
        self._seen: dict[Hashable, _Seen] = {}
        self._refused: set[Hashable] = set()

    def find(
        self,
        key: Hashable,
        model: Trainable,
        data: Columns,
        make: Callable[[list[TensorType], str], P],
    ) -> P:
        """The program for such data, from `make(types, reason)` if there is none yet. `key` is what
        it depends on besides the data."""
        exact = (key, data.kind)
        found = self._exact.get(exact)
        if found is None:
            with MAKING:
                found = self._exact.get(exact)
                if found is None:
                    found = self._exact[exact] = self._fitting(key, model, data, make)
        return found

    def _fitting(
        self,
        key: Hashable,
        model: Trainable,
        data: Columns,
        make: Callable[[list[TensorType], str], P],
    ) -> P:
        structures, shapes = data.kind
        seen = self._seen.setdefault((key, structures, len(shapes)), _Seen())
        differing = seen.differing(data)
        types_ = open_types(model, data, differing)
        reason = OTHER if any(k[0] == key for k in self._programs) else FIRST
        if types_ != data.types and (key, tuple(types_)) not in self._refused:
            try:
                program = self._program(key, structures, types_, reason, make)
                seen.varying = differing
                return program
            except (LaminaError, TypeError) as error:
                self._refused.add((key, tuple(types_)))
                reason = f"a size is part of it: {str(error).splitlines()[0]}"
        return self._program(key, structures, data.types, reason, make)

    def _program(
        self,
        key: Hashable,
        structures: Hashable,
        types_: list[TensorType],
        reason: str,
        make: Callable[[list[TensorType], str], P],
    ) -> P:
        whole = (key, structures, tuple(types_))
        if whole not in self._programs:
            self._programs[whole] = make(types_, reason)
        return self._programs[whole]


class _Seen:
    """The first shapes of data of one structure, and which axes have differed from them since."""

    def __init__(self) -> None:
        self.first: list[tuple[int, ...]] | None = None
        self.varying: frozenset[Axis] = frozenset()

    def differing(self, data: Columns) -> frozenset[Axis]:
        shapes = [a.shape for a in data.arrays]
        if self.first is None or [len(s) for s in self.first] != [len(s) for s in shapes]:
            self.first, self.varying = shapes, frozenset()
        found = {
            (k, axis)
            for k, (first, shape) in enumerate(zip(self.first, shapes, strict=True))
            for axis in range(1, len(shape))
            if first[axis] != shape[axis]
        }
        return self.varying | found


# ---- types -------------------------------------------------------------------------------------
def open_types(
    model: Trainable, data: Columns, varying: frozenset[Axis] = frozenset()
) -> list[TensorType]:
    """The types of the arrays, with symbols for what is open: by the model's Inputs and outputs, or
    for a model that has none by the axes that are known to vary."""
    names = _Names()
    structure = model.structure
    if structure.key is None:
        shapes = _varying_shapes(data, varying, names)
    else:
        shapes = _of_inputs(structure, data, names) + _of_outputs(structure, data, names)
        shapes += [()] if data.numbers is not None else []
    return [
        TensorType((Extent.symbol("rows"), *shape), types.dtype(array.dtype))
        for shape, array in zip(shapes, data.arrays, strict=True)
    ]


class _Names:
    """Symbols for open extents: those of one axis and one size are the same one, since sequences
    that belong together are equally long."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self._by_size: dict[tuple[int, int], Extent] = {}
        self._counts: dict[int, int] = {}

    def symbol(self, axis: int, size: int) -> Extent:
        if (axis, size) not in self._by_size:
            count = self._counts[axis] = self._counts.get(axis, 0) + 1
            name = f"axis{axis}" if count == 1 else f"axis{axis}_{count}"
            self._by_size[axis, size] = Extent.symbol(name)
            self.sizes[name] = size
        return self._by_size[axis, size]


def _varying_shapes(data: Columns, varying: frozenset[Axis], names: _Names) -> list[Shape]:
    return [
        tuple(
            names.symbol(axis, n) if (k, axis) in varying else n
            for axis, n in enumerate(array.shape)
            if axis
        )
        for k, array in enumerate(data.arrays)
    ]


def _of_inputs(structure: Structure, data: Columns, names: _Names) -> list[Shape]:
    """The shapes of a row of the inputs: open where their Input says None."""
    shapes: list[Shape] = [a.shape[1:] for a in data.inputs]
    for place, declared in structure.input_shapes(data.places):
        shapes[place] = _opened(
            data.inputs[place].shape[1:], declared[1:], lambda axis, _, n: names.symbol(axis, n)
        )
    return shapes


def _opened(
    shape: Sequence[int], declared: Sequence[Dim], open_: Callable[[int, Extent, int], Dim]
) -> Shape:
    """The shape, with what `open_` says of (axis, extent, size) where an extent is symbolic."""
    whole = [*declared[: len(shape)], *[0] * (len(shape) - len(declared))]
    return tuple(
        n if is_static(extent) else open_(axis, extent, n)  # type: ignore[arg-type]
        for axis, (extent, n) in enumerate(zip(whole, shape, strict=True), start=1)
    )


def _of_outputs(structure: Structure, data: Columns, names: _Names) -> list[Shape]:
    """The shapes of a row of targets and weights: open where the output's extent is."""
    found: list[Shape] = []
    for arrays, nest, shared in (
        (data.targets, data.target_structure, False),
        (data.weights, data.weight_structure, True),
    ):
        outputs = _outputs_of(structure, data, nest, len(arrays), shared)
        for array, output in zip(arrays, outputs, strict=True):
            declared = () if output is None else output[1:]
            found.append(_opened(array.shape[1:], declared, _extents_like(names)))
    return found


def _outputs_of(
    structure: Structure, data: Columns, nest: Nest, count: int, shared: bool
) -> list[Shape | None]:
    """The shape of the output that each array goes with; None if it is not known."""
    owners: list[Shape | None] = [None] * count
    _, names, _ = structure.outputs_for(data.input_shapes)
    try:
        places = aligned(tree.unflatten(nest, range(count)), names, "", shared)
    except ArgumentError:
        return owners
    for place, shape in zip(places, structure.output_shapes, strict=True):
        if isinstance(place, int) and owners[place] is None:
            owners[place] = shape
    return owners


def _extents_like(names: _Names) -> Callable[[int, Extent, int], Dim]:
    """Return an array's extent, given that of the output: the same expression in the inputs'
    symbols, if it has the given size; otherwise a new symbol."""

    def extent(axis: int, output: Extent, size: int) -> Dim:
        known = types.symbols((output,)) <= names.sizes.keys()
        return (
            output if known and evaluate(output, names.sizes) == size else names.symbol(axis, size)
        )

    return extent
