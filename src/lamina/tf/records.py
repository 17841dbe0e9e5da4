"""TFRecord files and `tf.train.Example`: written and read without protobuf.

file    = record*
record  = length uint64, crc of length, data, crc of data      (masked CRC-32C, little-endian)
Example = {1: Features},  Features = {1: (key, Feature)}*,  Feature = one of the three lists
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import DataError, FileFormatError
from lamina.events.records import framed, masked
from lamina.protobuf import fields, integers, message, packed_integers, signed, singles
from lamina.string_tensor import StringTensor, string
from lamina.tf import own as lm
from lamina.tf.ragged import SparseTensor
from lamina.tf.shapes import reshape, stack

MOST = 1 << 31  # bytes of a record: its length is read before the record is


class TFRecordOptions:
    """Options of a TFRecord file.

    Args:
        compression_type: "GZIP" or "".
    """

    def __init__(self, compression_type: str = "", **_: Any) -> None:
        self.compression_type = compression_type or ""


class TFRecordWriter:
    """Writer of a TFRecord file, also as a `with` block.

    Args:
        path: path of the file.
        options: TFRecordOptions, or "GZIP".
    """

    def __init__(self, path: Any, options: Any = None) -> None:
        kind = getattr(options, "compression_type", options) or ""
        name = StringTensor(str(path)).item()
        self._file: Any = gzip.open(name, "wb") if kind == "GZIP" else open(name, "wb")  # noqa: SIM115

    def write(self, record: Any) -> None:
        """Append the bytes of a record."""
        data = StringTensor(record).numpy()
        self._file.write(framed(data))

    def flush(self) -> None:
        """Write what is held in memory."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def records(path: str, compression: str = "") -> Iterator[bytes]:
    """Yield the records of a TFRecord file, with both checksums compared."""
    with gzip.open(path, "rb") if compression == "GZIP" else Path(path).open("rb") as file:
        while head := file.read(12):
            if len(head) < 12:
                raise FileFormatError(f"{path}: a record is cut off")
            (length,) = struct.unpack("<Q", head[:8])
            if masked(head[:8]) != head[8:]:
                raise FileFormatError(
                    f"{path}: not a TFRecord file, or damaged",
                    hint="compression_type='GZIP' reads compressed files",
                )
            if length > MOST:
                raise FileFormatError(
                    f"{path}: a record of {length:,} bytes (expected at most {MOST:,})"
                )
            data, end = file.read(length), file.read(4)
            if len(data) < length or masked(data) != end:
                raise FileFormatError(f"{path}: a record is damaged")
            yield data


