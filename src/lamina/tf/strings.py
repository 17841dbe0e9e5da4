"""`tf.strings`: functions of arrays of strings, computed in Python before compiled programs."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from lamina.errors import DataError
from lamina.string_tensor import StringTensor, text_of
from lamina.tf import own as lm
from lamina.tf.naming import public
from lamina.tf.ragged import RaggedTensor


def _each(input: Any, function: Callable[[str], Any]) -> Any:
    """A function of each string, in the form of the input: a string, ragged or plain tensor."""
    if isinstance(input, RaggedTensor):
        return input.map_values(lambda values: _each(values, function))
    return StringTensor(StringTensor(input).map(lambda value: function(text_of(value))))


def _numbers(input: Any, function: Callable[[Any], Any], dtype: str) -> Any:
    if isinstance(input, RaggedTensor):
        return input.map_values(lambda values: _numbers(values, function, dtype))
    found = StringTensor(input).map(function)
    return lm.asarray(found.astype(dtype), dtype=lm.dtype(dtype))


def lower(input: Any, encoding: str = "", name: Any = None) -> Any:
    """Return the strings in lower case."""
    return _each(input, str.lower)


def upper(input: Any, encoding: str = "", name: Any = None) -> Any:
    """Return the strings in upper case."""
    return _each(input, str.upper)


def strip(input: Any, name: Any = None) -> Any:
    """Return the strings without whitespace at their ends."""
    return _each(input, str.strip)


def regex_replace(
    input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: Any = None
) -> Any:
    r"""Return the strings with each match replaced; \1 in `rewrite` is a group."""
    expression = re.compile(_single(pattern))
    text = re.sub(r"\\(\d)", r"\\g<\1>", _single(rewrite))
    return _each(input, lambda value: expression.sub(text, value, count=0 if replace_global else 1))


def regex_full_match(input: Any, pattern: Any, name: Any = None) -> Any:
    """Return True for the strings that a pattern matches as a whole."""
    expression = re.compile(_single(pattern))
    return _numbers(input, lambda value: bool(expression.fullmatch(text_of(value))), "bool")


def _single(value: Any) -> str:
    return value.item() if isinstance(value, StringTensor) else text_of(value)


def length(input: Any, unit: str = "BYTE", name: Any = None) -> Any:
    """Return the number of bytes, or of characters for unit="UTF8_CHAR"."""
    if unit == "BYTE":
        return _numbers(input, lambda value: len(_encoded(value)), "int32")
    return _numbers(input, lambda value: len(text_of(value)), "int32")


def _encoded(value: Any) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: Any = None) -> Any:
    """Return a part of each string."""
    texts, first, count = np.broadcast_arrays(
        np.asarray(StringTensor(input)), np.asarray(pos), np.asarray(len)
    )
    found = np.empty(texts.shape, object)
    for place, value in np.ndenumerate(texts):
        held = _encoded(value) if unit == "BYTE" else text_of(value)
        start = int(first[place])
        start = start + held.__len__() if start < 0 else start
        found[place] = held[start : start + int(count[place])]
    return StringTensor(found)


def split(input: Any, sep: Any = None, maxsplit: int = -1, name: Any = None) -> Any:
    """Return the parts of each string: a ragged tensor, or a tensor for a single string."""
    texts = StringTensor(input)
    parts = texts.map(lambda value: _parts(text_of(value), sep, maxsplit))
    if texts.ndim == 0:
        return StringTensor(parts.item() if parts.item() else np.zeros(0, object))
    return _rows(parts)


def _rows(parts: np.ndarray) -> RaggedTensor:
    """Lists in an array as the rows of a ragged tensor."""
    if parts.ndim > 1:
        return RaggedTensor([_rows(each) for each in parts])
    return RaggedTensor([np.asarray(row, object) for row in parts.tolist()])


def _parts(text: str, sep: Any, most: int) -> list[str]:
    mark = None if sep is None or _single(sep) == "" else _single(sep)
    return text.split(mark, most)


def join(inputs: Sequence[Any], separator: str = "", name: Any = None) -> Any:
    """Return the strings of several tensors joined elementwise."""
    texts = [StringTensor(each).map(text_of) for each in inputs]
    parts: Any = np.broadcast_arrays(*texts)
    found = np.empty(parts[0].shape, object)
    for place in np.ndindex(found.shape):
        found[place] = separator.join(part[place] for part in parts)
    return StringTensor(found)


def reduce_join(
    inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "", name: Any = None
) -> Any:
    """Return the strings along an axis joined to one."""
    if isinstance(inputs, RaggedTensor):
        return StringTensor([separator.join(map(text_of, row)) for row in inputs.rows])
    texts = StringTensor(inputs).map(text_of)
    if axis is None:
        return StringTensor(separator.join(texts.ravel().tolist()))
    rows = np.moveaxis(texts, axis, -1)
    found = np.empty(rows.shape[:-1], object)
    for place in np.ndindex(found.shape):
        found[place] = separator.join(rows[place].tolist())
    return StringTensor(np.expand_dims(found, axis) if keepdims else found)


def to_number(input: Any, out_type: Any = "float32", name: Any = None) -> Any:
    """Return the numbers that strings spell."""
    kind = lm.dtype(out_type)
    read = float if kind.is_float else int

    def number(value: Any) -> Any:
        try:
            return read(text_of(value))
        except ValueError as error:
            raise DataError(f"tf.strings.to_number: {text_of(value)!r} is not a number") from error

    return _numbers(input, number, kind.name)


def as_string(
    input: Any,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: Any = None,
) -> Any:
    """Return numbers as strings."""
    array = np.asarray(input)
    spec = f"{fill}{'' if width < 0 else width}"
    if array.dtype.kind == "f":
        spec += f".{6 if precision < 0 else precision}{'e' if scientific else 'f'}"
    found = np.empty(array.shape, object)
    for place, value in np.ndenumerate(array):
        found[place] = (
            str(value).lower() if array.dtype.kind == "b" else builtins.format(value.item(), spec)
        )
    return StringTensor(found)


def format_(
    template: Any, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: Any = None
) -> Any:
    """Return a text with values in the places of "{}"."""
    values = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    text = _single(template)
    for value in values:
        text = text.replace(placeholder, str(np.asarray(value)), 1)
    return StringTensor(text)


def bytes_split(input: Any, name: Any = None) -> Any:
    """Return the bytes of each string."""
    return _characters(input, lambda value: [bytes([b]) for b in _encoded(value)])


def unicode_split(
    input: Any,
    input_encoding: str = "UTF-8",
    errors: str = "replace",
    replacement_char: int = 65533,
    name: Any = None,
) -> Any:
    """Return the characters of each string."""
    return _characters(input, lambda value: list(text_of(value)))


def _characters(input: Any, split_one: Callable[[Any], list[Any]]) -> Any:
    parts = StringTensor(input).map(split_one)
    return StringTensor(np.asarray(parts.item(), object)) if parts.ndim == 0 else _rows(parts)


def unicode_decode(
    input: Any,
    input_encoding: str = "UTF-8",
    errors: str = "replace",
    replacement_char: int = 65533,
    name: Any = None,
) -> Any:
    """Return the code points of each string."""
    parts = StringTensor(input).map(
        lambda value: np.asarray([ord(c) for c in text_of(value)], np.int32)
    )
    return lm.asarray(parts.item()) if parts.ndim == 0 else RaggedTensor(parts.tolist())


def unicode_encode(
    input: Any,
    output_encoding: str = "UTF-8",
    errors: str = "replace",
    replacement_char: int = 65533,
    name: Any = None,
) -> Any:
    """Return the strings of code points."""
    if isinstance(input, RaggedTensor):
        return StringTensor(["".join(map(chr, row)) for row in input.rows])
    array = np.asarray(input)
    if array.ndim == 1:
        return StringTensor("".join(map(chr, array.tolist())))
    return StringTensor(["".join(map(chr, row)) for row in array.tolist()])


def to_hash_bucket_fast(input: Any, num_buckets: int, name: Any = None) -> Any:
    """Return a number below `num_buckets` for each string."""

    def bucket(value: Any) -> int:
        digest = blake2b(_encoded(value), digest_size=8).digest()
        return int.from_bytes(digest, "little") % num_buckets

    return _numbers(input, bucket, "int64")


def ngrams(data: Any, ngram_width: Any, separator: str = " ", name: Any = None, **_: Any) -> Any:
    """Return the runs of words of each row, joined."""
    widths = [ngram_width] if isinstance(ngram_width, int) else list(ngram_width)
    rows: Any = data.rows if isinstance(data, RaggedTensor) else np.asarray(StringTensor(data))
    single = not isinstance(data, RaggedTensor) and rows.ndim == 1
    found = [
        [
            separator.join(map(text_of, row[k : k + n]))
            for n in widths
            for k in range(row.__len__() - n + 1)
        ]
        for row in ([rows] if single else rows)
    ]
    return (
        StringTensor(found[0]) if single else RaggedTensor([np.asarray(f, object) for f in found])
    )


public(
    __name__,
    {"format": format_, "to_hash_bucket": to_hash_bucket_fast},
    None,
    {
        "unicode_transcode": "str.encode and bytes.decode",
        "unsorted_segment_join": "tf.strings.reduce_join",
    },
)
