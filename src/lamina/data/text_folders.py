"""Folders of texts as datasets: read in the background, when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.annotations import PathLike
from lamina.data.background import default_workers
from lamina.data.dataset import Dataset
from lamina.data.folders import UNREADABLE, Index, index, open_folder
from lamina.data.labeled_folders import (
    LabeledFiles,
    check_arguments,
    check_labels,
    divided,
)
from lamina.errors import FileFormatError, RangeError


def text_dataset_from_directory(
    directory: PathLike,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
    *,
    encoding: str = "utf-8",
    workers: int | None = None,
) -> Any:
    """Return a Dataset of the .txt files in a folder with one folder for each class.

    Batches are (texts, labels), or texts alone without labels: texts an object array (batch,) of
    strings; labels int32 (batch,), float32 (batch, classes) with label_mode "categorical", or
    float32 (batch, 1) with "binary". Use `map` with a TextVectorization, or put one first in a
    Sequential. The dataset has `class_names` and `file_paths` (in order, not shuffled). Names and
    defaults are those of Keras; `encoding` and `workers` are Lamina's.

    Args:
        directory: folder, .zip file of one, or folder in a .zip file ("reviews.zip/train").
        labels: "inferred" from the folders; None; or the class number of each file, in the order of
            the sorted paths.
        label_mode: "int", "categorical", "binary", or None for texts alone.
        class_names: folders in the order of their numbers; None sorts them by name.
        batch_size: samples in a batch; None gives single samples.
        max_length: number of bytes of a text that are kept, in whole characters; None keeps all.
        shuffle: use another order in each pass.
        seed: integer that fixes the order; None draws one from the state that `set_seed` sets.
        validation_split: fraction held out for validation, of each class its share; None for none.
        subset: "training", "validation", or "both" as a pair, with `validation_split`.
        follow_links: follow symbolic links to folders.
        format: "tf" or "grain", accepted for Keras; the result is a Dataset in both cases.
        verbose: print how many files and classes were found.
        encoding: encoding of the files.
        workers: number of threads that load data; None is one for each processor.

    Raises:
        DataError: if the folder does not exist, or has no text or no class folder.
        FileFormatError: for a file that is not text in this encoding, with its position.
        ArgumentError, UnknownNameError, RangeError: for arguments that are impossible.

    Example:
        >>> import lamina as lm
        >>> train = lm.data.text_dataset_from_directory("reviews", batch_size=64)  # doctest: +SKIP
        >>> vectorize.adapt(train)  # doctest: +SKIP
    """
    check_arguments(label_mode, validation_split, subset, format)
    if max_length is not None and max_length < 1:
        raise RangeError(f"max_length is {max_length}, expected a whole number from 1")
    labels = None if label_mode is None else labels
    folder = open_folder(directory, follow_links)
    files = index(folder, is_text, "texts (.txt)", labels, class_names)
    check_labels(files, label_mode)
    texts = Texts(files, label_mode, max_length, encoding)
    threads = default_workers() if workers is None else workers

    def dataset(rows: np.ndarray, order: int | None) -> Dataset:
        return texts.dataset(rows, batch_size, order, threads)

    return divided(files, dataset, shuffle, seed, validation_split, subset, verbose)


def is_text(path: str) -> bool:
    """Whether a file is called like a text."""
    name = path.rpartition("/")[2].lower()
    return name.endswith(".txt") and not name.startswith(".")


class Texts(LabeledFiles):
    """Texts by their number in the index."""

    def __init__(
        self, files: Index, label_mode: str | None, max_length: int | None, encoding: str
    ) -> None:
        super().__init__(files, label_mode)
        self.max_length, self.encoding = max_length, encoding

    def batch(self, rows: np.ndarray) -> Any:
        texts = np.empty(np.shape(rows), object)
        for place, row in np.ndenumerate(rows):
            texts[place] = self._read(int(row))
        return texts if self.labels is None else (texts, self.labels[rows])

    def sample(self, row: int) -> Any:
        return self.batch(np.asarray(row))

    def _read(self, row: int) -> str:
        path = self.files.paths[row]
        try:
            content = self.files.folder.read(path)
        except UNREADABLE as error:
            raise FileFormatError(
                f"{self.files.folder.name(path)}: cannot be read: {error}",
                hint="a .zip file that is damaged is copied or downloaded again",
            ) from error
        try:
            text = content.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise FileFormatError(
                f"{self.files.folder.name(path)}: is not text in {self.encoding}: {error.reason} "
                f"at byte {error.start}",
                hint="give the encoding that the files have: encoding='latin-1'",
            ) from error
        if self.max_length is None or len(content) <= self.max_length:
            return text
        return content[: self.max_length].decode(self.encoding, errors="ignore")
