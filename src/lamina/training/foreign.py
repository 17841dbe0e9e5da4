"""Data of other libraries, as iterables of batches: nothing is converted before its batch comes.

    scipy.sparse matrices                  rows, made dense batch by batch
    Hugging Face Dataset                   rows; columns are inputs and targets by name
    Hugging Face IterableDataset, batched  batches; columns by name
    PyTorch DataLoader                     batches; if they are dictionaries, columns by name

Data frames and Arrow tables are arrays already; for a model with several inputs their columns are
found by the Inputs' names. No library is imported: types are recognized by their names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeGuard

import numpy as np

from lamina import tree
from lamina.data import columns as table_columns
from lamina.data.arrays import Array, as_array, check_lengths
from lamina.data.dataset import Dataset
from lamina.errors import ArgumentError, DataError
from lamina.training.columns import columns
from lamina.training.protocol import Nest, Trainable
from lamina.training.sources import is_iterable_of_batches, refuse_batch_size
from lamina.training.stateful import batch_size_for

TARGETS = ("label", "labels", "target", "targets", "y")  # usual names of a target's column
WEIGHT = "sample_weight"


class Given(NamedTuple):
    """Arguments of `fit`, `evaluate` or `predict`."""

    x: Nest
    y: Nest = None
    sample_weight: Nest = None
    batch_size: int | None = None


class Rows(Protocol):
    """Data whose rows are taken by their numbers: an array, or a sparse matrix."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, numbers: Array, /) -> Rows: ...


class Sparse(Rows, Protocol):
    """A matrix of `scipy.sparse`."""

    def toarray(self) -> Array: ...

    def tocsr(self) -> Rows: ...


class Table(Protocol):
    """A Hugging Face Dataset."""

    @property
    def format(self) -> Mapping[str, object]: ...

    def __len__(self) -> int: ...

    def with_format(self, kind: str, /) -> Table: ...

    def __getitem__(self, numbers: list[int], /) -> Mapping[str, object]: ...


class Frame(Protocol):
    """A data frame, whose columns have names."""

    def __getitem__(self, name: str, /) -> object: ...


def adapted(
    owner: str, model: Trainable, given: Given, default: int = 32, seed: int | None = None
) -> Given:
    """Return the arguments with data of other libraries replaced by iterables of batches.

    Args:
        owner: "fit", "evaluate" or "predict".
        model: model whose Inputs name columns.
        given: what the caller passed; other data are returned as they are.
        default: batch size if none is given.
        seed: fixes the order of rows, another in each pass; None keeps their order.
    """
    x = given.x
    if _holds_sparse(x) or _is_sparse(given.y):
        size = batch_size_for(model, given.batch_size, default)
        return Given(_sparse_batches(given, size, seed))
    if isinstance(x, dict) and _is_a(x, "datasets", "DatasetDict"):
        raise ArgumentError(
            f"{owner}: x is a DatasetDict of the splits {', '.join(x)}", hint='dataset["train"]'
        )
    if _is_table(x):
        _refuse_targets(owner, given)
        size = batch_size_for(model, given.batch_size, default)
        return Given(_table_batches(owner, model, x, size, seed))
    if _is_loader(x):
        _refuse_targets(owner, given)
        refuse_batch_size(given.batch_size)
        return Given(_Named(x, _Columns.of(owner, model)))
    if _is_a(x, "torch", "Dataset"):
        raise ArgumentError(
            f"{owner}: x is a {type(x).__name__} of PyTorch, which gives single samples (expected "
            "batches)",
            hint="torch.utils.data.DataLoader(dataset, batch_size=32) makes batches",
        )
    if hasattr(x, "collect") and hasattr(x, "collect_schema"):
        raise ArgumentError(f"{owner}: x is a lazy frame without rows", hint="x.collect()")
    if owner != "predict" and given.y is None and _are_batches(x):
        return Given([tuple(batch) for batch in x], *given[1:])
    return Given(_frame_by_name(model, x), *given[1:])


