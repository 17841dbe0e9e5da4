"""The data of one call of fit, evaluate or predict: nests of arrays, flat, checked, equally long.

    columns = inputs, targets, weights: lists of arrays whose first axis is the rows

Programs take rows out of them by number, so nothing is copied to shuffle or to split.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import numpy as np

from lamina import tree
from lamina.arguments import number
from lamina.data.arrays import Array, check_lengths, data_array
from lamina.data.splitting import class_labels
from lamina.distribution.own_rows import joined
from lamina.errors import ArgumentError, DataError, RangeError, describe
from lamina.ir import types
from lamina.ir.types import Extent, TensorType

Kind: TypeAlias = tuple[Hashable, tuple[tuple[str, tuple[int, ...]], ...]]


@dataclass
class Columns:
    """Arrays by role, and the structures that put them together again."""

    inputs: list[Array]
    targets: list[Array] = field(default_factory=list)
    weights: list[Array] = field(default_factory=list)
    input_structure: object = tree.LEAF
    target_structure: object = (None, (), ())
    weight_structure: object = (None, (), ())
    numbers: Array | None = None  # of the rows in the data set, where a model needs them
    joined: bool = False  # True if the values are on devices, parts of them in other processes

    @property
    def arrays(self) -> list[Array]:
        """All arrays, the numbers last."""
        numbers = [] if self.numbers is None else [self.numbers]
        return [*self.inputs, *self.targets, *self.weights, *numbers]

    @property
    def rows(self) -> int:
        return len(self.inputs[0])

    @property
    def types(self) -> list[TensorType]:
        """The arrays' types, whatever the number of rows."""
        return [row_type(a, "rows") for a in self.arrays]

    @property
    def input_nest(self) -> object:
        """The inputs as the nest that they came in."""
        return tree.unflatten(self.input_structure, self.inputs)

    @property
    def places(self) -> object:
        """The numbers of the inputs, as a nest like theirs."""
        return tree.unflatten(self.input_structure, range(len(self.inputs)))

    @property
    def input_shapes(self) -> object:
        """The shapes of the inputs, with None for the rows, as a nest like theirs."""
        shapes = [(None, *a.shape[1:]) for a in self.inputs]
        return tree.unflatten(self.input_structure, shapes)

    @property
    def kind(self) -> Kind:
        """The part of the columns that a program depends on: structures, and element types and
        shapes of one row."""
        structures = (self.input_structure, self.target_structure, self.weight_structure)
        return structures, tuple((a.dtype.str, a.shape[1:]) for a in self.arrays)

    def assembled(self, leaves: Sequence[object]) -> tuple[object, object, object]:
        """Inputs, targets and weights as nests of `leaves`, which stand for the arrays."""
        n, m = len(self.inputs), len(self.inputs) + len(self.targets)
        return (
            tree.unflatten(self.input_structure, leaves[:n]),
            tree.unflatten(self.target_structure, leaves[n:m]),
            tree.unflatten(self.weight_structure, leaves[m : m + len(self.weights)]),
        )

    def use_views(self) -> None:
        """Replace the arrays by views, which no one else holds: their copies on devices end with
        these columns."""
        for arrays in (self.inputs, self.targets, self.weights):
            arrays[:] = [array.view() for array in arrays]

    def cut(self, rows: slice[int, int, int | None]) -> None:
        """Keep only these rows."""
        for arrays in (self.inputs, self.targets, self.weights):
            arrays[:] = [np.ascontiguousarray(array[rows]) for array in arrays]

    def join(self, whole: int) -> None:
        """Let the rows of all processes, `whole` of them, be one batch on their devices."""
        for arrays in (self.inputs, self.targets, self.weights):
            arrays[:] = [joined(array, whole) for array in arrays]
        self.joined = True

    def number_rows(self, first: int = 0) -> None:
        """Give the rows the numbers from `first` on, if they have none."""
        if self.numbers is None:
            self.numbers = np.arange(first, first + self.rows, dtype=np.int32)


def packed(x: object, y: object = None, sample_weight: object = None) -> object:
    """A batch as steps of a user's own get it, as in Keras: (x, y, sample_weight), (x, y), or where
    there are only inputs x, in a tuple if it is one itself."""
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (list, tuple)) else x


