"""Data sets to learn with; each is a module with a `load_data()` that returns what Keras returns.

mnist             handwritten digits 28x28     downloaded, or from the folder LAMINA_DATA
fashion_mnist     clothes 28x28                the same
cifar10           photographs 32x32            the same
cifar100          photographs 32x32            the same
imdb              film reviews as word ranks   the same
reuters           newswires as word ranks      the same
boston_housing    house prices, 13 features    the same
california_housing  house prices, 8 features   the same
digits            handwritten digits 8x8       in the package
playground        points in the plane          drawn: circle, xor, gaussian, spiral
tiny_shakespeare  plays, as one text           downloaded, or from the folder LAMINA_DATA
wikitext2         articles, as texts of words  the same; the training part is not downloaded
multi30k          captions, German and English the same
sick              pairs of sentences, entailed from the folder LAMINA_DATA
cora              a graph of citing papers     the same
"""

from lamina import namespaces
from lamina.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    cora,
    digits,
    fashion_mnist,
    imdb,
    mnist,
    multi30k,
    playground,
    reuters,
    sick,
    tiny_shakespeare,
    wikitext2,
)

__all__ = [
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "cora",
    "digits",
    "fashion_mnist",
    "imdb",
    "mnist",
    "multi30k",
    "playground",
    "reuters",
    "sick",
    "tiny_shakespeare",
    "wikitext2",
]

namespaces.declare(__name__)
