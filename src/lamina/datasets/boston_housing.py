"""Boston housing: prices of 506 suburbs with 13 features.

One feature is a transform of the share of Black residents, for which the data are criticized; the
California set serves the same purpose.
"""

import numpy as np

from lamina.datasets.download import Source, find_file
from lamina.datasets.tables import Split, divided, need_fraction

SOURCE = Source(
    name="boston_housing",
    title="the Boston houses",
    mirrors=("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",),
    digests={
        "boston_housing.npz": "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    },
    flat=True,
    suffix="",
)


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> Split:
    """Return ((x_train, y_train), (x_test, y_test)).

    x has 13 features a row, y prices in $1000.

    The file is searched in `LAMINA_DATA/boston_housing`, `LAMINA_DATA` and the cache
    folder; otherwise it is downloaded and verified.

    Args:
        path: accepted for Keras.
        test_split: fraction of the rows for testing, in [0, 1).
        seed: integer that fixes the order of the rows.

    Raises:
        RangeError: if `test_split` is not in [0, 1).
        DownloadError: if the file is not on this machine and cannot be downloaded.

    Example:
        >>> import lamina as lm
        >>> (x_train, y_train), _ = lm.datasets.boston_housing.load_data()  # doctest: +SKIP

    Source: Harrison and Rubinfeld (1978), Hedonic housing prices and the demand for clean air.
    """
    need_fraction(test_split)
    with np.load(find_file(SOURCE, "boston_housing.npz"), allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
    return divided(x, y, test_split, seed)
