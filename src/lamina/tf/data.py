"""`tf.data`: Lamina's Dataset, with sources of lines and records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.data.dataset import AUTOTUNE, INFINITE, UNKNOWN, Dataset, Options
from lamina.string_tensor import StringTensor
from lamina.tf import data_experimental as experimental
from lamina.tf.naming import public
from lamina.tf.records import records

__all__ = ["AUTOTUNE", "Dataset", "Options", "experimental"]
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = INFINITE, UNKNOWN


def _paths(filenames: Any) -> list[str]:
    if isinstance(filenames, Dataset):
        return [StringTensor(each).item() for each in filenames]
    found = StringTensor(filenames).tolist()
    return [found] if isinstance(found, str) else found


def TextLineDataset(
    filenames: Any,
    compression_type: Any = None,
    buffer_size: Any = None,
    num_parallel_reads: Any = None,
    name: Any = None,
) -> Dataset:
    """Return the lines of text files, without their ends."""
    paths = _paths(filenames)

    def lines() -> Iterator[Any]:
        for path in paths:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    yield np.asarray(line.rstrip("\r\n"), object)

    return Dataset.from_generator(lines, output_types="string")


def TFRecordDataset(
    filenames: Any,
    compression_type: Any = None,
    buffer_size: Any = None,
    num_parallel_reads: Any = None,
    name: Any = None,
) -> Dataset:
    """Return the records of TFRecord files as strings."""
    paths = _paths(filenames)

    def found() -> Iterator[Any]:
        for path in paths:
            for record in records(path, compression_type or ""):
                yield np.asarray(record, object)

    return Dataset.from_generator(found, output_types="string")


public(
    __name__,
    {"INFINITE_CARDINALITY": INFINITE, "UNKNOWN_CARDINALITY": UNKNOWN},
    None,
    {
        "FixedLengthRecordDataset": "numpy.memmap, then Dataset.from_tensor_slices",
        "Iterator": "iter(dataset)",
    },
)
