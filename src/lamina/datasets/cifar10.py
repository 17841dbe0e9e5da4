"""CIFAR-10: 60,000 color photographs of 32x32 pixels in ten classes (Krizhevsky 2009)."""

import numpy as np

from lamina.datasets import cifar
from lamina.datasets.download import Source

CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

ARCHIVE = cifar.Archive(
    source=Source(
        name="cifar10",
        title="CIFAR-10",
        mirrors=(
            "https://www.cs.toronto.edu/~kriz/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        ),
        # MD5, as on the authors' page: c32a1d4ab5d03f1284b67883e8d87530
        digests={
            "cifar-10-binary.tar.gz": (
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
            )
        },
        suffix="",
    ),
    folder="cifar-10-batches-bin",
    train=tuple(f"data_batch_{k}.bin" for k in range(1, 6)),
    test=("test_batch.bin",),
    classes=(10,),
)


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return ((x_train, y_train), (x_test, y_test)) in the official order, as Keras does.

    `cifar-10-binary.tar.gz` (170 MB), or the folder that it unpacks to, is searched in
    `LAMINA_DATA/cifar10` and the cache folder; otherwise it is downloaded into the cache folder and
    verified. The pickled archive is never read.

    Returns:
        x_train uint8 (50000, 32, 32, 3) in red, green, blue; y_train uint8 (50000, 1), indices into
        `CLASS_NAMES`; x_test and y_test likewise for 10,000 test images.

    Raises:
        DownloadError: if the archive is not on this machine and cannot be downloaded.
        FileFormatError: if it is truncated, damaged, or something else.

    Example:
        >>> import lamina as lm
        >>> (x_train, y_train), (x_test, y_test) = lm.datasets.cifar10.load_data()  # doctest: +SKIP

    Source: Krizhevsky (2009), Learning multiple layers of features from tiny images.
    """
    return cifar.load(ARCHIVE)
