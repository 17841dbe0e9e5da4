"""The machine: vector width, registers, caches, processors. Schedules follow from it.

    machine().lanes(32)     # float32 values in a vector register

Features are those that LLVM finds, so that schedules and code generation agree.
"""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lamina.engines.llvm.target import toolchain
from lamina.errors import EngineError
from lamina.settings import available_cpus, settings

X86 = ("x86_64", "amd64", "i386", "i686")
ARM = ("aarch64", "arm64")

LINE = 64
"""Bytes of a cache line that memory of one thread is aligned to, for every machine alike."""
ALIGNMENT = 64
"""Bytes to which buffers are aligned: a line, and the widest vector register."""
SHARED_LINE = 128
"""Bytes between what different threads write: x86 fetches adjacent lines of 64 in pairs, and the
lines of Apple's processors are this long."""

# The first feature that the processor has decides: (feature, bits of a vector, vector registers).
_VECTORS = [
    ("avx512vl", 512, 32),
    ("avx", 256, 16),
    ("sse2", 128, 16),
    ("neon", 128, 32),
]
_BASELINE = {name: {"sse2"} for name in X86} | {name: {"neon", "fma"} for name in ARM}

# Bytes, if the system does not report them: those of small machines of the last ten years.
_CACHES = {1: 32 << 10, 2: 512 << 10, 3: 4 << 20}


@dataclass(frozen=True)
class Machine:
    """A processor as the scheduler sees it. Sizes are in bytes; `l1` and `l2` are one core's, `l3`
    is what one core can use (0 where there is none); `cores` are those this process may use; `line`
    is that of the caches."""

    triple: str
    cpu: str
    features: str
    vector_bits: int
    vector_registers: int
    fma: bool
    l1: int
    l2: int
    l3: int
    cores: int
    line: int = LINE

    @property
    def multiplies_by_element(self) -> bool:
        """True if a product with a broadcast value needs that value in a register, as on ARM; x86
        broadcasts from memory within the multiply-add."""
        return self.triple.startswith(ARM)

    @property
    def converts_half(self) -> bool:
        """True if instructions convert between float16 and float32: F16C on x86, always on ARM."""
        on_arm = self.triple.startswith(ARM)
        return on_arm or "+f16c" in self.features.split(",")

    def lanes(self, bits: int) -> int:
        """Return the number of elements of this many bits in one vector register."""
        return self.vector_bits // bits

    def __str__(self) -> str:
        def size(count: int) -> str:
            return f"{count >> 20} MB" if count >= 1 << 20 else f"{count >> 10} kB"

        caches = ", ".join(f"L{k + 1} {size(c)}" for k, c in enumerate((self.l1, self.l2, self.l3)))
        fused = "with" if self.fma else "without"
        return (
            f"{self.cpu} ({self.triple}), {self.cores} processors, {self.vector_registers} vector "
            f"registers of {self.vector_bits} bits, {fused} fused multiply-add, {caches}"
        )


def machine() -> Machine:
    """The machine that this process runs on, with the registers of the setting `target`."""
    return _machine_for(settings.target)


@cache
def _machine_for(name: str) -> Machine:
    try:
        host = toolchain.host()
    except EngineError:  # without llvmlite nothing is compiled, but `lamina info` still asks
        host = toolchain.Host(f"{platform.machine()}-{sys.platform}", platform.processor(), "")
    architecture = platform.machine().lower()
    features = {name[1:] for name in host.features.split(",") if name.startswith("+")}
    features |= _BASELINE.get(architecture, set())
    bits, registers = vector_unit(features)
    sizes = _CACHES | _cache_sizes()
    return Machine(
        *host,
        bits,
        registers,
        "fma" in features,
        sizes[1],
        sizes[2],
        sizes[3],
        available_cpus(),
        _cache_line(architecture),
    )


def vector_unit(features: set[str]) -> tuple[int, int]:
    """Bits of a vector and number of vector registers of a processor with these features."""
    for feature, bits, registers in _VECTORS:
        if feature in features:
            return bits, registers
    return 128, 16


def _cache_line(architecture: str) -> int:
    """Return the bytes of a cache line: 128 on Apple's processors, else 64."""
    return 128 if sys.platform == "darwin" and architecture in ARM else LINE


# ---- caches ------------------------------------------------------------------------------------
def _cache_sizes() -> dict[int, int]:
    """Return the bytes of each level's data cache, for the levels that the system reports."""
    ask: dict[str, Callable[[], dict[int, int]]] = {
        "linux": _linux_caches,
        "darwin": _macos_caches,
        "win32": _windows_caches,
    }
    try:
        found = ask.get(sys.platform, dict)()
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    found = {level: size for level, size in found.items() if size > 0}
    return found | ({3: 0} if 2 in found and 3 not in found else {})


def _linux_caches(root: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> dict[int, int]:
    found = {}
    for index in root.glob("index*"):
        if (index / "type").read_text().strip() != "Instruction":
            level = int((index / "level").read_text())
            found[level] = _bytes((index / "size").read_text().strip())
    return found


def _bytes(text: str) -> int:
    """`"32K"`, `"8192K"` or `"4M"` as a number."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def _macos_caches() -> dict[int, int]:
    """The fast cores' caches where there are two kinds; the second level there is shared."""
    names = {1: "l1dcachesize", 2: "l2cachesize", 3: "l3cachesize"}
    found: dict[int, int] = {}
    for level, name in names.items():
        for key in (f"hw.perflevel0.{name}", f"hw.{name}"):
            asked = ["/usr/sbin/sysctl", "-n", key]
            answer = subprocess.run(asked, capture_output=True, text=True, timeout=5).stdout.strip()
            if answer.isdigit() and int(answer):
                found.setdefault(level, int(answer))
    return found


class _Relation(ctypes.Structure):
    """SYSTEM_LOGICAL_PROCESSOR_INFORMATION, with its union as a cache descriptor."""

    _fields_ = [
        ("mask", ctypes.c_size_t),
        ("relationship", ctypes.c_int),
        ("level", ctypes.c_uint8),
        ("associativity", ctypes.c_uint8),
        ("line", ctypes.c_uint16),
        ("size", ctypes.c_uint32),
        ("type", ctypes.c_int),
        ("rest", ctypes.c_uint64),
    ]


def _windows_caches() -> dict[int, int]:
    relation_cache, instruction = 2, 1
    ask = ctypes.CDLL("kernel32").GetLogicalProcessorInformation
    length = ctypes.c_uint32(0)
    ask(None, ctypes.byref(length))
    relations = (_Relation * (length.value // ctypes.sizeof(_Relation)))()
    if not ask(relations, ctypes.byref(length)):
        return {}
    found: dict[int, int] = {}
    for each in relations:
        if each.relationship == relation_cache and each.type != instruction:
            found[each.level] = max(found.get(each.level, 0), each.size)
    return found
