"""TextVectorization: texts as token indices or rows of counts."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar, Self, Unpack

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, PathLike
from lamina.errors import ArgumentError, RangeError, ShapeError, describe, unknown_name
from lamina.layers._base.arguments import refuse_unknown
from lamina.layers._base.host import as_strings
from lamina.layers._base.options import LayerOptions
from lamina.layers.encoding import refuse_sparse
from lamina.layers.lookup import LEFT_OUT
from lamina.layers.string_lookup import StringLookup
from lamina.tensor import Tensor

__all__ = ["TextVectorization"]

WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
STANDARDIZE: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "strip_punctuation": lambda text: text.translate(WITHOUT_PUNCTUATION),
    "lower_and_strip_punctuation": lambda text: text.lower().translate(WITHOUT_PUNCTUATION),
}
SPLIT: dict[str, Callable[[str], list[str]]] = {"whitespace": str.split, "character": list}

Rows = Sequence[Sequence[str]]


class TextVectorization(StringLookup):
    """Conversion of texts to token indices or rows of counts.

    Texts are standardized, split into tokens, combined to n-grams and looked up in the vocabulary.
    The layer runs on the host, before the compiled program. The vocabulary is saved with the layer;
    of custom functions, only the names are saved.

    Args:
        max_tokens: maximum size of the vocabulary, including '' (padding, only for "int") and
            '[UNK]'; None sets no limit.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a
            function of an array of strings; letters of all alphabets are lowered, punctuation is
            ASCII.
        split: "whitespace", "character", None (a text is one token), or a function from an array of
            strings to a list of token lists.
        ngrams: n for runs of 1 to n tokens, or a tuple of lengths, joined by spaces; None uses
            single tokens.
        output_mode: "int" for int64 indices padded with 0; "multi_hot", "count" or "tf_idf" for
            float rows.
        output_sequence_length: number of indices per text for "int", padded or truncated; None pads
            to the longest text of a call.
        pad_to_max_tokens: give the output `max_tokens` columns even if the vocabulary is smaller.
        vocabulary: tokens in order, or the path of a text file with one token per line; None learns
            it with `adapt`.
        idf_weights: inverse document frequency of each token, for `output_mode="tf_idf"`.
        sparse: must be False; accepted for compatibility with Keras.
        ragged: accepted for compatibility with Keras; must be False.
        encoding: encoding of vocabulary files and of texts given as bytes.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch,) or (batch, 1) -> (batch, tokens) for "int", (batch, vocabulary) for other modes

    Example:
        >>> import lamina as lm
        >>> vectorize = lm.layers.TextVectorization(output_sequence_length=4)
        >>> vectorize.adapt(["foo bar", "bar baz", "baz bada boom"])
        >>> vectorize(["Foo qux, bar!", "qux baz"]).tolist()
        [[4, 1, 3, 0], [1, 2, 0, 0]]
    """

    _modes: ClassVar[tuple[str, ...]] = ("int", "multi_hot", "count", "tf_idf")

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[[Any], Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[[Any], Any] | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: PathLike | ArrayLike | None = None,
        idf_weights: ArrayLike | None = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        refuse_unknown(type(self), kwargs)
        refuse_sparse("TextVectorization", ragged=ragged)
        super().__init__(
            max_tokens=max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            encoding=encoding,
            **kwargs,
        )
        self.standardize = _known("standardize", standardize, STANDARDIZE)
        self.split = _known("split", split, SPLIT)
        self.ngrams = _lengths(ngrams)
        if output_sequence_length is not None and not self._is_int:
            raise ArgumentError(
                "TextVectorization: output_sequence_length goes with output_mode='int', and it is "
                f"{self.output_mode!r}"
            )
        if output_sequence_length is not None and output_sequence_length < 1:
            raise RangeError(
                f"TextVectorization: output_sequence_length is {output_sequence_length}, expected "
                "at least 1"
            )
        self.output_sequence_length = output_sequence_length

    def call(self, inputs: Any) -> Tensor:
        texts = self._as_tokens(inputs)
        rows = self._rows(texts)
        length = self.output_sequence_length or max(map(len, rows), default=0)
        rows = [row[:length] for row in rows]
        table = np.full((len(rows), length), 0 if self._is_int else LEFT_OUT, np.int64)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        is_word = np.arange(length) < lengths[:, None]
        table[is_word] = self._numbers(list(chain.from_iterable(rows)))
        outputs = self._formed(ops.asarray(table))
        is_flat = self.split is None and texts.ndim == 1 and self._is_int and length == 1
        return outputs[0] if texts.ndim == 0 else outputs[:, 0] if is_flat else outputs

    # ---- texts to tokens -----------------------------------------------------------------------
    def _documents(self, batch: Any) -> Iterator[Sequence[Any]]:
        yield from self._rows(self._as_tokens(batch))

    def _rows(self, texts: np.ndarray) -> Rows:
        """Return the tokens of each text."""
        texts = self._standardized(texts.reshape(1) if texts.ndim == 0 else texts)
        if self.split is None:
            rows: Rows = texts.reshape(len(texts), -1).tolist()
        else:
            rows = self._split(self._single(texts))
        return rows if self.ngrams is None else [_ngrams(row, self.ngrams) for row in rows]

    def _standardized(self, texts: np.ndarray) -> np.ndarray:
        if self.standardize is None:
            return texts
        if callable(self.standardize):
            changed = as_strings(self.standardize(texts.astype(str)), self.encoding)
            if changed.shape != texts.shape:
                raise ShapeError(
                    f"{self._label()}: standardize made strings of shape {changed.shape} of those "
                    f"of shape {texts.shape}, expected one for each"
                )
            return changed
        change = STANDARDIZE[self.standardize]
        flat = np.empty(texts.size, object)
        flat[:] = [change(text) for text in texts.reshape(-1)]
        return flat.reshape(texts.shape)

    def _single(self, texts: np.ndarray) -> np.ndarray:
        """Return texts along one axis, ready to be split."""
        if (texts.ndim > 1 and texts.shape[-1] != 1) or texts.ndim > 2:
            raise ShapeError(
                f"{self._label()}: expected texts of shape (batch,) or (batch, 1), got "
                f"{texts.shape}",
                hint="join the columns, or use split=None if each string is a token already",
            )
        return texts.reshape(-1)

    def _split(self, texts: np.ndarray) -> Rows:
        if isinstance(self.split, str):
            return [SPLIT[self.split](text) for text in texts]
        assert self.split is not None
        rows = [
            as_strings(list(row), self.encoding).tolist() for row in self.split(texts.astype(str))
        ]
        if len(rows) != len(texts):
            raise ShapeError(
                f"{self._label()}: split made {len(rows)} lists of {len(texts)} texts, expected a "
                "list of tokens for each"
            )
        return rows

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        ngrams = config.get("ngrams")
        return super().from_config(
            {**config, "ngrams": tuple(ngrams) if isinstance(ngrams, list) else ngrams}
        )


def _known(argument: str, value: Any, names: Mapping[str, Any]) -> Any:
    if value is None or callable(value) or (isinstance(value, str) and value in names):
        return value
    raise unknown_name(f"{argument} of TextVectorization", value, names)


def _lengths(ngrams: Any) -> tuple[int, ...] | None:
    if ngrams is None:
        return None
    lengths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else tuple(ngrams)
    if not lengths or not all(isinstance(n, int) and n >= 1 for n in lengths):
        raise ArgumentError(
            "TextVectorization: ngrams must be a whole number from 1, or a tuple of such; got "
            f"{describe(ngrams)}"
        )
    return lengths


def _ngrams(words: Sequence[str], lengths: Sequence[int]) -> list[str]:
    """Return runs of tokens, those of the first length first."""
    return [" ".join(words[k : k + n]) for n in lengths for k in range(len(words) - n + 1)]
