"""The encoding of Protocol Buffers: fields of messages as bytes, and bytes as fields.

    field   = varint of number << 3 | kind, value
    kind    = 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes

Reading is bounded: a length beyond the end of its message is an error before anything is allocated.

Source: the Protocol Buffers encoding (protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from lamina.errors import FileFormatError

VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
"""The kinds of a field."""


# ---- writing -----------------------------------------------------------------------------------
def varint(number: int) -> bytes:
    """A number of any size, seven bits a byte; negative ones as 64 bits."""
    number &= 0xFFFFFFFFFFFFFFFF
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def integer(field: int, value: int) -> bytes:
    """A field of an int32, int64, enum or bool."""
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    """A field of a double."""
    return varint(field << 3 | 1) + struct.pack("<d", value)


def single(field: int, value: float) -> bytes:
    """A field of a float; numbers beyond its range are infinite."""
    try:
        content = struct.pack("<f", value)
    except OverflowError:
        content = struct.pack("<f", float("inf") if value > 0 else float("-inf"))
    return varint(field << 3 | 5) + content


def message(field: int, content: bytes | str) -> bytes:
    """A field of bytes, a string or another message."""
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    return varint(field << 3 | 2) + varint(len(content)) + content


def doubles(field: int, values: Iterable[float]) -> bytes:
    """A packed field of doubles."""
    values = list(values)
    return message(field, struct.pack(f"<{len(values)}d", *values))


def mapping(field: int, values: Mapping[str, bytes]) -> bytes:
    """A field of a map from strings to messages."""
    return b"".join(
        message(field, message(1, name) + message(2, value)) for name, value in values.items()
    )


def integers(field: int, values: Iterable[int]) -> bytes:
    """A packed field of integers."""
    return message(field, b"".join(map(varint, values)))


def singles(field: int, values: Iterable[float]) -> bytes:
    """A packed field of floats."""
    values = list(values)
    return message(field, struct.pack(f"<{len(values)}f", *values))


# ---- reading -----------------------------------------------------------------------------------
def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at a position, without sign, and the position after it."""
    number = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise FileFormatError("protobuf: a number is cut off or longer than ten bytes")


def signed(number: int) -> int:
    """A number without sign as one of 64 bits with sign."""
    return number - (1 << 64) if number >> 63 else number


def fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """The fields of a message in order: number, kind, and an integer or the bytes of the value.

    Raises:
        FileFormatError: the bytes are not a message: cut off, or a kind that does not exist.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == VARINT:
            value, at = read_varint(data, at)
            yield key >> 3, kind, value
            continue
        if kind == BYTES:
            length, at = read_varint(data, at)
        elif kind in (EIGHT, FOUR):
            length = 8 if kind == EIGHT else 4
        else:
            raise FileFormatError(f"protobuf: field {key >> 3} has the unknown kind {kind}")
        if length > end - at:
            raise FileFormatError(
                f"protobuf: field {key >> 3} has {length} bytes, of which {end - at} are there"
            )
        yield key >> 3, kind, data[at : at + length]
        at += length


def packed_integers(data: memoryview) -> list[int]:
    """The numbers of a packed field, with sign."""
    found, at = [], 0
    while at < len(data):
        number, at = read_varint(data, at)
        found.append(signed(number))
    return found
