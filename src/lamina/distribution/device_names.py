"""The devices of the xla engine by their names, and the choice of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lamina.engines import engine, placement
from lamina.engines.placement import Placement
from lamina.settings import settings


def devices(kind: str | None = None) -> list[str]:
    """Return the names of the devices that programs can run on.

    With the xla engine these are JAX's, such as "gpu:0"; the other engines run on the host, "cpu".

    Args:
        kind: "cpu", "gpu" or "tpu" to list only such devices; None lists all.

    Example:
        >>> import lamina as lm
        >>> with lm.settings(engine="llvm"):
        ...     lm.devices()
        ['cpu']
    """
    found = list_devices() if settings.engine == "xla" else ["cpu"]
    return [name for name in found if kind is None or name.partition(":")[0] == kind.lower()]


def list_devices(device_type: str | None = None) -> list[str]:
    """Return the names of all devices of the xla engine, those of other processes among them.

    Args:
        device_type: "cpu", "gpu" or "tpu" to list only such devices; None lists all.

    Raises:
        MissingExtraError: the xla engine needs jax.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.list_devices()  # doctest: +SKIP
        ['gpu:0', 'gpu:1']
    """
    engine("xla")
    from lamina.engines.xla import shardings

    found = shardings.devices()
    kind = device_type
    return [name for name in found if kind is None or name.partition(":")[0] == kind.lower()]


def get_device_count(device_type: str | None = None) -> int:
    """Return the number of devices of the xla engine.

    Args:
        device_type: "cpu", "gpu" or "tpu" to count only such devices; None counts all.

    Raises:
        MissingExtraError: the xla engine needs jax.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.get_device_count("gpu")  # doctest: +SKIP
        2
    """
    return len(list_devices(device_type))


@contextmanager
def device(name: str) -> Iterator[None]:
    """Run the programs within a `with` block on one device.

    Any device but "cpu" is one of the xla engine, which is then chosen too.

    Args:
        name: name of a device, such as "gpu:1"; a platform, such as "gpu", means its first device;
            "cpu" leaves the engine as it is.

    Raises:
        UnknownNameError: the device does not exist; the message names those that do.
        MissingExtraError: the xla engine needs jax.

    Example:
        >>> import lamina as lm
        >>> with lm.device("cpu"):
        ...     lm.asarray([1.0]).device
        'cpu'
    """
    if name == "cpu" and settings.engine != "xla":
        yield
        return
    engine("xla")
    from lamina.engines.xla import shardings

    shardings.device(name)
    with settings(engine="xla"), placement.within(Placement(device=name)):
        yield
