"""Cora: 2,708 papers on machine learning, the words in them, and which cites which."""

from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from lamina.datasets.download import Source, find_file
from lamina.errors import FileFormatError

SOURCE = Source(
    name="cora",
    title="the citation graph Cora",
    mirrors=(),
    digests={"cora.npz": ""},
    suffix="",
    other_names={"cora.npz": "graph/cora.npz"},
)


class Citations(NamedTuple):
    """A graph of papers.

    Attributes:
        features: float32 (papers, words): 1 if the paper has the word.
        labels: int64 (papers,): the subject, 0 to 6.
        edges: int64 (citations, 2): pairs of papers, each pair once.
        train: int64: the papers whose labels are for training.
        validation: int64: papers for choosing hyperparameters.
        test: int64: papers for testing.
    """

    features: np.ndarray
    labels: np.ndarray
    edges: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def load_data() -> Citations:
    """Return the graph with the public split of Yang et al. (2016): 140, 500 and 1,000 papers.

    The file `cora.npz` is searched in `LAMINA_DATA/cora`, `LAMINA_DATA/graph` and the cache folder;
    it is not downloaded, since the collection has no stated license. It has the arrays
    `feature_indptr`, `feature_indices` and `feature_shape` (rows in CSR form, whose values are 1),
    `labels`, `edges`, `train_index`, `val_index` and `test_index`.

    Raises:
        DownloadError: if the file is not on this machine.
        FileFormatError: if it has other arrays, or numbers that are out of range.

    Example:
        >>> import lamina as lm
        >>> graph = lm.datasets.cora.load_data()  # doctest: +SKIP

    Source: Sen et al. (2008), Collective classification in network data.
    """
    path = find_file(SOURCE, "cora.npz")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return _citations(path, {name: arrays[name].astype(np.int64) for name in arrays.files})
    except (OSError, EOFError, ValueError, TypeError, KeyError, BadZipFile) as error:
        raise FileFormatError(f"{path}: expected the arrays of the graph Cora ({error})") from error


def _citations(path: Path, arrays: dict[str, np.ndarray]) -> Citations:
    papers, words = (int(size) for size in arrays["feature_shape"])
    starts, columns = arrays["feature_indptr"], arrays["feature_indices"]
    counts = np.diff(starts)
    rows = np.repeat(np.arange(len(counts)), np.maximum(counts, 0))
    if len(counts) != papers or (counts < 0).any() or len(rows) != len(columns):
        raise FileFormatError(f"{path}: expected the words of {papers} papers, got {len(counts)}")
    limits = {"feature_indices": words, "edges": papers}
    limits |= dict.fromkeys(("train_index", "val_index", "test_index"), papers)
    for name, limit in limits.items():
        found = arrays[name]
        if found.size and not 0 <= found.min() <= found.max() < limit:
            raise FileFormatError(f"{path}: {name} has numbers outside of 0 to {limit - 1}")
    features = np.zeros((papers, words), np.float32)
    features[rows, columns] = 1
    parts = (arrays[name] for name in ("train_index", "val_index", "test_index"))
    return Citations(features, arrays["labels"], arrays["edges"].reshape(-1, 2), *parts)
