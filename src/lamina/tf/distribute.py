"""`tf.distribute`: strategies over `lm.distribution`, which divides batches among devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lamina.distribution import DataParallel, distribution, list_devices, set_distribution
from lamina.tf.naming import public


class Strategy:
    """One device: functions run as they are."""

    num_replicas_in_sync = 1

    @contextmanager
    def scope(self) -> Iterator[Strategy]:
        """Make what is built in this block part of the strategy."""
        yield self

    def run(self, fn: Callable[..., Any], args: Any = (), kwargs: Any = None, **_: Any) -> Any:
        """Call a function."""
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """Return the value: gradients and losses are those of the whole batch."""
        return value

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """Return the dataset: its batches are divided when a program runs."""
        return dataset

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """Return the value of the one result."""
        return (value,)


class OneDeviceStrategy(Strategy):
    """One device.

    Args:
        device: name of the device.
    """

    def __init__(self, device: Any = None) -> None:
        self.device = device


class MirroredStrategy(Strategy):
    """Batches divided among the devices of this machine, weights copied to each, by the xla
    engine; on one device nothing changes.

    Args:
        devices: names of devices; None takes all.
    """

    def __init__(self, devices: Any = None, cross_device_ops: Any = None) -> None:
        self.devices = None if devices is None else [_name(each) for each in devices]
        self.num_replicas_in_sync = len(self.devices or list_devices())

    @contextmanager
    def scope(self) -> Iterator[Strategy]:
        """Divide the batches of models that are compiled in this block."""
        before = distribution()
        if self.num_replicas_in_sync > 1:
            set_distribution(DataParallel(devices=self.devices))
        try:
            yield self
        finally:
            if before is not None:
                set_distribution(before)


def _name(device: str) -> str:
    return device.rpartition("/")[2].lower().removeprefix("device:")


def get_strategy() -> Strategy:
    """Return the strategy of one device."""
    return Strategy()


class ReduceOp:
    """Names of reductions."""

    SUM, MEAN = "sum", "mean"


_SEVERAL = "lamina launch, with lamina.distribution.initialize() in each process"
public(
    __name__,
    None,
    None,
    {
        "MultiWorkerMirroredStrategy": _SEVERAL,
        "ParameterServerStrategy": _SEVERAL,
        "TPUStrategy": "the xla engine of lamina on a TPU",
        "CentralStorageStrategy": "tf.distribute.MirroredStrategy",
        "cluster_resolver": _SEVERAL,
        "experimental": "tf.distribute.MirroredStrategy; " + _SEVERAL,
        "HierarchicalCopyAllReduce": "nothing: XLA chooses how devices exchange gradients",
    },
)
