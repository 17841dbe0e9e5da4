"""MNIST: 70,000 handwritten digits, 28x28 gray pixels (LeCun, Cortes, Burges; CC BY-SA 3.0)."""

import numpy as np

from lamina.datasets import labeled_images
from lamina.datasets.download import Source

SOURCE = Source(
    name="mnist",
    title="MNIST",
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    # Of the decompressed files: mirrors have compressed them differently.
    digests=labeled_images.digests(
        train_images="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        train_labels="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        test_images="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        test_labels="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    flat=True,
)


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return ((x_train, y_train), (x_test, y_test)) in the official order, as Keras does.

    The files are searched in `LAMINA_DATA/mnist`, `LAMINA_DATA` and the cache folder; otherwise
    they are downloaded into the cache folder and verified.

    Returns:
        x_train uint8 (60000, 28, 28), 0 (paper) to 255 (ink); y_train uint8 (60000,), the digits 0
        to 9; x_test and y_test likewise for 10,000 test images.

    Raises:
        DownloadError: if the files are not on this machine and cannot be downloaded.
        FileFormatError: if a file is truncated, damaged, or something else.

    Example:
        >>> import lamina as lm
        >>> (x_train, y_train), (x_test, y_test) = lm.datasets.mnist.load_data()  # doctest: +SKIP

    Source: LeCun et al. (1998), Gradient-based learning applied to document recognition.
    """
    return labeled_images.load(SOURCE, image_shape=(28, 28), classes=10)
