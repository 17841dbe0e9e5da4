"""StringLookup: strings as the numbers that a vocabulary gives them, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.errors import DataError, describe
from lamina.layers.hashing import Salt, hasher
from lamina.layers.host import HostLayer, as_strings
from lamina.layers.lookup import Lookup
from lamina.operations import creation


class StringLookup(Lookup, HostLayer):
    """Strings (...) as numbers, or as rows of zeros and ones; with `invert`, numbers as strings.

    Strings are NumPy arrays, lists or nests of lists; it runs on the host, before the compiled
    program. Several numbers for unknown strings are shared out by FarmHash64, or with a `salt` by
    SipHash. Other arguments are those of `Lookup`; Keras' own example:

    Args:
        max_tokens: largest size of the vocabulary; None sets no limit.
        num_oov_indices: how many indices unknown tokens are hashed to.
        mask_token: token that stands for a masked step, or None.
        oov_token: token that stands for unknown ones.
        vocabulary: tokens in order, or the path of a text file with one token a line.
        idf_weights: inverse document frequency of each token, for `output_mode="tf_idf"`.
        invert: look up tokens by index instead of indices by token.
        output_mode: form of the result; see above.
        pad_to_max_tokens: give the outputs `max_tokens` columns whatever the vocabulary's size.
        sparse: accepted for compatibility; only dense results exist.
        encoding: encoding of text files.

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
