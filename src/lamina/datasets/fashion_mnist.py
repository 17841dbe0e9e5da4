"""Fashion-MNIST: 70,000 images of clothes, 28x28 gray pixels (Zalando Research; MIT licence).

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms", arXiv:1708.07747.
"""

import numpy as np

from lamina.datasets import labeled_images
from lamina.datasets.download import Source

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

SOURCE = Source(
    name="fashion_mnist",
    title="Fashion-MNIST",
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    # Of the .gz files as published (their MD5 sums are in the authors' README).
    digests=labeled_images.digests(
        train_images="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        train_labels="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        test_images="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        test_labels="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return ((x_train, y_train), (x_test, y_test)) in the official order, as Keras does.

    The files are searched in `LAMINA_DATA/fashion_mnist` and the cache folder; otherwise they are
    downloaded into the cache folder and verified.

    Returns:
        x_train uint8 (60000, 28, 28); y_train uint8 (60000,), indices into `CLASS_NAMES`; x_test
        and y_test likewise for 10,000 test images.

    Raises:
        DownloadError: if the files are not on this machine and cannot be downloaded.
        FileFormatError: if a file is truncated, damaged, or something else.

    Example:
        >>> import lamina as lm
        >>> train, test = lm.datasets.fashion_mnist.load_data()  # doctest: +SKIP

    Source: Xiao et al. (2017), Fashion-MNIST: a novel image dataset for benchmarking machine
        learning algorithms.
    """
    return labeled_images.load(SOURCE, image_shape=(28, 28), classes=10)
