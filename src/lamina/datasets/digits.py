"""Optical digits: 1,797 handwritten digits of 8x8 pixels, shipped in the package.

The test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak 1998, UCI
Machine Learning Repository, doi:10.24432/C50P49, CC BY 4.0), the same images as scikit-learn's
`load_digits`. How the file was made is written next to it, in `README.md`.
"""

import io
from importlib import resources

import numpy as np


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return ((x_train, y_train), (x_test, y_test)), in the form of Keras's data sets.

    The split is fixed, and each digit has its share of both parts. No network is needed.

    Returns:
        x_train uint8 (1437, 8, 8), 0 (paper) to 16 (ink); y_train uint8 (1437,), the digits 0 to 9;
        x_test and y_test likewise for 360 test images.

    Example:
        >>> import lamina as lm
        >>> (x_train, y_train), (x_test, y_test) = lm.datasets.digits.load_data()
    """
    file = resources.files("lamina.datasets").joinpath("optical_digits", "digits.npz")
    with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
        train = arrays["x_train"], arrays["y_train"]
        test = arrays["x_test"], arrays["y_test"]
    return train, test
