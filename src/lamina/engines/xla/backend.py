"""JAX as this engine uses it: 64-bit types, compiler options, the cache on disk, the platform.

What is global in JAX stays the user's: 64-bit types are on within `wide()` alone, and the folder of
the cache is set only if the user has set none.
"""

from __future__ import annotations

import functools
from typing import Any

import jax

from lamina.errors import warn
from lamina.settings import settings

OPTIONS: dict[str, Any] = {
    "xla_allow_excess_precision": False,  # float32 -> bfloat16 -> float32 rounds
}


def wide() -> Any:
    """Within: JAX has 64-bit types, as the graphs do. For this thread only."""
    return jax.enable_x64(True)


@functools.cache
def started() -> str:
    """The platform that JAX has found, "cpu", "gpu" or "tpu"; at the first call the cache is set
    up, and a CPU in place of the CUDA device that was asked for is reported."""
    _keep_on_disk()
    platform = jax.default_backend()
    if platform == "cpu" and _has_cuda_plugin():
        warn(
            "xla: jax finds no GPU and uses the CPU, although its CUDA plugin is installed "
            "(is the driver new enough, and CUDA_VISIBLE_DEVICES not empty?)"
        )
    return platform


def _has_cuda_plugin() -> bool:
    from importlib import metadata

    names = ("jax-cuda13-plugin", "jax-cuda12-plugin")
    return any(True for name in names for _ in metadata.distributions(name=name))


def _keep_on_disk() -> None:
    """Compiled programs are kept in Lamina's cache folder, unless the user has chosen one."""
    config: Any = jax.config  # its options are unknown to type checkers
    if settings.cache and config.jax_compilation_cache_dir is None:
        config.update("jax_compilation_cache_dir", str(settings.cache_dir / "xla"))
