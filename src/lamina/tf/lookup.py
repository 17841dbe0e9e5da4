"""`tf.lookup`: tables of strings and numbers in Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.string_tensor import StringTensor
from lamina.tf import own as lm
from lamina.tf.converting import convert_to_tensor
from lamina.tf.strings import to_hash_bucket_fast


def _keys(value: Any) -> np.ndarray:
    found = convert_to_tensor(value)
    return np.asarray(found.tolist() if isinstance(found, StringTensor) else found)


class KeyValueTensorInitializer:
    """Keys and their values.

    Args:
        keys: the keys.
        values: the value of each.
    """

    def __init__(
        self,
        keys: Any,
        values: Any,
        key_dtype: Any = None,
        value_dtype: Any = None,
        name: Any = None,
    ) -> None:
        self.values = convert_to_tensor(values, value_dtype)
        self.table = dict(zip(_keys(keys).tolist(), self.values.tolist(), strict=True))


class StaticHashTable:
    """A table from keys to values.

    Args:
        initializer: the KeyValueTensorInitializer.
        default_value: value of other keys.
    """

    def __init__(self, initializer: Any, default_value: Any, **_: Any) -> None:
        self._table, self._default = initializer.table, default_value
        self._dtype = initializer.values.dtype

    def lookup(self, keys: Any, name: Any = None) -> Any:
        """Return the values of keys."""
        array = _keys(keys)
        found = [self._table.get(key, self._default) for key in array.reshape(-1).tolist()]
        if self._dtype == "string":
            return StringTensor(np.asarray(found, object).reshape(array.shape))
        return lm.asarray(np.asarray(found).reshape(array.shape), dtype=self._dtype)

    __getitem__ = lookup

    def size(self, name: Any = None) -> Any:
        """Return the number of keys."""
        return lm.asarray(len(self._table))


class StaticVocabularyTable(StaticHashTable):
    """A table from tokens to numbers, with buckets for other tokens.

    Args:
        initializer: the KeyValueTensorInitializer, or None.
        num_oov_buckets: numbers for other tokens.
    """

    def __init__(self, initializer: Any, num_oov_buckets: int, **_: Any) -> None:
        if num_oov_buckets < 1:
            raise ArgumentError("StaticVocabularyTable: expected at least one bucket")
        super().__init__(initializer, -1)
        self._buckets = num_oov_buckets

    def lookup(self, keys: Any, name: Any = None) -> Any:
        """Return the numbers of tokens."""
        found = super().lookup(keys)
        other = to_hash_bucket_fast(StringTensor(_keys(keys)), self._buckets)
        return lm.where(found < 0, lm.cast(other, found.dtype) + len(self._table), found)
