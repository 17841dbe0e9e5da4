"""DLPack with what NumPy leaves out: bfloat16, and memory that consumers must not write to.

NumPy makes and reads the capsules; the type code of bfloat16, which NumPy does not know, is one
byte of the structure in the capsule (dlpack.h, version 1.0):

    unversioned   "dltensor"             DLTensor, ...
    versioned     "dltensor_versioned"   version (8 bytes), manager, deleter, flags, DLTensor
    DLTensor      data (8), device (4 + 4), ndim (4), type code (1), bits (1), lanes (2), ...
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

CPU = (1, 0)
UINT, BFLOAT = 1, 4  # DLDataTypeCode
_TENSOR_AT = {b"dltensor": 0, b"dltensor_versioned": 32}
_CODE = 20  # bytes from the start of a DLTensor
# versions of NumPy before 2.1 neither say nor hear that memory is read-only
_KNOWS_VERSIONS = tuple(map(int, np.__version__.split(".")[:2])) >= (2, 1)

_name = ctypes.pythonapi.PyCapsule_GetName
_name.restype, _name.argtypes = ctypes.c_char_p, [ctypes.py_object]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def exported(
    array: np.ndarray,
    is_bfloat16: bool,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """The capsule of a read-only array, or of its bits if it `is_bfloat16`.

    A consumer that asks for version 1.0 or later shares the memory, with a flag that it is
    read-only; any other gets a copy. Raises BufferError if a copy is needed and refused, or for
    another device than the CPU.
    """
    if stream is not None or (dl_device is not None and tuple(dl_device) != CPU):
        raise BufferError(
            f"__dlpack__: tensors are on the CPU (expected device {CPU} and no stream, got device "
            f"{dl_device} and stream {stream!r})"
        )
    versioned = _KNOWS_VERSIONS and max_version is not None and max_version[0] >= 1
    if copy is False and not versioned:
        raise BufferError(
            "__dlpack__: tensors are immutable, so that a consumer which does not ask for DLPack "
            f"1.0 gets a copy (expected max_version=(1, 0) for copy=False, got {max_version})"
        )
    if versioned:
        capsule = array.__dlpack__(max_version=max_version, copy=copy)
    else:
        capsule = array.copy().__dlpack__()
    if is_bfloat16:
        _type_code(capsule)[0] = BFLOAT
    return capsule


def imported(value: Any, copy: bool | None = None) -> tuple[np.ndarray, bool]:
    """The array of any object that exports DLPack, and whether it holds the bits of bfloat16."""
    reader = _Reader(value)
    array = np.from_dlpack(reader)
    return (array.copy() if copy else array), reader.is_bfloat16


class _Reader:
    """An exporter that hands on what another one exports, bfloat16 as unsigned integers."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.is_bfloat16 = False

    def __dlpack__(self, **options: Any) -> Any:
        try:
            capsule = self.value.__dlpack__(**options)
        except TypeError:  # an exporter from before version 1.0
            capsule = self.value.__dlpack__()
        code = _type_code(capsule)
        if code[0] == BFLOAT and code[1] == 16:
            code[0], self.is_bfloat16 = UINT, True
        return capsule

    def __dlpack_device__(self) -> Any:
        return self.value.__dlpack_device__()


def _type_code(capsule: Any) -> Any:
    """The two bytes of type code and bits in a capsule's structure, to be read and written."""
    name = _name(capsule)
    address = _pointer(capsule, name) + _TENSOR_AT[name] + _CODE
    return (ctypes.c_uint8 * 2).from_address(address)
