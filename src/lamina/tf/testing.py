"""`tf.test`: questions about the build."""

from typing import Any

from lamina.tf.config import list_physical_devices


def is_gpu_available(*_: Any, **__: Any) -> bool:
    """Return True if programs run on a GPU."""
    return any(d.device_type in ("GPU", "CUDA") for d in list_physical_devices())


def is_built_with_cuda() -> bool:
    """Return False: the xla engine brings its CUDA libraries."""
    return False


def gpu_device_name() -> str:
    """Return the name of the GPU, or "" without one."""
    return "/device:GPU:0" if is_gpu_available() else ""
