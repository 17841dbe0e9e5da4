"""Processors by name: what a compilation for one of them may use (setting `target`).

    chosen("haswell", triple, features of the host)     # "+avx,+avx2,+bmi,..."

The names are LLVM's. A row lists the features from which vector widths and instructions follow;
features that only intrinsics reach are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from lamina.errors import SettingError, unknown_name


def _words(text: str, base: Set[str] = frozenset()) -> frozenset[str]:
    return frozenset(base) | frozenset(text.split())


_V1 = _words("cmov cx8 fxsr mmx sse sse2")
_V2 = _words("cx16 popcnt sahf sse3 sse4.1 sse4.2 ssse3", _V1)
_AVX = _words("avx xsave", _V2)
_V3 = _words("avx2 bmi bmi2 f16c fma lzcnt movbe", _AVX)
_V4 = _words("avx512bw avx512cd avx512dq avx512f avx512vl", _V3)
_CASCADE = _words("avx512vnni", _V4)
_ICE = _words(
    "avx512bitalg avx512ifma avx512vbmi avx512vbmi2 avx512vpopcntdq gfni vaes vpclmulqdq", _CASCADE
)
_ZEN4 = _words("avx512bf16", _ICE)

X86: Mapping[str, frozenset[str]] = {
    "x86-64": _V1,
    "x86-64-v2": _V2,
    "x86-64-v3": _V3,
    "x86-64-v4": _V4,
    "nehalem": _V2,
    "sandybridge": _AVX,
    "ivybridge": _words("f16c", _AVX),
    "haswell": _V3,
    "broadwell": _V3,
    "skylake": _V3,
    "skylake-avx512": _V4,
    "cascadelake": _CASCADE,
    "icelake-server": _ICE,
    "sapphirerapids": _words("avx512bf16 avx512fp16 avxvnni", _ICE),
    "alderlake": _words("avxvnni gfni vaes vpclmulqdq", _V3),
    "znver1": _V3,
    "znver2": _V3,
    "znver3": _words("vaes vpclmulqdq", _V3),
    "znver4": _ZEN4,
    "znver5": _words("avx512vp2intersect avxvnni", _ZEN4),
}
_NEON = _words("fp-armv8 neon")
_ARM82 = _words("dotprod fullfp16 lse rdm", _NEON)
ARM: Mapping[str, frozenset[str]] = {
    "cortex-a53": _NEON,
    "cortex-a72": _NEON,
    "cortex-a76": _ARM82,
    "neoverse-n1": _ARM82,
    "apple-m1": _ARM82,
    "apple-m2": _words("bf16 i8mm", _ARM82),
    "apple-m3": _words("bf16 i8mm", _ARM82),
    "apple-m4": _words("bf16 i8mm", _ARM82),
}


def features_of(name: str, architecture: str, available: Set[str]) -> frozenset[str]:
    """Return the features of a processor, all of which the host has to have.

    Args:
        name: LLVM's name of the processor.
        architecture: the first part of the host's triple, such as `"x86_64"`.
        available: the features of the host.

    Raises:
        UnknownNameError: no processor in the table has this name.
        SettingError: the host cannot run code for the processor.
    """
    known = {**X86, **ARM}
    if name not in known:
        raise unknown_name("target", name, known)
    ours = ARM if architecture.startswith(("aarch64", "arm64")) else X86
    if name not in ours:
        raise SettingError(
            f"setting 'target': this machine cannot run code for {name!r} (expected a processor of "
            f"{architecture})",
            hint=f"choose one of {', '.join(map(repr, ours))}, or leave the setting empty",
        )
    missing = sorted(ours[name] - available)
    if missing:
        raise SettingError(
            f"setting 'target': this machine cannot run code for {name!r} (it lacks "
            f"{', '.join(missing)})",
            hint="choose a processor with fewer features, or leave the setting empty",
        )
    return ours[name]
