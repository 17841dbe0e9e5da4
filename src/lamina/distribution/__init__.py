"""`lm.distribution`: several devices and several hosts, by the xla engine.

    with lm.device("gpu:1"):                           programs run on this device
    set_distribution(DataParallel())                   batches divided, weights copied
    set_distribution(ModelParallel(layout_map=...))    weights divided as well, by their paths
    initialize()                                       this process is one of several

The names are Keras' (`keras.distribution`).
"""

from lamina import namespaces
from lamina.distribution.device_names import device, devices, get_device_count, list_devices
from lamina.distribution.layouts import (
    DataParallel,
    DeviceMesh,
    Distribution,
    LayoutMap,
    ModelParallel,
    TensorLayout,
    distribution,
    set_distribution,
)
from lamina.distribution.processes import initialize, process_count, process_index

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "Distribution",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "device",
    "devices",
    "distribution",
    "get_device_count",
    "initialize",
    "list_devices",
    "process_count",
    "process_index",
    "set_distribution",
]

namespaces.declare(__name__)
