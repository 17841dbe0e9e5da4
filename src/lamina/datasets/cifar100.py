"""CIFAR-100: 60,000 color photographs of 32x32 pixels in 100 classes (Krizhevsky 2009).

A record has two labels, that of one of 20 kinds ("coarse") first.
"""

import numpy as np

from lamina.datasets import cifar
from lamina.datasets.download import Source
from lamina.errors import unknown_name

# fmt: off
COARSE_CLASS_NAMES = (
    "aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables",
    "household_electrical_devices", "household_furniture", "insects", "large_carnivores",
    "large_man-made_outdoor_things", "large_natural_outdoor_scenes",
    "large_omnivores_and_herbivores", "medium_mammals", "non-insect_invertebrates", "people",
    "reptiles", "small_mammals", "trees", "vehicles_1", "vehicles_2",
)
CLASS_NAMES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
    "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch",
    "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox",
    "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom",
    "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road",
    "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake",
    "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone",
    "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
)
# fmt: on

ARCHIVE = cifar.Archive(
    source=Source(
        name="cifar100",
        title="CIFAR-100",
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        # MD5, as on the authors' page: 03b5dce01913d631647c71ecec9e9cb8
        digests={
            "cifar-100-binary.tar.gz": (
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"
            )
        },
        suffix="",
    ),
    folder="cifar-100-binary",
    train=("train.bin",),
    test=("test.bin",),
    classes=(20, 100),
)
LABELS = {"coarse": 0, "fine": 1}


def load_data(
    label_mode: str = "fine",
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return ((x_train, y_train), (x_test, y_test)) in the official order, as Keras does.

    `cifar-100-binary.tar.gz` (169 MB), or the folder that it unpacks to, is searched in
    `LAMINA_DATA/cifar100` and the cache folder; otherwise it is downloaded into the cache folder
    and verified. The pickled archive is never read.

    Args:
        label_mode: "fine" for labels that are indices into `CLASS_NAMES` (100), "coarse" for
            indices into `COARSE_CLASS_NAMES` (20).

    Returns:
        x_train uint8 (50000, 32, 32, 3) in red, green, blue; y_train uint8 (50000, 1); x_test and
        y_test likewise for 10,000 test images.

    Raises:
        UnknownNameError: for another label_mode.
        DownloadError: if the archive is not on this machine and cannot be downloaded.
        FileFormatError: if it is truncated, damaged, or something else.

    Example:
        >>> import lamina as lm
        >>> train, test = lm.datasets.cifar100.load_data()  # doctest: +SKIP

    Source: Krizhevsky (2009), Learning multiple layers of features from tiny images.
    """
    if label_mode not in LABELS:
        raise unknown_name("label_mode", label_mode, LABELS)
    return cifar.load(ARCHIVE, LABELS[label_mode])