# ---- messages ----------------------------------------------------------------------------------
def _parts(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield (number, content) of a message whose fields are messages, strings or lists."""
    for number, _, value in fields(data):
        if isinstance(value, int):
            raise FileFormatError(f"tf.train.Example: field {number} is a number")
        yield number, value


class BytesList:
    """A list of bytes in a Feature."""

    def __init__(self, value: Any = ()) -> None:
        self.value = [StringTensor(each).numpy() for each in value]

    def encoded(self) -> bytes:
        """Return the message."""
        return message(1, b"".join(message(1, each) for each in self.value))


class FloatList:
    """A list of float32 in a Feature."""

    def __init__(self, value: Any = ()) -> None:
        self.value = [float(each) for each in np.asarray(value).ravel()]

    def encoded(self) -> bytes:
        """Return the message."""
        return message(2, singles(1, self.value))


class Int64List:
    """A list of int64 in a Feature."""

    def __init__(self, value: Any = ()) -> None:
        self.value = [int(each) for each in np.asarray(value).ravel()]

    def encoded(self) -> bytes:
        """Return the message."""
        return message(3, integers(1, self.value))


class Feature:
    """One of the three lists."""

    def __init__(
        self, bytes_list: Any = None, float_list: Any = None, int64_list: Any = None
    ) -> None:
        self.bytes_list = bytes_list or BytesList()
        self.float_list = float_list or FloatList()
        self.int64_list = int64_list or Int64List()
        self._kind = bytes_list or float_list or int64_list

    def encoded(self) -> bytes:
        """Return the message."""
        return b"" if self._kind is None else self._kind.encoded()

    @property
    def values(self) -> list[Any]:
        """The values, of any kind."""
        return [] if self._kind is None else self._kind.value


class Features:
    """Features by name."""

    def __init__(self, feature: Any = None) -> None:
        self.feature = dict(feature or {})

    def encoded(self) -> bytes:
        """Return the message."""
        return b"".join(
            message(1, message(1, key.encode()) + message(2, each.encoded()))
            for key, each in sorted(self.feature.items())
        )


class Example:
    """A sample as a message of named features."""

    def __init__(self, features: Any = None) -> None:
        self.features = features or Features()

    def SerializeToString(self) -> bytes:
        """Return the message."""
        return message(1, self.features.encoded())

    @classmethod
    def FromString(cls, data: Any) -> Example:
        """Return the sample of a message."""
        found = {}
        for _, content in _parts(memoryview(StringTensor(data).numpy())):
            for _, entry in _parts(content):
                parts = dict(_parts(entry))
                found[bytes(parts[1]).decode()] = _feature(parts.get(2, memoryview(b"")))
        return cls(Features(found))


def _feature(data: memoryview) -> Feature:
    for kind, content in _parts(data):
        if kind == 1:
            return Feature(bytes_list=BytesList([bytes(v) for _, v in _parts(content)]))
        if kind == 2:
            joined = b"".join(bytes(v) for _, v in _parts(content))
            return Feature(float_list=FloatList(np.frombuffer(joined, "<f4")))
        if kind == 3:
            return Feature(int64_list=Int64List(list(_integers(content))))
    return Feature()


def _integers(content: memoryview) -> Iterator[int]:
    for _, _, value in fields(content):
        if isinstance(value, int):
            yield signed(value)
        else:
            yield from packed_integers(value)


# ---- parsed ------------------------------------------------------------------------------------
class FixedLenFeature:
    """A feature of one shape.

    Args:
        shape: shape of its values.
        dtype: string, float32 or int64.
        default_value: value where the feature is missing.
    """

    def __init__(self, shape: Any, dtype: Any, default_value: Any = None) -> None:
        self.shape = tuple(int(n) for n in shape)
        self.dtype, self.default_value = dtype, default_value


class VarLenFeature:
    """A feature of any number of values, parsed as a SparseTensor.

    Args:
        dtype: string, float32 or int64.
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype


def parse_single_example(
    serialized: Any, features: Any, example_names: Any = None, name: Any = None
) -> dict[str, Any]:
    """Return the features of a message, by name."""
    held = Example.FromString(serialized).features.feature
    return {key: _parsed(key, held.get(key), spec) for key, spec in features.items()}


def _parsed(key: str, feature: Feature | None, spec: Any) -> Any:
    values = [] if feature is None else feature.values
    if isinstance(spec, VarLenFeature):
        places = np.arange(len(values))[:, None]
        return SparseTensor(places, _values(values, spec.dtype), (len(values),))
    if not values:
        if spec.default_value is None:
            raise DataError(f"parse_example: the feature {key!r} is missing and has no default")
        values = list(np.broadcast_to(np.asarray(spec.default_value), spec.shape).ravel())
    if len(values) != int(np.prod(spec.shape)):
        raise DataError(
            f"parse_example: {key!r} has {len(values)} values (expected shape {spec.shape})"
        )
    return reshape(_values(values, spec.dtype), spec.shape)


def _values(values: list[Any], dtype: Any) -> Any:
    if dtype == string:
        return StringTensor(np.asarray(values, object))
    return lm.asarray(np.asarray(values, lm.dtype(dtype).storage))


def parse_example(
    serialized: Any, features: Any, example_names: Any = None, name: Any = None
) -> dict[str, Any]:
    """Return the features of a batch of messages, by name."""
    rows = [parse_single_example(each, features) for each in StringTensor(serialized).numpy()]
    return {
        key: _batch([row[key] for row in rows])
        if isinstance(spec, VarLenFeature)
        else stack([row[key] for row in rows])
        for key, spec in features.items()
    }


def _batch(parts: list[SparseTensor]) -> SparseTensor:
    lengths = [len(each.indices) for each in parts]
    places = [(row, k) for row, n in enumerate(lengths) for k in range(n)]
    values = np.concatenate([np.asarray(each.values) for each in parts])
    return SparseTensor(places, values, (len(parts), max(lengths, default=0)))
