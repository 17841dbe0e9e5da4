"""Parking: a thread sleeps until a number in memory changes, and is woken; one row per system.

    Linux      the system call futex, through the C library's `syscall`
    macOS      __ulock_wait and __ulock_wake, on which its C++ library's atomic waits stand
    Windows    WaitOnAddress and WakeByAddressAll
    others     no such thing: look again every half millisecond

All may wake up without a reason, and do not sleep at all if the number is another one already.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import NamedTuple

from lamina.engines.llvm.codegen.barrier import architecture, integer
from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.values import Value

# Emitters of a call: (builder, address of the system's function, address of the number, its value).
Emitter = Callable[[Builder, Value, Value, Value], None]


class System(NamedTuple):
    """The names of two functions, the library they are in, and how they are called."""

    library: str | None
    wait: str
    wake: str
    emit_wait: Emitter
    emit_wake: Emitter

    def addresses(self) -> tuple[int, int]:
        """Addresses of the two functions in this process."""
        library = ctypes.CDLL(self.library)
        functions = (getattr(library, name) for name in (self.wait, self.wake))
        first, second = (ctypes.cast(each, ctypes.c_void_p).value or 0 for each in functions)
        return first, second


# ---- Linux -------------------------------------------------------------------------------------
# The number of the system call, and its operations on memory that no other process shares.
_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "loongarch64": 98, "ppc64le": 221}
_FUTEX_WAIT, _FUTEX_WAKE, _ALL = 128, 129, (1 << 31) - 1


def _futex(b: Builder, function: Value, address: Value, operation: int, value: Value) -> None:
    """It looks at 32 bits: these processors keep a number's lower half first."""
    arguments = f"i64 {_FUTEX[architecture()]}, {address}, i64 {operation}, {value}, ptr null"
    b.emit("i64", f"call i64 (i64, ...) {function.text}({arguments})")


def _futex_wait(b: Builder, function: Value, address: Value, value: Value) -> None:
    _futex(b, function, address, _FUTEX_WAIT, b.and_(value, integer(0xFFFFFFFF)))


def _futex_wake(b: Builder, function: Value, address: Value, _: Value) -> None:
    _futex(b, function, address, _FUTEX_WAKE, integer(_ALL))


# ---- macOS -------------------------------------------------------------------------------------
_COMPARE_64, _WAKE_ALL, _NO_ERRNO = 5, 0x100, 0x1000000


def _ulock_wait(b: Builder, function: Value, address: Value, value: Value) -> None:
    operation = _COMPARE_64 | _NO_ERRNO
    b.emit("i32", f"call i32 {function.text}(i32 {operation}, {address}, {value}, i32 0)")


def _ulock_wake(b: Builder, function: Value, address: Value, _: Value) -> None:
    operation = _COMPARE_64 | _WAKE_ALL | _NO_ERRNO
    b.emit("i32", f"call i32 {function.text}(i32 {operation}, {address}, i64 0)")


# ---- Windows -----------------------------------------------------------------------------------
def _wait_on_address(b: Builder, function: Value, address: Value, value: Value) -> None:
    expected = b.emit("ptr", "alloca i64, align 8")
    b.store(value, expected)
    b.emit("i32", f"call i32 {function.text}({address}, {expected}, i64 8, i32 -1)")


def _wake_by_address(b: Builder, function: Value, address: Value, _: Value) -> None:
    b.lines.append(f"  call void {function.text}({address})")


# ---- any other ---------------------------------------------------------------------------------
def _sleep_a_little(b: Builder, function: Value, *_: Value) -> None:
    b.emit("i32", f"call i32 {function.text}(i32 500)")


def _nothing(*_: object) -> None:
    pass


LINUX = System(None, "syscall", "syscall", _futex_wait, _futex_wake)
MACOS = System(None, "__ulock_wait", "__ulock_wake", _ulock_wait, _ulock_wake)
WINDOWS = System(
    "api-ms-win-core-synch-l1-2-0",
    "WaitOnAddress",
    "WakeByAddressAll",
    _wait_on_address,
    _wake_by_address,
)
OTHER = System(None, "usleep", "usleep", _sleep_a_little, _nothing)


def system() -> System:
    """The row of the system that this process runs on."""
    if sys.platform == "linux" and architecture() in _FUTEX:
        return LINUX
    return {"darwin": MACOS, "win32": WINDOWS}.get(sys.platform, OTHER)