def unpacked(data: object) -> tuple[object, object, object]:
    """x, y and sample_weight of a batch, None for what is not there. Undoes `packed`."""
    if not isinstance(data, (list, tuple)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ArgumentError(
            f"a batch is a tuple of {len(data)}, expected (x, y) or (x, y, sample_weight)"
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def row_type(array: Array, extent: str) -> TensorType:
    """The type of an array with a symbol for its number of rows."""
    return TensorType((Extent.symbol(extent), *array.shape[1:]), types.dtype(array.dtype))


# ---- from what users give ----------------------------------------------------------------------
def columns(
    x: object,
    y: object = None,
    sample_weight: object = None,
    class_weight: Mapping[int, float] | None = None,
    prefix: str = "",
) -> Columns:
    """Columns of arrays, lists of arrays or dicts of arrays.

    Floating data become float32, once; integers stay. Class weights become sample weights.
    `prefix` goes before names in messages, such as "validation_". Raises DataError, DTypeError or
    ShapeError, with the name of the argument and column, for data that cannot be learned from.
    """
    inputs, input_structure, named = _flat(x, f"{prefix}x")
    targets, target_structure, more = _flat(y, f"{prefix}y")
    if sample_weight is not None:
        check_lengths(**{f"{prefix}x": inputs[0], f"{prefix}sample_weight": _rows(sample_weight)})
    weights, weight_structure, rest = _flat(sample_weight, f"{prefix}sample_weight")
    check_lengths(**named, **more, **rest)
    weights = [_checked_weights(w) for w in weights]
    data = Columns(inputs, targets, weights, input_structure, target_structure, weight_structure)
    if class_weight is not None:
        weigh_classes(data, class_weight)
    return data


def _rows(value: object) -> Array | None:
    """The value as an array, if it has a length to compare; scalars and nests are found later."""
    if isinstance(value, (list, tuple)) and _is_nest(value):
        return None
    counted = hasattr(value, "__len__") and not isinstance(value, dict)
    return cast(Array, value) if counted else None


def _flat(data: object, name: str) -> tuple[list[Array], object, dict[str, Array]]:
    """Arrays of a nest, its structure, and the arrays by name."""
    if data is None:
        return [], (None, (), ()), {}
    if isinstance(data, (list, tuple)) and not _is_nest(data):
        data = data_array(data, name)
    leaves, structure = tree.flatten(data)
    if structure == tree.LEAF:
        names = [name]
    elif isinstance(data, dict):
        names = [f"{name}[{key!r}]" for key in sorted(data, key=str)]
    else:
        names = [f"{name}[{k}]" for k in range(len(leaves))]
    if len(names) != len(leaves):
        names = [f"{name}, array {k}" for k in range(len(leaves))]
    if not leaves:
        raise DataError(f"{name}: holds no arrays; got {describe(data)}")
    arrays = [data_array(leaf, each) for leaf, each in zip(leaves, names, strict=True)]
    return arrays, structure, dict(zip(names, arrays, strict=True))


def _is_nest(data: Sequence[object]) -> bool:
    """True for [array, array], [array, [array]] and [array, None]: several inputs, of which some
    may be missing; False for [[1, 2], [3, 4]] and [row, row]: one."""
    if any(isinstance(each, dict) for each in data):
        return True
    arrays = [hasattr(each, "shape") and len(each.shape) >= 1 for each in data]
    rest = [each for each, known in zip(data, arrays, strict=True) if not known]
    return any(arrays) and all(
        each is None or (isinstance(each, (list, tuple)) and _is_nest(each)) for each in rest
    )


def parts_of(batch: object) -> tuple[object, ...]:
    """A batch as an iterable makes it, in a tuple: x, (x, y) or (x, y, sample_weight). A list of
    arrays or nests is such a tuple, as a DataLoader makes it; a list of numbers is x."""
    if isinstance(batch, list) and any(map(_holds_array, batch)):
        batch = tuple(batch)
    parts = batch if isinstance(batch, tuple) else (batch,)
    if not 1 <= len(parts) <= 3:
        raise ArgumentError(
            f"a batch is a tuple of {len(parts)}, expected (x, y) or (x, y, sample_weight)"
        )
    return parts


def _holds_array(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_array, value))
    return isinstance(value, dict) or hasattr(value, "shape")


# ---- weights -----------------------------------------------------------------------------------
def _checked_weights(weights: Array) -> Array:
    if weights.size and weights.min() < 0:
        raise RangeError(
            f"sample_weight: the smallest is {weights.min():g}, expected 0 or above",
            hint="a weight says how much a sample counts; 0 leaves it out",
        )
    return weights.astype(np.float32, copy=False)


def _combined(weights: list[Array], of_class: Array) -> list[Array]:
    if len(weights) > 1:
        raise ArgumentError(
            "class_weight goes with one output only, and there are sample weights for several",
            hint="multiply the class weights into the sample weights yourself",
        )
    return [np.multiply(weights[0], of_class) if weights else of_class]


def weigh_classes(data: Columns, by_class: Mapping[int, float], complete: bool = True) -> None:
    """Multiply class weights into the sample weights; arguments as in `class_weights`."""
    of_class = class_weights(by_class, data.targets, complete)
    data.weights, data.weight_structure = _combined(data.weights, of_class), tree.LEAF


def class_weights(
    by_class: Mapping[int, float], targets: Sequence[Array], complete: bool = True
) -> Array:
    """A weight for each row, float32 (n,), by its class; classes not named count 1.

    The class of a row of several columns is that of the largest. Raises ArgumentError where the
    targets are not classes, or a class is named that none has (of a
    single batch, which is not `complete`, that may be).
    """
    if not isinstance(by_class, Mapping):
        raise ArgumentError(
            f"class_weight is {describe(by_class)}, expected a dict, {{class: weight}}",
            hint="dict(enumerate(weights)) makes one of a list with a weight for each class",
        )
    labels = class_labels(targets[0]) if len(targets) == 1 else None
    if labels is None and len(targets) == 1 and targets[0].ndim == 2 and targets[0].shape[1] > 1:
        labels = targets[0].argmax(axis=1)  # soft labels
    if labels is None:
        raise ArgumentError(
            "class_weight needs class labels as targets: integers (n,), or one-hot rows",
            hint="use sample_weight, a weight for each row, for other targets",
        )
    found = set(np.unique(labels).tolist())
    for each in by_class:
        if complete and each not in found:
            shown = ", ".join(map(str, sorted(found)[:20]))
            raise ArgumentError(
                f"class_weight names class {each!r}, which no label has; the labels are {shown}"
            )
    weights = np.ones(len(labels), np.float32)
    for each, weight in by_class.items():
        weights[labels == each] = number("class_weight", f"weight of class {each!r}", weight, 0)
    return weights
