"""Common parts of datasets of labeled files: forms of labels, and the validation split."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.data.dataset import FORMATS, Dataset, order_seed
from lamina.data.folders import Index
from lamina.data.splitting import stratified_split
from lamina.errors import ArgumentError, describe, unknown_name

LABEL_MODES = ("int", "categorical", "binary")
SUBSETS = ("training", "validation", "both")


# ---- labels and parts --------------------------------------------------------------------------
def divided(
    files: Index,
    dataset: Callable[[np.ndarray, int | None], Dataset],
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    verbose: bool,
) -> Any:
    """dataset(rows, seed of their order) of all files, of the part that `subset` names, or of both
    parts as a pair. Validation data stay in order."""
    if verbose:
        print(_found(files))
    order = order_seed(seed) if shuffle else None
    if subset is None:
        return dataset(np.arange(len(files)), order)
    training, held_out = _split(files, float(validation_split or 0), seed)
    if verbose:
        print(_used(subset, training, held_out))
    parts = {
        "training": lambda: dataset(training, order),
        "validation": lambda: dataset(held_out, None),
    }
    return parts[subset]() if subset in parts else (parts["training"](), parts["validation"]())


class LabeledFiles(ABC):
    """Files by their number in the index, with their labels; a subclass reads them."""

    def __init__(self, files: Index, label_mode: str | None) -> None:
        self.files = files
        self.labels = encoded_labels(files, label_mode)

    @abstractmethod
    def batch(self, rows: np.ndarray) -> Any:
        """Return (values, labels) of the files of these numbers, or values without labels."""

    @abstractmethod
    def sample(self, row: int) -> Any:
        """Return (value, label) of one file, or a value without a label."""

    def finish(self) -> None:
        """Report on a pass, at its end; here nothing."""
        return

    def dataset(
        self, rows: np.ndarray, batch_size: int | None, order: int | None, workers: int
    ) -> Dataset:
        """Return the files of these numbers, in the order of a seed, or as they are."""

        def made(chosen: Any) -> Any:
            return self.batch(rows[chosen]) if batch_size else self.sample(int(rows[chosen]))

        data = Dataset.of_rows(
            made,
            len(rows),
            batch_size,
            order,
            workers=workers,
            class_names=self.files.class_names,
            finish=self.finish,
        )
        data.file_paths = [self.files.folder.name(self.files.paths[row]) for row in rows]
        return data


def encoded_labels(files: Index, label_mode: str | None) -> np.ndarray | None:
    """The labels as `label_mode` has them; None where there are none."""
    if files.labels is None:
        return None
    if label_mode == "categorical":
        classes = len(files.class_names or ())
        return np.eye(classes, dtype=np.float32)[files.labels]
    return files.labels.astype(np.float32)[:, None] if label_mode == "binary" else files.labels


def _split(files: Index, fraction: float, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    labels = np.zeros(len(files)) if files.labels is None else files.labels
    return stratified_split(labels, fraction, seed or 0)


def _found(files: Index) -> str:
    text = f"Found {len(files):,} files"
    if files.labels is None or files.class_names is None:
        return f"{text}."
    counts = np.bincount(files.labels, minlength=len(files.class_names))
    empty = [name for name, n in zip(files.class_names, counts, strict=False) if not n]
    text += f" belonging to {len(files.class_names)} classes."
    return f"{text} None of them in {', '.join(empty)}." if empty else text


def _used(subset: str, training: np.ndarray, held_out: np.ndarray) -> str:
    parts = {"training": len(training), "validation": len(held_out)}
    chosen = parts if subset == "both" else {subset: parts[subset]}
    return "\n".join(f"Using {count:,} files for {name}." for name, count in chosen.items())


# ---- arguments ---------------------------------------------------------------------------------
def check_arguments(
    label_mode: str | None, validation_split: float | None, subset: str | None, format: str = "tf"
) -> None:
    """Raise UnknownNameError or ArgumentError for what is not possible, or not together."""
    if label_mode is not None and label_mode not in LABEL_MODES:
        raise unknown_name("label_mode", label_mode, LABEL_MODES)
    if subset is not None and subset not in SUBSETS:
        raise unknown_name("subset", subset, SUBSETS)
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    if (validation_split is None) != (subset is None):
        raise ArgumentError(
            f"validation_split is {validation_split!r}, subset is {subset!r}: give both, or none",
            hint='validation_split=0.2 and subset="training", "validation" or "both"',
        )


def check_labels(files: Index, label_mode: str | None) -> None:
    """Raise ArgumentError where the classes found do not go with `label_mode`."""
    classes = files.class_names
    if label_mode == "binary" and classes is not None and len(classes) != 2:
        raise ArgumentError(
            f"label_mode='binary' needs two classes, and there are {len(classes)}: "
            f"{describe(classes)}"
        )
    if files.labels is not None and label_mode == "categorical":
        top = int(files.labels.max(initial=0))
        if files.labels.min(initial=0) < 0 or top >= len(classes or ()):
            raise ArgumentError(
                f"label_mode='categorical' needs classes numbered 0 to {len(classes or ()) - 1}; "
                f"labels run from {files.labels.min()} to {top}"
            )
