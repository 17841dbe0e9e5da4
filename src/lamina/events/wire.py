"""The encoding of event files: fields of protocol buffers, records with checksums.

    record  = length (8 bytes), its CRC, content, its CRC           all little-endian
    CRC     = CRC-32C, rotated and shifted (the format's "masked" checksum)
    content = an Event: fields (number << 3 | kind, value)

Sources: the Protocol Buffers encoding (protobuf.dev/programming-guides/encoding); TensorFlow's
record format; RFC 3720, section 12.1, for CRC-32C.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import cache

POLYNOMIAL = 0x82F63B78  # of Castagnoli, reflected
MASK = 0xA282EAD8


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


# ---- records -----------------------------------------------------------------------------------
@cache
def _table() -> list[int]:
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ POLYNOMIAL if byte & 1 else byte >> 1
        found.append(byte)
    return found


def checksum(content: bytes) -> int:
    """CRC-32C of the content.

    >>> hex(checksum(b"123456789"))
    '0xe3069283'
    """
    table, crc = _table(), 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def masked(content: bytes) -> bytes:
    """The checksum as records hold it."""
    crc = checksum(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF)


def record(content: bytes) -> bytes:
    """Content as a record of a file."""
    length = struct.pack("<Q", len(content))
    return length + masked(length) + content + masked(content)
