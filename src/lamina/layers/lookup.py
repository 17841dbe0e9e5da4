"""The base class of StringLookup and IntegerLookup: a vocabulary and the indices of its tokens.

    index = 0                          the mask, with a mask_token and output_mode "int"
          | next num_oov_indices       tokens outside of the vocabulary
          | the rest                   tokens of the vocabulary, the most frequent first

Names, defaults and indices are those of Keras 3.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any, ClassVar, Self, Unpack

import numpy as np

from lamina import operations as ops
from lamina import restoring
from lamina.annotations import ArrayLike, DataLike, PathLike
from lamina.errors import (
    ArgumentError,
    DataError,
    FileFormatError,
    LaminaError,
    RangeError,
    StateError,
    describe,
)
from lamina.files import read_text
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers.encoding import MODES, batches_of, checked_mode, encoded, refuse_sparse
from lamina.tensor import Tensor

LEFT_OUT = -1  # the number of what leaves no mark in rows of zeros and ones


class Lookup(Layer):
    """Base class of lookups: the vocabulary, how it is learned, and the output modes."""

    _unseen: ClassVar[frozenset[str]] = Layer._unseen | {"_tokens", "_index"}
    _modes: ClassVar[tuple[str, ...]] = ("int", *MODES, "tf_idf")

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: Any = None,
        oov_token: Any = None,
        vocabulary: PathLike | ArrayLike | None = None,
        idf_weights: ArrayLike | None = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        own = type(self).__name__
        refuse_sparse(own, sparse=sparse)
        self.output_mode = checked_mode(own, output_mode, self._modes)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.pad_to_max_tokens = bool(invert), bool(pad_to_max_tokens)
        restoring.claim(own, "num_oov_indices", num_oov_indices)
        self._check_arguments(own, vocabulary, idf_weights)
        self._tokens: list[Any] | None = None
        self._index: dict[Any, int] = {}
        self.idf_weights: np.ndarray | None = None
        self._was_given = vocabulary is not None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def _check_arguments(self, own: str, vocabulary: Any, idf_weights: Any) -> None:
        if self.max_tokens is not None and self.max_tokens <= 1:
            raise RangeError(f"{own}: max_tokens is {self.max_tokens}, expected at least 2")
        if self.num_oov_indices < 0:
            raise RangeError(f"{own}: num_oov_indices is {self.num_oov_indices}, expected 0 or up")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ArgumentError(f"{own}: pad_to_max_tokens needs max_tokens")
        if self.invert and self.output_mode != "int":
            raise ArgumentError(
                f"{own}: invert goes with output_mode='int', and it is {self.output_mode!r}"
            )
        if idf_weights is not None and vocabulary is None:
            raise ArgumentError(f"{own}: idf_weights need the vocabulary that they belong to")

    # ---- the vocabulary ------------------------------------------------------------------------
    def _reserved(self) -> list[Any]:
        """Return the tokens that precede those of the vocabulary."""
        mask = [self.mask_token] if self.mask_token is not None and self._is_int else []
        return [*mask, *[self.oov_token] * self.num_oov_indices]

    @property
    def _is_int(self) -> bool:
        return self.output_mode == "int"

    @property
    def _first_oov(self) -> int:
        return len(self._reserved()) - self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens in order, with or without the reserved ones.

        Args:
            include_special_tokens: include the mask token and the OOV tokens.
        """
        tokens = list(self._tokens or [])
        return [*self._reserved(), *tokens] if include_special_tokens else tokens

    def vocabulary_size(self) -> int:
        """Return the number of indices, reserved ones included."""
        return len(self._reserved()) + len(self._tokens or [])

    def set_vocabulary(
        self, vocabulary: PathLike | ArrayLike, idf_weights: ArrayLike | None = None
    ) -> None:
        """Replace the vocabulary, and for "tf_idf" the weights of its tokens.

        Reserved tokens may be omitted; otherwise they come first, in their order, and their default
        weight is the mean of all weights. Raise ArgumentError for repeated tokens, reserved tokens
        at other positions, or more than max_tokens.

        Args:
            vocabulary: tokens in order, or the path of a text file with one token per line.
            idf_weights: inverse document frequency of each token, for "tf_idf".
        """
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            need = (
                "needs idf_weights with its vocabulary"
                if idf_weights is None
                else (f"has output_mode {self.output_mode!r}; idf_weights go with 'tf_idf'")
            )
            raise ArgumentError(f"{self._label()}: {need}")
        if isinstance(vocabulary, (str, os.PathLike)):
            with _errors_of(vocabulary):
                lines = read_text(vocabulary).split("\n")
                self.set_vocabulary(lines[:-1] if lines[-1] == "" else lines, idf_weights)
            return
        tokens = self._read(vocabulary)
        reserved = self._reserved()
        has_reserved = bool(reserved) and tokens[: len(reserved)] == reserved
        rest = tokens[len(reserved) :] if has_reserved else tokens
        self._check_tokens(rest, reserved)
        weights = None
        if idf_weights is not None:
            weights = self._fitted_weights(idf_weights, len(tokens), has_reserved)
        self._take(rest, weights)

    def _take(self, tokens: list[Any], weights: np.ndarray | None) -> None:
        first = len(self._reserved())
        self._tokens = tokens
        self._index = {token: k for k, token in enumerate(tokens, first)}
        if self.mask_token is not None:
            self._index[self.mask_token] = 0 if self._is_int else LEFT_OUT
        if weights is not None and self.pad_to_max_tokens:
            weights = np.pad(weights, (0, (self.max_tokens or 0) - len(weights)))
        self.idf_weights = weights

    def _read(self, vocabulary: Any) -> list[Any]:
        tokens = self._as_tokens(vocabulary).reshape(-1).tolist()
        if not tokens:
            raise ArgumentError(f"{self._label()}: the vocabulary is empty")
        return tokens

    def _check_tokens(self, tokens: list[Any], reserved: list[Any]) -> None:
        twice = [token for token, count in Counter(tokens).items() if count > 1]
        if twice:
            raise ArgumentError(
                f"{self._label()}: the vocabulary holds {twice[:5]} more than once",
                hint="each token has one number: list(dict.fromkeys(tokens)) keeps the first",
            )
        barred = [self.mask_token, self.oov_token if self.invert else None]
        for token in barred:
            if token is not None and token in tokens:
                raise ArgumentError(
                    f"{self._label()}: the vocabulary holds the reserved token {token!r} at "
                    f"position {tokens.index(token)}",
                    hint=f"leave reserved tokens out, or begin with all of them: {reserved}",
                )
        size = len(reserved) + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ArgumentError(
                f"{self._label()}: {len(tokens)} tokens and {len(reserved)} reserved ones are more "
                f"than max_tokens, {self.max_tokens}"
            )

    def _fitted_weights(self, given: Any, size: int, has_reserved: bool) -> np.ndarray:
        weights = np.asarray(given, np.float32)
        if weights.shape != (size,):
            raise ArgumentError(
                f"{self._label()}: idf_weights of shape {weights.shape} for {size} tokens"
            )
        if has_reserved:
            return weights
        front = np.full(len(self._reserved()), weights.mean(), np.float32)
        return np.concatenate([front, weights])

    # ---- learning it ---------------------------------------------------------------------------
    def adapt(self, data: DataLike, steps: int | None = None) -> None:
        """Learn the vocabulary from an array or list, or from an iterable of at most `steps`
        batches; replaces an earlier one.

        The most frequent tokens come first, equally frequent ones in reverse order. For "tf_idf"
        each row is a document (each token, without rows), and the weight of a token is log(1 +
        documents / (1 + documents that contain the token)).

        Args:
            data: array, list, or iterable of batches.
            steps: maximum number of batches; None uses all.
        """
        if self._was_given:
            raise StateError(f"{self._label()}: the vocabulary was given; nothing to adapt")
        counts: Counter[Any] = Counter()
        holding: Counter[Any] = Counter()
        documents = 0
        for batch in batches_of(data, steps):
            for row in self._documents(batch):
                counts.update(row)
                holding.update(set(row) if self.output_mode == "tf_idf" else ())
                documents += 1
        if not documents:
            raise DataError(f"{self._label()}: adapt got no data")
        for token in (self.mask_token, self.oov_token):
            counts.pop(token, None)
        most = None if self.max_tokens is None else self.max_tokens - len(self._reserved())
        ranked = sorted(counts, key=lambda token: (counts[token], token), reverse=True)[:most]
        weights = None
        if self.output_mode == "tf_idf":
            found = np.array([holding[t] for t in ranked], np.float64)
            idf = np.log(1 + documents / (1 + found)).astype(np.float32)
            mean = idf.mean() if len(idf) else np.float32(0)
            weights = np.concatenate([np.full(len(self._reserved()), mean, np.float32), idf])
        self._take(ranked, weights)

    def _documents(self, batch: Any) -> Iterator[Sequence[Any]]:
        array = self._as_tokens(batch)
        rows = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
        yield from rows.tolist()

    # ---- using it ------------------------------------------------------------------------------
    def _need_vocabulary(self) -> list[Any]:
        if self._tokens is None:
            raise StateError(
                f"{self._label()}: has no vocabulary yet",
                hint="call adapt(data) once, before, or give vocabulary=[...]",
            )
        return self._tokens

    def _as_tokens(self, data: Any) -> np.ndarray:
        """Return data as an array of tokens."""
        raise TypeError(f"{type(self).__name__} must define _as_tokens(data)")

    def _numbers(self, tokens: Sequence[Hashable]) -> np.ndarray:
        """Return the index of each token, int64."""
        self._need_vocabulary()
        if self.num_oov_indices == 1:
            found = map(self._index.get, tokens, repeat(self._first_oov))
            return np.fromiter(found, np.int64, len(tokens))
        try:
            return np.fromiter(map(self._index.__getitem__, tokens), np.int64, len(tokens))
        except KeyError:
            return np.fromiter(map(self._number, tokens, range(len(tokens))), np.int64, len(tokens))

    def _number(self, token: Any, position: int) -> int:
        known = self._index.get(token)
        if known is not None:
            return known
        if not self.num_oov_indices:
            raise self._unknown(token, position)
        return self._bucket(token) + self._first_oov

    def _bucket(self, token: Any) -> int:
        """Return the OOV index of a token."""
        raise TypeError(f"{type(self).__name__} must define _bucket(token)")

    def _unknown(self, token: Any, position: int) -> DataError:
        return DataError(
            f"{self._label()}: {token!r}, number {position} of the inputs, is not in the "
            "vocabulary",
            hint="num_oov_indices=1 has a number for everything else",
        )

    def _formed(self, numbers: Tensor) -> Tensor:
        """Return indices in the form of `output_mode`."""
        if self._is_int:
            return numbers
        size = self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        rows = encoded(numbers, mode, int(size or 0), self._compute_dtype)
        if self.output_mode != "tf_idf":
            return rows
        weights: Any = self.idf_weights
        return rows * ops.asarray(weights, dtype=self._compute_dtype)

    # ---- files ---------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Return the arguments and the current vocabulary, which is saved with the model."""
        size, weights = self.vocabulary_size(), self.idf_weights
        return {
            **super().get_config(),
            "vocabulary": None if self._tokens is None else self.get_vocabulary(),
            "idf_weights": None if weights is None else [float(w) for w in weights[:size]],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the layer that `get_config` described. Raise FileFormatError for the path of a
        vocabulary: a configuration may come from a file, and a file must not name other files.

        Args:
            config: what `get_config` returned.
        """
        vocabulary = config.get("vocabulary")
        if isinstance(vocabulary, (str, bytes, os.PathLike)):
            raise FileFormatError(
                f"{cls.__name__}: invalid vocabulary in a configuration (expected a list of "
                f"tokens, got {describe(vocabulary)})",
                hint="a configuration never names a file to open: pass the path to the "
                "constructor, or call set_vocabulary(path)",
            )
        arguments = {**config, "vocabulary": None, "idf_weights": None}
        layer = super().from_config(arguments)
        if vocabulary is not None:
            layer.set_vocabulary(vocabulary, config.get("idf_weights"))
        return layer


@contextmanager
def _errors_of(path: str | os.PathLike[str]) -> Iterator[None]:
    """Context that names the vocabulary file in errors."""
    try:
        yield
    except FileFormatError:
        raise
    except LaminaError as error:
        raise FileFormatError(f"{os.fspath(path)}: {error.message}", hint=error.hint) from error