def adapted_validation(
    model: Trainable, data: Nest, default: int, batch_size: int | None
) -> tuple[Nest, int | None]:
    """Return validation data, (x, y), (x, y, sample_weight) or an iterable, and the batch size of
    arrays, likewise."""
    parts: Sequence[Nest] = (data,)
    if is_pair := isinstance(data, (tuple, list)) and len(data) in (2, 3):
        parts = data
    if is_pair and isinstance(parts[0], tuple):  # a list of batches
        return data, batch_size
    x, y, weight = (*parts, None, None)[:3]
    given = Given(x, y, weight, batch_size)
    x, y, weight, size = adapted("fit", model, given, default)
    alone = is_pair and parts[1] is None and not is_iterable_of_batches(x)  # losses by add_loss
    if alone or (is_pair and y is not None):
        return ((x, y) if weight is None else (x, y, weight)), size
    return x, size


# ---- kinds of data -----------------------------------------------------------------------------
def _is_sparse(value: object) -> TypeGuard[Sparse]:
    return _module(type(value)) == "scipy" and hasattr(value, "toarray")


def _holds_sparse(x: Nest) -> bool:
    if isinstance(x, dict):
        return any(map(_is_sparse, x.values()))
    return any(map(_is_sparse, x)) if isinstance(x, (list, tuple)) else _is_sparse(x)


def _is_table(value: object) -> TypeGuard[Table]:
    return _is_a(value, "datasets", "Dataset")


def _is_loader(value: object) -> TypeGuard[Collection[object]]:
    return _is_a(value, "datasets", "IterableDataset") or _is_a(value, "torch", "DataLoader")


def _is_a(value: object, package: str, name: str) -> bool:
    """True if a class of the value has this name in this package."""
    return any(c.__name__ == name and _module(c) == package for c in type(value).__mro__)


