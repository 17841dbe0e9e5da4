"""IntegerLookup: integers as indices of a vocabulary, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, PathLike
from lamina.errors import ArgumentError, DataError, describe
from lamina.ir.types import int64
from lamina.layers._base.options import LayerOptions
from lamina.layers.lookup import LEFT_OUT, Lookup
from lamina.tensor import Tensor, as_tensor

__all__ = ["IntegerLookup"]


class IntegerLookup(Lookup):
    """Conversion of integers to indices of a vocabulary, or back if `invert`.

    The layer can be part of a compiled model. OOV integers are distributed over their indices by
    the remainder of a division.

    Args:
        max_tokens: maximum size of the vocabulary, mask and OOV tokens included; None sets no
            limit.
        num_oov_indices: number of indices that out-of-vocabulary tokens are distributed over.
        mask_token: integer with index 0; None reserves no index for it.
        oov_token: token that out-of-vocabulary (OOV) indices are converted to if `invert`.
        vocabulary: integers in order, or the path of a text file with one per line; None learns
            them with `adapt`.
        vocabulary_dtype: must be "int64"; accepted for compatibility with Keras.
        idf_weights: inverse document frequency of each token, for `output_mode="tf_idf"`.
        invert: convert indices to tokens instead of tokens to indices.
        output_mode: "int" for int64 indices, or "one_hot", "multi_hot", "count" or "tf_idf" for
            float rows.
        sparse: must be False; accepted for compatibility with Keras.
        pad_to_max_tokens: give the output `max_tokens` columns even if the vocabulary is smaller.
        oov_method: must be "floormod": the index of an out-of-vocabulary integer is its remainder.
        salt: must be None.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (...) -> (...) for "int"; as `CategoryEncoding` for other modes

    Raises:
        DataError: an integer is not in the vocabulary and `num_oov_indices` is 0; a compiled
            program returns -1 or a row of zeros instead.

    Example:
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
        vocabulary: PathLike | ArrayLike | None = None,
        vocabulary_dtype: str = "int64",
        idf_weights: ArrayLike | None = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        if oov_method != "floormod" or salt is not None:
            given = f"oov_method={oov_method!r}" + ("" if salt is None else f", salt={salt!r}")
            raise ArgumentError(
                f"IntegerLookup: invalid oov_method (expected 'floormod' without a salt, got "
                f"{given}): the layer is part of compiled programs, which do not hash strings",
                hint="lm.layers.Hashing(num_bins, salt=...) hashes integers in front of the model",
            )
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
            try:
                array = array.astype(np.int64)
            except (ValueError, OverflowError) as error:
                raise DataError(
                    f"{self._label()}: a token of the vocabulary is not a whole number: {error}"
                ) from error
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
            place = ops.where((x >= 0) & (x < last), x, last)
            return ops.take(ops.asarray(table), place, axis=0)
        keys = np.array(tokens, np.int64)
        order = np.argsort(keys)
        found, place = _found(ops.asarray(keys[order]), x)
        numbers = ops.take(ops.asarray(order + len(self._reserved())), place, axis=0)
        numbers = ops.where(found, numbers, self._of_unknown(x))
        if self.mask_token is not None:
            number = 0 if self._is_int else LEFT_OUT
            is_mask = x == self.mask_token
            numbers, found = ops.where(is_mask, number, numbers), found | is_mask
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
    """Return whether each x is among the sorted keys, and its position."""
    last = int(keys.shape[0]) - 1
    place = ops.minimum(ops.searchsorted(keys, x), last)
    return ops.take(keys, place, axis=0) == x, place
