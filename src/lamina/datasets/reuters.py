"""Reuters: 11,228 newswires of 46 topics as lists of word ranks.

Source: Reuters-21578 (D. Lewis 1997), in the form that Keras distributes.
"""

import json
from typing import Any

import numpy as np

from lamina.datasets.download import Source, find_file
from lamina.datasets.object_lists import arrays
from lamina.datasets.sequences_of_words import prepared, shuffled

SOURCE = Source(
    name="reuters",
    title="the Reuters newswires",
    mirrors=("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",),
    digests={
        "reuters.npz": "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
        "reuters_word_index.json": "4d44cc38712099c9e383dc6e5f11a921",
    },
    flat=True,
    suffix="",
)
# the topics of Reuters-21578 in the order of Keras' numbers
_TOPICS = """
    cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship
    cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin
    strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem
    dlr gas silver wpi hog lead
"""


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return ((x_train, y_train), (x_test, y_test)): texts as lists of integers, and topics.

    A word's number is its rank by frequency plus `index_from`. The files are searched in
    `LAMINA_DATA/reuters`, `LAMINA_DATA` and the cache folder; otherwise they are downloaded and
    verified. Their lists are read without Python's unpickler.

    Args:
        path: accepted for Keras.
        num_words: keep words of a lower rank; None keeps all.
        skip_top: leave out words of a lower rank, which are the most frequent.
        maxlen: leave out texts of at least this many words.
        test_split: fraction of the texts for testing.
        seed: integer that fixes the order of the texts.
        start_char: number at the start of each text; None leaves it out.
        oov_char: number for words that are left out; None leaves no trace of them.
        index_from: number of the first word.

    Raises:
        DownloadError: if the file is not on this machine and cannot be downloaded.
        FileFormatError: if the file holds anything but numbers and lists of integers.

    Example:
        >>> import lamina as lm
        >>> (x_train, y_train), _ = lm.datasets.reuters.load_data(num_words=10000)  # doctest: +SKIP

    Source: Lewis (1997), Reuters-21578 text categorization test collection.
    """
    held = arrays(find_file(SOURCE, "reuters.npz"))
    texts, labels = shuffled(held["x"], held["y"], np.random.RandomState(seed))
    limits = (num_words, skip_top, maxlen, start_char, oov_char, index_from)
    x, y = prepared(texts, labels, *limits)
    border = int(len(x) * (1 - test_split))
    return (x[:border], y[:border]), (x[border:], y[border:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, Any]:
    """Return the rank of each word by frequency, from 1.

    Args:
        path: accepted for Keras.

    Example:
        >>> import lamina as lm
        >>> ranks = lm.datasets.reuters.get_word_index()  # doctest: +SKIP
    """
    text = find_file(SOURCE, "reuters_word_index.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def get_label_names() -> tuple[str, ...]:
    """Return the names of the 46 topics, in the order of their numbers.

    Example:
        >>> import lamina as lm
        >>> lm.datasets.reuters.get_label_names()[3]
        'earn'
    """
    return tuple(_TOPICS.split())