def _module(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def _are_batches(x: Nest) -> TypeGuard[list[list[object]]]:
    """True for [[x, y], [x, y], ...] of arrays, as a loader of batches in a list makes them."""
    return isinstance(x, list) and all(
        isinstance(each, list) and len(each) in (2, 3) and all(map(_has_rows, each)) for each in x
    )


def _has_rows(value: object) -> bool:
    return len(getattr(value, "shape", ())) > 0


def _refuse_targets(owner: str, given: Given) -> None:
    for name in ("y", "sample_weight"):
        if getattr(given, name) is not None:
            raise ArgumentError(
                f"{owner}: {name} goes with arrays, and x is a {type(given.x).__name__}, which "
                "gives its own",
                hint=f"leave {name} out, and name the column in the data set",
            )


# ---- rows by number ----------------------------------------------------------------------------
def _sparse_batches(given: Given, batch_size: int, seed: int | None) -> Dataset:
    """Batches of the rows of sparse matrices: x, one of several inputs, or y."""
    inputs, structure = tree.flatten(given.x)
    rows: list[Rows] = [_rows(each) for each in inputs]
    stand_ins = tree.unflatten(structure, [_no_columns(each) for each in rows])
    targets: list[Rows] = []
    y = given.y
    if _is_sparse(y):
        check_lengths(x=_no_columns(rows[0]), y=_no_columns(y))
        targets, y = [y.tocsr()], None
    dense = columns(stand_ins, y, given.sample_weight)
    if targets:
        dense.targets, dense.target_structure = [_no_columns(targets[0])], tree.LEAF
    leaves: list[Rows] = [*rows, *(targets or dense.targets), *dense.weights]

    def batch(numbers: Array) -> Nest:
        parts = dense.assembled([_dense(each[numbers]) for each in leaves])
        return tuple(part for part in parts if part is not None)

    return Dataset.of_rows(batch, dense.rows, batch_size, seed)


def _rows(matrix: object) -> Rows:
    """A matrix whose rows can be taken by number."""
    return matrix.tocsr() if _is_sparse(matrix) else as_array(matrix, "x")


def _no_columns(rows: Rows) -> Array:
    """An array of as many rows, which needs no memory."""
    return np.empty((rows.shape[0], 0))


def _dense(rows: Rows) -> object:
    return rows.toarray() if _is_sparse(rows) else rows


def _table_batches(
    owner: str, model: Trainable, table: Table, size: int, seed: int | None
) -> Dataset:
    """Batches of the rows of a Hugging Face Dataset, read as arrays unless it has a transform."""
    by_name = _Columns.of(owner, model)
    formatted = table if table.format["type"] == "custom" else table.with_format("numpy")

    def batch(numbers: Array) -> Nest:
        return by_name(formatted[numbers.tolist()])

    return Dataset.of_rows(batch, len(table), size, seed)


# ---- columns by name ---------------------------------------------------------------------------
class _Named:
    """An iterable of batches, whose dictionaries become (x, y) by the names of their columns."""

    def __init__(self, batches: Collection[object], by_name: _Columns) -> None:
        self._batches, self._by_name = batches, by_name

    def __iter__(self) -> Iterator[object]:
        for batch in self._batches:
            yield self._by_name(batch) if isinstance(batch, Mapping) else batch

    def __len__(self) -> int:
        return len(self._batches)


@dataclass(frozen=True)
class _Columns:
    """Which columns are inputs, and which are targets.

    The names of the Inputs and outputs decide. A model with one input takes the only column that is
    no target; a model with one output the only column that is left, or that has a usual name of
    targets.
    """

    owner: str
    inputs: Sequence[str]
    outputs: Sequence[str]

    @classmethod
    def of(cls, owner: str, model: Trainable) -> _Columns:
        """The columns for a model; one without Inputs has no names."""
        return cls(owner, model.structure.input_names, model.structure.output_names)

    def __call__(self, batch: Mapping[str, object]) -> Nest:
        """Return (x, y), (x, y, sample_weight), or x for `predict`."""
        arrays = {str(name): _column(batch[name], str(name)) for name in batch}
        self._check_lengths(arrays)
        weight = arrays.pop(WEIGHT, None)
        if self.inputs and all(name in arrays for name in self.inputs):
            named = {name: arrays.pop(name) for name in self.inputs}
            x: Nest = named if len(named) > 1 else next(iter(named.values()))
            rest = arrays
        else:
            x, rest = self._only_input(arrays)
        if self.owner == "predict":
            return x
        y = self._targets(rest)
        return (x, y) if weight is None else (x, y, weight)

    def _check_lengths(self, arrays: Mapping[str, Array]) -> None:
        if len({len(array) for array in arrays.values()}) > 1:
            found = ", ".join(f"{name} has {len(array)}" for name, array in arrays.items())
            raise DataError(
                f"{self.owner}: columns of unequal lengths in a batch: {found}",
                hint="a data set that gives single samples makes batches by dataset.batch(32)",
            )

    def _only_input(self, arrays: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
        targets = {name for name in arrays if name in self.outputs or name in TARGETS}
        inputs = [name for name in arrays if name not in targets]
        if len(self.inputs) > 1 or len(inputs) != 1:
            wanted = ", ".join(self.inputs) or "one column"
            raise ArgumentError(
                f"{self.owner}: the columns are {', '.join(arrays)} (expected {wanted} as inputs)",
                hint="name Inputs like columns, lm.Input(shape, name='age'), or leave columns out: "
                "dataset.select_columns(['image', 'label'])",
            )
        return arrays[inputs[0]], {name: arrays[name] for name in arrays if name in targets}

    def _targets(self, rest: dict[str, Array]) -> Nest:
        if len(self.outputs) > 1 and all(name in rest for name in self.outputs):
            return {name: rest[name] for name in self.outputs}
        found = [name for name in rest if name in self.outputs or name in TARGETS]
        if len(rest) == 1 or len(found) == 1:
            return rest[(found or list(rest))[0]]
        wanted = ", ".join(self.outputs) if len(self.outputs) > 1 else "label"
        raise ArgumentError(
            f"{self.owner}: which column is the target is not clear: "
            f"{', '.join(rest) or 'none'} besides the inputs (expected {wanted})",
            hint="dataset.rename_column('price', 'label'), or select_columns with the inputs and "
            "one more",
        )


def _column(values: object, name: str) -> Array:
    if isinstance(values, (str, bytes, float, int)) or getattr(values, "shape", None) == ():
        raise DataError(
            f"column {name!r}: a batch holds a single value (expected one for each row)",
            hint="the data set gives single samples: dataset.batch(32) makes batches",
        )
    return as_array(values, name, None)


def _frame_by_name(model: Trainable, x: Nest) -> Nest:
    """The columns of a frame as a dictionary, for a model whose several Inputs have their names."""
    if isinstance(x, (np.ndarray, dict)):
        return x
    names, wanted = table_columns.names(x), model.structure.input_names
    if not names or len(wanted) < 2 or not set(wanted) <= set(names) or not _is_frame(x):
        return x
    return {name: x[name] for name in wanted}


def _is_frame(x: object) -> TypeGuard[Frame]:
    return hasattr(x, "__getitem__")
