"""A small MNIST for the tests of example programs."""

import numpy as np
import pytest

import lamina as lm

TRAIN, TEST = 1200, 360


@pytest.fixture(scope="session")
def small_mnist(tmp_path_factory):
    """A folder with files as MNIST's, in which are the digits of the package, made larger."""
    root = tmp_path_factory.mktemp("data")
    (root / "mnist").mkdir()
    (x_train, y_train), (x_test, y_test) = lm.datasets.digits.load_data()
    parts = {"train": (x_train[:TRAIN], y_train[:TRAIN]), "t10k": (x_test[:TEST], y_test[:TEST])}
    for name, (x, y) in parts.items():
        images = np.pad(np.kron(x, np.ones((1, 3, 3))) * 15.9, ((0, 0), (2, 2), (2, 2)))
        for kind, array in (("images-idx3", images), ("labels-idx1", y)):
            (root / "mnist" / f"{name}-{kind}-ubyte").write_bytes(idx(array.astype(np.uint8)))
    return root


def idx(array):
    """The bytes of an IDX file of unsigned bytes."""
    extents = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + extents + array.tobytes()
