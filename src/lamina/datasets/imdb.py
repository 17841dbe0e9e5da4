"""IMDB: 50,000 film reviews as lists of word ranks, half of them positive.

Source: A. Maas et al., "Learning Word Vectors for Sentiment Analysis" (ACL 2011), in the form that
Keras distributes.
"""

import functools
import json
from typing import Any

import numpy as np

from lamina.datasets.download import Source, find_file
from lamina.datasets.object_lists import arrays
from lamina.datasets.sequences_of_words import prepared, shuffled

SOURCE = Source(
    name="imdb",
    title="the IMDB reviews",
    mirrors=("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",),
    digests={
        "imdb.npz": "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
        "imdb_word_index.json": "bfafd718b763782e994055a2d397834f",
    },
    flat=True,
    suffix="",
)


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return ((x_train, y_train), (x_test, y_test)): reviews as lists of integers, and 0 or 1.

    A word's number is its rank by frequency plus `index_from`. The files are searched in
    `LAMINA_DATA/imdb`, `LAMINA_DATA` and the cache folder; otherwise they are downloaded and
    verified. Their lists are read without Python's unpickler.

    Args:
        path: accepted for Keras.
        num_words: keep words of a lower rank; None keeps all.
        skip_top: leave out words of a lower rank, which are the most frequent.
        maxlen: leave out texts of at least this many words.
        seed: integer that fixes the order of the texts.
        start_char: number at the start of each text; None leaves it out.
        oov_char: number for words that are left out; None leaves no trace of them.
        index_from: number of the first word.

    Raises:
        DownloadError: if the file is not on this machine and cannot be downloaded.
        FileFormatError: if the file holds anything but numbers and lists of integers.

    Example:
        >>> import lamina as lm
        >>> (x_train, y_train), _ = lm.datasets.imdb.load_data(num_words=10000)  # doctest: +SKIP

    Source: Maas et al. (2011), Learning word vectors for sentiment analysis.
    """
    held = arrays(find_file(SOURCE, "imdb.npz"))
    rng = np.random.RandomState(seed)
    train = shuffled(held["x_train"], held["y_train"], rng)
    test = shuffled(held["x_test"], held["y_test"], rng)
    limited = functools.partial(
        prepared,
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        start_char=start_char,
        oov_char=oov_char,
        index_from=index_from,
    )
    x, y = limited([*train[0], *test[0]], np.concatenate([train[1], test[1]]))
    border = len(train[0])
    if maxlen:
        border = len(limited(*train)[0])
    return (x[:border], y[:border]), (x[border:], y[border:])


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, Any]:
    """Return the rank of each word by frequency, from 1.

    Args:
        path: accepted for Keras.

    Example:
        >>> import lamina as lm
        >>> ranks = lm.datasets.imdb.get_word_index()  # doctest: +SKIP
    """
    text = find_file(SOURCE, "imdb_word_index.json").read_text(encoding="utf-8")
    return dict(json.loads(text))
