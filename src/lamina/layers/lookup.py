"""StringLookup and IntegerLookup: things as the numbers that a vocabulary gives them.

    number = 0                          the mask, with a mask_token and output_mode "int"
           | next num_oov_indices       what the vocabulary does not hold
           | the rest                   the vocabulary's tokens, the most frequent first

Names, defaults and numbers are those of Keras 3.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, ClassVar, Self

import numpy as np

from lamina.errors import ArgumentError, DataError, RangeError, StateError, describe
from lamina.ir.types import int64
from lamina.layers.base import Layer
from lamina.layers.encoding import MODES, batches_of, checked_mode, encoded, refuse_sparse
from lamina.layers.hashing import Salt, hasher
from lamina.layers.host import HostLayer, as_strings
from lamina.operations import creation, elementwise, indexing, sorting
from lamina.tensor import Tensor, as_tensor

LEFT_OUT = -1  # the number of what leaves no mark in rows of zeros and ones


class Lookup(Layer):
    """What lookups have in common: the vocabulary, how it is learned, and the forms of outputs.

    max_tokens: how large the vocabulary may be, reserved places included. num_oov_indices: among so
    many numbers what is not in the vocabulary is shared out; with 0 it is an error. mask_token:
    stands for "nothing here". oov_token: what numbers without a token become with `invert`.
    vocabulary: the tokens, or the path of a file with one a line; else call `adapt`.
    output_mode: "int" for int64 numbers of the inputs' shape; "one_hot", "multi_hot", "count" as in
    CategoryEncoding, or "tf_idf", counts times `idf_weights`. invert: numbers to tokens.
    pad_to_max_tokens: outputs have max_tokens columns, however many tokens there are.
    """

    _unseen: ClassVar[frozenset[str]] = Layer._unseen | {"_tokens", "_index"}
    _modes: ClassVar[tuple[str, ...]] = ("int", *MODES, "tf_idf")

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: Any = None,
        oov_token: Any = None,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        own = type(self).__name__
        refuse_sparse(own, sparse=sparse)
        self.output_mode = checked_mode(own, output_mode, self._modes)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.pad_to_max_tokens = bool(invert), bool(pad_to_max_tokens)
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
        """What stands before the vocabulary's own tokens."""
        mask = [self.mask_token] if self.mask_token is not None and self._is_int else []
        return [*mask, *[self.oov_token] * self.num_oov_indices]

    @property
    def _is_int(self) -> bool:
        return self.output_mode == "int"

    @property
    def _first_oov(self) -> int:
        return len(self._reserved()) - self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens by number; without the reserved ones, if so wished."""
        tokens = list(self._tokens or [])
        return [*self._reserved(), *tokens] if include_special_tokens else tokens

    def vocabulary_size(self) -> int:
        """How many numbers there are, reserved ones included."""
        return len(self._reserved()) + len(self._tokens or [])

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary, and for "tf_idf" the weight of each of its tokens.

        Reserved tokens need not be in it; if they are, they stand in front in their order. Their
        weights are the mean of all, where none are given for them. Raises ArgumentError for
        repeated tokens, reserved ones elsewhere, or more than max_tokens.
        """
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            need = (
                "needs idf_weights with its vocabulary"
                if idf_weights is None
                else (f"has output_mode {self.output_mode!r}; idf_weights go with 'tf_idf'")
            )
            raise ArgumentError(f"{self._label()}: {need}")
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
        if isinstance(vocabulary, (str, os.PathLike)):
            with open(vocabulary, encoding="utf-8") as file:
                lines = file.read().split("\n")
            vocabulary = lines[:-1] if lines[-1] == "" else lines
        tokens = self._as_tokens(vocabulary).reshape(-1).tolist()
        if not tokens:
            raise ArgumentError(f"{self._label()}: the vocabulary is empty")
        return tokens  # type: ignore[no-any-return]

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
    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary from an array or list, or from an iterable of batches (of which at
        most `steps`); anew each time.

        The most frequent tokens come first, equally frequent ones in the reverse of their order.
        For "tf_idf" each row is a document (each single token, where there are no rows), and the
        weight of a token is log(1 + documents / (1 + documents that hold it)).
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
        """Data as an array of what a token is."""
        raise TypeError(f"{type(self).__name__} must define _as_tokens(data)")

    def _numbers(self, tokens: Sequence[Hashable]) -> np.ndarray:
        """The number of each token, int64."""
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
        """Which of the numbers for what is not in the vocabulary."""
        raise TypeError(f"{type(self).__name__} must define _bucket(token)")

    def _unknown(self, token: Any, position: int) -> DataError:
        return DataError(
            f"{self._label()}: {token!r}, number {position} of the inputs, is not in the "
            "vocabulary",
            hint="num_oov_indices=1 has a number for everything else",
        )

    def _formed(self, numbers: Tensor) -> Tensor:
        """Numbers in the form of `output_mode`."""
        if self._is_int:
            return numbers
        size = self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        rows = encoded(numbers, mode, int(size or 0), self.dtype)
        if self.output_mode != "tf_idf":
            return rows
        return rows * creation.asarray(self.idf_weights, dtype=self.dtype)

    # ---- files ---------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """The arguments, and the vocabulary as it is now: it is saved with the model."""
        size, weights = self.vocabulary_size(), self.idf_weights
        return {
            **super().get_config(),
            "vocabulary": None if self._tokens is None else self.get_vocabulary(),
            "idf_weights": None if weights is None else [float(w) for w in weights[:size]],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        arguments = {**config, "vocabulary": None, "idf_weights": None}
        layer = super().from_config(arguments)
        if config.get("vocabulary") is not None:
            layer.set_vocabulary(config["vocabulary"], config.get("idf_weights"))
        return layer


class StringLookup(Lookup, HostLayer):
    """Strings (...) as numbers, or as rows of zeros and ones; with `invert`, numbers as strings.

    Strings are NumPy arrays, lists or nests of lists; it runs on the host, before the compiled
    program. Several numbers for unknown strings are shared out by FarmHash64, or with a `salt` by
    SipHash. Other arguments are those of `Lookup`; Keras' own example:

        >>> import lamina as lm
        >>> lookup = lm.layers.StringLookup(vocabulary=["a", "b", "c", "d"])
        >>> lookup([["a", "c", "d"], ["d", "z", "b"]]).tolist()
        [[1, 3, 4], [4, 0, 2]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        salt: Salt = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        self._hash = hasher(type(self).__name__, salt)
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            pad_to_max_tokens,
            sparse,
            **kwargs,
        )

    def _as_tokens(self, data: Any) -> np.ndarray:
        return as_strings(data, self.encoding)

    def _bucket(self, token: Any) -> int:
        return self._hash(token) % self.num_oov_indices

    def call(self, inputs: Any) -> Any:
        if self.invert:
            return self._strings(inputs)
        strings = self._as_tokens(inputs)
        numbers = self._numbers(strings.reshape(-1).tolist())
        return self._formed(creation.asarray(numbers.reshape(strings.shape)))

    def _strings(self, inputs: Any) -> np.ndarray:
        self._need_vocabulary()
        numbers = np.asarray(inputs)
        if numbers.dtype.kind not in "iu":
            raise DataError(f"{self._label()}: expected whole numbers, got {describe(numbers)}")
        tokens = np.array([*self.get_vocabulary(), self.oov_token], object)  # as `as_strings` does
        inside = (numbers >= 0) & (numbers < len(tokens) - 1)
        return np.asarray(tokens[np.where(inside, numbers, -1)])


class IntegerLookup(Lookup):
    """Whole numbers of any size as numbers from 0 on, or as rows; with `invert`, back.

    It may stand in a model, and is compiled with it. Several numbers for what is not in the
    vocabulary are shared out by the remainder. With num_oov_indices=0 such an input raises
    DataError; a compiled program, which cannot raise, gives -1, or a row without a mark. Other
    arguments are those of `Lookup`; Keras' own example:

        >>> import lamina as lm
        >>> lookup = lm.layers.IntegerLookup(vocabulary=[12, 36, 1138, 42])
        >>> lookup(lm.asarray([[12, 1138, 42], [42, 1000, 36]])).tolist()
        [[1, 3, 4], [4, 0, 2]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ArgumentError(
                f"IntegerLookup: vocabulary_dtype must be 'int64', not {vocabulary_dtype!r}"
            )
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            pad_to_max_tokens,
            sparse,
            **kwargs,
        )

    def _as_tokens(self, data: Any) -> np.ndarray:
        array = np.asarray(data)
        if array.dtype.kind == "U" and isinstance(data, list):  # the lines of a file
            array = array.astype(np.int64)
        if array.dtype.kind not in "iub":
            raise DataError(f"{self._label()}: expected whole numbers, got {describe(array)}")
        return array.astype(np.int64)

    def _bucket(self, token: Any) -> int:
        return int(token % self.num_oov_indices)

    def call(self, inputs: Any) -> Tensor:
        given = as_tensor(inputs)
        if not given.dtype.is_integer:
            raise DataError(f"{self._label()}: expected whole numbers, got {describe(given)}")
        x = as_tensor(given, int64)
        tokens = self._need_vocabulary()
        if self.invert:
            table = np.array([*self.get_vocabulary(), self.oov_token], np.int64)
            last = len(table) - 1
            place = elementwise.where((x >= 0) & (x < last), x, last)
            return indexing.take(creation.asarray(table), place, axis=0)
        keys = np.array(tokens, np.int64)
        order = np.argsort(keys)
        found, place = _found(creation.asarray(keys[order]), x)
        numbers = indexing.take(creation.asarray(order + len(self._reserved())), place, axis=0)
        numbers = elementwise.where(found, numbers, self._of_unknown(x))
        if self.mask_token is not None:
            number = 0 if self._is_int else LEFT_OUT
            is_mask = x == self.mask_token
            numbers, found = elementwise.where(is_mask, number, numbers), found | is_mask
        if not self.num_oov_indices and not x.is_traced:
            self._refuse_unknown(x.numpy(), found.numpy())
        return self._formed(numbers)

    def _of_unknown(self, x: Tensor) -> Any:
        if self.num_oov_indices == 0:
            return LEFT_OUT
        if self.num_oov_indices == 1:
            return self._first_oov
        return x % self.num_oov_indices + self._first_oov

    def _refuse_unknown(self, values: np.ndarray, found: np.ndarray) -> None:
        if not found.all():
            position = int(np.flatnonzero(~found.reshape(-1))[0])
            raise self._unknown(int(values.reshape(-1)[position]), position)


def _found(keys: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Whether each x is among the sorted keys, and where."""
    last = int(keys.shape[0]) - 1  # type: ignore[arg-type]
    place = elementwise.minimum(sorting.searchsorted(keys, x), last)
    return indexing.take(keys, place, axis=0) == x, place
