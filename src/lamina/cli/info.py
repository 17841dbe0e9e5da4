"""`lamina info`: what was found on this machine, in a form to put into a report of a mistake."""

from __future__ import annotations

import platform
from importlib import metadata

import numpy as np

from lamina.engines.llvm.runtime import cache
from lamina.engines.llvm.target.machine import machine
from lamina.settings import settings
from lamina.version import __version__

PACKAGES = ("llvmlite", "jax", "rich", "matplotlib", "pillow")


def info() -> str:
    """A line for each thing: its name, and what was found."""
    rows = [*_versions(), *_machine(), *_engines(), *_cache()]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:{width}}  {value}" for name, value in rows]
    return "\n".join([*lines, "", "settings", *_settings()])


def _versions() -> list[tuple[str, str]]:
    found = [(name, _version(name)) for name in PACKAGES]
    others = ", ".join(f"{name} {version}" for name, version in found if version)
    return [
        ("lamina", __version__),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("packages", f"numpy {np.__version__}, {others}"),
    ]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _machine() -> list[tuple[str, str]]:
    this = machine()
    lanes = f"{this.vector_bits} bits: {this.lanes(32)} numbers of float32 at once"
    caches = zip(("L1", "L2", "L3"), (this.l1, this.l2, this.l3), strict=True)
    return [
        ("processor", f"{this.cpu} ({this.triple})"),
        ("threads", f"{settings.threads} of {this.cores} processors available"),
        ("vectors", lanes + (", fused multiply-add" if this.fma else "")),
        ("caches", ", ".join(f"{name} {size >> 10:,} kB" for name, size in caches if size)),
    ]


def _engines() -> list[tuple[str, str]]:
    version = _version("llvmlite")
    found = ["numpy"] + (["llvm"] if version else []) + (["xla"] if _version("jax") else [])
    text = ", ".join(f"{name} (in use)" if name == settings.engine else name for name in found)
    if not version:
        text += "; llvm is missing: pip install llvmlite"
    return [("engines", text)]


def _cache() -> list[tuple[str, str]]:
    used = f"{_size(cache.size())} of at most {_size(settings.cache_limit)}"
    state = used if settings.cache else f"{used}, switched off"
    return [("cache", f"{state} in {cache.folder()}")]


def _settings() -> list[str]:
    """Every setting: name, value, variable, meaning."""
    return [f"  {line}" for line in repr(settings).splitlines()]


def _size(count: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.4g} {unit}"
    return f"{count} bytes"
