"""Texts as numbers, for language models: a vocabulary, a part to learn from and one to check with.

    text --tokens--> ["the", "cat", ...] --vocabulary--> [4, 17, ...] --windows, lanes--> x, y

y is x one token later: a model of language is asked for the next token at each. `windows` cuts the
text into pieces that stand for themselves, to be shuffled; `lanes` lays it out for layers that keep
their state from batch to batch.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lamina import files
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, DataError, OutOfBoundsError, RangeError, unknown_name

Pair = tuple[np.ndarray, np.ndarray]
PARTS = ("train", "validation")


class Corpus(ABC):
    """The base class of texts as numbers; a subclass defines what a token is.

    Args:
        train: tokens to train with.
        validation: tokens held out.
        vocabulary: the tokens in the order of their numbers.
    """

    def __init__(
        self, train: Sequence[str], validation: Sequence[str], vocabulary: Iterable[str]
    ) -> None:
        self.vocabulary = tuple(vocabulary)
        self._numbers = {token: k for k, token in enumerate(self.vocabulary)}
        if len(self._numbers) < len(self.vocabulary):
            twice = Counter(self.vocabulary).most_common(1)[0][0]
            raise ArgumentError(f"vocabulary: holds {twice!r} twice, expected each token once")
        self.train = self._numbered(train, "the text to train with")
        self.validation = self._numbered(validation, "the validation text")

    @property
    def vocabulary_size(self) -> int:
        """The number of tokens in the vocabulary."""
        return len(self.vocabulary)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}: {len(self.train):,} tokens to train with, "
            f"{len(self.validation):,} for validation, {self.vocabulary_size:,} in the vocabulary>"
        )

    # ---- text and numbers ----------------------------------------------------------------------
    def encode(self, text: str) -> np.ndarray:
        """Return the numbers of a text's tokens, int32.

        Args:
            text: string.

        Raises:
            DataError: for a token that is not in the vocabulary.
        """
        return self._numbered(self._tokens(text), "the text")

    def decode(self, numbers: ArrayLike) -> str:
        """Return the text of numbers.

        Args:
            numbers: integers of any shape.

        Raises:
            OutOfBoundsError: for a number without a token.
        """
        array = np.asarray(numbers)
        outside = (array < 0) | (array >= self.vocabulary_size)
        if outside.any():
            place = tuple(int(k) for k in np.argwhere(outside)[0])
            raise OutOfBoundsError(
                f"decode: the number {array[place]} at position {_position(place)} is outside of "
                f"the vocabulary, 0 to {self.vocabulary_size - 1}"
            )
        return self._joined([self.vocabulary[k] for k in array.reshape(-1).tolist()])

    def _numbered(self, tokens: Sequence[str], what: str) -> np.ndarray:
        known = self._numbers
        try:
            return np.fromiter((known[t] for t in tokens), np.int32, len(tokens))
        except KeyError as error:
            token = error.args[0]
            raise DataError(
                f"{what}: {token!r} at position {list(tokens).index(token)} is not in the "
                f"vocabulary of {self.vocabulary_size}",
                hint=self._hint,
            ) from None

    _hint = "give the vocabulary of both texts: vocabulary=sorted(set(train + validation))"

    @staticmethod
    @abstractmethod
    def _tokens(text: str) -> Sequence[str]:
        """Return the tokens of a text."""

    @staticmethod
    @abstractmethod
    def _joined(tokens: Sequence[str]) -> str:
        """Return the text of tokens."""

    # ---- as batches ----------------------------------------------------------------------------
    def windows(self, length: int, part: str = "train", stride: int | None = None) -> Pair:
        """Return (x, y), int32 (windows, length): pieces of the text, and the same one token later.

        Tokens at the end that do not fill a window are left out.

        Args:
            length: tokens in a window.
            part: "train" or "validation".
            stride: tokens between the starts of two windows; None is `length`, so that each token
                is predicted once.

        Example:
            >>> import lamina as lm
            >>> corpus = lm.data.CharacterCorpus("hello world", validation=0.0)
            >>> x, y = corpus.windows(4)
            >>> [corpus.decode(row) for row in x], [corpus.decode(row) for row in y]
            (['hell', 'o wo'], ['ello', ' wor'])
        """
        numbers = self._part(part)
        _check_positive(length=length, stride=stride or length)
        self._check_length(part, numbers, length + 1, f"a window of {length} and its targets")
        pieces = np.lib.stride_tricks.sliding_window_view(numbers, length + 1)
        pieces = pieces[:: stride or length]
        return np.ascontiguousarray(pieces[:, :-1]), np.ascontiguousarray(pieces[:, 1:])

    def lanes(self, batch_size: int, length: int, part: str = "train") -> Pair:
        """Return (x, y), int32 (batches * batch_size, length) each, for stateful layers.

        The text is cut into `batch_size` lanes of equal length that are read side by side: row k of
        a batch continues row k of the previous batch. Train with this batch_size and shuffle=False,
        and reset the states at the start of the text. Tokens at the end of a lane that do not fill
        a row are left out.

        Args:
            batch_size: number of lanes.
            length: tokens in a row.
            part: "train" or "validation".
        """
        numbers = self._part(part)
        _check_positive(batch_size=batch_size, length=length)
        least = batch_size * (length + 1)
        self._check_length(part, numbers, least, f"{batch_size} lanes of {length} and a target")
        each = len(numbers) // batch_size
        table = numbers[: each * batch_size].reshape(batch_size, each)
        batches = (each - 1) // length

        def laid(first: int) -> np.ndarray:
            kept = table[:, first : first + batches * length]
            by_batch = kept.reshape(batch_size, batches, length).swapaxes(0, 1)
            return np.ascontiguousarray(by_batch).reshape(-1, length)

        return laid(0), laid(1)

    def _part(self, part: str) -> np.ndarray:
        if part not in PARTS:
            raise unknown_name("part of a corpus", part, PARTS)
        return self.train if part == "train" else self.validation

    def _check_length(self, part: str, numbers: np.ndarray, least: int, what: str) -> None:
        if len(numbers) < least:
            raise DataError(
                f"the {part} part has {len(numbers):,} tokens; {what} need {least:,}",
                hint="a longer text, shorter windows, or another share for validation",
            )


class CharacterCorpus(Corpus):
    """A text as numbers of its characters.

    Args:
        text: string, or the `pathlib.Path` of a file in UTF-8.
        validation: fraction of the text, from its end, to hold out, in [0, 1]; or another
            text, as a string or a Path.
        vocabulary: characters in the order of their numbers; None takes all of the text in the
            order of Unicode.

    Example:
        >>> import lamina as lm
        >>> corpus = lm.data.CharacterCorpus("hello world", validation=0.0)
        >>> corpus.vocabulary
        (' ', 'd', 'e', 'h', 'l', 'o', 'r', 'w')
        >>> corpus.encode("low").tolist()
        [4, 5, 7]
    """

    def __init__(
        self,
        text: str | os.PathLike[str],
        validation: float | str | os.PathLike[str] = 0.1,
        vocabulary: Iterable[str] | None = None,
    ) -> None:
        train, rest = _parts(text, validation, self._tokens)
        if vocabulary is None:
            vocabulary = sorted({*train, *rest})
        super().__init__(train, rest, vocabulary)

    @staticmethod
    def _tokens(text: str) -> Sequence[str]:
        return text

    @staticmethod
    def _joined(tokens: Sequence[str]) -> str:
        return "".join(tokens)


class WordCorpus(Corpus):
    r"""A text as numbers of its words, which spaces separate; each line ends with the word `<eos>`.

    The vocabulary starts with `<unk>`, which stands for every word that is not in it, and `<eos>`;
    the others follow by frequency, equally frequent ones in the order of the text.

    Args:
        text: string, or the `pathlib.Path` of a file in UTF-8.
        validation: fraction of the text, from its end, to hold out, in [0, 1]; or another
            text, as a string or a Path.
        max_words: largest size of the vocabulary, which keeps the most frequent words of the
            training text; None keeps all.
        vocabulary: words in the order of their numbers, instead; None takes those of the text.

    Example:
        >>> import lamina as lm
        >>> corpus = lm.data.WordCorpus("a rose is a rose\nis a rose", validation=0.0)
        >>> corpus.vocabulary
        ('<unk>', '<eos>', 'a', 'rose', 'is')
        >>> corpus.decode(corpus.encode("a tulip is a rose"))
        'a <unk> is a rose\n'
    """

    UNKNOWN, END = "<unk>", "<eos>"
    _hint = f"put {UNKNOWN!r} into the vocabulary, to stand for all other words"

    def __init__(
        self,
        text: str | os.PathLike[str],
        validation: float | str | os.PathLike[str] = 0.1,
        max_words: int | None = None,
        vocabulary: Iterable[str] | None = None,
    ) -> None:
        if max_words is not None:
            _check_positive(max_words=max_words)
        train, rest = _parts(text, validation, self._tokens)
        if vocabulary is None:
            first = dict.fromkeys((self.UNKNOWN, self.END))
            counted = Counter(word for word in train if word not in first)
            most = None if max_words is None else max(max_words - len(first), 0)
            vocabulary = [*first, *(word for word, _ in counted.most_common(most))]
        super().__init__(train, rest, vocabulary)

    def _numbered(self, tokens: Sequence[str], what: str) -> np.ndarray:
        unknown = self._numbers.get(self.UNKNOWN)
        if unknown is None:
            return super()._numbered(tokens, what)
        get = self._numbers.get
        return np.fromiter((get(t, unknown) for t in tokens), np.int32, len(tokens))

    @classmethod
    def _tokens(cls, text: str) -> Sequence[str]:
        lines = text.removesuffix("\n").split("\n")
        return [word for line in lines for word in (*line.split(), cls.END)] if text else []

    @classmethod
    def _joined(cls, tokens: Sequence[str]) -> str:
        text = " ".join("\n" if token == cls.END else token for token in tokens)
        return text.replace(" \n", "\n").replace("\n ", "\n")


# ---- checks of arguments -----------------------------------------------------------------------
def _parts(text: Any, validation: Any, tokens: Any) -> tuple[Sequence[str], Sequence[str]]:
    """The tokens to train with, and those for validation."""
    train = tokens(read_text(text, "text"))
    if not train:
        raise DataError("text: is empty, expected something to learn from")
    if isinstance(validation, (str, os.PathLike)):
        return train, tokens(read_text(validation, "validation"))
    if isinstance(validation, bool) or not 0 <= validation < 1:
        raise RangeError(
            f"validation is {validation!r}, expected a share from 0 to below 1, or a text"
        )
    border = round(len(train) * (1 - validation))
    return train[:border], train[border:]


def read_text(text: Any, name: str) -> str:
    """A string as it is; what is in the file that a Path names."""
    if isinstance(text, os.PathLike):
        return files.read_text(text)
    if not isinstance(text, str):
        raise ArgumentError(f"{name}: expected a string or a pathlib.Path, got {text!r:.80}")
    if 0 < len(text) < 1000 and "\n" not in text and os.path.isfile(text):
        raise ArgumentError(
            f"{name}: {text!r} is the name of a file, not its text",
            hint=f"write pathlib.Path({text!r})",
        )
    return text


def _position(place: tuple[int, ...]) -> Any:
    return place[0] if len(place) == 1 else place


def _check_positive(**values: Any) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise RangeError(f"{name} is {value!r}, expected a whole number from 1")
