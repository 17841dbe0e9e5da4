"""Texts as numbers of words by the names before Keras 3: Tokenizer, one_hot, hashing_trick.

`keras.layers.TextVectorization` does the same as a layer, and is saved with the model.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from lamina.arguments import integer, one_of
from lamina.errors import StateError, deprecated

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
MODES = ("binary", "count", "tfidf", "freq")


def text_to_word_sequence(
    input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """Return the words of a text.

    Args:
        input_text: the text.
        filters: characters that separate words as `split` does.
        lower: convert to lower case.
        split: separator of words.

    Example:
        >>> from lamina.keras.preprocessing.text import text_to_word_sequence
        >>> text_to_word_sequence("Hello, world!")
        ['hello', 'world']
    """
    text = input_text.lower() if lower else input_text
    return [
        word
        for word in text.translate(dict.fromkeys(map(ord, filters), split)).split(split)
        if word
    ]


def _number(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | str | None = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
) -> list[int]:
    """Return a number from 1 to n - 1 for each word, equal for equal words.

    Args:
        text: the text.
        n: number of numbers, with 0, which is not given.
        hash_function: function of a word that returns an integer; None and "md5" are the same in
            every run.
        filters: characters that separate words.
        lower: convert to lower case.
        split: separator of words.

    Example:
        >>> from lamina.keras.preprocessing.text import hashing_trick
        >>> a, b, again = hashing_trick("one two one", 1000)
        >>> a == again
        True
    """
    number = hash_function if callable(hash_function) else _number
    words = text_to_word_sequence(text, filters, lower, split)
    return [number(word) % (integer("hashing_trick", "n", n, 2) - 1) + 1 for word in words]


def one_hot(
    input_text: str, n: int, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[int]:
    """Return a number from 1 to n - 1 for each word: `hashing_trick` by another name.

    Args:
        input_text: the text.
        n: number of numbers, with 0, which is not given.
        filters: characters that separate words.
        lower: convert to lower case.
        split: separator of words.

    Example:
        >>> from lamina.keras.preprocessing.text import one_hot
        >>> len(one_hot("three more words", 50))
        3
    """
    return hashing_trick(input_text, n, None, filters, lower, split)


class Tokenizer:
    """A vocabulary of words by frequency, which makes sequences of numbers and matrices of texts.

    Args:
        num_words: use the words of the numbers below it; None uses all.
        filters: characters that separate words.
        lower: convert to lower case.
        split: separator of words.
        char_level: take characters as words.
        oov_token: token for unknown words, number 1; None leaves them out.
        analyzer: function of a text that returns its words, instead of `filters` and `split`.

    Example:
        >>> import warnings
        >>> from lamina.keras.preprocessing.text import Tokenizer
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     tokenizer = Tokenizer()
        >>> tokenizer.fit_on_texts(["the cat sat", "the dog"])
        >>> tokenizer.texts_to_sequences(["the dog sat"])
        [[1, 4, 3]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[Any], Sequence[str]] | None = None,
    ) -> None:
        deprecated("Tokenizer", "keras.layers.TextVectorization(max_tokens), adapt and call it")
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = {}
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}
        self.document_count = 0

    def _words(self, text: Any) -> list[str]:
        if isinstance(text, list):
            return [word.lower() for word in text] if self.lower else text
        if self.char_level:
            return list(text.lower() if self.lower else text)
        if self.analyzer is not None:
            return list(self.analyzer(text))
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts, in addition to those counted before, and number them.

        Args:
            texts: texts, or lists of words.
        """
        counts, documents = Counter(self.word_counts), Counter(self.word_docs)
        for text in texts:
            words = self._words(text)
            counts.update(words)
            documents.update(set(words))
            self.document_count += 1
        self.word_counts, self.word_docs = dict(counts), dict(documents)
        ranked = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        first = [] if self.oov_token is None else [self.oov_token]
        self.word_index = {
            w: k for k, w in enumerate([*first, *(w for w in ranked if w not in first)], 1)
        }
        self.index_word = {k: w for w, k in self.word_index.items()}

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Return the numbers of the words of each text.

        Args:
            texts: texts, or lists of words.
        """
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """Yield the numbers of the words of each text.

        Args:
            texts: texts, or lists of words.
        """
        unknown = self.word_index.get(self.oov_token or "")
        for text in texts:
            found = [self.word_index.get(word) for word in self._words(text)]
            kept = [
                k if k is not None and k < (self.num_words or k + 1) else unknown for k in found
            ]
            yield [k for k in kept if k is not None]

    def sequences_to_texts(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """Return the words of each sequence, joined by spaces.

        Args:
            sequences: lists of numbers.
        """
        known = [[self.index_word.get(int(k), self.oov_token) for k in row] for row in sequences]
        return [" ".join(word for word in row if word is not None) for row in known]

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """Return a row for each text with a column for each number.

        Args:
            texts: texts, or lists of words.
            mode: "binary", "count", "freq" or "tfidf".
        """
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(
        self, sequences: Sequence[Sequence[int]], mode: str = "binary"
    ) -> np.ndarray:
        """Return a row for each sequence with a column for each number.

        Args:
            sequences: lists of numbers.
            mode: "binary", "count", "freq" or "tfidf".
        """
        one_of("Tokenizer", "mode", mode, MODES)
        if not self.word_index and not self.num_words:
            raise StateError("Tokenizer: has no words yet", hint="call fit_on_texts(texts) before")
        width = self.num_words or len(self.word_index) + 1
        counts = np.zeros((len(sequences), width))
        for row, sequence in zip(counts, sequences, strict=True):
            np.add.at(row, [k for k in sequence if k < width], 1)
        if mode == "binary":
            return (counts > 0).astype(np.float64)
        if mode == "freq":
            lengths = [max(len(sequence), 1) for sequence in sequences]
            return counts / np.asarray(lengths)[:, None]
        if mode == "count":
            return counts
        holding = [self.word_docs.get(self.index_word.get(k, ""), 0) for k in range(width)]
        inverse = np.log(1 + self.document_count / (1 + np.asarray(holding)))
        return np.where(counts > 0, (1 + np.log(np.maximum(counts, 1))) * inverse, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments and the counts."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token")
        kept = ("document_count", "word_counts", "word_docs", "word_index", "index_word")
        return {name: getattr(self, name) for name in (*names, *kept)}

    def to_json(self, **kwargs: Any) -> str:
        """Return arguments and counts as JSON.

        Args:
            **kwargs: arguments of `json.dumps`.
        """
        return json.dumps({"class_name": "Tokenizer", "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """Return the Tokenizer that `to_json` described.

    Args:
        json_string: the JSON.

    Example:
        >>> import warnings
        >>> from lamina.keras.preprocessing.text import Tokenizer, tokenizer_from_json
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     tokenizer_from_json(Tokenizer(num_words=5).to_json()).num_words
        5
    """
    config = json.loads(json_string)["config"]
    names = ("num_words", "filters", "lower", "split", "char_level", "oov_token")
    found = Tokenizer(**{name: config[name] for name in names})
    found.document_count = config["document_count"]
    found.word_counts, found.word_docs = config["word_counts"], config["word_docs"]
    found.word_index = config["word_index"]
    found.index_word = {k: w for w, k in found.word_index.items()}
    return found
