"""Records of event files: contents with checksums.

    record  = length (8 bytes), its CRC, content, its CRC           all little-endian
    CRC     = CRC-32C, rotated and shifted (the format's "masked" checksum)
    content = an Event, a message of Protocol Buffers

Sources: TensorFlow's record format; RFC 3720, section 12.1, for CRC-32C.
"""

from __future__ import annotations

import os
import struct
from functools import cache

POLYNOMIAL = 0x82F63B78  # of Castagnoli, reflected
MASK = 0xA282EAD8


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


def framed(content: bytes) -> bytes:
    """Content as a record of a file."""
    length = struct.pack("<Q", len(content))
    return length + masked(length) + content + masked(content)


def whole(path: str | os.PathLike[str], most: int) -> int:
    """Return the end of the last record of a file that is within its first `most` bytes."""
    with open(path, "rb") as file:
        size, end = min(most, file.seek(0, os.SEEK_END)), 0
        while end + 12 <= size:
            file.seek(end)
            (length,) = struct.unpack("<Q", file.read(8))
            if length > size - end - 16:
                break
            end += length + 16
    return end
