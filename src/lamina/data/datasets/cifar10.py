"""CIFAR-10: 60,000 colour photographs of 32x32 pixels in ten classes (Krizhevsky 2009)."""

import numpy as np

from lamina.data.datasets import cifar
from lamina.data.datasets.download import Source

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
    """((x_train, y_train), (x_test, y_test)), as Keras returns them, in the official order.

    x_train: uint8, shape (50000, 32, 32, 3), red, green, blue; y_train: uint8, shape (50000, 1),
    indices into `CLASS_NAMES`; x_test, y_test: the same for 10,000 test images.

    `cifar-10-binary.tar.gz` (170 MB), or the folder that it unpacks to, is looked for in
    `LAMINA_DATA/cifar10`, then in the cache folder, then downloaded into the cache folder and
    checked. The pickled archive is never read.

    >>> (x_train, y_train), (x_test, y_test) = lm.datasets.cifar10.load_data()

    Raises:
        DownloadError: the archive is not on this machine and cannot be downloaded.
        FileFormatError: it is truncated, damaged, or something else.
    """
    return cifar.load(ARCHIVE)
