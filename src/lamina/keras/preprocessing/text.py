"""`keras.preprocessing.text`: texts as numbers of words, by the names before Keras 3."""

from lamina import namespaces
from lamina.data.words import (
    Tokenizer,
    hashing_trick,
    one_hot,
    text_to_word_sequence,
    tokenizer_from_json,
)

__all__ = [
    "Tokenizer",
    "hashing_trick",
    "one_hot",
    "text_to_word_sequence",
    "tokenizer_from_json",
]

namespaces.declare(__name__)
