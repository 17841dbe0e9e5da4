"""`tf.config`: devices and threads, as far as programs ask for them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

from lamina.settings import available_cpus, settings
from lamina.tf.naming import public


class PhysicalDevice(NamedTuple):
    """A device of this machine."""

    name: str
    device_type: str


class LogicalDeviceConfiguration(NamedTuple):
    """Memory limit of a part of a device; accepted, without an effect."""

    memory_limit: int | None = None
    experimental_priority: int | None = None


def _devices() -> list[PhysicalDevice]:
    found = [PhysicalDevice("/physical_device:CPU:0", "CPU")]
    if settings.engine == "xla":
        from lamina.distribution import devices

        names = [name for name in devices() if not name.startswith("cpu")]
        found += [
            PhysicalDevice(
                f"/physical_device:{n.split(':')[0].upper()}:{k}", n.split(":")[0].upper()
            )
            for k, n in enumerate(names)
        ]
    return found


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """Return the processor, and with the xla engine its devices."""
    return [d for d in _devices() if device_type in (None, d.device_type)]


def list_logical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """Return the devices that programs use."""
    return [
        PhysicalDevice(d.name.replace("physical_", ""), d.device_type)
        for d in list_physical_devices(device_type)
    ]


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """Return the devices that programs may use."""
    return list_physical_devices(device_type)


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Run functions step by step instead of compiling them, or compile them again."""
    from lamina.tf.function import EAGER

    EAGER[:] = [bool(run_eagerly)]


def functions_run_eagerly() -> bool:
    """Return True if `tf.function` does not compile."""
    from lamina.tf.function import EAGER

    return EAGER[0]


def _nothing(*_: Any, **__: Any) -> None:
    """Accepted, without an effect: `lm.settings` has Lamina's own choices."""


threading = SimpleNamespace(
    get_intra_op_parallelism_threads=available_cpus,
    get_inter_op_parallelism_threads=lambda: 1,
    set_intra_op_parallelism_threads=_nothing,
    set_inter_op_parallelism_threads=_nothing,
)
optimizer = SimpleNamespace(set_jit=_nothing, get_jit=lambda: "", set_experimental_options=_nothing)
experimental = SimpleNamespace(
    list_physical_devices=list_physical_devices,
    list_logical_devices=list_logical_devices,
    set_memory_growth=_nothing,
    get_memory_growth=lambda device: True,
    set_virtual_device_configuration=_nothing,
    set_visible_devices=_nothing,
    enable_op_determinism=_nothing,
    enable_tensor_float_32_execution=_nothing,
    enable_mlir_graph_optimization=_nothing,
    VirtualDeviceConfiguration=LogicalDeviceConfiguration,
)

public(
    __name__,
    {
        "threading": threading,
        "optimizer": optimizer,
        "experimental": experimental,
        "set_visible_devices": _nothing,
        "set_logical_device_configuration": _nothing,
        "set_soft_device_placement": _nothing,
    },
    None,
    {"experimental_connect_to_cluster": "lamina.distribution.initialize()"},
)
