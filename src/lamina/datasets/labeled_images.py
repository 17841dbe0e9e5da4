"""The format of MNIST and its relatives: four IDX files of images and labels."""

import numpy as np

from lamina.datasets.download import Source, find_file
from lamina.datasets.idx import read_idx
from lamina.errors import FileFormatError

Pair = tuple[np.ndarray, np.ndarray]


def digests(
    train_images: str, train_labels: str, test_images: str, test_labels: str
) -> dict[str, str]:
    """The SHA-256 of each of the four files, by the name that the file has."""
    return {
        "train-images-idx3-ubyte": train_images,
        "train-labels-idx1-ubyte": train_labels,
        "t10k-images-idx3-ubyte": test_images,
        "t10k-labels-idx1-ubyte": test_labels,
    }


def load(source: Source, image_shape: tuple[int, int], classes: int) -> tuple[Pair, Pair]:
    """((x_train, y_train), (x_test, y_test)): uint8 images (n, height, width) and labels (n,)."""
    train_images, train_labels, test_images, test_labels = source.digests
    return (
        _pair(source, train_images, train_labels, image_shape, classes),
        _pair(source, test_images, test_labels, image_shape, classes),
    )


def _pair(
    source: Source, images_file: str, labels_file: str, image_shape: tuple[int, int], classes: int
) -> Pair:
    images_path, labels_path = find_file(source, images_file), find_file(source, labels_file)
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.shape[1:] != image_shape or images.dtype != np.uint8:
        _refuse(images_path, images, f"uint8 images of {image_shape[0]}x{image_shape[1]}")
    if labels.shape != images.shape[:1] or labels.dtype != np.uint8:
        _refuse(labels_path, labels, f"uint8 labels of the {len(images):,} images in {images_path}")
    if labels.size and labels.max() >= classes:
        raise FileFormatError(
            f"{labels_path}: holds the label {labels.max()}, expected 0 to {classes - 1}"
        )
    return images, labels


def _refuse(path: object, array: np.ndarray, expected: str) -> None:
    raise FileFormatError(
        f"{path}: holds {array.dtype} values of shape {array.shape}, expected {expected}"
    )
