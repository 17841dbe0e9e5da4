"""StringLookup: strings as indices of a vocabulary, and back."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, PathLike
from lamina.errors import DataError, describe
from lamina.layers._base.host import HostLayer, as_strings
from lamina.layers._base.options import LayerOptions
from lamina.layers.hashing import Salt, hasher
from lamina.layers.lookup import Lookup

__all__ = ["StringLookup"]


class StringLookup(Lookup, HostLayer):
    """Conversion of strings to indices of a vocabulary, or back if `invert`.

    Inputs are NumPy arrays or nested lists; the layer runs on the host, before the compiled
    program. OOV strings are distributed over their indices by a hash.

    Args:
        max_tokens: maximum size of the vocabulary, mask and OOV tokens included; None sets no
            limit.
        num_oov_indices: number of indices that out-of-vocabulary tokens are distributed over.
        mask_token: token of masked entries, with index 0; None reserves no index for it.
        oov_token: token that out-of-vocabulary (OOV) indices are converted to if `invert`.
        vocabulary: tokens in order, or the path of a text file with one token per line; None learns
            it with `adapt`.
        idf_weights: inverse document frequency of each token, for `output_mode="tf_idf"`.
        invert: convert indices to tokens instead of tokens to indices.
        output_mode: "int" for int64 indices, or "one_hot", "multi_hot", "count" or "tf_idf" for
            float rows.
        pad_to_max_tokens: give the output `max_tokens` columns even if the vocabulary is smaller.
        sparse: must be False; accepted for compatibility with Keras.
        encoding: encoding of vocabulary files and of strings given as bytes.
        salt: integer or pair of integers, the key of SipHash-2-4; None uses FarmHash64.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (...) -> (...) for "int"; as `CategoryEncoding` for other modes

    Raises:
        DataError: a string is not in the vocabulary and `num_oov_indices` is 0.

    Example:
        >>> import lamina as lm
        >>> lookup = lm.layers.StringLookup(vocabulary=["a", "b", "c", "d"])
        >>> lookup([["a", "c", "d"], ["d", "z", "b"]]).tolist()
        [[1, 3, 4], [4, 0, 2]]
    """

    def _sample_text(self, count: int) -> str:
        known = [] if self.num_oov_indices else self.get_vocabulary(False)
        return str(known[0]) if known else super()._sample_text(count)

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: PathLike | ArrayLike | None = None,
        idf_weights: ArrayLike | None = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        salt: Salt = None,
        **kwargs: Unpack[LayerOptions],
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
        return self._formed(ops.asarray(numbers.reshape(strings.shape)))

    def _strings(self, inputs: Any) -> np.ndarray:
        self._need_vocabulary()
        numbers = np.asarray(inputs)
        if numbers.dtype.kind not in "iu":
            raise DataError(f"{self._label()}: expected whole numbers, got {describe(numbers)}")
        tokens = np.array([*self.get_vocabulary(), self.oov_token], object)  # as `as_strings` does
        inside = (numbers >= 0) & (numbers < len(tokens) - 1)
        return np.asarray(tokens[np.where(inside, numbers, -1)])
