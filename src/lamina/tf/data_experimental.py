"""`tf.data.experimental`: earlier names of methods of Dataset."""

from __future__ import annotations

import csv
import glob
from typing import Any

import numpy as np

from lamina.data.dataset import AUTOTUNE, INFINITE, UNKNOWN, Dataset
from lamina.errors import ArgumentError
from lamina.tf.naming import public

__all__ = ["AUTOTUNE"]


def cardinality(dataset: Dataset) -> Any:
    """Return the number of elements."""
    return dataset.cardinality()


def assert_cardinality(expected_cardinality: Any) -> Any:
    """Return a function for `apply` that gives a dataset the length that it is known to have."""

    def transformed(dataset: Dataset) -> Dataset:
        elements = dataset.epoch
        return Dataset.of_passes(elements, int(expected_cardinality))

    return transformed


def Counter(start: int = 0, step: int = 1, dtype: Any = "int64") -> Dataset:
    """Return the integers from a number on, without end."""
    return Dataset.counter(start, step)


def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: Any = None,
    column_defaults: Any = None,
    label_name: str | None = None,
    select_columns: Any = None,
    field_delim: str = ",",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    **_: Any,
) -> Dataset:
    """Return batches of dictionaries of the columns of CSV files, read into memory."""
    rows: list[list[str]] = []
    names = None if column_names is None else list(column_names)
    for pattern in [file_pattern] if isinstance(file_pattern, str) else file_pattern:
        for path in sorted(glob.glob(pattern)):
            with open(path, newline="", encoding="utf-8") as file:
                lines = list(csv.reader(file, delimiter=field_delim))
            names = lines[0] if names is None and header else names
            rows += lines[1:] if header else lines
    if names is None or not rows:
        raise ArgumentError(f"make_csv_dataset: no rows, or no column_names, for {file_pattern!r}")
    columns = {n: _column(c) for n, c in zip(names, zip(*rows, strict=True), strict=True)}
    chosen = {n: columns[n] for n in (select_columns or names) if n != label_name}
    nest: Any = chosen if label_name is None else (chosen, columns[label_name])
    data = Dataset.from_tensor_slices(nest)
    data = data.shuffle(shuffle_buffer_size, shuffle_seed) if shuffle else data
    return data.repeat(num_epochs).batch(batch_size)


def _column(values: Any) -> np.ndarray:
    """A column as integers, floats or strings, whichever all of it is."""
    for kind in (np.int32, np.float32):
        try:
            return np.asarray([v or "0" for v in values]).astype(kind)
        except ValueError:
            continue
    return np.asarray(values, object)


public(
    __name__,
    {
        "INFINITE_CARDINALITY": INFINITE,
        "UNKNOWN_CARDINALITY": UNKNOWN,
        "sample_from_datasets": Dataset.sample_from_datasets,
        "choose_from_datasets": Dataset.choose_from_datasets,
        "bucket_by_sequence_length": lambda *a, **k: lambda d: d.bucket_by_sequence_length(*a, **k),
        "group_by_window": lambda *a, **k: lambda d: d.group_by_window(*a, **k),
        "shuffle_and_repeat": lambda size, count=None, seed=None: (
            lambda d: d.shuffle(size, seed).repeat(count)
        ),
        "unbatch": lambda: lambda d: d.unbatch(),
        "unique": lambda: lambda d: d.unique(),
        "enumerate_dataset": lambda start=0: lambda d: d.enumerate(start),
    },
    None,
    {
        "CsvDataset": "make_csv_dataset",
        "save": "Dataset.cache('file')",
        "load": "Dataset.cache('file')",
    },
)
