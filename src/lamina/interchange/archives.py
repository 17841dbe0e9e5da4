"""Zip archives of other programs, and NumPy's files: sizes are checked before anything is read."""

from __future__ import annotations

import ast
import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lamina.errors import FileFormatError

MOST_MEMBERS = 100_000
MOST_RATIO = 64  # of the bytes of all members to those of the file
SLACK = 1 << 20
MOST_HEADER = 10_000  # characters of a header of NumPy
_HEADER = 30  # bytes of the local header of a member, without name and extra field


@dataclass(frozen=True)
class Member:
    """A member of an archive: where its bytes are, and how many they become."""

    name: str
    data: memoryview
    size: int
    is_deflated: bool
    checksum: int

    def read(self) -> memoryview:
        """The bytes of the member. Raises FileFormatError if they are not what was written."""
        content = self.data
        if self.is_deflated:
            inflate = zlib.decompressobj(-15)
            try:
                content = memoryview(inflate.decompress(self.data, self.size + 1))
            except zlib.error as error:
                raise FileFormatError(f"{self.name} is damaged ({error})") from error
        if len(content) != self.size or zlib.crc32(content) != self.checksum:
            raise FileFormatError(f"{self.name} is not what was written (CRC)")
        return content


def members(content: bytes) -> dict[str, Member]:
    """The members of an archive by name. Raises FileFormatError for one that is damaged, and for
    members that overlap or become much larger than the archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except _NOT_A_ZIP as error:
        raise FileFormatError(f"the archive is damaged ({error})") from error
    total = sum(entry.file_size for entry in entries)
    if len(entries) > MOST_MEMBERS or total > MOST_RATIO * len(content) + SLACK:
        raise FileFormatError(
            f"the archive has {len(entries)} members of {total:,} bytes (expected at most "
            f"{MOST_RATIO} times its {len(content):,} bytes)"
        )
    view, found, end = memoryview(content), {}, 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        member, begin, end_of_member = _member(view, entry)
        if begin < end or member.name in found:
            raise FileFormatError(f"{member.name:.80} is there twice, or overlaps another member")
        found[member.name], end = member, end_of_member
    return found


_NOT_A_ZIP = (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError,
              OverflowError, EOFError, LookupError)  # fmt: skip


def _member(view: memoryview, entry: zipfile.ZipInfo) -> tuple[Member, int, int]:
    at = entry.header_offset
    header = bytes(view[at : at + _HEADER])
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    begin = at + _HEADER + lengths
    end = begin + entry.compress_size
    is_stored = entry.compress_type == zipfile.ZIP_STORED
    is_known = is_stored or entry.compress_type == zipfile.ZIP_DEFLATED
    if at < 0 or header[:4] != b"PK\x03\x04" or end > len(view):
        raise FileFormatError(f"{entry.filename:.80} is not where the archive says")
    if (
        not is_known
        or entry.flag_bits & 1
        or (is_stored and entry.compress_size != entry.file_size)
    ):
        raise FileFormatError(f"{entry.filename:.80} is encrypted, or compressed in another way")
    data = view[begin:end]
    return Member(entry.filename, data, entry.file_size, not is_stored, entry.CRC), at, end


# ---- NumPy -------------------------------------------------------------------------------------
def read_npz(found: Mapping[str, Member]) -> dict[str, np.ndarray]:
    """The arrays of a file that numpy.savez or savez_compressed wrote."""
    return {
        name.removesuffix(".npy"): read_npy(name, member.read()) for name, member in found.items()
    }


def read_npy(name: str, content: memoryview) -> np.ndarray:
    """The array of a .npy file. Raises FileFormatError for objects, which are pickles."""
    try:
        shape, is_fortran, dtype, begin = _npy_header(content)
    except _OF_A_HEADER as error:
        raise FileFormatError(f"{name:.80} is not an array of NumPy ({error!s:.200})") from error
    if dtype.kind not in "biufc":
        raise FileFormatError(
            f"{name:.80} has the dtype {dtype} (expected numbers; objects are never read)"
        )
    data = content[begin:]
    if math.prod(shape) * dtype.itemsize != len(data):
        raise FileFormatError(
            f"{name:.80} has {len(data):,} bytes (expected those of shape {shape!s:.80})"
        )
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if is_fortran else array.reshape(shape)


def _npy_header(content: memoryview) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, whether columns come first, dtype, and where the elements begin."""
    begin = {1: 10, 2: 12, 3: 12}.get(content[6] if len(content) > 6 else 0, 0)
    length = int.from_bytes(content[8:begin], "little")
    if bytes(content[:6]) != b"\x93NUMPY" or not begin or length > MOST_HEADER:
        raise ValueError("it does not begin like one")
    header = ast.literal_eval(bytes(content[begin : begin + length]).decode("latin-1").strip())
    shape, descr, is_fortran = header["shape"], header["descr"], header["fortran_order"]
    if type(shape) is not tuple or len(shape) > 32 or type(descr) is not str:
        raise ValueError("its shape or dtype is something else")
    if any(type(n) is not int or n < 0 for n in shape) or math.prod(n or 1 for n in shape) >> 58:
        raise ValueError(f"its shape is {shape!s:.80}")
    return shape, bool(is_fortran), np.dtype(descr), begin + length


_OF_A_HEADER = (ValueError, TypeError, SyntaxError, LookupError, RecursionError, MemoryError,
                AttributeError)  # fmt: skip


def stored(found: Mapping[str, bytes]) -> bytes:
    """The content of an archive of these members, uncompressed: equal members give equal bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in found.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()
