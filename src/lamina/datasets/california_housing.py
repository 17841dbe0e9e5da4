"""California housing: prices of 20,640 districts with 8 features."""

import numpy as np

from lamina.datasets.download import Source, find_file
from lamina.datasets.tables import Split, divided, need_fraction
from lamina.errors import ArgumentError

_SHA_256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
SOURCE = Source(
    name="california_housing",
    title="the California houses",
    mirrors=("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",),
    digests={"california_housing.npz": _SHA_256},
    flat=True,
    suffix="",
)


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> Split:
    """Return ((x_train, y_train), (x_test, y_test)).

    x has 8 features a row, y prices in $.

    The file is searched in `LAMINA_DATA/california_housing`, `LAMINA_DATA` and the cache
    folder; otherwise it is downloaded and verified.

    Args:
        version: "large", or "small" for the first 600 districts.
        path: accepted for Keras.
        test_split: fraction of the rows for testing, in [0, 1).
        seed: integer that fixes the order of the rows.

    Raises:
        RangeError: if `test_split` is not in [0, 1).
        DownloadError: if the file is not on this machine and cannot be downloaded.

    Example:
        >>> import lamina as lm
        >>> (x_train, y_train), _ = lm.datasets.california_housing.load_data()  # doctest: +SKIP

    Source: Pace and Barry (1997), Sparse spatial autoregressions.
    """
    need_fraction(test_split)
    if version not in ("small", "large"):
        raise ArgumentError(f"version is {version!r}, expected 'small' or 'large'")
    with np.load(find_file(SOURCE, "california_housing.npz"), allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
    if version == "small":
        x, y = x[:600], y[:600]
    return divided(x, y, test_split, seed)
